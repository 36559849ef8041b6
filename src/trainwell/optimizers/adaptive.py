"""A learning rate for each weight: AdaGrad, RMSProp and Adadelta."""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor

from ._base import Optimizer, Params


class Adagrad(Optimizer):
    r"""AdaGrad: each weight's rate falls with the root of the sum of its squared gradients.

    With :math:`s` the state's ``sum``, which starts at ``initial_accumulator_value``, :math:`\kappa` = ``lr_decay``
    and :math:`\varepsilon` = ``eps``, at step :math:`t`, element by element,

    .. math:: s \leftarrow s + g^2, \qquad
        \theta \leftarrow \theta - \frac{\eta}{1 + (t-1)\kappa}\,\frac{g}{\sqrt s + \varepsilon}.

    Steep directions are damped and flat ones sped up; as :math:`s` only grows, steps decay to zero.

    Args:
        params: The parameters, or groups of them.
        lr: The learning rate :math:`\eta`.
        lr_decay: How fast the rate falls besides.
        weight_decay: The strength of the l2 penalty.
        initial_accumulator_value: Where the sum starts.
        eps: Keeps the division finite.
        options: torch's other arguments, accepted where they are off.

    Raises:
        ValueError: If a number is negative.

    Example:
        >>> w = torch.tensor([1.0, 1.0], requires_grad=True)
        >>> optimizer = Adagrad([w], lr=0.5)
        >>> (w * torch.tensor([0.1, 20.0])).sum().backward()
        >>> optimizer.step()
        >>> w  # the first step is of size lr, whatever the gradient
        tensor([0.5000, 0.5000], requires_grad=True)

    Reference:
        Duchi, Hazan and Singer, *Adaptive Subgradient Methods for Online Learning and Stochastic Optimization*, 2011.
    """

    buffers = ("sum",)

    def __init__(
        self,
        params: Params,
        lr: float | Tensor = 1e-2,
        lr_decay: float = 0.0,
        weight_decay: float = 0.0,
        initial_accumulator_value: float = 0.0,
        eps: float = 1e-10,
        **options: Any,
    ) -> None:
        defaults = {"lr": lr, "lr_decay": lr_decay, "eps": eps, "weight_decay": weight_decay}
        super().__init__(params, defaults | {"initial_accumulator_value": initial_accumulator_value}, options)

    def add_param_group(self, param_group: dict[str, Any]) -> None:
        """Adds parameters; their state is there before the first step, as torch's is."""
        super().add_param_group(param_group)
        group = self.param_groups[-1]
        for theta in group["params"]:
            self.begin(theta, group)

    def start(self, name: str, theta: Tensor, group: dict[str, Any]) -> Tensor:
        """The sum's first value."""
        return torch.full_like(theta, group["initial_accumulator_value"], memory_format=torch.preserve_format)

    def update(self, theta: Tensor, g: Tensor, s: Tensor, *, t: Any, lr: Any, lr_decay: float, eps: float) -> None:
        """One step."""
        s.addcmul_(g, g)
        theta.addcdiv_(g, s.sqrt().add_(eps), value=-lr / (1 + (t - 1) * lr_decay))


