"""What the image transforms share: torchvision imported where it can be, draws from a generator, kinds told apart."""

from __future__ import annotations

from typing import Any

import numpy as np
import torch
from torch import Generator, Tensor
from torch.utils.data import get_worker_info

from .._arguments import check_probability
from .._torchvision import declare_missing_operators

declare_missing_operators()

from torchvision import tv_tensors  # noqa: E402
from torchvision.transforms import v2  # noqa: E402
from torchvision.transforms.v2 import functional as F  # noqa: E402

__all__ = ["LOCATIONS", "F", "RandomApply", "Transform", "first_image", "size_of", "tv_tensors", "v2"]

LOCATIONS = tuple(  # torchvision has points since 0.23
    getattr(tv_tensors, name) for name in ("BoundingBoxes", "KeyPoints") if hasattr(tv_tensors, name)
)


def size_of(flat_inputs: list[Any]) -> tuple[int, int]:
    """The height and width that images, masks, boxes and points agree on."""
    sizes = {tuple(inpt.canvas_size) if isinstance(inpt, LOCATIONS) else tuple(inpt.shape[-2:]) for inpt in flat_inputs}
    if len(sizes) != 1:
        raise ValueError(f"images, masks and boxes must be of one size, got {sorted(sizes) or 'none of them'}")
    return sizes.pop()


def first_image(flat_inputs: list[Any]) -> Tensor:
    """The image among masks, boxes and points."""
    others = (*LOCATIONS, tv_tensors.Mask)
    images = [inpt for inpt in flat_inputs if not isinstance(inpt, others)]
    if not images:
        raise ValueError("the inputs must hold an image, got none")
    return images[0]


class Transform(v2.Transform):
    """A torchvision transform that draws from ``generator``: ``make_params`` draws, ``transform`` applies.

    A subclass says what happens to an ``image``, and to a ``mask`` and to ``locations`` (boxes and points) where they
    move with it. A DataLoader's worker holds a copy of the generator, and equal copies would draw the same in every
    worker and every epoch: in a worker the draws come from torch's own generator, which the loader seeds.
    """

    _transformed_types = (Tensor,)

    def __init__(self, *, generator: Generator | None = None) -> None:
        super().__init__()
        self.generator = generator

    def check_inputs(self, flat_inputs: list[Any]) -> None:
        if any(type(inpt).__module__.startswith("PIL.") for inpt in flat_inputs):
            raise ValueError(f"{type(self).__name__} takes tensors, got a PIL image: put v2.PILToTensor() before it")
        if any(isinstance(inpt, np.ndarray) and inpt.ndim > 1 for inpt in flat_inputs):  # below: labels
            raise ValueError(f"{type(self).__name__} takes tensors, got a NumPy array: put v2.ToImage() before it")

    def forward(self, *inputs: Any) -> Any:
        if len(inputs) == 1 and type(inputs[0]) is Tensor:  # by far the most common call, kept short
            return self.transform(inputs[0], self.make_params([inputs[0]]))
        return super().forward(*inputs)

    def transform(self, inpt: Any, params: dict[str, Any]) -> Any:
        if isinstance(inpt, LOCATIONS):
            return self.locations(inpt, params)
        change = self.mask if isinstance(inpt, tv_tensors.Mask) else self.image
        if type(inpt) is Tensor:
            return change(inpt, params)
        return tv_tensors.wrap(change(inpt.as_subclass(Tensor), params), like=inpt)

    def image(self, image: Tensor, /, params: dict[str, Any]) -> Tensor:
        raise NotImplementedError

    def mask(self, mask: Tensor, /, params: dict[str, Any]) -> Tensor:
        return mask

    def locations(self, locations: Any, params: dict[str, Any]) -> Any:
        return locations

    def source(self) -> Generator | None:
        """The generator to draw from; None is torch's own."""
        return None if get_worker_info() else self.generator

    def uniform(self, low: float = 0.0, high: float = 1.0) -> float:
        """A number drawn from [low, high)."""
        return self.empty(1).uniform_(low, high, generator=self.source()).item()

    def integer(self, low: int, high: int) -> int:
        """A whole number drawn from low, ..., high - 1."""
        source = self.source()
        device = source.device if source else None
        return int(torch.randint(low, high, (), generator=source, device=device).item())

    def empty(self, *shape: int) -> Tensor:
        """A tensor to fill with draws, on the generator's device."""
        source = self.source()
        return torch.empty(shape, device=source.device) if source else torch.empty(shape)


class RandomApply(Transform):
    """A transform that leaves its inputs alone with probability 1 - p."""

    def __init__(self, p: float, *, generator: Generator | None = None) -> None:
        super().__init__(generator=generator)
        check_probability("p", p)
        self.p = p

    def forward(self, *inputs: Any) -> Any:
        if self.uniform() >= self.p:
            return inputs if len(inputs) > 1 else inputs[0]
        return self.applied(*inputs)

    def applied(self, *inputs: Any) -> Any:
        """What a call does when it does not leave the inputs alone."""
        return super().forward(*inputs)
