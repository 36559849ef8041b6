"""Mixing as torchvision transforms of a whole batch, to call on what the loader gives or in its ``collate_fn``."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import torch
from torch import Generator, Tensor

from .._arguments import check_labels
from ._batch import BatchTransform
from .mixing import _blend, cutmix, in_class_partners, mixup, random_box


class MixUp(BatchTransform):
    r""":func:`mixup` of a batch with itself in another order, as :class:`torchvision.transforms.v2.MixUp`.

    For every batch it draws, with :math:`\alpha` = ``alpha``,

    .. math:: \lambda \sim \mathrm{Beta}(\alpha, \alpha), \qquad \pi \sim \text{the permutations of the batch},

    and gives the batch back with its images blended and its labels as rows of probabilities.

    Args:
        alpha: How evenly to blend: near 0 hardly at all, 1 any share alike, above 1 mostly half and half.
        num_classes: The number of classes, which is needed where labels are class numbers.
        labels_getter: Finds the labels in a batch. By default they are the second of a tuple, or under the key
            ``"labels"`` or ``"label"``.
        generator: Where to draw from; in a DataLoader's worker it is torch's own, which the loader seeds.

    Raises:
        ValueError: If ``alpha`` is not positive; if a batch has no labels, labels that do not fit, or something that
            cannot be blended (PIL images, integer images, boxes, masks).

    Example:
        >>> images, labels = MixUp(alpha=0.2, num_classes=10)(torch.rand(4, 3, 8, 8), torch.tensor([0, 1, 2, 3]))
        >>> labels.shape
        torch.Size([4, 10])
        >>> from torch.utils.data import DataLoader, default_collate
        >>> dataset, mix = [(torch.rand(3, 8, 8), i) for i in range(10)], MixUp(num_classes=10)
        >>> loader = DataLoader(dataset, batch_size=5, collate_fn=lambda examples: mix(default_collate(examples)))
        >>> [labels.shape for images, labels in loader]
        [torch.Size([5, 10]), torch.Size([5, 10])]

    Reference:
        Zhang, Cisse, Dauphin and Lopez-Paz, *mixup: Beyond Empirical Risk Minimization*, 2018.

    Note:
        torchvision blends neighbours, so the batch must be shuffled; here the order is drawn, as in the paper. From
        one seed both draw the same share. Batches that are not images are blended too.
    """

    def __init__(
        self,
        *,
        alpha: float = 1.0,
        num_classes: int | None = None,
        labels_getter: Callable[[Any], Any] | str = "default",
        generator: Generator | None = None,
    ) -> None:
        super().__init__(alpha=alpha, labels_getter=labels_getter, generator=generator)
        self.num_classes = num_classes

    def make_params(self, flat_inputs: list[Any]) -> dict[str, Any]:
        """Draws for one batch, given as a list of its images and its labels."""
        return {"lam": self.beta(), "partners": self.permutation(flat_inputs[1])}

    def mix(self, images: Tensor, labels: Tensor, **params: Any) -> tuple[Tensor, Tensor]:
        """Applies what was drawn."""
        return mixup(images, _probabilities(labels, self.num_classes), **params)

    def check(self, images: Tensor) -> None:
        """Raises ValueError for images that cannot be mixed."""
        _check_floating(images)


class CutMix(MixUp):
    r""":func:`cutmix` of a batch with itself in another order, as :class:`torchvision.transforms.v2.CutMix`.

    For every batch it draws :math:`\lambda \sim \mathrm{Beta}(\alpha, \alpha)` with :math:`\alpha` = ``alpha``, a
    :func:`random_box` for it and a permutation, and gives the batch back with a box pasted into each image and its
    labels as rows of probabilities.

    Args:
        alpha: How the box's share is spread: 1 makes all shares alike, more brings them towards a half.
        num_classes: The number of classes, which is needed where labels are class numbers.
        labels_getter: Finds the labels in a batch. By default they are the second of a tuple, or under the key
            ``"labels"`` or ``"label"``.
        generator: Where to draw from; in a DataLoader's worker it is torch's own, which the loader seeds.

    Raises:
        ValueError: As with :class:`MixUp`, but integer images are taken, and batches without height and width not.

    Example:
        >>> images, labels = CutMix(num_classes=10)(torch.rand(4, 3, 8, 8), torch.tensor([0, 1, 2, 3]))
        >>> labels.sum(1)
        tensor([1., 1., 1., 1.])

    Reference:
        Yun, Han, Oh, Chun, Choe and Yoo, *CutMix: Regularization Strategy to Train Strong Classifiers with
        Localizable Features*, 2019.

    Note:
        torchvision pastes from the neighbour, so the batch must be shuffled; here the order is drawn, as in the
        paper. From one seed both draw the same box.
    """

    def make_params(self, flat_inputs: list[Any]) -> dict[str, Any]:
        """Draws for one batch, given as a list of its images and its labels."""
        images, labels = flat_inputs
        height, width = images.shape[-2:]
        box = random_box(height, width, self.beta(), generator=self.source())
        return {"box": box, "partners": self.permutation(labels)}

    def mix(self, images: Tensor, labels: Tensor, **params: Any) -> tuple[Tensor, Tensor]:
        """Applies what was drawn."""
        return cutmix(images, _probabilities(labels, self.num_classes), **params)

    def check(self, images: Tensor) -> None:
        """Raises ValueError for images that cannot be mixed."""
        if images.ndim < 3:
            raise ValueError(f"images must end in height and width, got a batch of shape {tuple(images.shape)}")


class InClassMix(BatchTransform):
    r""":func:`mixup` of each example with one of its own class, its label kept.

    For every batch it draws, with :math:`\alpha` = ``alpha``, a share :math:`\lambda \sim \mathrm{Beta}(\alpha,
    \alpha)` and :func:`in_class_partners`, and gives the batch back with its images blended and its labels untouched.
    An example that is alone in its class stays as it is.

    Args:
        alpha: How evenly to blend: near 0 hardly at all, 1 any share alike, above 1 mostly half and half.
        labels_getter: Finds the labels in a batch. By default they are the second of a tuple, or under the key
            ``"labels"`` or ``"label"``.
        generator: Where to draw from; in a DataLoader's worker it is torch's own, which the loader seeds.

    Raises:
        ValueError: If ``alpha`` is not positive; if a batch has no labels, labels that are no class numbers, or
            something that cannot be blended (PIL images, integer images, boxes, masks).

    Example:
        >>> images, labels = InClassMix()(torch.tensor([[0.0], [1.0], [5.0]]), torch.tensor([0, 0, 1]))
        >>> images[2], labels
        (tensor([5.]), tensor([0, 0, 1]))

    Reference:
        Sun, *Advanced Deep Learning, Lecture 7: Tricks of the Trade*, undated slides, on in-class mixing (SAMOSA).

    Note:
        The slides show what becomes of the labels, not how SAMOSA makes its images: blending them is ours. For boxes,
        give :func:`in_class_partners` to :func:`cutmix`.
    """

    def __init__(
        self,
        *,
        alpha: float = 1.0,
        labels_getter: Callable[[Any], Any] | str = "default",
        generator: Generator | None = None,
    ) -> None:
        super().__init__(alpha=alpha, labels_getter=labels_getter, generator=generator)

    def make_params(self, flat_inputs: list[Any]) -> dict[str, Any]:
        """Draws for one batch, given as a list of its images and its labels."""
        _check_numbers(flat_inputs[1])
        return {"lam": self.beta(), "partners": in_class_partners(flat_inputs[1], generator=self.source())}

    def mix(self, images: Tensor, labels: Tensor, **params: Any) -> tuple[Tensor, Tensor]:
        """Applies what was drawn."""
        return _blend(images, **params), labels

    def check(self, images: Tensor) -> None:
        """Raises ValueError for images that cannot be mixed."""
        _check_floating(images)


def _probabilities(labels: Tensor, num_classes: int | None) -> Tensor:
    """Labels as floating rows with a column a class."""
    if labels.ndim == 2:
        if num_classes not in (None, labels.shape[1]):
            raise ValueError(f"num_classes must be the labels' number of columns, {labels.shape[1]}, got {num_classes}")
        return labels if labels.is_floating_point() else labels.to(torch.get_default_dtype())
    _check_numbers(labels)
    if num_classes is None:
        raise ValueError("num_classes must be given where labels are class numbers, got None")
    check_labels(labels, num_classes)
    rows = torch.zeros(len(labels), num_classes, device=labels.device)
    return rows.scatter_(1, labels.long().unsqueeze(1), 1.0)


def _check_floating(images: Tensor) -> None:
    if not images.is_floating_point():
        advice = "v2.ToDtype(torch.float32, scale=True) makes them so"
        raise ValueError(f"images must be floating to be blended, got {images.dtype}: {advice}")


def _check_numbers(labels: Tensor) -> None:
    if labels.ndim != 1 or labels.is_floating_point():
        raise ValueError(f"labels must be class numbers, got {labels.dtype} of shape {tuple(labels.shape)}")
