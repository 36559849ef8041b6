"""Losses of regression: how far off a number is."""

from __future__ import annotations

from torch import Tensor

from .._arguments import check_same_shape
from .._losses import full_precision, reduce
from .._shapes import Float


def mse_loss(
    input: Float[Tensor, "*shape"], target: Float[Tensor, "*shape"], *, reduction: str = "mean"
) -> Float[Tensor, ""] | Float[Tensor, "*shape"]:
    r"""The squared difference, whose best constant answer is the mean.

    With :math:`f` = ``input`` and :math:`y` = ``target``, a loss and its gradient are

    .. math:: (f - y)^2, \qquad \frac{\partial}{\partial f} = 2(f - y).

    Args:
        input: Predictions of any shape.
        target: The true values, of the same shape.
        reduction: ``"mean"`` or ``"sum"`` over all entries, or ``"none"``.

    Returns:
        A scalar, or one loss an entry with ``"none"``.

    Raises:
        ValueError: If the shapes differ, or ``reduction`` is none of the three.

    Example:
        >>> mse_loss(torch.tensor([1.0, 2.0]), torch.tensor([1.0, 5.0]))
        tensor(4.5000)

    Reference:
        Legendre, *Nouvelles méthodes pour la détermination des orbites des comètes*, 1805.

    Note:
        Torch broadcasts predictions (n, 1) against targets (n), with a warning; here that is an error.
    """
    check_same_shape(input=input, target=target)
    return reduce((full_precision(input) - full_precision(target)).square(), reduction)


def l1_loss(
    input: Float[Tensor, "*shape"], target: Float[Tensor, "*shape"], *, reduction: str = "mean"
) -> Float[Tensor, ""] | Float[Tensor, "*shape"]:
    r"""The absolute difference, whose best constant answer is the median: outliers pull no harder than others.

    With :math:`f` = ``input`` and :math:`y` = ``target``, a loss and its gradient are

    .. math:: |f - y|, \qquad \frac{\partial}{\partial f} = \mathrm{sgn}(f - y).

    Args:
        input: Predictions of any shape.
        target: The true values, of the same shape.
        reduction: ``"mean"`` or ``"sum"`` over all entries, or ``"none"``.

    Returns:
        A scalar, or one loss an entry with ``"none"``.

    Raises:
        ValueError: If the shapes differ, or ``reduction`` is none of the three.

    Example:
        >>> l1_loss(torch.tensor([1.0, 2.0]), torch.tensor([1.0, 5.0]))
        tensor(1.5000)

    Reference:
        Boscovich, *De litteraria expeditione per pontificiam ditionem*, 1757.

    Note:
        Shapes that differ are an error, as in :func:`mse_loss`.
    """
    check_same_shape(input=input, target=target)
    return reduce((full_precision(input) - full_precision(target)).abs(), reduction)
