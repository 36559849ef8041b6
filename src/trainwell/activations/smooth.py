"""Smooth relatives of the rectifier: ELU, softplus, GELU."""

from __future__ import annotations

import math

import torch
from torch import Tensor

from .._shapes import Float
from .sigmoids import sigmoid


def elu(x: Float[Tensor, "*shape"], alpha: float = 1.0) -> Float[Tensor, "*shape"]:
    r"""The exponential linear unit, whose outputs can be negative and so have a mean near zero.

    With :math:`x` = ``x`` and :math:`\alpha` = ``alpha``,

    .. math::

        f(x) = \begin{cases} \alpha\,(e^x - 1) & x \le 0 \\ x & x > 0, \end{cases} \qquad
        f'(x) = \begin{cases} f(x) + \alpha & x \le 0 \\ 1 & x > 0. \end{cases}

    It saturates far below zero, at :math:`-\alpha`.

    Args:
        x: A tensor of any shape.
        alpha: Minus the value far below zero.

    Returns:
        A tensor of the same shape.

    Example:
        >>> elu(torch.tensor([-1000.0, -1.0, 2.0]))
        tensor([-1.0000, -0.6321,  2.0000])

    Reference:
        Clevert, Unterthiner and Hochreiter, *Fast and Accurate Deep Network Learning by Exponential Linear Units*,
        2016.
    """
    return torch.where(x <= 0, alpha * torch.expm1(x.clamp(max=0)), x)  # the branch not taken must not overflow


def elu_derivative(x: Float[Tensor, "*shape"], alpha: float = 1.0) -> Float[Tensor, "*shape"]:
    """The derivative of :func:`elu`, from its value.

    Args:
        x: Where to take it.
        alpha: Minus the value far below zero.

    Returns:
        A tensor of the same shape.

    Example:
        >>> elu_derivative(torch.tensor([-1.0, 2.0]))
        tensor([0.3679, 1.0000])
    """
    return torch.where(x <= 0, elu(x, alpha) + alpha, torch.ones_like(x))


def softplus(x: Float[Tensor, "*shape"]) -> Float[Tensor, "*shape"]:
    r"""A rectifier with its corner rounded off, the integral of the logistic function.

    With :math:`x` = ``x``,

    .. math:: f(x) = \log(1 + e^x), \qquad f'(x) = \frac1{1 + e^{-x}}.

    It saturates far below zero, at 0.

    Args:
        x: A tensor of any shape.

    Returns:
        A tensor of the same shape, with positive values.

    Example:
        >>> softplus(torch.tensor([-5.0, 0.0, 1000.0]))
        tensor([6.7153e-03, 6.9315e-01, 1.0000e+03])

    Reference:
        Dugas, Bengio, Bélisle, Nadeau and Garcia, *Incorporating Second-Order Functional Knowledge for Better Option
        Pricing*, 2001.

    Note:
        Torch's ``beta`` and ``threshold`` are left out: it is exact everywhere.
    """
    return torch.logaddexp(x, torch.zeros_like(x))  # log(exp(x) + exp(0))


def softplus_derivative(x: Float[Tensor, "*shape"]) -> Float[Tensor, "*shape"]:
    """The derivative of :func:`softplus`, the logistic function.

    Args:
        x: Where to take it.

    Returns:
        A tensor of the same shape.

    Example:
        >>> softplus_derivative(torch.tensor([0.0, 1000.0]))
        tensor([0.5000, 1.0000])
    """
    return sigmoid(x)


def gelu(x: Float[Tensor, "*shape"]) -> Float[Tensor, "*shape"]:
    r"""The Gaussian error linear unit of transformers: the input times the probability that noise lies below it.

    With :math:`x` = ``x``, and :math:`\Phi` and :math:`\varphi` the standard normal distribution and its density,

    .. math:: f(x) = x\,\Phi(x), \qquad f'(x) = \Phi(x) + x\,\varphi(x).

    It saturates far below zero, at 0, and dips a little below zero before.

    Args:
        x: A tensor of any shape.

    Returns:
        A tensor of the same shape.

    Example:
        >>> gelu(torch.tensor([-1000.0, -1.0, 2.0]))
        tensor([-0.0000, -0.1587,  1.9545])

    Reference:
        Hendrycks and Gimpel, *Gaussian Error Linear Units*, 2016.

    Note:
        Torch's approximation by tanh is left out.
    """
    return x * torch.special.ndtr(x)


def gelu_derivative(x: Float[Tensor, "*shape"]) -> Float[Tensor, "*shape"]:
    """The derivative of :func:`gelu`.

    Args:
        x: Where to take it.

    Returns:
        A tensor of the same shape.

    Example:
        >>> gelu_derivative(torch.tensor([-1000.0, 0.0, 1000.0]))
        tensor([0.0000, 0.5000, 1.0000])
    """
    density = torch.exp(-(x**2) / 2) / math.sqrt(2 * math.pi)
    return torch.special.ndtr(x) + x * density
