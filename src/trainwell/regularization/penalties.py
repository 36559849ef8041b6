"""Penalties on the weights, to add to the loss."""

from __future__ import annotations

from collections.abc import Iterable

import torch
from torch import Tensor

from .._arguments import check_not_negative, check_probability
from .._shapes import Float


def l2(parameters: Iterable[Tensor], strength: float) -> Float[Tensor, ""]:
    r"""The l2 penalty: half the strength times the sum of squared weights.

    With :math:`\lambda` the ``strength`` and :math:`w` every entry of every tensor in ``parameters``,

    .. math:: \Omega(w) = \frac{\lambda}{2} \sum_i w_i^2, \qquad \nabla\Omega(w) = \lambda w.

    Args:
        parameters: Tensors of any shapes, ``model.parameters()`` for instance.
        strength: How much the penalty counts.

    Returns:
        A scalar to add to the loss.

    Raises:
        ValueError: If ``strength`` is negative, or there are no parameters.

    Example:
        >>> l2([torch.tensor([3.0, 4.0])], strength=0.1)
        tensor(1.2500)

    Reference:
        Hoerl and Kennard, *Ridge Regression*, 1970; Krogh and Hertz, *A Simple Weight Decay Can Improve
        Generalization*, 1992.

    Note:
        The half makes the gradient :math:`\lambda w`, so that ``strength`` means what ``weight_decay``
        means in :class:`torch.optim.SGD`. Lectures that write the penalty without it have twice that gradient.
    """
    check_not_negative("strength", strength)
    return strength / 2 * _total(w.square().sum() for w in parameters)


def l1(parameters: Iterable[Tensor], strength: float) -> Float[Tensor, ""]:
    r"""The l1 penalty: the strength times the sum of absolute weights.

    With :math:`\lambda` the ``strength`` and :math:`w` every entry of every tensor in ``parameters``,

    .. math:: \Omega(w) = \lambda \sum_i |w_i|, \qquad \lambda \operatorname{sign}(w) \in \partial\Omega(w).

    Args:
        parameters: Tensors of any shapes, ``model.parameters()`` for instance.
        strength: How much the penalty counts.

    Returns:
        A scalar to add to the loss.

    Raises:
        ValueError: If ``strength`` is negative, or there are no parameters.

    Example:
        >>> l1([torch.tensor([3.0, -4.0])], strength=0.1)
        tensor(0.7000)

    Reference:
        Tibshirani, *Regression Shrinkage and Selection via the Lasso*, 1996.

    Note:
        Gradient steps on this penalty make weights small but almost never exactly zero:
        for zeros, apply :func:`proximal_l1_` after each step instead of adding the penalty to the loss.
        Two lectures halve this penalty and not its gradient, or add :math:`\lambda w/\operatorname{sign}(w)`.
    """
    check_not_negative("strength", strength)
    return strength * _total(w.abs().sum() for w in parameters)


def elastic_net(parameters: Iterable[Tensor], *, l1: float, l2: float) -> Float[Tensor, ""]:
    r"""The elastic net: an l1 and an l2 penalty together.

    With :math:`\lambda_1` = ``l1``, :math:`\lambda_2` = ``l2``, :math:`w` every entry of ``parameters``,

    .. math:: \Omega(w) = \lambda_1 \sum_i |w_i| + \frac{\lambda_2}{2} \sum_i w_i^2.

    Args:
        parameters: Tensors of any shapes, ``model.parameters()`` for instance.
        l1: How much the absolute weights count.
        l2: How much the squared weights count.

    Returns:
        A scalar to add to the loss.

    Raises:
        ValueError: If ``l1`` or ``l2`` is negative, or there are no parameters.

    Example:
        >>> elastic_net([torch.tensor([3.0, -4.0])], l1=0.1, l2=0.1)
        tensor(1.9500)

    Reference:
        Zou and Hastie, *Regularization and Variable Selection via the Elastic Net*, 2005.

    Note:
        The paper puts no half before the squares, and scales the minimiser up afterwards.
        :func:`elastic_net_strengths` translates scikit-learn's strength and ratio.
    """
    check_not_negative("l1", l1)
    check_not_negative("l2", l2)
    return _total(l1 * w.abs().sum() + l2 / 2 * w.square().sum() for w in parameters)


def elastic_net_strengths(strength: float, l1_ratio: float) -> tuple[float, float]:
    r"""Scikit-learn's parametrisation of the elastic net as the two strengths used here.

    With :math:`\alpha` = ``strength`` (scikit-learn's ``alpha``) and :math:`\rho` = ``l1_ratio``,

    .. math:: \lambda_1 = \alpha\rho, \qquad \lambda_2 = \alpha(1-\rho).

    Args:
        strength: The strength of both penalties together.
        l1_ratio: The share of the l1 penalty: 0 is ridge, 1 the lasso.

    Returns:
        The pair ``(l1, l2)``.

    Raises:
        ValueError: If ``strength`` is negative, or ``l1_ratio`` does not lie in [0, 1].

    Example:
        >>> elastic_net_strengths(2.0, l1_ratio=0.25)
        (0.5, 1.5)

    Reference:
        Friedman, Hastie and Tibshirani, *Regularization Paths for Generalized Linear Models via Coordinate
        Descent*, 2010.
    """
    check_not_negative("strength", strength)
    check_probability("l1_ratio", l1_ratio)
    return strength * l1_ratio, strength * (1 - l1_ratio)


def _total(terms: Iterable[Tensor]) -> Tensor:
    terms = list(terms)
    if not terms:  # an iterator that was used up before would otherwise switch the penalty off in silence
        raise ValueError("parameters must hold at least one tensor, got none (was the iterator used before?)")
    return torch.stack(terms).sum()
