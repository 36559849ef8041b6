"""Scores of classification: how often the answer is right, and how far its confidence can be believed."""

from __future__ import annotations

from torch import Tensor

from .._bins import confidence_bins
from .._shapes import Float, Int


def accuracy(logits: Float[Tensor, "n classes"], targets: Int[Tensor, " n"] | Float[Tensor, "n classes"]) -> float:
    r"""The share of examples whose highest-scored class is the right one.

    With :math:`z` = ``logits`` and the class :math:`y_i` of example :math:`i` from ``targets``,

    .. math:: \frac1n \sum_i \bigl[\operatorname*{argmax}_k z_{ik} = y_i\bigr].

    Args:
        logits: Scores or probabilities, one row an example.
        targets: Class numbers, or one row of class probabilities an example (its largest counts).

    Returns:
        A number from 0 to 1.

    Example:
        >>> accuracy(torch.tensor([[2.0, 1.0], [0.0, 3.0]]), torch.tensor([0, 0]))
        0.5

    Reference:
        Hastie, Tibshirani and Friedman, *The Elements of Statistical Learning*, 2009, section 2.4.
    """
    if targets.is_floating_point():
        targets = targets.argmax(1)
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
        ValueError: If the rows are no probabilities, or ``bins`` is not positive.

    Example:
        >>> calibration_error(torch.tensor([[0.75, 0.25], [0.75, 0.25]]), torch.tensor([0, 1]))  # half right
        0.25

    Reference:
        Guo, Pleiss, Sun, Weinberger, *On Calibration of Modern Neural Networks*, 2017.
    """
    sums = probabilities.double().sum(1)
    if probabilities.min() < 0 or (sums - 1).abs().max() > 1e-3:
        raise ValueError(
            "probabilities must be rows of non-negative numbers that sum to 1 (logits go through softmax first), "
            f"got sums from {sums.min():.3g} to {sums.max():.3g}"
        )
    confidence, predicted = probabilities.double().max(1)
    right = (predicted == targets).double()
    index = confidence_bins(confidence, bins)
    gap = confidence.new_zeros(bins).index_add(0, index, right - confidence)
    return (gap.abs().sum() / len(targets)).item()
