"""How residual networks saw ImageNet: one random crop in training, ten crops at five sizes in the test."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from torch import Generator, Tensor

from .._arguments import check_at_least
from .._shapes import Shaped
from ._base import LOCATIONS, F, Transform, tv_tensors, v2
from ._regions import height_and_width
from .crops import RandomCrop
from .flips import RandomHorizontalFlip, horizontal_flip

SIDES = (224, 256, 384, 480, 640)


def ten_crop(
    image: Shaped[Tensor, "*batch height width"], size: int | Sequence[int]
) -> tuple[Shaped[Tensor, "*batch new_height new_width"], ...]:
    """The four corners and the middle of an image, and the same of its mirror image.

    Args:
        image: An image or a batch of them.
        size: The height and width of the crops; one number for a square.

    Returns:
        Ten crops, in the order top left, top right, bottom left, bottom right, middle, then these of the mirror.

    Raises:
        ValueError: If a crop is larger than the image.

    Example:
        >>> crops = ten_crop(torch.arange(9).reshape(3, 3), 1)
        >>> [int(crop) for crop in crops]
        [0, 2, 6, 8, 4, 2, 0, 8, 6, 4]

    Reference:
        Krizhevsky, Sutskever and Hinton, *ImageNet Classification with Deep Convolutional Neural Networks*, 2012,
        section 4.1.
    """
    height, width = height_and_width(size)
    down, right = image.shape[-2] - height, image.shape[-1] - width
    if down < 0 or right < 0:
        raise ValueError(f"size must be at most that of the image, {tuple(image.shape[-2:])}, got {height, width}")
    corners = [(0, 0), (0, right), (down, 0), (down, right), (round(down / 2), round(right / 2))]
    views = (image, horizontal_flip(image))
    return tuple(view[..., i : i + height, j : j + width] for view in views for i, j in corners)


class TenCrop(Transform):
    """:func:`ten_crop` as a transform: a view for :func:`~trainwell.augmentation.average_views`.

    Args:
        size: The height and width of the crops; one number for a square.

    Example:
        >>> len(TenCrop(24)(torch.rand(8, 3, 32, 32)))
        10
    """

    def __init__(self, size: int | Sequence[int]) -> None:
        super().__init__()
        self.size = height_and_width(size)

    def check_inputs(self, flat_inputs: list[Any]) -> None:
        super().check_inputs(flat_inputs)
        if any(isinstance(inpt, (*LOCATIONS, tv_tensors.Mask)) for inpt in flat_inputs):
            raise ValueError("TenCrop takes images, got boxes, points or masks")

    def transform(self, inpt: Any, params: dict[str, Any]) -> Any:
        crops = ten_crop(inpt.as_subclass(Tensor), self.size)
        return tuple(tv_tensors.wrap(part, like=inpt) for part in crops) if type(inpt) is not Tensor else crops


class RandomShortestSize(Transform):
    """Scales an image so that its shorter side has one of several lengths, each as likely as any other.

    Args:
        min_size: The lengths, or one.
        generator: Where to draw from; in a DataLoader's worker it is torch's own, which the loader seeds.

    Example:
        >>> RandomShortestSize(24)(torch.rand(3, 32, 48)).shape
        torch.Size([3, 24, 36])

    Reference:
        Simonyan and Zisserman, *Very Deep Convolutional Networks for Large-Scale Image Recognition*, 2015,
        section 3.1.

    Note:
        :class:`torchvision.transforms.v2.RandomShortestSize` draws the same from the same seed, but rounds the shorter
        side too, so that it may come out one pixel shorter than asked for.
    """

    def __init__(self, min_size: int | Sequence[int], *, generator: Generator | None = None) -> None:
        super().__init__(generator=generator)
        self.min_size = (min_size,) if isinstance(min_size, int) else tuple(min_size)
        for side in self.min_size:
            check_at_least("min_size", side, 1)

    def make_params(self, flat_inputs: list[Any]) -> dict[str, Any]:
        return {"side": self.min_size[self.integer(0, len(self.min_size))]}

    def image(self, image: Tensor, /, params: dict[str, Any]) -> Tensor:
        return F.resize(image, [params["side"]])

    def mask(self, mask: Tensor, /, params: dict[str, Any]) -> Tensor:
        return F.resize_mask(mask, [params["side"]])

    def locations(self, locations: Any, params: dict[str, Any]) -> Any:
        return F.resize(locations, [params["side"]])


def resnet_training(
    size: int = 224, sides: tuple[int, int] = (256, 480), *, generator: Generator | None = None
) -> v2.Transform:
    """What a residual network sees in training: the image scaled, a random square of it, mirrored half of the time.

    Args:
        size: The side of the square.
        sides: The shortest and the longest that the shorter side of the scaled image may be.
        generator: Where to draw from; in a DataLoader's worker it is torch's own, which the loader seeds.

    Returns:
        :class:`RandomShortestSize`, :class:`RandomCrop` and :class:`RandomHorizontalFlip`, one after the other.

    Raises:
        ValueError: If the square does not always fit.

    Example:
        >>> resnet_training(size=24, sides=(28, 40))(torch.rand(3, 32, 48)).shape
        torch.Size([3, 24, 24])

    Reference:
        He, Zhang, Ren and Sun, *Deep Residual Learning for Image Recognition*, 2016, section 3.4.
    """
    check_at_least("sides", sides[0], size)
    lengths = range(sides[0], sides[1] + 1)
    return v2.Compose(
        [
            RandomShortestSize(lengths, generator=generator),
            RandomCrop(size, generator=generator),
            RandomHorizontalFlip(generator=generator),
        ]
    )


def resnet_views(size: int = 224, sides: Sequence[int] = SIDES) -> list[v2.Transform]:
    """What a residual network sees in the test: ten crops at each of several sizes, their predictions averaged.

    Args:
        size: The side of the crops.
        sides: The lengths of the shorter side of the scaled image, (224, 256, 384, 480, 640) when not given.

    Returns:
        For each length a view that gives ten crops, for :func:`~trainwell.augmentation.average_views`.

    Raises:
        ValueError: If a length is less than ``size``.

    Example:
        >>> views = resnet_views()
        >>> len(views) * 10
        50
        >>> views[1](torch.rand(2, 3, 64, 96))[0].shape
        torch.Size([2, 3, 224, 224])

    Reference:
        He, Zhang, Ren and Sun, *Deep Residual Learning for Image Recognition*, 2016, section 3.4.

    Note:
        The paper takes ten crops at one size; for its best numbers it applies the network to whole images of these
        five sizes, without crops. Ten crops at each of them is how the lecture tells it.
    """
    for side in sides:
        check_at_least("sides", side, size)
    return [v2.Compose([RandomShortestSize(side), TenCrop(size)]) for side in sides]
