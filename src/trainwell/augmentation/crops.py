"""Crops: a part of an image, moved (random crop with padding) or moved and scaled (random resized crop)."""

from __future__ import annotations

from collections.abc import Sequence
from math import sqrt
from typing import Any

from torch import Generator, Tensor
from torch.nn.functional import pad

from .._arguments import check_not_negative
from .._shapes import Shaped
from ._base import F, Transform, size_of, v2
from ._regions import check_region, choice_of, draw_region, height_and_width

RESIZES = ("nearest", "nearest-exact", "bilinear", "bicubic")


def crop(
    image: Shaped[Tensor, "*batch rows columns"], top: int, left: int, height: int, width: int, fill: float = 0.0
) -> Shaped[Tensor, "*batch height width"]:
    r"""Cuts out a rectangle, which may reach over the border.

    With :math:`x` = ``image``, :math:`t` = ``top`` and :math:`l` = ``left``: :math:`y_{ij} = x_{t+i,\,l+j}`, and
    ``fill`` where there is no such pixel.

    Args:
        image: An image or a batch of them.
        top: The first row; negative above the image.
        left: The first column; negative to the left of the image.
        height: How many rows.
        width: How many columns.
        fill: What is seen beyond the border.

    Returns:
        The rectangle, a view of the image where it lies inside.

    Example:
        >>> crop(torch.tensor([[1, 2, 3], [4, 5, 6]]), top=-1, left=1, height=2, width=3)
        tensor([[0, 0, 0],
                [2, 3, 0]])

    Reference:
        Krizhevsky, Sutskever and Hinton, *ImageNet Classification with Deep Convolutional Neural Networks*, 2012.
    """
    rows, columns = image.shape[-2:]
    over = [max(-left, 0), max(left + width - columns, 0), max(-top, 0), max(top + height - rows, 0)]
    top, left = max(top, 0), max(left, 0)
    reached = pad(image, over, value=fill) if any(over) else image
    return reached[..., top : top + height, left : left + width]


class RandomCrop(Transform):
    """:func:`crop` at a random place of the padded image, each place as likely as any other.

    Args:
        size: The height and width of the crop; one number for a square.
        padding: How far the crop may reach over the border: one number, two (left and right, top and bottom) or four
            (left, top, right, bottom).
        pad_if_needed: Whether to pad images that are smaller than the crop until it fits.
        fill: What is seen beyond the border; masks get 0.
        generator: Where to draw from; in a DataLoader's worker it is torch's own, which the loader seeds.

    Example:
        >>> RandomCrop(32, padding=4)(torch.rand(3, 32, 32)).shape
        torch.Size([3, 32, 32])

    Note:
        :class:`torchvision.transforms.v2.RandomCrop` draws the same from the same seed. It can also mirror the image
        beyond the border (``padding_mode``); for that put :class:`torchvision.transforms.v2.Pad` before it.
        Here only the side is padded over which the crop reaches.
        A box outside the part is left without an area: put :class:`torchvision.transforms.v2.SanitizeBoundingBoxes`
        behind it, which takes such boxes and their labels out.
    """

    def __init__(
        self,
        size: int | Sequence[int],
        padding: int | Sequence[int] | None = None,
        pad_if_needed: bool = False,
        fill: float = 0.0,
        *,
        generator: Generator | None = None,
    ) -> None:
        super().__init__(generator=generator)
        self.size, self.pad_if_needed, self.fill = height_and_width(size), pad_if_needed, fill
        self.padding = _four_sides(padding or 0)

    def make_params(self, flat_inputs: list[Any]) -> dict[str, Any]:
        left, above, right, below = self.padding
        rows, columns = size_of(flat_inputs)
        height, width = self.size
        top, left = self._start(above, rows, below, height), self._start(left, columns, right, width)
        return {"top": top, "left": left, "height": height, "width": width}

    def _start(self, before: int, length: int, after: int, wanted: int) -> int:
        """Where the crop starts along one side of the image."""
        spare = before + length + after - wanted
        if spare < 0 and not self.pad_if_needed:
            raise ValueError(f"size must be at most that of the padded image, {wanted + spare}, got {wanted}")
        if spare < 0:
            before, spare = before - spare, -spare  # padded by what is missing, on both sides as torchvision does
        return (self.integer(0, spare + 1) if spare else 0) - before

    def image(self, image: Tensor, /, params: dict[str, Any]) -> Tensor:
        return crop(image, **params, fill=self.fill)

    def mask(self, mask: Tensor, /, params: dict[str, Any]) -> Tensor:
        return crop(mask, **params)

    def locations(self, locations: Any, params: dict[str, Any]) -> Any:
        return F.crop(locations, **params)


