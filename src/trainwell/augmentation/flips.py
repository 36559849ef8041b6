"""Flips, and the labels that a flip changes: a mirrored b is a d."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from torch import Generator, Tensor

from .._shapes import Int, Shaped
from ._base import F, RandomApply


def horizontal_flip(image: Shaped[Tensor, "*batch height width"]) -> Shaped[Tensor, "*batch height width"]:
    r"""Mirrors left and right.

    With :math:`x` = ``image`` of width :math:`W`: :math:`y_{ij} = x_{i,\,W-1-j}`, which is
    :func:`~trainwell.augmentation.affine` with the matrix ``scaling(-1, 1)``, without its arithmetic.

    Args:
        image: An image or a batch of them.

    Returns:
        A tensor of the same shape.

    Example:
        >>> horizontal_flip(torch.tensor([[1, 2, 3], [4, 5, 6]]))
        tensor([[3, 2, 1],
                [6, 5, 4]])

    Reference:
        Krizhevsky, Sutskever and Hinton, *ImageNet Classification with Deep Convolutional Neural Networks*, 2012.
    """
    return image.flip(-1)


def vertical_flip(image: Shaped[Tensor, "*batch height width"]) -> Shaped[Tensor, "*batch height width"]:
    r"""Mirrors top and bottom.

    With :math:`x` = ``image`` of height :math:`H`: :math:`y_{ij} = x_{H-1-i,\,j}`, which is
    :func:`~trainwell.augmentation.affine` with the matrix ``scaling(1, -1)``, without its arithmetic.

    Args:
        image: An image or a batch of them.

    Returns:
        A tensor of the same shape.

    Example:
        >>> vertical_flip(torch.tensor([[1, 2, 3], [4, 5, 6]]))
        tensor([[4, 5, 6],
                [1, 2, 3]])

    Reference:
        Simard, Steinkraus and Platt, *Best Practices for Convolutional Neural Networks Applied to Visual Document
        Analysis*, 2003.
    """
    return image.flip(-2)


def relabel(labels: Int[Tensor, "*batch"] | int, changes: Mapping[int, int]) -> Int[Tensor, "*batch"] | int:
    """The labels after a transform that turns some classes into others.

    Args:
        labels: A label or a tensor of labels.
        changes: For each class that changes, what it becomes; the others stay what they are.

    Returns:
        The new labels, of the same shape.

    Example:
        >>> b, d, o = 0, 1, 2
        >>> relabel(torch.tensor([b, d, o]), {b: d, d: b})
        tensor([1, 0, 2])
        >>> relabel(6, {6: 9, 9: 6})
        9

    Reference:
        Simard, LeCun, Denker and Victorri, *Transformation Invariance in Pattern Recognition: Tangent Distance and
        Tangent Propagation*, 1998.
    """
    if isinstance(labels, int):
        return changes.get(labels, labels)
    changed = labels.clone()
    for before, after in changes.items():
        changed[labels == before] = after
    return changed


class _Flip(RandomApply):
    """Flips with probability p, and changes the labels that the flip changes."""

    def __init__(
        self, p: float = 0.5, *, changes: Mapping[int, int] | None = None, generator: Generator | None = None
    ) -> None:
        super().__init__(p, generator=generator)
        self.changes = dict(changes) if changes else None

    def applied(self, *inputs: Any) -> Any:
        outputs = super().applied(*inputs)
        if self.changes is None:
            return outputs
        if len(inputs) < 2:
            raise ValueError(f"changes needs the label: call the transform with (image, ..., label), got {len(inputs)}")
        return *outputs[:-1], relabel(outputs[-1], self.changes)


class RandomHorizontalFlip(_Flip):
    """:func:`horizontal_flip` with probability p, carrying masks, boxes, points and labels.

    Args:
        p: The probability of flipping.
        changes: For each class that the mirror turns into another, that other: see :func:`relabel`. The label is then
            the last argument of a call, an integer or a tensor of them. None: no label changes.
        generator: Where to draw from; in a DataLoader's worker it is torch's own, which the loader seeds.

    Example:
        >>> b, d = 0, 1
        >>> flip = RandomHorizontalFlip(p=1.0, changes={b: d, d: b})
        >>> image, label = flip(torch.eye(2), b)
        >>> image, label == d
        (tensor([[0., 1.],
                [1., 0.]]), True)

    Note:
        As in torchvision, all images of one call are flipped together; flip in the data set to draw for each.
    """

    def image(self, image: Tensor, /, params: dict[str, Any]) -> Tensor:
        return horizontal_flip(image)

    mask = image

    def locations(self, locations: Any, params: dict[str, Any]) -> Any:
        return F.horizontal_flip(locations)


class RandomVerticalFlip(_Flip):
    """:func:`vertical_flip` with probability p, carrying masks, boxes, points and labels.

    Args:
        p: The probability of flipping.
        changes: For each class that the mirror turns into another, that other: see :func:`relabel`. The label is then
            the last argument of a call, an integer or a tensor of them. None: no label changes.
        generator: Where to draw from; in a DataLoader's worker it is torch's own, which the loader seeds.

    Example:
        >>> RandomVerticalFlip(p=1.0)(torch.eye(2))
        tensor([[0., 1.],
                [1., 0.]])

    Note:
        As in torchvision, all images of one call are flipped together; flip in the data set to draw for each.
    """

    def image(self, image: Tensor, /, params: dict[str, Any]) -> Tensor:
        return vertical_flip(image)

    mask = image

    def locations(self, locations: Any, params: dict[str, Any]) -> Any:
        return F.vertical_flip(locations)
