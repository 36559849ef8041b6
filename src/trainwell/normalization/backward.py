"""The backward of every norm, derived by hand: the axes differ, the formula does not."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import torch
from torch import Tensor

from .._shapes import Float
from ._parts import widened


def normalize_backward(
    grad: Float[Tensor, "*shape"],
    x_hat: Float[Tensor, "*shape"],
    inverse_std: Float[Tensor, "*statistics"],
    axes: Sequence[int],
) -> Float[Tensor, "*shape"]:
    r"""The gradient of :func:`normalize` for its input, derived by hand.

    With :math:`\hat x` = ``x_hat``, :math:`1/\sqrt{\sigma^2+\varepsilon}` = ``inverse_std``, :math:`g` = ``grad``,
    the loss's gradient for :math:`\hat x`, and means :math:`\langle\cdot\rangle` over ``axes``,

    .. math::

        \frac{\partial L}{\partial x} = \frac{1}{\sqrt{\sigma^2+\varepsilon}}
        \bigl(g - \langle g \rangle - \hat x \, \langle g \odot \hat x \rangle\bigr):

    what would move the mean, and what would move the variance, is taken out of the gradient.

    Args:
        grad: The loss's gradient for the output.
        x_hat: The output of :func:`normalize`.
        inverse_std: One over the deviation, with size 1 in the axes.
        axes: What was averaged over.

    Returns:
        The loss's gradient for the input.

    Example:
        >>> x_hat = torch.tensor([[-1.0, 1.0, -1.0, 1.0]])
        >>> normalize_backward(torch.tensor([[4.0, 0.0, 0.0, 0.0]]), x_hat, torch.ones(1, 1), axes=[1])
        tensor([[ 2.,  0., -2.,  0.]])

    Reference:
        Ioffe and Szegedy, *Batch Normalization*, 2015, section 3, who give it in five steps; here they are one.
    """
    mean = grad.mean(tuple(axes), keepdim=True)
    slope = (grad * x_hat).mean(tuple(axes), keepdim=True)
    return inverse_std * (grad - mean - x_hat * slope)


def normalize_by_hand(
    x: Float[Tensor, "*shape"],
    weight: Float[Tensor, "*affine"],
    bias: Float[Tensor, "*affine"],
    axes: Sequence[int],
    eps: float = 1e-5,
) -> Float[Tensor, "*shape"]:
    r"""Any of the norms, in training, with the backward derived by hand in the place of autograd's.

    With :math:`\hat x` = :func:`normalize` of ``x`` over ``axes``, :math:`\gamma` = ``weight``, :math:`\beta` =
    ``bias`` and :math:`g` the loss's gradient for :math:`y`,

    .. math::

        y = \gamma \hat x + \beta, \qquad
        \frac{\partial L}{\partial \gamma} = \sum g \odot \hat x, \quad
        \frac{\partial L}{\partial \beta} = \sum g, \quad
        \frac{\partial L}{\partial \hat x} = \gamma\, g,

    with sums over everything that shares the weight, and :func:`normalize_backward` from there to ``x``.

    Args:
        x: A tensor of any shape.
        weight: Of a shape that meets the shape of ``x``: (1, channels, 1, 1) for the batch norm of images.
        bias: Of the shape of ``weight``.
        axes: What is averaged over, as in :func:`normalize`.
        eps: Added to the variance.

    Returns:
        A tensor of the same shape.

    Example:
        >>> x = torch.tensor([[1.0], [3.0], [1.0], [3.0]], requires_grad=True)
        >>> y = normalize_by_hand(x, torch.ones(1), torch.zeros(1), axes=[0], eps=0)
        >>> y.backward(torch.tensor([[4.0], [0.0], [0.0], [0.0]]))
        >>> x.grad.T
        tensor([[ 2.,  0., -2.,  0.]])

    Reference:
        Ioffe and Szegedy, *Batch Normalization*, 2015, section 3.

    Note:
        The layers leave the backward to autograd, which gives the same.
    """
    return _ByHand.apply(widened(x), weight, bias, tuple(axes), eps).to(x.dtype)


class _ByHand(torch.autograd.Function):
    """Keeps its inputs alone and computes the rest again, so that the backward has a gradient itself."""

    @staticmethod
    def forward(ctx: Any, x: Tensor, weight: Tensor, bias: Tensor, axes: tuple[int, ...], eps: float) -> Tensor:
        ctx.save_for_backward(x, weight, bias)
        ctx.axes, ctx.eps = axes, eps
        x_hat, _ = _normalize(x, axes, eps)
        return x_hat * weight + bias

    @staticmethod
    def backward(ctx: Any, grad: Tensor) -> Any:
        x, weight, bias = ctx.saved_tensors
        x_hat, inverse_std = _normalize(x, ctx.axes, ctx.eps)
        grad_weight = (grad * x_hat).sum_to_size(weight.shape)
        grad_bias = grad.sum_to_size(bias.shape)
        grad_x = normalize_backward(grad * weight, x_hat, inverse_std, ctx.axes)
        return grad_x, grad_weight, grad_bias, None, None


def _normalize(x: Tensor, axes: tuple[int, ...], eps: float) -> tuple[Tensor, Tensor]:
    """:func:`normalize`, and one over the deviation."""
    centred = x - x.mean(axes, keepdim=True)
    inverse_std = (centred.square().mean(axes, keepdim=True) + eps).rsqrt()
    return centred * inverse_std, inverse_std
