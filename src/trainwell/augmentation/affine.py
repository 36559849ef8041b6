"""One affine map behind rotating, scaling, stretching, shearing, shifting and flipping an image."""

from __future__ import annotations

from collections.abc import Sequence
from math import exp, log
from typing import Any

from torch import Generator, Tensor

from .._arguments import check_probability
from .._shapes import Float, Shaped
from ._base import Transform, size_of, v2
from ._regions import READINGS, choice_of, range_of
from ._sampling import Fill, move_locations, pixel_centres, sample
from .matrices import compose, inverse, rotation, scaling, shearing, translation


def affine(
    image: Shaped[Tensor, "*batch height width"],
    matrix: Float[Tensor, "2 3"],
    interpolation: str = "nearest",
    fill: Fill = 0.0,
) -> Shaped[Tensor, "*batch height width"]:
    r"""Moves every point of an image by one affine map.

    With :math:`x` = ``image`` and :math:`(A \mid t)` = ``matrix``, for every pixel :math:`p` of the result, counted
    from the middle of the image,

    .. math:: y(p) = x\bigl(A^{-1} (p - t)\bigr),

    read between the pixels by ``interpolation``.

    Args:
        image: An image or a batch of them.
        matrix: Where points go: see :func:`rotation`, :func:`scaling`, :func:`translation`, :func:`shearing` and
            :func:`compose`.
        interpolation: ``"nearest"`` or ``"bilinear"``.
        fill: What is seen beyond the border, a number or one for each channel.

    Returns:
        A tensor of the same shape and dtype.

    Raises:
        ValueError: If ``interpolation`` is none of the two.

    Example:
        >>> affine(torch.tensor([[1.0, 2.0, 3.0]]), translation(1, 0))
        tensor([[0., 1., 2.]])

    Reference:
        Simard, Steinkraus and Platt, *Best Practices for Convolutional Neural Networks Applied to Visual Document
        Analysis*, 2003.

    Note:
        With bilinear interpolation and a ``fill``, :func:`torchvision.transforms.v2.functional.affine` weighs the
        pixels of the border twice by the share that they cover, so that a white image on white gets a grey rim.
    """
    return sample(image, _moved(pixel_centres(image), inverse(matrix)), interpolation, fill)


class RandomAffine(Transform):
    r"""Rotates, shifts, scales, shears and stretches at random, by one :func:`affine` map.

    With the middle :math:`c` and what is drawn, each uniform in its range (the stretch's logarithm), the matrix is

    .. math:: T(t + c) \, R(\theta) \, S(s) \, H(\phi, \psi) \, S(\sqrt r, 1/\sqrt r) \, T(-c).

    Args:
        degrees: The range of the angle :math:`\theta`; one number d means (-d, d).
        translate: The largest shifts as shares of the width and of the height; shifts are whole pixels.
        scale: The range of the factor s.
        shear: The range of the shear :math:`\phi` in degrees, one number or two; four for :math:`\psi` as well.
        interpolation: ``"nearest"`` or ``"bilinear"``; masks are always read at the nearest pixel.
        fill: What is seen beyond the border, a number or one for each channel; masks get 0.
        center: The point (x, y) that stays where it is, counted from the corner; the middle where it is not given.
        stretch: The range of the ratio r of width to height.
        generator: Where to draw from; in a DataLoader's worker it is torch's own, which the loader seeds.

    Example:
        >>> turn = RandomAffine(degrees=10, translate=(0.1, 0.1), scale=(0.9, 1.1), shear=5, stretch=(0.8, 1.25))
        >>> turn(torch.rand(3, 32, 32)).shape
        torch.Size([3, 32, 32])

    Reference:
        Simard, Steinkraus and Platt, *Best Practices for Convolutional Neural Networks Applied to Visual Document
        Analysis*, 2003.

    Note:
        :class:`torchvision.transforms.v2.RandomAffine` draws the same from the same seed; it has no stretch, and fills
        masks with what images get.
    """

    def __init__(
        self,
        degrees: float | Sequence[float],
        translate: Sequence[float] | None = None,
        scale: Sequence[float] | None = None,
        shear: float | Sequence[float] | None = None,
        interpolation: str | v2.InterpolationMode = "nearest",
        fill: Fill = 0.0,
        center: Sequence[float] | None = None,
        *,
        stretch: Sequence[float] | None = None,
        generator: Generator | None = None,
    ) -> None:
        super().__init__(generator=generator)
        self.degrees = range_of("degrees", degrees)
        self.shear = None if shear is None else range_of("shear", shear, (2, 4))
        self.translate, self.scale, self.stretch = translate, scale, stretch
        self.interpolation = choice_of("interpolation", interpolation, READINGS)
        self.fill, self.center = fill, center
        for name, factors in (("scale", scale), ("stretch", stretch)):
            if factors is not None and not 0 < factors[0] <= factors[1]:
                raise ValueError(f"{name} must be a range of positive numbers, got {factors}")
        for share in translate or ():
            check_probability("translate", share)

    def make_params(self, flat_inputs: list[Any]) -> dict[str, Any]:
        height, width = size_of(flat_inputs)
        matrices = [rotation(self.uniform(*self.degrees))]
        if self.translate is not None:
            reach_x, reach_y = self.translate[0] * width, self.translate[1] * height
            shift = round(self.uniform(-reach_x, reach_x)), round(self.uniform(-reach_y, reach_y))
            matrices.insert(0, translation(*shift))
        if self.scale is not None:
            matrices.append(scaling(self.uniform(*self.scale)))
        if self.shear is not None:
            matrices.append(shearing(*(self.uniform(*self.shear[i : i + 2]) for i in range(0, len(self.shear), 2))))
        if self.stretch is not None:
            root = exp(self.uniform(*map(log, self.stretch)) / 2)
            matrices.append(scaling(root, 1 / root))
        if self.center is not None:
            x, y = self.center[0] - width / 2, self.center[1] - height / 2
            matrices = [translation(x, y), *matrices, translation(-x, -y)]
        return {"matrix": compose(*matrices)}

    def image(self, image: Tensor, /, params: dict[str, Any]) -> Tensor:
        return affine(image, params["matrix"], self.interpolation, self.fill)

    def mask(self, mask: Tensor, /, params: dict[str, Any]) -> Tensor:
        return affine(mask, params["matrix"])

    def locations(self, locations: Any, params: dict[str, Any]) -> Any:
        return move_locations(locations, lambda points: _moved(points, params["matrix"]))


def _moved(points: Tensor, matrix: Tensor) -> Tensor:
    linear, shift = matrix.to(points).split([2, 1], dim=1)
    return points @ linear.T + shift.T
