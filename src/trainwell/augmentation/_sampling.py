"""Reading an image at points between its pixels, and moving boxes with it."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import torch
from torch import Tensor
from torch.nn.functional import grid_sample

from .._arguments import check_one_of
from .._shapes import Float, Shaped
from ._base import F, tv_tensors
from ._regions import READINGS

Fill = float | Sequence[float]
BoundingBoxFormat = tv_tensors.BoundingBoxFormat
UPRIGHT = ("XYXY", "XYWH", "CXCYWH")
CORNERS = [[0, 1], [2, 1], [2, 3], [0, 3]]  # of a box x1, y1, x2, y2


def working_dtype(image: Tensor) -> torch.dtype:
    """What to calculate in: integers become float32."""
    return image.dtype if image.is_floating_point() else torch.float32


def pixel_centres(image: Shaped[Tensor, "*batch height width"]) -> Float[Tensor, "height width 2"]:
    """The points (x, y) of the pixels, the origin in the middle of the image."""
    height, width = image.shape[-2:]
    axes = (torch.arange(size, dtype=working_dtype(image), device=image.device) for size in (width, height))
    x, y = (axis - (axis.shape[0] - 1) / 2 for axis in axes)
    return torch.stack(torch.meshgrid(x, y, indexing="xy"), -1)


def sample(
    image: Shaped[Tensor, "*batch height width"],
    points: Float[Tensor, "new_height new_width 2"],
    interpolation: str,
    fill: Fill,
) -> Shaped[Tensor, "*batch new_height new_width"]:
    """The image at the points; around it everything is ``fill``, a number or one for each channel."""
    check_one_of("interpolation", interpolation, READINGS)
    height, width = image.shape[-2:]
    around = torch.as_tensor(fill, dtype=points.dtype, device=image.device)
    around = around[:, None, None] if around.ndim else around
    inner = (image + -around).reshape(1, -1, height, width)  # around it grid_sample sees zeros
    grid = points / points.new_tensor([width / 2, height / 2])
    outer = grid_sample(inner, grid[None], mode=interpolation, padding_mode="zeros", align_corners=False)
    outer = outer.reshape(*image.shape[:-2], *points.shape[:2]).add_(around)
    return outer if image.is_floating_point() else outer.round_().to(image.dtype)


def move_locations(locations: Any, move: Callable[[Tensor], Tensor]) -> Any:
    """Points, or the least upright boxes around what becomes of boxes, through a map that counts from the middle."""
    height, width = locations.canvas_size
    plain = locations.as_subclass(Tensor)
    middle = torch.tensor([width / 2, height / 2], dtype=working_dtype(plain), device=plain.device)
    if not isinstance(locations, tv_tensors.BoundingBoxes):
        return tv_tensors.wrap((move(plain - middle) + middle).to(plain.dtype), like=locations)
    if locations.format.name not in UPRIGHT:
        raise ValueError(f"boxes must be upright, in the format {' or '.join(UPRIGHT)}, got {locations.format.name}")
    corners = F.convert_bounding_box_format(plain, locations.format, BoundingBoxFormat.XYXY)[..., CORNERS]
    low, high = (move(corners - middle) + middle).aminmax(dim=-2)
    boxes = tv_tensors.wrap(torch.cat([low, high], -1), like=locations, format=BoundingBoxFormat.XYXY)
    moved = F.convert_bounding_box_format(F.clamp_bounding_boxes(boxes), new_format=locations.format)
    return tv_tensors.wrap(moved.as_subclass(Tensor).to(plain.dtype), like=locations)
