"""Light and noise: brightness, contrast and Gaussian noise."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import torch
from torch import Generator, Tensor

from .._arguments import check_not_negative
from .._shapes import Float, Shaped
from ._base import Transform, first_image
from ._values import clipped, largest

GREY = (0.2989, 0.587, 0.114)  # how much red, green and blue count for the eye: ITU-R BT.601


def adjust_brightness(
    image: Shaped[Tensor, "*batch height width"], brightness_factor: float
) -> Shaped[Tensor, "*batch height width"]:
    r"""Lighter or darker.

    With :math:`x` = ``image``, :math:`f` = ``brightness_factor`` and white :math:`w` (255 in bytes, else 1):
    :math:`y = \min(f x, w)`.

    Args:
        image: An image or a batch of them, in bytes or with values from 0 to 1.
        brightness_factor: 0 for black, 1 for the image as it is.

    Returns:
        A tensor of the same shape and dtype.

    Raises:
        ValueError: If the factor is negative.

    Example:
        >>> adjust_brightness(torch.tensor([[0.2, 0.6]]), 1.5)
        tensor([[0.3000, 0.9000]])

    Reference:
        Howard, *Some Improvements on Deep Convolutional Neural Network Based Image Classification*, 2013.
    """
    check_not_negative("brightness_factor", brightness_factor)
    return clipped(image * brightness_factor, image)


def adjust_contrast(
    image: Shaped[Tensor, "*batch channels height width"], contrast_factor: float
) -> Shaped[Tensor, "*batch channels height width"]:
    r"""Further from, or closer to, the image's mean grey.

    With :math:`x` = ``image``, :math:`f` = ``contrast_factor`` and :math:`\bar g` the mean over the image of
    :math:`0.2989\,R + 0.587\,G + 0.114\,B`: :math:`y = f x + (1 - f) \bar g`, cut to the range of the image.

    Args:
        image: An image or a batch of them, of one or three channels, in bytes or with values from 0 to 1.
        contrast_factor: 0 for grey, 1 for the image as it is.

    Returns:
        A tensor of the same shape and dtype.

    Raises:
        ValueError: If the factor is negative, or there are neither one nor three channels.

    Example:
        >>> adjust_contrast(torch.tensor([[[0.4, 0.6]]]), 2)
        tensor([[[0.3000, 0.7000]]])

    Reference:
        Howard, *Some Improvements on Deep Convolutional Neural Network Based Image Classification*, 2013.
    """
    check_not_negative("contrast_factor", contrast_factor)
    mean = _grey(image).mean(dim=(-3, -2, -1), keepdim=True)
    return clipped((image * contrast_factor).add_(mean, alpha=1 - contrast_factor), image)


def _grey(image: Tensor) -> Tensor:
    """One channel, in floating point; bytes drop their fractions, as torchvision's do."""
    channels = image.shape[-3]
    if channels not in (1, 3):
        raise ValueError(f"image must have one channel or three, got {channels}")
    if channels == 1:
        return image if image.is_floating_point() else image.float()
    red, green, blue = (share * channel for share, channel in zip(GREY, image.split(1, dim=-3), strict=True))
    grey = red + green + blue
    return grey if image.is_floating_point() else grey.floor_()


class ColorJitter(Transform):
    """:func:`adjust_brightness` and :func:`adjust_contrast` by random factors, in random order.

    Args:
        brightness: The range of the factor; one number b means (1 - b, 1 + b), from 0 on. None leaves it alone.
        contrast: The same for the contrast.
        generator: Where to draw from; in a DataLoader's worker it is torch's own, which the loader seeds.

    Example:
        >>> ColorJitter(brightness=0.4, contrast=0.4)(torch.rand(3, 32, 32)).shape
        torch.Size([3, 32, 32])

    Note:
        :class:`torchvision.transforms.v2.ColorJitter` also changes saturation and hue.
    """

    def __init__(
        self,
        brightness: float | Sequence[float] | None = None,
        contrast: float | Sequence[float] | None = None,
        *,
        generator: Generator | None = None,
    ) -> None:
        super().__init__(generator=generator)
        self.brightness, self.contrast = _around_one("brightness", brightness), _around_one("contrast", contrast)

    def make_params(self, flat_inputs: list[Any]) -> dict[str, Any]:
        ranges = [(adjust_brightness, self.brightness), (adjust_contrast, self.contrast)]
        steps = [(adjust, self.uniform(*factors)) for adjust, factors in ranges if factors is not None]
        return {"steps": steps if self.uniform() < 0.5 else steps[::-1]}

    def image(self, image: Tensor, /, params: dict[str, Any]) -> Tensor:
        for adjust, factor in params["steps"]:
            image = adjust(image, factor)
        return image


