"""Scores of regression."""

from __future__ import annotations

from torch import Tensor

from .._arguments import check_same_shape
from .._shapes import Float


def mean_squared_error(predictions: Float[Tensor, "*shape"], targets: Float[Tensor, "*shape"]) -> float:
    r"""The mean of the squared differences.

    With :math:`f` = ``predictions`` and :math:`y` = ``targets``,

    .. math:: \frac1n \sum_i (f_i - y_i)^2.

    Args:
        predictions: Numbers.
        targets: The true ones, of the same shape.

    Returns:
        A number from 0, in the square of the targets' unit.

    Raises:
        ValueError: If the shapes differ.

    Example:
        >>> mean_squared_error(torch.tensor([1.0, 2.0]), torch.tensor([1.0, 5.0]))
        4.5

    Reference:
        Hastie, Tibshirani and Friedman, *The Elements of Statistical Learning*, 2009, section 2.4.
    """
    check_same_shape(predictions=predictions, targets=targets)
    return (predictions.double() - targets.double()).square().mean().item()
