"""LARS and LAMB: each layer's step as large as its weights allow."""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor

from .._shapes import Float
from ._base import Optimizer, Params, power


def trust_ratio(weight: Float[Tensor, ""], update: Float[Tensor, ""]) -> Float[Tensor, ""]:
    r"""The norm of a layer's weights over that of its update, or one where either is zero.

    .. math:: \frac{\lVert\theta\rVert}{\lVert u\rVert}

    An update multiplied by it moves every layer by the same share of its weights.

    Args:
        weight: The norm of the weights.
        update: The norm of the update.

    Returns:
        The ratio, a scalar.

    Example:
        >>> trust_ratio(torch.tensor(3.0), torch.tensor(2.0))
        tensor(1.5000)

    Reference:
        You, Gitman and Ginsburg, *Large Batch Training of Convolutional Networks*, 2017.
    """
    return torch.where((weight > 0) & (update > 0), weight / update, 1.0)


class LARS(Optimizer):
    r"""LARS: momentum whose rate, layer by layer, follows the ratio of the weights' norm to the gradient's.

    With :math:`\tau` = ``trust_coefficient``, :math:`\lambda` = ``weight_decay``, norms over a whole tensor and
    :math:`v` the state's ``momentum_buffer``,

    .. math:: v \leftarrow \rho v + \frac{\tau\,\lVert\theta\rVert}
        {\lVert g\rVert + \lambda\lVert\theta\rVert + \varepsilon}\,(g + \lambda\theta), \qquad
        \theta \leftarrow \theta - \eta v.

    Args:
        params: The parameters, or groups of them. Biases and normalisation's are usually put in a group without.
        lr: The learning rate, the same for all layers.
        momentum: How much of the velocity stays.
        weight_decay: The strength of the l2 penalty.
        trust_coefficient: The share of its weights by which a layer moves, at ``lr`` 1 and without momentum.
        eps: Keeps the division finite.

    Raises:
        ValueError: If a number is negative.

    Example:
        >>> w = torch.tensor([3.0, 4.0], requires_grad=True)
        >>> optimizer = LARS([w], lr=1.0, trust_coefficient=0.1)
        >>> (1000 * w[0]).backward()
        >>> optimizer.step()
        >>> w  # a tenth of the norm 5, whatever the gradient's size
        tensor([2.5000, 4.0000], requires_grad=True)

    Reference:
        You, Gitman and Ginsburg, *Large Batch Training of Convolutional Networks*, 2017.

    Note:
        The paper keeps the learning rate inside the velocity, as :class:`Momentum` does; here it stands outside, as
        in torch. Where the weights or the gradient are all zero, the ratio is one.
    """

    buffers = ("momentum_buffer",)
    counts = False

    def __init__(
        self,
        params: Params,
        lr: float | Tensor = 1.0,
        momentum: float = 0.9,
        weight_decay: float = 0.0,
        trust_coefficient: float = 1e-3,
        eps: float = 1e-8,
    ) -> None:
        defaults = {"lr": lr, "momentum": momentum, "weight_decay": weight_decay}
        super().__init__(params, defaults | {"trust_coefficient": trust_coefficient, "eps": eps})

    def update(
        self,
        theta: Tensor,
        g: Tensor,
        v: Tensor,
        *,
        lr: Any,
        momentum: float,
        weight_decay: float,
        trust_coefficient: float,
        eps: float,
    ) -> None:
        """One step."""
        size, slope = theta.norm(), g.norm()
        bound = (slope + weight_decay * size + eps) / trust_coefficient
        rate = torch.where(slope > 0, trust_ratio(size, bound), 1.0)
        v.mul_(momentum).add_(g.add(theta, alpha=weight_decay).mul_(rate))
        theta.add_(v, alpha=-lr)


class LAMB(Optimizer):
    r"""LAMB: Adam whose step, layer by layer, is scaled to the norm of the weights.

    With :math:`\hat m`, :math:`\hat v` as in :class:`Adam`, :math:`\lambda` = ``weight_decay`` and norms over a whole
    tensor,

    .. math:: u = \frac{\hat m}{\sqrt{\hat v} + \varepsilon} + \lambda\theta, \qquad
        \theta \leftarrow \theta - \eta\,\frac{\lVert\theta\rVert}{\lVert u\rVert}\, u.

    Args:
        params: The parameters, or groups of them.
        lr: The learning rate: the share of its weights by which every layer moves.
        betas: How much of the two averages stays.
        eps: Keeps the division finite; outside the root.
        weight_decay: How fast weights shrink, before the ratio is taken.

    Raises:
        ValueError: If a number is out of range.

    Example:
        >>> w = torch.tensor([3.0, 4.0], requires_grad=True)
        >>> optimizer = LAMB([w], lr=0.1, weight_decay=0.0)
        >>> (1000 * w[0]).backward()
        >>> optimizer.step()
        >>> w
        tensor([2.5000, 4.0000], requires_grad=True)

    Reference:
        You, Li, Reddi, Hseu, Kumar, Bhojanapalli, Song, Demmel, Keutzer and Hsieh, *Large Batch Optimization for Deep
        Learning: Training BERT in 76 minutes*, 2020.

    Note:
        The paper's function of the weights' norm is the identity here. Some implementations clip the gradient first:
        :func:`clip_grad_norm_` does that.
    """

    buffers = ("exp_avg", "exp_avg_sq")

    def __init__(
        self,
        params: Params,
        lr: float | Tensor = 1e-3,
        betas: tuple[float, float] = (0.9, 0.999),
        eps: float = 1e-6,
        weight_decay: float = 0.01,
    ) -> None:
        super().__init__(params, {"lr": lr, "betas": betas, "eps": eps, "weight_decay": weight_decay})

    def update(
        self,
        theta: Tensor,
        g: Tensor,
        m: Tensor,
        v: Tensor,
        *,
        t: Any,
        lr: Any,
        betas: tuple[float, float],
        eps: float,
        weight_decay: float,
    ) -> None:
        """One step."""
        beta1, beta2 = betas
        m.lerp_(g, 1 - beta1)
        v.mul_(beta2).addcmul_(g, g, value=1 - beta2)
        u = (m / (1 - power(beta1, t))).div_((v / (1 - power(beta2, t))).sqrt_().add_(eps))
        u.add_(theta, alpha=weight_decay)
        theta.sub_(u.mul_(lr * trust_ratio(theta.norm(), u.norm())))
