"""Lens distortion: straight lines bend, the more the further from the middle."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from torch import Generator, Tensor

from .._shapes import Shaped
from ._base import Transform, v2
from ._regions import READINGS, choice_of, range_of
from ._sampling import Fill, pixel_centres, sample


def lens_distortion(
    image: Shaped[Tensor, "*batch height width"],
    k1: float,
    k2: float = 0.0,
    interpolation: str = "bilinear",
    fill: Fill = 0.0,
) -> Shaped[Tensor, "*batch height width"]:
    r"""Brown's radial distortion: a barrel for positive coefficients, a pincushion for negative ones.

    With :math:`x` = ``image`` and :math:`k_1, k_2` = ``k1``, ``k2``, for every pixel :math:`p` of the result, counted
    from the middle of the image, at the distance :math:`r` in half diagonals,

    .. math:: y(p) = x\bigl((1 + k_1 r^2 + k_2 r^4)\, p\bigr), \qquad r = \frac{2 \lVert p \rVert}{\sqrt{H^2 + W^2}},

    read between the pixels by ``interpolation``.

    Args:
        image: An image or a batch of them.
        k1: The coefficient of the square.
        k2: The coefficient of the fourth power.
        interpolation: ``"nearest"`` or ``"bilinear"``.
        fill: What is seen beyond the border, a number or one for each channel.

    Returns:
        A tensor of the same shape and dtype.

    Raises:
        ValueError: If ``interpolation`` is none of the two.

    Example:
        >>> stripe = torch.tensor([[0.0, 1.0, 1.0, 1.0, 1.0, 1.0, 0.0]])
        >>> lens_distortion(stripe, k1=0.5)  # a barrel: it shrinks, most at the ends
        tensor([[0.0000, 0.6800, 1.0000, 1.0000, 1.0000, 0.6800, 0.0000]])

    Reference:
        Brown, *Decentering Distortion of Lenses*, 1966.
    """
    height, width = image.shape[-2:]
    points = pixel_centres(image)
    r2 = points.square().sum(-1, keepdim=True) * 4 / (height**2 + width**2)
    return sample(image, points * (1 + k1 * r2 + k2 * r2.square()), interpolation, fill)


class RandomLensDistortion(Transform):
    """:func:`lens_distortion` with coefficients drawn uniformly, moving masks too.

    Args:
        k1: The range of the coefficient of the square; one number k means (-k, k).
        k2: The range of the coefficient of the fourth power, likewise.
        interpolation: ``"nearest"`` or ``"bilinear"``; masks are always read at the nearest pixel.
        fill: What is seen beyond the border, a number or one for each channel; masks get 0.
        generator: Where to draw from; in a DataLoader's worker it is torch's own, which the loader seeds.

    Example:
        >>> RandomLensDistortion(k1=0.2)(torch.rand(3, 32, 32)).shape
        torch.Size([3, 32, 32])

    Note:
        Boxes do not stay boxes: they are refused.
    """

    def __init__(
        self,
        k1: float | Sequence[float] = 0.2,
        k2: float | Sequence[float] = 0.0,
        interpolation: str | v2.InterpolationMode = "bilinear",
        fill: Fill = 0.0,
        *,
        generator: Generator | None = None,
    ) -> None:
        super().__init__(generator=generator)
        self.k1, self.k2 = range_of("k1", k1), range_of("k2", k2)
        self.interpolation, self.fill = choice_of("interpolation", interpolation, READINGS), fill

    def make_params(self, flat_inputs: list[Any]) -> dict[str, Any]:
        return {"k1": self.uniform(*self.k1), "k2": self.uniform(*self.k2)}

    def image(self, image: Tensor, /, params: dict[str, Any]) -> Tensor:
        return lens_distortion(image, **params, interpolation=self.interpolation, fill=self.fill)

    def mask(self, mask: Tensor, /, params: dict[str, Any]) -> Tensor:
        return lens_distortion(mask, **params, interpolation="nearest")

    def locations(self, locations: Any, params: dict[str, Any]) -> Any:
        raise ValueError(f"RandomLensDistortion moves images and masks, got {type(locations).__name__}")
