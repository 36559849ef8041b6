"""RAdam: Adam whose first steps wait until the variance of its rate can be told."""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor

from .._arguments import check_at_least
from ._base import Optimizer, Params, power


def rectification(t: Any, beta2: float, threshold: float = 5.0) -> Any:
    r"""RAdam's factor :math:`r_t`, or 0 where the variance of the adaptive rate cannot be told yet.

    With :math:`\rho_\infty = \tfrac{2}{1-\beta_2} - 1` and the length of the average's memory at step :math:`t`,
    :math:`\rho_t = \rho_\infty - \tfrac{2 t \beta_2^t}{1 - \beta_2^t}`,

    .. math:: r_t = \sqrt{\frac{(\rho_t - 4)(\rho_t - 2)\,\rho_\infty}{(\rho_\infty - 4)(\rho_\infty - 2)\,\rho_t}}
        \quad\text{where } \rho_t > \texttt{threshold}.

    It grows from 0 to 1 over about :math:`2\rho_\infty` steps: a warmup that nobody has to tune.

    Args:
        t: The number of the step, counted from 1: a number, or a tensor.
        beta2: The decay of the average of squared gradients.
        threshold: The memory from which on the variance counts as told, at least 4.

    Returns:
        The factor, a number where ``t`` is one.

    Raises:
        ValueError: If ``threshold`` is less than 4, where the variance does not exist.

    Example:
        >>> [round(rectification(t, beta2=0.999), 3) for t in (5, 6, 100, 1000, 10000)]
        [0.0, 0.026, 0.215, 0.645, 1.0]

    Reference:
        Liu, Jiang, He, Chen, Liu, Gao and Han, *On the Variance of the Adaptive Learning Rate and Beyond*, 2020.

    Note:
        The paper's threshold is 4, its authors' code and torch use 5.
    """
    check_at_least("threshold", threshold, 4)
    rho_inf = 2 / (1 - beta2) - 1
    rho = rho_inf - 2 * t * power(beta2, t) / (1 - power(beta2, t))
    if not isinstance(rho, Tensor) and rho <= threshold:
        return 0.0
    square = (rho - 4) * (rho - 2) * rho_inf / ((rho_inf - 4) * (rho_inf - 2) * rho)
    return torch.where(rho > threshold, square, 0.0).sqrt() if isinstance(rho, Tensor) else square**0.5


class RAdam(Optimizer):
    r"""Rectified Adam: plain momentum at first, then Adam with a factor for the variance of its rate.

    With :math:`\hat m`, :math:`\hat v` as in :class:`Adam`, up to an :math:`\varepsilon` that counts before the
    correction, and :math:`r_t` of :func:`rectification`,

    .. math:: \theta \leftarrow \theta - \eta\, r_t\, \hat m\,
        \frac{\sqrt{1-\beta_2^t}}{\sqrt v + \varepsilon} \quad\text{if } \rho_t > \texttt{threshold, else}\quad
        \theta \leftarrow \theta - \eta\, \hat m.

    Args:
        params: The parameters, or groups of them.
        lr: The learning rate.
        betas: How much of the two averages stays.
        eps: Keeps the division finite.
        weight_decay: The strength of the l2 penalty.
        threshold: The memory from which on steps are adaptive: 5 as in torch, 4 in the paper.
        options: torch's other arguments (``decoupled_weight_decay`` among them), accepted where they are off.

    Raises:
        ValueError: If a number is out of range.

    Example:
        >>> w = torch.tensor([1.0], requires_grad=True)
        >>> optimizer = RAdam([w], lr=0.1)
        >>> w.square().sum().backward()
        >>> optimizer.step()
        >>> w  # the first five steps are momentum's
        tensor([0.8000], requires_grad=True)

    Reference:
        Liu, Jiang, He, Chen, Liu, Gao and Han, *On the Variance of the Adaptive Learning Rate and Beyond*, 2020.

    Note:
        The rectification acts like a warmup of about :math:`2/(1-\beta_2)` steps.
    """

    buffers = ("exp_avg", "exp_avg_sq")
    refused = ("decoupled_weight_decay",)

    def __init__(
        self,
        params: Params,
        lr: float | Tensor = 1e-3,
        betas: tuple[float, float] = (0.9, 0.999),
        eps: float = 1e-8,
        weight_decay: float = 0.0,
        *,
        threshold: float = 5.0,
        **options: Any,
    ) -> None:
        check_at_least("threshold", threshold, 4)
        defaults = {"lr": lr, "betas": betas, "eps": eps, "weight_decay": weight_decay, "threshold": threshold}
        super().__init__(params, defaults, options)

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
        threshold: float,
    ) -> None:
        """One step."""
        beta1, beta2 = betas
        m.lerp_(g, 1 - beta1)
        v.mul_(beta2).addcmul_(g, g, value=1 - beta2)
        rate = lr / (1 - power(beta1, t))
        r = rectification(t, beta2, threshold)
        factor = r * (1 - power(beta2, t)) ** 0.5
        if isinstance(r, Tensor):  # while compiling, where a tensor cannot decide what is done
            theta.sub_(rate * m * torch.where(r > 0, factor / v.sqrt().add_(eps), 1.0))
        elif r > 0:
            theta.addcdiv_(m, v.sqrt().add_(eps), value=-rate * factor)
        else:
            theta.add_(m, alpha=-rate)
