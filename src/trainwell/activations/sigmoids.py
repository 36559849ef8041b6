"""S-shaped curves, bounded on both sides: logistic, hyperbolic tangent, arctangent."""

from __future__ import annotations

import torch
from torch import Tensor

from .._shapes import Float


def sigmoid(x: Float[Tensor, "*shape"]) -> Float[Tensor, "*shape"]:
    r"""The logistic function, a soft step from 0 to 1.

    With :math:`x` = ``x``,

    .. math:: f(x) = \frac1{1 + e^{-x}}, \qquad f'(x) = f(x)\,(1 - f(x)).

    It saturates at both ends, and its derivative is nowhere above 1/4: gradients shrink in every layer.

    Args:
        x: A tensor of any shape.

    Returns:
        A tensor of the same shape, with values in [0, 1].

    Example:
        >>> sigmoid(torch.tensor([-1000.0, 0.0, 1000.0]))
        tensor([0.0000, 0.5000, 1.0000])

    Reference:
        Verhulst, *Notice sur la loi que la population suit dans son accroissement*, 1838.
    """
    return torch.sigmoid(x)  # 1 / (1 + exp(-x)), whose gradient overflows far out


def sigmoid_derivative(x: Float[Tensor, "*shape"]) -> Float[Tensor, "*shape"]:
    """The derivative of :func:`sigmoid`, from its value.

    Args:
        x: Where to take it.

    Returns:
        A tensor of the same shape.

    Example:
        >>> sigmoid_derivative(torch.tensor([0.0, 1000.0]))
        tensor([0.2500, 0.0000])
    """
    y = sigmoid(x)
    return y * (1 - y)


def tanh(x: Float[Tensor, "*shape"]) -> Float[Tensor, "*shape"]:
    r"""The hyperbolic tangent: a logistic function that is centred on zero.

    With :math:`x` = ``x``,

    .. math:: f(x) = \tanh(x) = \frac2{1 + e^{-2x}} - 1, \qquad f'(x) = 1 - f(x)^2.

    It saturates at both ends; near zero it is the identity.

    Args:
        x: A tensor of any shape.

    Returns:
        A tensor of the same shape, with values in [-1, 1].

    Example:
        >>> tanh(torch.tensor([-1000.0, 0.0, 0.5]))
        tensor([-1.0000,  0.0000,  0.4621])

    Reference:
        LeCun, Bottou, Orr and Müller, *Efficient BackProp*, 1998, section 4.4.
    """
    return torch.tanh(x)  # the formula with exp loses all digits near zero


def tanh_derivative(x: Float[Tensor, "*shape"]) -> Float[Tensor, "*shape"]:
    """The derivative of :func:`tanh`, from its value.

    Args:
        x: Where to take it.

    Returns:
        A tensor of the same shape.

    Example:
        >>> tanh_derivative(torch.tensor([0.0, 1.0]))
        tensor([1.0000, 0.4200])
    """
    return 1 - tanh(x) ** 2


def arctan(x: Float[Tensor, "*shape"]) -> Float[Tensor, "*shape"]:
    r"""The arctangent, which flattens more slowly than the other S-shaped curves.

    With :math:`x` = ``x``,

    .. math:: f(x) = \tan^{-1}(x), \qquad f'(x) = \frac1{x^2 + 1}.

    It saturates at both ends.

    Args:
        x: A tensor of any shape.

    Returns:
        A tensor of the same shape, with values from minus to plus half of pi.

    Example:
        >>> arctan(torch.tensor([-1.0, 0.0, 1000.0]))
        tensor([-0.7854,  0.0000,  1.5698])

    Reference:
        Dubey, Singh and Chaudhuri, *Activation Functions in Deep Learning: A Comprehensive Survey and Benchmark*,
        2022.
    """
    return torch.arctan(x)


def arctan_derivative(x: Float[Tensor, "*shape"]) -> Float[Tensor, "*shape"]:
    """The derivative of :func:`arctan`.

    Args:
        x: Where to take it.

    Returns:
        A tensor of the same shape.

    Example:
        >>> arctan_derivative(torch.tensor([0.0, 1.0]))
        tensor([1.0000, 0.5000])
    """
    return 1 / (x**2 + 1)
