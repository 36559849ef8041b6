"""Maxout: an activation that is learned, as the largest of several lines."""

from __future__ import annotations

import torch
from torch import Tensor
from torch.nn import functional as F

from .._shapes import Float


def maxout(
    x: Float[Tensor, "*n inputs"], weight: Float[Tensor, "pieces outputs inputs"], bias: Float[Tensor, "pieces outputs"]
) -> Float[Tensor, "*n outputs"]:
    r"""The largest of several linear functions, a layer and its activation in one.

    With :math:`x` = ``x``, :math:`W_k` the matrices in ``weight`` and :math:`b_k` the rows of ``bias``,

    .. math:: f(x) = \max_k\,(W_k x + b_k), \qquad f'(x) = W_{k^*},

    where each output has a :math:`k^*` of its own, the largest. ReLU is :math:`\max(w^\top x + b, 0)`. It saturates
    nowhere, unless a line is flat.

    Args:
        x: Inputs, in the last dimension.
        weight: A matrix for each piece.
        bias: A vector for each piece.

    Returns:
        The outputs, in the last dimension.

    Example:
        >>> weight = torch.tensor([[[1.0]], [[-1.0]]])  # max(x, -x)
        >>> maxout(torch.tensor([[-3.0], [2.0]]), weight, torch.zeros(2, 1))
        tensor([[3.],
                [2.]])

    Reference:
        Goodfellow, Warde-Farley, Mirza, Courville and Bengio, *Maxout Networks*, 2013.
    """
    return _lines(x, weight, bias).amax(-2)


def maxout_derivative(
    x: Float[Tensor, "*n inputs"], weight: Float[Tensor, "pieces outputs inputs"], bias: Float[Tensor, "pieces outputs"]
) -> Float[Tensor, "*n outputs inputs"]:
    """The derivative of :func:`maxout` with respect to its input: for each output the row of the largest line.

    Args:
        x: Where to take it.
        weight: A matrix for each piece.
        bias: A vector for each piece.

    Returns:
        A matrix for each input.

    Example:
        >>> weight = torch.tensor([[[1.0]], [[-1.0]]])
        >>> maxout_derivative(torch.tensor([[-3.0]]), weight, torch.zeros(2, 1))
        tensor([[[-1.]]])

    Note:
        Lines that tie share it evenly, as in :func:`torch.amax`.
    """
    z = _lines(x, weight, bias)
    largest = (z == z.amax(-2, keepdim=True)).to(weight.dtype)
    share = largest / largest.sum(-2, keepdim=True)
    return torch.einsum("...ko,koi->...oi", share, weight)


def _lines(x: Tensor, weight: Tensor, bias: Tensor) -> Float[Tensor, "*n pieces outputs"]:
    return F.linear(x, weight.flatten(0, 1), bias.flatten()).unflatten(-1, bias.shape)