class RandomResizedCrop(Transform):
    r"""A random part of the image, scaled to one size: other distances, other shapes, other places.

    The part's share :math:`a` of the area is uniform in ``scale`` and the logarithm of its width by height :math:`r`
    uniform in that of ``ratio``,

    .. math:: w = \sqrt{a H W r}, \qquad h = \sqrt{a H W / r},

    and each place where it fits is as likely as any other.

    Args:
        size: The height and width of the result; one number for a square.
        scale: The range of the share of the area.
        ratio: The range of width by height.
        interpolation: How to scale: ``"nearest"``, ``"nearest-exact"``, ``"bilinear"`` or ``"bicubic"``.
        antialias: Whether to average over what falls between the pixels of a smaller result.
        generator: Where to draw from; in a DataLoader's worker it is torch's own, which the loader seeds.

    Example:
        >>> RandomResizedCrop(24)(torch.rand(3, 32, 48)).shape
        torch.Size([3, 24, 24])

    Reference:
        Szegedy et al., *Going Deeper with Convolutions*, 2015, section 6.

    Note:
        :class:`torchvision.transforms.v2.RandomResizedCrop` draws the same from the same seed. As there, a part that
        does not fit is drawn again, ten times at most; then the middle of the image is taken.
        A box outside the part is left without an area: put :class:`torchvision.transforms.v2.SanitizeBoundingBoxes`
        behind it, which takes such boxes and their labels out.
    """

    def __init__(
        self,
        size: int | Sequence[int],
        scale: Sequence[float] = (0.08, 1.0),
        ratio: Sequence[float] = (3 / 4, 4 / 3),
        interpolation: str | v2.InterpolationMode = "bilinear",
        antialias: bool = True,
        *,
        generator: Generator | None = None,
    ) -> None:
        super().__init__(generator=generator)
        check_region(scale, ratio)
        self.size, self.scale, self.ratio = height_and_width(size), tuple(scale), tuple(ratio)
        self.interpolation, self.antialias = choice_of("interpolation", interpolation, RESIZES), antialias

    def make_params(self, flat_inputs: list[Any]) -> dict[str, Any]:
        rows, columns = size_of(flat_inputs)
        for _ in range(10):
            area, ratio = draw_region(self, rows * columns, self.scale, self.ratio)
            width, height = round(sqrt(area * ratio)), round(sqrt(area / ratio))
            if 0 < width <= columns and 0 < height <= rows:
                top, left = self.integer(0, rows - height + 1), self.integer(0, columns - width + 1)
                return {"top": top, "left": left, "height": height, "width": width}
        return self._middle(rows, columns)

    def _middle(self, rows: int, columns: int) -> dict[str, Any]:
        """The largest part in the middle whose shape is in the range."""
        width = min(columns, max(1, round(rows * self.ratio[1])))
        height = min(rows, max(1, round(columns / self.ratio[0])))
        return {"top": (rows - height) // 2, "left": (columns - width) // 2, "height": height, "width": width}

    def image(self, image: Tensor, /, params: dict[str, Any]) -> Tensor:
        part, interpolation = crop(image, **params), v2.InterpolationMode(self.interpolation)
        return F.resize_image(part, self.size, interpolation, antialias=self.antialias)

    def mask(self, mask: Tensor, /, params: dict[str, Any]) -> Tensor:
        return F.resize_mask(crop(mask, **params), self.size)

    def locations(self, locations: Any, params: dict[str, Any]) -> Any:
        return F.resized_crop(locations, **params, size=self.size)


def _four_sides(padding: int | Sequence[int]) -> tuple[int, ...]:
    """Left, top, right, bottom."""
    sides = (padding,) if isinstance(padding, int) else tuple(padding)
    if len(sides) not in (1, 2, 4):
        raise ValueError(f"padding must be one number, two or four, got {padding}")
    for side in sides:
        check_not_negative("padding", side)
    return sides * (4 // len(sides))
