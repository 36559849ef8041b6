"""What the transforms of a whole batch share: where images and labels are, and draws."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

import torch
from torch import Generator, Tensor
from torch.utils._pytree import tree_flatten, tree_unflatten

from ._base import Transform, tv_tensors

IMAGES = (tv_tensors.Image, tv_tensors.Video)


class BatchTransform(Transform):
    """A transform of a batch, any structure of tensors: ``mix`` changes its images and its labels.

    The images are the batch's one image or video tensor, or else its first plain tensor.
    """

    def __init__(self, *, alpha: float, labels_getter: Callable[[Any], Any] | str, generator: Generator | None) -> None:
        super().__init__(generator=generator)
        if not alpha > 0:
            raise ValueError(f"alpha must be positive, got {alpha}")
        if labels_getter != "default" and not callable(labels_getter):
            raise ValueError(f"labels_getter must be 'default' or a function, got {labels_getter!r}")
        self.alpha = float(alpha)
        self._labels_getter = labels_getter if callable(labels_getter) else _second_or_named

    def forward(self, *inputs: Any) -> Any:
        batch = inputs if len(inputs) > 1 else inputs[0]
        labels = self._labels_getter(batch)
        parts, structure = tree_flatten(batch)
        images = _find_images(parts, labels)
        _check_fit(images, labels)
        self.check(images)
        x, y = self.mix(images.as_subclass(Tensor), labels, **self.make_params([images, labels]))
        x = x if type(images) is Tensor else tv_tensors.wrap(x, like=images)
        new = {id(images): x, id(labels): y}
        return tree_unflatten([new.get(id(part), part) for part in parts], structure)

    def mix(self, images: Tensor, labels: Tensor, **params: Any) -> tuple[Tensor, Tensor]:
        raise NotImplementedError

    def check(self, images: Tensor) -> None:
        raise NotImplementedError

    def beta(self) -> float:
        """A number drawn from Beta(alpha, alpha), the same that torch.distributions draws: that takes no generator."""
        return float(torch._sample_dirichlet(self.empty(2).fill_(self.alpha), self.source())[0])

    def permutation(self, labels: Tensor) -> Tensor:
        """The numbers of the batch's examples in an order that is drawn."""
        return torch.randperm(len(labels), generator=self.source(), device=self.empty(0).device).to(labels.device)


def _second_or_named(batch: Any) -> Any:
    """The labels where torchvision looks first: the second of a tuple or list, or under a name."""
    if isinstance(batch, (tuple, list)) and len(batch) > 1:
        batch = batch[1]
    if isinstance(batch, Mapping):
        batch = batch.get("labels", batch.get("label"))
    return batch


def _find_images(parts: list[Any], labels: Any) -> Tensor:
    if not isinstance(labels, Tensor):
        raise ValueError(f"labels must be a tensor that labels_getter finds in the batch, got {type(labels).__name__}")
    for part in parts:
        if (isinstance(part, tv_tensors.TVTensor) and not isinstance(part, IMAGES)) or "PIL" in type(part).__module__:
            raise ValueError(f"a batch to be mixed must hold tensors of images and labels, got {type(part).__name__}")
    plain = [part for part in parts if isinstance(part, Tensor) and part is not labels]
    found = [part for part in plain if isinstance(part, IMAGES)] or plain[:1]
    if len(found) != 1:
        raise ValueError(f"a batch to be mixed must hold one tensor of images beside its labels, got {len(found)}")
    return found[0]


def _check_fit(images: Tensor, labels: Tensor) -> None:
    if len(images) != len(labels):
        raise ValueError(f"images and labels must be as many, got {len(images)} and {len(labels)}")
