"""Scores of segmentation: how well areas overlap."""

from __future__ import annotations

import torch
from torch import Tensor

from .._arguments import check_same_shape
from .._shapes import Int


def mean_iou(predictions: Int[Tensor, "*shape"], targets: Int[Tensor, "*shape"], num_classes: int) -> float:
    r"""The mean intersection over union of the classes' areas.

    With :math:`A_k` the pixels that were given class :math:`k`, :math:`B_k` those that have it, and the :math:`K`
    classes that are in one of the two,

    .. math:: \mathrm{mIoU} = \frac1K \sum_k \frac{|A_k \cap B_k|}{|A_k \cup B_k|}.

    Args:
        predictions: A class number for each pixel, of all images together.
        targets: The true ones, of the same shape.
        num_classes: The number of classes.

    Returns:
        A number from 0 to 1.

    Raises:
        ValueError: If the shapes differ, nothing is given, or a class number lies outside 0 to ``num_classes`` - 1.

    Example:
        >>> mean_iou(torch.tensor([0, 0, 1, 1]), torch.tensor([0, 0, 0, 1]), num_classes=3) == (2 / 3 + 1 / 2) / 2
        True

    Reference:
        Everingham, Van Gool, Williams, Winn and Zisserman, *The PASCAL Visual Object Classes Challenge*, 2010.

    Note:
        A class that is nowhere is left out; one that was only predicted counts as 0.
    """
    check_same_shape(predictions=predictions, targets=targets)
    if targets.numel() == 0:
        raise ValueError("targets must hold at least one pixel, got none")
    for name, values in (("predictions", predictions), ("targets", targets)):
        if values.min() < 0 or values.max() >= num_classes:
            raise ValueError(f"{name} must lie from 0 to {num_classes - 1}, got {values.min()} to {values.max()}")
    pairs = torch.bincount((num_classes * targets.long() + predictions).flatten(), minlength=num_classes**2)
    confusion = pairs.view(num_classes, num_classes).double()
    intersection = confusion.diag()
    union = confusion.sum(0) + confusion.sum(1) - intersection
    return (intersection / union)[union > 0].mean().item()
