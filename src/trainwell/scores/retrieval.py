"""Scores of retrieval: how many of those found are right, and how many of the right ones are found."""

from __future__ import annotations

import torch
from torch import Tensor
from torch.nn import functional as F

from .._arguments import check_same_shape, check_shape, check_values
from .._shapes import Bool, Float, Int


def precision(
    predictions: Bool[Tensor, "*shape"] | Int[Tensor, "*shape"], targets: Bool[Tensor, "*shape"] | Int[Tensor, "*shape"]
) -> float:
    r"""Of those that were called positive, the share that is.

    With true positives :math:`TP` and false ones :math:`FP`,

    .. math:: \frac{TP}{TP + FP}.

    Args:
        predictions: Truth values, or 0 and 1.
        targets: The true ones, of the same shape.

    Returns:
        A number from 0 to 1; 0 where nothing was called positive.

    Raises:
        ValueError: If the shapes differ, or an entry is neither 0 nor 1.

    Example:
        >>> precision(torch.tensor([1, 1, 1, 0]), torch.tensor([1, 0, 1, 1])) == 2 / 3
        True

    Reference:
        van Rijsbergen, *Information Retrieval*, 1979, chapter 7.
    """
    hits, called, _ = _counts(predictions, targets)
    return hits / max(called, 1)


def recall(
    predictions: Bool[Tensor, "*shape"] | Int[Tensor, "*shape"], targets: Bool[Tensor, "*shape"] | Int[Tensor, "*shape"]
) -> float:
    r"""Of those that are positive, the share that was found.

    With true positives :math:`TP` and false negatives :math:`FN`,

    .. math:: \frac{TP}{TP + FN}.

    Args:
        predictions: Truth values, or 0 and 1.
        targets: The true ones, of the same shape.

    Returns:
        A number from 0 to 1; 0 where nothing is positive.

    Raises:
        ValueError: If the shapes differ, or an entry is neither 0 nor 1.

    Example:
        >>> recall(torch.tensor([1, 1, 1, 0, 0]), torch.tensor([1, 0, 1, 1, 1]))
        0.5

    Reference:
        van Rijsbergen, *Information Retrieval*, 1979, chapter 7.
    """
    hits, _, positive = _counts(predictions, targets)
    return hits / max(positive, 1)


def f1(
    predictions: Bool[Tensor, "*shape"] | Int[Tensor, "*shape"], targets: Bool[Tensor, "*shape"] | Int[Tensor, "*shape"]
) -> float:
    r"""The harmonic mean of precision and recall, which is low when one of them is.

    With precision :math:`P` and recall :math:`R`, and the counts as in :func:`precision` and :func:`recall`,

    .. math:: \frac{2PR}{P + R} = \frac{2\,TP}{2\,TP + FP + FN}.

    Args:
        predictions: Truth values, or 0 and 1.
        targets: The true ones, of the same shape.

    Returns:
        A number from 0 to 1; 0 where nothing is positive and nothing was called so.

    Raises:
        ValueError: If the shapes differ, or an entry is neither 0 nor 1.

    Example:
        >>> f1(torch.tensor([1, 1, 1, 0]), torch.tensor([1, 0, 0, 0]))
        0.5

    Reference:
        van Rijsbergen, *Information Retrieval*, 1979, chapter 7.
    """
    hits, called, positive = _counts(predictions, targets)
    return 2 * hits / max(called + positive, 1)


def average_precision(scores: Float[Tensor, " n"], targets: Bool[Tensor, " n"] | Int[Tensor, " n"]) -> float:
    r"""Precision averaged over recall, from the most certain positive down: no threshold has to be chosen.

    With :math:`P_k` and :math:`R_k` precision and recall of those that score at least the :math:`k`-th highest
    of the different values in ``scores``, and :math:`R_0 = 0`,

    .. math:: \mathrm{AP} = \sum_k (R_k - R_{k-1})\,P_k.

    Args:
        scores: Higher for what is rather positive.
        targets: Truth values, or 0 and 1.

    Returns:
        A number from 0 to 1; where scores say nothing, about the share of positives.

    Raises:
        ValueError: If the lengths differ, a target is neither 0 nor 1, or nothing is positive, so that there is no
            recall.

    Example:
        >>> average_precision(torch.tensor([0.9, 0.8, 0.7, 0.6]), torch.tensor([1, 0, 1, 0])) == (1 + 2 / 3) / 2
        True

    Reference:
        Buckley and Voorhees, *Evaluating Evaluation Measure Stability*, 2000.

    Note:
        Equal scores count as one threshold, so that the order of examples does not matter, and precision is not
        interpolated: as in scikit-learn, other than in the detection benchmarks.
    """
    check_same_shape(scores=scores, targets=targets)
    check_values("targets", targets, (0, 1))
    if not targets.any():
        raise ValueError("targets must hold at least one positive, got none")
    scores, order = scores.sort(descending=True)
    hits = targets[order].bool().cumsum(0).double()
    found = torch.arange(1, len(scores) + 1, device=scores.device)
    last = F.pad(scores[1:] != scores[:-1], (0, 1), value=True)  # of each run of equal scores
    precision, recall = (hits / found)[last], (hits / hits[-1])[last]
    return (recall.diff(prepend=recall.new_zeros(1)) * precision).sum().item()


def mean_average_precision(
    scores: Float[Tensor, "n classes"],
    targets: Int[Tensor, " n"] | Bool[Tensor, "n classes"] | Int[Tensor, "n classes"],
) -> float:
    r"""The mean of the average precisions of all classes, each against the rest.

    With the :math:`K` classes of which ``targets`` has an example, and :func:`average_precision`,

    .. math:: \mathrm{mAP} = \frac1K \sum_k \mathrm{AP}_k.

    Args:
        scores: One column a class.
        targets: Class numbers, or for each class whether it is there (truth values, or 0 and 1).

    Returns:
        A number from 0 to 1.

    Raises:
        ValueError: If there are more or fewer targets than scores, one is none of these, or no class has an example.

    Example:
        >>> scores = torch.tensor([[0.9, 0.1], [0.2, 0.8], [0.6, 0.4]])
        >>> mean_average_precision(scores, torch.tensor([0, 1, 1])) == (1 + 1) / 2
        True

    Reference:
        Everingham, Van Gool, Williams, Winn and Zisserman, *The PASCAL Visual Object Classes Challenge*, 2010.

    Note:
        A class without an example has no average precision and is left out, as by torchmetrics; scikit-learn counts
        it as zero. In detection, boxes are matched first, by their intersection over union.
    """
    if targets.dim() == 1:
        check_shape("targets", targets, scores.shape[:1])
        targets = F.one_hot(targets.long(), scores.shape[1])
    check_same_shape(scores=scores, targets=targets)
    there = targets.bool().any(0)
    if not there.any():
        raise ValueError("targets must hold at least one positive, got none")
    values = [average_precision(scores[:, k], targets[:, k]) for k in there.nonzero()[:, 0].tolist()]
    return sum(values) / len(values)


def _counts(predictions: Tensor, targets: Tensor) -> tuple[int, int, int]:
    """How many were rightly called positive, how many were called so, how many are."""
    check_same_shape(predictions=predictions, targets=targets)
    check_values("predictions", predictions, (0, 1))  # class numbers and probabilities would all count as true
    check_values("targets", targets, (0, 1))
    predictions, targets = predictions.bool(), targets.bool()
    return int((predictions & targets).sum()), int(predictions.sum()), int(targets.sum())