def _around_one(name: str, values: float | Sequence[float] | None) -> tuple[float, ...] | None:
    """One number b stands for (1 - b, 1 + b)."""
    if values is None:
        return None
    if isinstance(values, int | float):
        check_not_negative(name, values)
        return max(0.0, 1.0 - values), 1.0 + values
    if len(values) != 2 or not 0 <= values[0] <= values[1]:
        raise ValueError(f"{name} must be one number or a range of numbers that are not negative, got {values}")
    return tuple(values)


def add_noise(
    image: Shaped[Tensor, "*batch height width"], noise: Float[Tensor, ...], clip: bool = True
) -> Shaped[Tensor, "*batch height width"]:
    r"""Adds noise and keeps to the range of the image.

    With :math:`x` = ``image``, :math:`\epsilon` = ``noise`` and white :math:`w` (255 in bytes, else 1):
    :math:`y = \min(\max(x + w\,\epsilon, 0), w)`.

    Args:
        image: An image or a batch of them, in bytes or with values from 0 to 1.
        noise: What to add, as a share of white; of the image's shape, or one that spreads to it.
        clip: Whether to keep to the range; bytes always do.

    Returns:
        A tensor of the same shape and dtype.

    Example:
        >>> add_noise(torch.tensor([[0.5, 0.9]]), torch.tensor([[-0.1, 0.2]]))
        tensor([[0.4000, 1.0000]])

    Reference:
        Sietsma and Dow, *Creating Artificial Neural Networks That Generalize*, 1991.
    """
    if image.is_floating_point():
        noisy = image + noise.to(image)
        return clipped(noisy, image) if clip else noisy
    return clipped(image + (noise * largest(image)).round_(), image)


class GaussianNoise(Transform):
    r"""Independent Gaussian noise on every pixel and channel: :func:`add_noise` of :math:`\mathcal N(\mu, \sigma^2)`.

    Args:
        mean: The mean of the noise, as a share of white.
        sigma: Its standard deviation.
        clip: Whether to keep to the range of the image; bytes always do.
        generator: Where to draw from; in a DataLoader's worker it is torch's own, which the loader seeds.

    Example:
        >>> GaussianNoise(sigma=0.05)(torch.rand(3, 32, 32)).shape
        torch.Size([3, 32, 32])

    Note:
        :class:`torchvision.transforms.v2.GaussianNoise` draws the same from the same seed; it cuts the noise of bytes
        towards zero, here it is rounded. For noise in a network see :class:`~trainwell.regularization.InputNoise`.
    """

    def __init__(
        self, mean: float = 0.0, sigma: float = 0.1, clip: bool = True, *, generator: Generator | None = None
    ) -> None:
        super().__init__(generator=generator)
        check_not_negative("sigma", sigma)
        self.mean, self.sigma, self.clip = mean, sigma, clip

    def make_params(self, flat_inputs: list[Any]) -> dict[str, Any]:
        image, source = first_image(flat_inputs), self.source()
        dtype = image.dtype if image.is_floating_point() else torch.float32
        device = source.device if source else image.device
        noise = torch.randn(image.shape, generator=source, device=device, dtype=dtype)
        return {"noise": noise.mul_(self.sigma).add_(self.mean)}

    def image(self, image: Tensor, /, params: dict[str, Any]) -> Tensor:
        return add_noise(image, params["noise"].to(image.device), self.clip)
