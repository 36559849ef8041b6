"""Scores of classification: how often the answer is right, and how far its confidence can be believed."""

from __future__ import annotations

from torch import Tensor

from .._arguments import check_shape, check_values
from .._bins import confidence_bins
from .._shapes import Bool, Float, Int


def accuracy(
    logits: Float[Tensor, " n *classes"],
    targets: Int[Tensor, "*shape"] | Bool[Tensor, "*shape"] | Float[Tensor, "*shape"],
) -> float:
    r"""The share of examples whose highest-scored class is the right one.

    With :math:`z` = ``logits`` and the class :math:`y_i` of example :math:`i` from ``targets``,

    .. math::

        \frac1n \sum_i \bigl[\operatorname*{argmax}_k z_{ik} = y_i\bigr], \qquad
        \text{of two classes with one logit } \frac1n \sum_i \bigl[[z_i > 0] = y_i\bigr].

    Args:
        logits: Scores or probabilities, the classes in the second dimension; or one logit an example, (n, 1) or
            (n,), above zero for class 1.
        targets: Class numbers, or class probabilities in the logits' shape, of which the largest counts. For one
            logit an example, 0 or 1.

    Returns:
        A number from 0 to 1.

    Raises:
        ValueError: If the shapes do not belong together, or the targets are no classes: rows that are not
            probabilities, or for one logit other numbers than 0 and 1.

    Example:
        >>> accuracy(torch.tensor([[2.0, 1.0], [0.0, 3.0]]), torch.tensor([0, 0]))
        0.5

    Reference:
        Hastie, Tibshirani and Friedman, *The Elements of Statistical Learning*, 2009, section 2.4.
    """
    if logits.shape[1:].numel() == 1:
        logits, targets = logits.flatten(), targets.flatten()
        check_shape("targets", targets, logits.shape)
        check_values("targets", targets, (0, 1))
        return ((logits > 0) == targets.bool()).double().mean().item()
    if targets.is_floating_point():
        check_shape("targets", targets, logits.shape)
        _check_probabilities("targets", targets)
        targets = targets.argmax(1)
    check_shape("targets", targets, (*logits.shape[:1], *logits.shape[2:]))
    return (logits.argmax(1) == targets).double().mean().item()


def calibration_error(probabilities: Float[Tensor, "n classes"], targets: Int[Tensor, " n"], bins: int = 15) -> float:
    r"""The expected calibration error: how far confidence lies from accuracy, on average.

    Examples are sorted into ``bins`` equal intervals of their confidence, the largest probability. In a
    calibrated model, of the predictions made with 80% confidence, 80% are right. With :math:`B_b` the
    examples of bin :math:`b` of :math:`n` in all,

    .. math:: \mathrm{ECE} = \sum_b \frac{|B_b|}{n}\,\bigl|\mathrm{accuracy}(B_b) - \mathrm{confidence}(B_b)\bigr|.

    Args:
        probabilities: Rows that sum to one.
        targets: Class numbers.
        bins: The number of intervals.

    Returns:
        A number from 0, calibrated, to 1.

    Raises:
        ValueError: If the rows are no probabilities, there is not one target a row, or ``bins`` is not positive.

    Example:
        >>> calibration_error(torch.tensor([[0.75, 0.25], [0.75, 0.25]]), torch.tensor([0, 1]))  # half right
        0.25

    Reference:
        Guo, Pleiss, Sun, Weinberger, *On Calibration of Modern Neural Networks*, 2017.
    """
    _check_probabilities("probabilities", probabilities)
    check_shape("targets", targets, probabilities.shape[:1])
    confidence, predicted = probabilities.double().max(1)
    right = (predicted == targets).double()
    index = confidence_bins(confidence, bins)
    gap = confidence.new_zeros(bins).index_add(0, index, right - confidence)
    return (gap.abs().sum() / len(targets)).item()


def _check_probabilities(name: str, rows: Tensor) -> None:
    sums = rows.double().sum(1)
    if rows.min() < 0 or (sums - 1).abs().max() > 1e-3:
        raise ValueError(
            f"{name} must be rows of non-negative numbers that sum to 1 (logits go through softmax first), "
            f"got sums from {sums.min():.3g} to {sums.max():.3g}"
        )
