"""Steps that shrink the weights themselves: soft thresholding, coupled and decoupled weight decay."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

import torch
from torch import Tensor, nn

from .._arguments import check_not_negative
from .._shapes import Float

NORMALISATIONS = (
    nn.modules.batchnorm._NormBase,  # batch and instance normalisation in every dimension
    nn.GroupNorm,
    nn.LayerNorm,
    nn.RMSNorm,
)


def soft_threshold(w: Float[Tensor, "*shape"], threshold: float) -> Float[Tensor, "*shape"]:
    r"""Moves every weight towards zero by the threshold, and stops at zero.

    With :math:`\tau` the ``threshold``, this is the proximal map of :math:`\tau\|\cdot\|_1`:

    .. math:: S_\tau(w) = \operatorname{sign}(w)\max(|w|-\tau, 0) = \arg\min_z \tfrac12\|z-w\|^2 + \tau\|z\|_1.

    Args:
        w: Weights of any shape.
        threshold: How far to move.

    Returns:
        A new tensor of the same shape.

    Raises:
        ValueError: If ``threshold`` is negative.

    Example:
        >>> soft_threshold(torch.tensor([-2.0, 0.5, 3.0]), threshold=1.0)
        tensor([-1.,  0.,  2.])

    Reference:
        Donoho and Johnstone, *Ideal Spatial Adaptation by Wavelet Shrinkage*, 1994.
    """
    check_not_negative("threshold", threshold)
    return w.sign() * (w.abs() - threshold).clamp(min=0)


@torch.no_grad()
def proximal_l1_(parameters: Iterable[Tensor], threshold: float) -> None:
    r"""The proximal step of the l1 penalty, in place: call it after the optimizer's step.

    With the learning rate :math:`\eta` and the penalty's strength :math:`\lambda`, a proximal gradient step is

    .. math:: w \leftarrow S_{\eta\lambda}\bigl(w - \eta\nabla L(w)\bigr), \qquad \texttt{threshold} = \eta\lambda.

    Args:
        parameters: Tensors of any shapes, changed in place.
        threshold: The learning rate times the strength.

    Raises:
        ValueError: If ``threshold`` is negative.

    Example:
        >>> w = torch.tensor([-2.0, 0.5, 3.0])
        >>> proximal_l1_([w], threshold=1.0)
        >>> w
        tensor([-1.,  0.,  2.])

    Reference:
        Parikh and Boyd, *Proximal Algorithms*, 2014.

    Note:
        This is the proximal step of plain gradient descent. After an adaptive optimizer each weight would
        need the threshold of its own step size.
    """
    for w in parameters:
        w.copy_(soft_threshold(w, threshold))


@torch.no_grad()
def coupled_decay_(parameters: Iterable[Tensor], strength: float) -> None:
    r"""Coupled weight decay, in place: adds the l2 penalty's gradient before the optimizer's step.

    With the gradient :math:`g` of a weight :math:`w` and :math:`\lambda` the ``strength``,

    .. math:: g \leftarrow g + \lambda w.

    Args:
        parameters: Tensors of any shapes; those without a gradient are left alone.
        strength: The strength of the l2 penalty.

    Raises:
        ValueError: If ``strength`` is negative.

    Example:
        >>> w = torch.tensor([2.0], requires_grad=True)
        >>> (3 * w).sum().backward()
        >>> coupled_decay_([w], strength=0.5)
        >>> w.grad
        tensor([4.])

    Reference:
        Loshchilov and Hutter, *Decoupled Weight Decay Regularization*, 2019, who name the two ways.

    Note:
        ``weight_decay`` of :class:`torch.optim.SGD` and :class:`torch.optim.Adam` does this. An adaptive
        method then divides the decay, too, by the size of past gradients.
    """
    check_not_negative("strength", strength)
    for w in parameters:
        if w.grad is not None:
            w.grad.add_(w, alpha=strength)


@torch.no_grad()
def decoupled_decay_(parameters: Iterable[Tensor], lr: float, strength: float) -> None:
    r"""Decoupled weight decay, in place: shrinks the weights and leaves the gradient alone.

    With :math:`\eta` = ``lr`` and :math:`\lambda` = ``strength``,

    .. math:: w \leftarrow (1-\eta\lambda)\,w.

    Args:
        parameters: Tensors of any shapes, changed in place.
        lr: The learning rate of the step that it goes with.
        strength: The strength of the decay.

    Raises:
        ValueError: If ``lr`` or ``strength`` is negative.

    Example:
        >>> w = torch.tensor([2.0])
        >>> decoupled_decay_([w], lr=0.1, strength=0.5)
        >>> w
        tensor([1.9000])

    Reference:
        Loshchilov and Hutter, *Decoupled Weight Decay Regularization*, 2019.

    Note:
        As in :class:`torch.optim.AdamW` the learning rate scales the decay; the paper scales it by a
        schedule alone. torch skips weights without a gradient, this shrinks all it is given.
    """
    check_not_negative("lr", lr)
    check_not_negative("strength", strength)
    for w in parameters:
        w.mul_(1 - lr * strength)


def decay_groups(model: nn.Module, weight_decay: float) -> list[dict[str, Any]]:
    """Parameter groups for an optimizer: weights decay, biases and normalisation parameters do not.

    Args:
        model: Its parameters that require a gradient are sorted into the two groups.
        weight_decay: The decay of the first group; the second has 0.

    Returns:
        Two groups, ready for any :mod:`torch.optim` optimizer.

    Raises:
        ValueError: If ``weight_decay`` is negative.

    Example:
        >>> model = nn.Sequential(nn.Linear(4, 3), nn.BatchNorm1d(3))
        >>> [len(group["params"]) for group in decay_groups(model, weight_decay=0.01)]
        [1, 3]

    Reference:
        He et al., *Bag of Tricks for Image Classification with Convolutional Neural Networks*, 2019, section 3.1.
    """
    check_not_negative("weight_decay", weight_decay)
    normalising = {id(w) for m in model.modules() if isinstance(m, NORMALISATIONS) for w in m.parameters(recurse=False)}
    groups: tuple[list[Tensor], list[Tensor]] = ([], [])
    for name, w in model.named_parameters():
        if w.requires_grad:
            spared = w.ndim < 2 or name.endswith("bias") or id(w) in normalising
            groups[spared].append(w)
    return [{"params": groups[0], "weight_decay": weight_decay}, {"params": groups[1], "weight_decay": 0.0}]