class RMSprop(Optimizer):
    r"""RMSProp, or leaky AdaGrad: a moving average of squared gradients in place of their sum.

    With :math:`\alpha` = ``alpha`` and :math:`v` the state's ``square_avg``, element by element,

    .. math:: v \leftarrow \alpha v + (1-\alpha) g^2, \qquad
        \theta \leftarrow \theta - \eta\,\frac{g}{\sqrt v + \varepsilon}

    or, with ``eps_in_root``,

    .. math:: \theta \leftarrow \theta - \eta\,\frac{g}{\sqrt{v + \varepsilon}}.

    Args:
        params: The parameters, or groups of them.
        lr: The learning rate.
        alpha: How much of the average stays.
        eps: Keeps the division finite.
        weight_decay: The strength of the l2 penalty.
        eps_in_root: Whether ``eps`` stands inside the root.
        options: torch's other arguments (``momentum`` and ``centered`` among them), accepted where they are off.

    Raises:
        ValueError: If a number is out of range.

    Example:
        >>> w = torch.tensor([1.0], requires_grad=True)
        >>> optimizer = RMSprop([w], lr=0.1, alpha=0.75)
        >>> w.square().sum().backward()
        >>> optimizer.step()
        >>> w  # v = 0.25 * 4, and 1 - 0.1 * 2 / 1
        tensor([0.8000], requires_grad=True)

    Reference:
        Tieleman and Hinton, *Lecture 6.5: RMSProp*, 2012.

    Note:
        Outside the root, as in torch, ``eps`` bounds the step by :math:`\eta |g| / \varepsilon`; inside, its root
        does, so the same number damps far more.
    """

    buffers = ("square_avg",)
    refused = ("momentum", "centered")

    def __init__(
        self,
        params: Params,
        lr: float | Tensor = 1e-2,
        alpha: float = 0.99,
        eps: float = 1e-8,
        weight_decay: float = 0.0,
        *,
        eps_in_root: bool = False,
        **options: Any,
    ) -> None:
        defaults = {"lr": lr, "alpha": alpha, "eps": eps, "weight_decay": weight_decay, "eps_in_root": eps_in_root}
        super().__init__(params, defaults, options)

    def update(
        self, theta: Tensor, g: Tensor, v: Tensor, *, lr: Any, alpha: float, eps: float, eps_in_root: bool
    ) -> None:
        """One step."""
        v.mul_(alpha).addcmul_(g, g, value=1 - alpha)
        root = v.add(eps).sqrt_() if eps_in_root else v.sqrt().add_(eps)
        theta.addcdiv_(g, root, value=-lr)


class Adadelta(Optimizer):
    r"""Adadelta: the past steps' size in place of a learning rate.

    With :math:`\rho` = ``rho``, :math:`v` the state's ``square_avg`` of gradients and :math:`u` its ``acc_delta`` of
    steps, element by element,

    .. math:: v \leftarrow \rho v + (1-\rho) g^2, \quad
        \delta = \sqrt{\frac{u + \varepsilon}{v + \varepsilon}}\; g, \quad
        u \leftarrow \rho u + (1-\rho)\,\delta^2, \quad \theta \leftarrow \theta - \eta\,\delta.

    Args:
        params: The parameters, or groups of them.
        lr: What the step is multiplied with, 1 in the paper.
        rho: How much of the averages stays.
        eps: Starts the steps and keeps the division finite.
        weight_decay: The strength of the l2 penalty.
        options: torch's other arguments, accepted where they are off.

    Raises:
        ValueError: If a number is out of range.

    Example:
        >>> w = torch.tensor([1.0], requires_grad=True)
        >>> optimizer = Adadelta([w], rho=0.75, eps=1e-2)
        >>> w.square().sum().backward()
        >>> optimizer.step()
        >>> w  # 1 - sqrt(0.01 / (1 + 0.01)) * 2
        tensor([0.8010], requires_grad=True)

    Reference:
        Zeiler, *ADADELTA: An Adaptive Learning Rate Method*, 2012.
    """

    buffers = ("square_avg", "acc_delta")

    def __init__(
        self,
        params: Params,
        lr: float | Tensor = 1.0,
        rho: float = 0.9,
        eps: float = 1e-6,
        weight_decay: float = 0.0,
        **options: Any,
    ) -> None:
        super().__init__(params, {"lr": lr, "rho": rho, "eps": eps, "weight_decay": weight_decay}, options)

    def update(self, theta: Tensor, g: Tensor, v: Tensor, u: Tensor, *, lr: Any, rho: float, eps: float) -> None:
        """One step."""
        v.mul_(rho).addcmul_(g, g, value=1 - rho)
        delta = (u + eps).div_(v + eps).sqrt_().mul_(g)
        u.mul_(rho).addcmul_(delta, delta, value=1 - rho)
        theta.add_(delta, alpha=-lr)
