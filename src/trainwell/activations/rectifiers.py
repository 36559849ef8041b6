"""Rectifiers: the identity above zero, and a straight line below."""

from __future__ import annotations

import torch
from torch import Tensor

from .._shapes import Float


def relu(x: Float[Tensor, "*shape"]) -> Float[Tensor, "*shape"]:
    r"""The rectified linear unit.

    With :math:`x` = ``x``,

    .. math:: f(x) = \max(0, x), \qquad f'(x) = [x > 0].

    It saturates below zero, and nowhere above it. A unit that is below zero for every example learns no more: it
    is dead.

    Args:
        x: A tensor of any shape.

    Returns:
        A tensor of the same shape.

    Example:
        >>> relu(torch.tensor([-1.0, 0.0, 2.0]))
        tensor([0., 0., 2.])

    Reference:
        Nair and Hinton, *Rectified Linear Units Improve Restricted Boltzmann Machines*, 2010; Glorot, Bordes and
        Bengio, *Deep Sparse Rectifier Neural Networks*, 2011.

    Note:
        At zero, where the lecture writes 1, the derivative is 0, as in torch.
    """
    return torch.where(x <= 0, 0, x)  # not x > 0: NaN stays NaN


def relu_derivative(x: Float[Tensor, "*shape"]) -> Float[Tensor, "*shape"]:
    """The derivative of :func:`relu`: 1 above zero, 0 elsewhere.

    Args:
        x: Where to take it.

    Returns:
        A tensor of the same shape.

    Example:
        >>> relu_derivative(torch.tensor([-1.0, 0.0, 2.0]))
        tensor([0., 0., 1.])
    """
    return (x > 0).to(x.dtype)


def leaky_relu(x: Float[Tensor, "*shape"], negative_slope: float = 0.01) -> Float[Tensor, "*shape"]:
    r"""A rectifier that leaks: its slope below zero is small, and not zero.

    With :math:`x` = ``x`` and :math:`\alpha` = ``negative_slope``,

    .. math::

        f(x) = \begin{cases} \alpha x & x \le 0 \\ x & x > 0, \end{cases} \qquad
        f'(x) = \begin{cases} \alpha & x \le 0 \\ 1 & x > 0. \end{cases}

    It saturates nowhere, unless :math:`\alpha = 0`.

    Args:
        x: A tensor of any shape.
        negative_slope: The slope below zero.

    Returns:
        A tensor of the same shape.

    Example:
        >>> leaky_relu(torch.tensor([-1.0, 2.0]), negative_slope=0.1)
        tensor([-0.1000,  2.0000])

    Reference:
        Maas, Hannun and Ng, *Rectifier Nonlinearities Improve Neural Network Acoustic Models*, 2013.

    Note:
        The lectures' slope is 0.1, the paper's and torch's 0.01.
    """
    return torch.where(x <= 0, negative_slope * x, x)


def leaky_relu_derivative(x: Float[Tensor, "*shape"], negative_slope: float = 0.01) -> Float[Tensor, "*shape"]:
    """The derivative of :func:`leaky_relu`.

    Args:
        x: Where to take it.
        negative_slope: The slope below zero.

    Returns:
        A tensor of the same shape.

    Example:
        >>> leaky_relu_derivative(torch.tensor([-1.0, 2.0]), negative_slope=0.1)
        tensor([0.1000, 1.0000])
    """
    return torch.where(x <= 0, negative_slope, torch.ones_like(x))


def prelu(x: Float[Tensor, "*shape"], weight: Float[Tensor, " channels"]) -> Float[Tensor, "*shape"]:
    r"""The parametric rectifier: a leaky one whose slope below zero is learned.

    With :math:`x` = ``x`` and :math:`\alpha` = ``weight``,

    .. math::

        f(x) = \begin{cases} \alpha x & x \le 0 \\ x & x > 0, \end{cases} \qquad
        \frac{\partial f}{\partial x} = \begin{cases} \alpha & x \le 0 \\ 1 & x > 0, \end{cases} \qquad
        \frac{\partial f}{\partial \alpha} = \min(0, x).

    It saturates nowhere, unless it learns :math:`\alpha = 0`.

    Args:
        x: A tensor of any shape, with the channels in its second dimension.
        weight: The slope below zero, one number or one a channel.

    Returns:
        A tensor of the same shape.

    Example:
        >>> prelu(torch.tensor([[-1.0, -1.0]]), torch.tensor([0.25, 0.5]))
        tensor([[-0.2500, -0.5000]])

    Reference:
        He, Zhang, Ren and Sun, *Delving Deep into Rectifiers*, 2015.
    """
    return torch.where(x <= 0, _beside(weight, x) * x, x)


def prelu_derivative(x: Float[Tensor, "*shape"], weight: Float[Tensor, " channels"]) -> Float[Tensor, "*shape"]:
    """The derivative of :func:`prelu` with respect to its input.

    Args:
        x: Where to take it.
        weight: The slope below zero, one number or one a channel.

    Returns:
        A tensor of the same shape.

    Example:
        >>> prelu_derivative(torch.tensor([[-1.0, 2.0]]), torch.tensor([0.25]))
        tensor([[0.2500, 1.0000]])
    """
    return torch.where(x <= 0, _beside(weight, x), torch.ones_like(x))


def _beside(weight: Tensor, x: Tensor) -> Tensor:
    """The slopes beside the channels of ``x``, in its type."""
    return weight.to(x.dtype).view(-1, *[1] * (x.dim() - 2)) if weight.numel() > 1 else weight.to(x.dtype)
