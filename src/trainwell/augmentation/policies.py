"""Which operations, and how much of each: found by a search (AutoAugment), two numbers (RandAugment), or none."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import torch
from torch import Generator, Tensor

from .._arguments import check_at_least
from ._base import LOCATIONS, Transform, size_of, tv_tensors, v2
from ._found import POLICIES
from ._regions import READINGS, choice_of
from ._sampling import Fill
from .operations import WIDE_SPACE, Space, apply_operation, standard_space

Step = tuple[str, float]  # an operation and its magnitude
LEVELS = 31


class _Policy(Transform):
    """Draws steps, then takes them one after the other."""

    def __init__(self, interpolation: str | v2.InterpolationMode, fill: Fill, *, generator: Generator | None) -> None:
        super().__init__(generator=generator)
        self.interpolation, self.fill = choice_of("interpolation", interpolation, READINGS), fill

    def check_inputs(self, flat_inputs: list[Any]) -> None:
        super().check_inputs(flat_inputs)
        if any(isinstance(inpt, (*LOCATIONS, tv_tensors.Mask)) for inpt in flat_inputs):
            raise ValueError(f"{type(self).__name__} takes images, got boxes, points or masks")

    def make_params(self, flat_inputs: list[Any]) -> dict[str, Any]:
        return {"steps": list(self.draw_steps(standard_space(*size_of(flat_inputs))))}

    def draw_steps(self, space: Space) -> Iterator[Step]:
        raise NotImplementedError

    def draw_name(self, space: Space) -> str:
        return list(space)[self.integer(0, len(space))]

    def strength(self, bounds: tuple[float, float] | None, level: int, levels: int) -> float:
        """The magnitude at a level, its sign drawn where it goes both ways."""
        if bounds is None:
            return 0.0
        size = torch.linspace(*bounds, levels)[level].item()
        return -size if bounds[0] == 0 and self.uniform() <= 0.5 else size

    def image(self, image: Tensor, /, params: dict[str, Any]) -> Tensor:
        for name, magnitude in params["steps"]:
            image = apply_operation(image, name, magnitude, self.interpolation, self.fill)
        return image


class AutoAugment(_Policy):
    """One of 25 pairs of operations, found by a search; each of the two is taken with its own probability.

    Args:
        policy: What the search was made on: ``"imagenet"``, ``"cifar10"`` or ``"svhn"``, or a member of torchvision's
            ``AutoAugmentPolicy``.
        interpolation: ``"nearest"`` or ``"bilinear"``, where the image is moved.
        fill: What is seen beyond the border, where the image is moved.
        generator: Where to draw from; in a DataLoader's worker it is torch's own, which the loader seeds.

    Example:
        >>> AutoAugment("cifar10")(torch.rand(3, 32, 32)).shape
        torch.Size([3, 32, 32])

    Reference:
        Cubuk, Zoph, Mane, Vasudevan and Le, *AutoAugment: Learning Augmentation Policies from Data*, 2018.

    Note:
        :class:`torchvision.transforms.v2.AutoAugment` draws the same from the same seed.
    """

    def __init__(
        self,
        policy: str | v2.AutoAugmentPolicy = "imagenet",
        interpolation: str | v2.InterpolationMode = "nearest",
        fill: Fill = 0.0,
        *,
        generator: Generator | None = None,
    ) -> None:
        super().__init__(interpolation, fill, generator=generator)
        self.policy = choice_of("policy", policy, POLICIES)

    def draw_steps(self, space: Space) -> Iterator[Step]:
        pairs = POLICIES[self.policy].strip().splitlines()
        for step in pairs[self.integer(0, len(pairs))].split(","):
            name, p, *level = step.split()
            if self.uniform() <= float(p):
                yield name, self.strength(space.get(name), int(level[0]) if level else 0, levels=10)


class RandAugment(_Policy):
    """A few operations, each as likely as any other, all at the same level.

    Args:
        num_ops: How many.
        magnitude: The level, from 0.
        num_magnitude_bins: How many levels there are, 31 when not given.
        interpolation: ``"nearest"`` or ``"bilinear"``, where the image is moved.
        fill: What is seen beyond the border, where the image is moved.
        generator: Where to draw from; in a DataLoader's worker it is torch's own, which the loader seeds.

    Example:
        >>> RandAugment(num_ops=2, magnitude=9)(torch.rand(3, 32, 32)).shape
        torch.Size([3, 32, 32])

    Reference:
        Cubuk, Zoph, Shlens and Le, *RandAugment: Practical Automated Data Augmentation with a Reduced Search Space*,
        2020.

    Note:
        :class:`torchvision.transforms.v2.RandAugment` draws the same from the same seed.
    """

    def __init__(
        self,
        num_ops: int = 2,
        magnitude: int = 9,
        num_magnitude_bins: int = LEVELS,
        interpolation: str | v2.InterpolationMode = "nearest",
        fill: Fill = 0.0,
        *,
        generator: Generator | None = None,
    ) -> None:
        super().__init__(interpolation, fill, generator=generator)
        check_at_least("num_ops", num_ops, 0)
        if not 0 <= magnitude < num_magnitude_bins:
            raise ValueError(f"magnitude must be a level from 0 to {num_magnitude_bins - 1}, got {magnitude}")
        self.num_ops, self.magnitude, self.num_magnitude_bins = num_ops, magnitude, num_magnitude_bins

    def draw_steps(self, space: Space) -> Iterator[Step]:
        for _ in range(self.num_ops):
            name = self.draw_name(space)
            yield name, self.strength(space[name], self.magnitude, self.num_magnitude_bins)


class TrivialAugmentWide(_Policy):
    """One operation, at one level, each as likely as any other: nothing to tune.

    Args:
        num_magnitude_bins: How many levels there are, 31 when not given.
        interpolation: ``"nearest"`` or ``"bilinear"``, where the image is moved.
        fill: What is seen beyond the border, where the image is moved.
        generator: Where to draw from; in a DataLoader's worker it is torch's own, which the loader seeds.

    Example:
        >>> TrivialAugmentWide()(torch.rand(3, 32, 32)).shape
        torch.Size([3, 32, 32])

    Reference:
        Müller and Hutter, *TrivialAugment: Tuning-free Yet State-of-the-Art Data Augmentation*, 2021.

    Note:
        :class:`torchvision.transforms.v2.TrivialAugmentWide` draws the same from the same seed.
    """

    def __init__(
        self,
        num_magnitude_bins: int = LEVELS,
        interpolation: str | v2.InterpolationMode = "nearest",
        fill: Fill = 0.0,
        *,
        generator: Generator | None = None,
    ) -> None:
        super().__init__(interpolation, fill, generator=generator)
        check_at_least("num_magnitude_bins", num_magnitude_bins, 2)
        self.num_magnitude_bins = num_magnitude_bins

    def draw_steps(self, space: Space) -> Iterator[Step]:
        name = self.draw_name(WIDE_SPACE)
        bounds = WIDE_SPACE[name]
        level = self.integer(0, self.num_magnitude_bins) if bounds else 0
        yield name, self.strength(bounds, level, self.num_magnitude_bins)
