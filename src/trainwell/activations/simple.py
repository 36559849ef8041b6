"""The two ends: no bend at all, and nothing but a jump."""

from __future__ import annotations

import torch
from torch import Tensor

from .._shapes import Float


def identity(x: Float[Tensor, "*shape"]) -> Float[Tensor, "*shape"]:
    r"""The identity, which makes of many layers one.

    With :math:`x` = ``x``,

    .. math:: f(x) = x, \qquad f'(x) = 1.

    It saturates nowhere.

    Args:
        x: A tensor of any shape.

    Returns:
        The tensor itself.

    Example:
        >>> identity(torch.tensor([-1.0, 2.0]))
        tensor([-1.,  2.])

    Reference:
        Rumelhart, Hinton and Williams, *Learning Internal Representations by Error Propagation*, 1986, on why linear
        layers are not enough.
    """
    return x


def identity_derivative(x: Float[Tensor, "*shape"]) -> Float[Tensor, "*shape"]:
    """The derivative of :func:`identity`: 1 everywhere.

    Args:
        x: Where to take it.

    Returns:
        A tensor of the same shape.

    Example:
        >>> identity_derivative(torch.tensor([-1.0, 2.0]))
        tensor([1., 1.])
    """
    return torch.ones_like(x)


def step(x: Float[Tensor, "*shape"]) -> Float[Tensor, "*shape"]:
    r"""The binary step of the first artificial neurons.

    With :math:`x` = ``x``,

    .. math:: f(x) = \begin{cases} 0 & x < 0 \\ 1 & x \ge 0, \end{cases} \qquad f'(x) = 0 \text{ for } x \ne 0.

    It saturates everywhere, so that nothing can be learned through it by gradients.

    Args:
        x: A tensor of any shape.

    Returns:
        A tensor of zeros and ones, which no gradient passes.

    Example:
        >>> step(torch.tensor([-1.0, 0.0, 2.0]))
        tensor([0., 1., 1.])

    Reference:
        McCulloch and Pitts, *A Logical Calculus of the Ideas Immanent in Nervous Activity*, 1943.

    Note:
        :func:`torch.heaviside` asks for the value at zero; here it is 1, as in the lecture.
    """
    return (x >= 0).to(x.dtype)


def step_derivative(x: Float[Tensor, "*shape"]) -> Float[Tensor, "*shape"]:
    """The derivative of :func:`step`: 0, also at the jump, where there is none.

    Args:
        x: Where to take it.

    Returns:
        A tensor of the same shape.

    Example:
        >>> step_derivative(torch.tensor([-1.0, 0.0, 2.0]))
        tensor([0., 0., 0.])
    """
    return torch.zeros_like(x)
