"""Cutout and random erasing: a region of the image goes, and the rest has to do."""

from __future__ import annotations

from collections.abc import Sequence
from math import sqrt
from typing import Any

import torch
from torch import Generator, Tensor

from .._arguments import check_at_least
from .._shapes import Shaped
from ._base import RandomApply, Transform, first_image, size_of
from ._regions import check_region, draw_region


def erase(
    image: Shaped[Tensor, "*batch rows columns"],
    top: int,
    left: int,
    height: int,
    width: int,
    value: float | Shaped[Tensor, ...] = 0.0,
) -> Shaped[Tensor, "*batch rows columns"]:
    """Writes a value over a rectangle.

    Args:
        image: An image or a batch of them.
        top: The first row.
        left: The first column.
        height: How many rows.
        width: How many columns.
        value: What to write, a number or a tensor that spreads to the rectangle.

    Returns:
        A new tensor of the same shape and dtype.

    Example:
        >>> erase(torch.ones(2, 3), top=0, left=1, height=1, width=2)
        tensor([[1., 0., 0.],
                [1., 1., 1.]])

    Reference:
        Zhong, Zheng, Kang, Li and Yang, *Random Erasing Data Augmentation*, 2020.
    """
    result = image.clone()
    result[..., top : top + height, left : left + width] = value
    return result


class Cutout(Transform):
    """A square of zeros, its middle at any pixel with the same probability, cut at the border.

    Args:
        size: The side of the square, in pixels.
        generator: Where to draw from; in a DataLoader's worker it is torch's own, which the loader seeds.

    Example:
        >>> hole = Cutout(4, generator=torch.Generator().manual_seed(0))(torch.ones(1, 8, 8))
        >>> int((hole == 0).sum()) in (4, 6, 8, 9, 12, 16)
        True

    Reference:
        DeVries and Taylor, *Improved Regularization of Convolutional Neural Networks with Cutout*, 2017.

    Note:
        As the middle may lie at the border, the area varies; the paper found that to matter. Put it after the
        normalization, so that 0 is the mean.
    """

    def __init__(self, size: int, *, generator: Generator | None = None) -> None:
        super().__init__(generator=generator)
        check_at_least("size", size, 1)
        self.size = size

    def make_params(self, flat_inputs: list[Any]) -> dict[str, Any]:
        (top, height), (left, width) = (self._cut(length) for length in size_of(flat_inputs))
        return {"top": top, "left": left, "height": height, "width": width}

    def _cut(self, length: int) -> tuple[int, int]:
        """Where the square starts along one side, and how much of it lies inside."""
        start = self.integer(0, length) - self.size // 2
        return max(start, 0), min(start + self.size, length) - max(start, 0)

    def image(self, image: Tensor, /, params: dict[str, Any]) -> Tensor:
        return erase(image, **params)


class RandomErasing(RandomApply):
    r"""With probability p, writes over a rectangle of random size, shape and place.

    Its share :math:`a` of the area is uniform in ``scale`` and the logarithm of its height by width :math:`r` uniform
    in that of ``ratio``,

    .. math:: h = \sqrt{a H W r}, \qquad w = \sqrt{a H W / r},

    and each place where it fits is as likely as any other.

    Args:
        p: The probability of erasing.
        scale: The range of the share of the area.
        ratio: The range of height by width.
        value: What to write: a number, one for each channel, or ``"random"`` for standard normal draws.
        generator: Where to draw from; in a DataLoader's worker it is torch's own, which the loader seeds.

    Example:
        >>> RandomErasing(p=1.0, value="random")(torch.zeros(3, 32, 32)).shape
        torch.Size([3, 32, 32])

    Reference:
        Zhong, Zheng, Kang, Li and Yang, *Random Erasing Data Augmentation*, 2020.

    Note:
        :class:`torchvision.transforms.v2.RandomErasing` draws the same from the same seed. As there, a rectangle that
        does not fit is drawn again, ten times at most, and the logarithm of the shape is uniform, in the paper the
        shape itself.
    """

    def __init__(
        self,
        p: float = 0.5,
        scale: Sequence[float] = (0.02, 0.33),
        ratio: Sequence[float] = (0.3, 3.3),
        value: float | Sequence[float] | str = 0.0,
        *,
        generator: Generator | None = None,
    ) -> None:
        super().__init__(p, generator=generator)
        check_region(scale, ratio)
        if isinstance(value, str) and value != "random":
            raise ValueError(f"value must be a number, one for each channel, or 'random', got {value!r}")
        self.scale, self.ratio, self.value = tuple(scale), tuple(ratio), value

    def make_params(self, flat_inputs: list[Any]) -> dict[str, Any]:
        image = first_image(flat_inputs)
        rows, columns = image.shape[-2:]
        for _ in range(10):
            area, ratio = draw_region(self, rows * columns, self.scale, self.ratio)
            height, width = round(sqrt(area * ratio)), round(sqrt(area / ratio))
            if height < rows and width < columns:
                value = self._draw_value(image, height, width)
                top, left = self.integer(0, rows - height + 1), self.integer(0, columns - width + 1)
                return {"top": top, "left": left, "height": height, "width": width, "value": value}
        return {}

    def _draw_value(self, image: Tensor, height: int, width: int) -> Tensor:
        if self.value != "random":
            value = torch.as_tensor(self.value, dtype=torch.float32).reshape(-1, 1, 1)
            if len(value) not in (1, image.shape[-3]):
                raise ValueError(f"value must be one number or {image.shape[-3]}, got {self.value}")
            return value
        if not image.is_floating_point():
            raise ValueError(f"value 'random' needs images in floating point, got {image.dtype}")
        return self.empty(image.shape[-3], height, width).normal_(generator=self.source())

    def image(self, image: Tensor, /, params: dict[str, Any]) -> Tensor:
        return erase(image, **{**params, "value": params["value"].to(image)}) if params else image
