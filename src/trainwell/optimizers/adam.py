"""Adam, which is momentum and RMSProp with their bias corrected, with decoupled decay, and with Nesterov's look."""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor

from ._base import Optimizer, Params, number, power


class Adam(Optimizer):
    r"""Adam: momentum and RMSProp in one, both corrected for having started at zero.

    With :math:`\beta_1, \beta_2` = ``betas``, :math:`m` the state's ``exp_avg`` and :math:`v` its ``exp_avg_sq``, at
    step :math:`t`, element by element,

    .. math:: m \leftarrow \beta_1 m + (1-\beta_1) g, \qquad v \leftarrow \beta_2 v + (1-\beta_2) g^2,

    .. math:: \hat m = \frac{m}{1-\beta_1^t}, \qquad \hat v = \frac{v}{1-\beta_2^t}, \qquad
        \theta \leftarrow \theta - \eta\,\frac{\hat m}{\sqrt{\hat v} + \varepsilon}.

    Args:
        params: The parameters, or groups of them.
        lr: The learning rate; 1e-3 or 5e-4 is a good start for many models.
        betas: How much of the two averages stays.
        eps: Keeps the division finite; outside the root.
        weight_decay: The strength of the l2 penalty. Its gradient is divided by :math:`\sqrt{\hat v}` like any
            other, so that it does not decay weights evenly: :class:`AdamW` does.
        bias_correction: Whether to correct; without it :math:`\hat m` is :math:`m` and :math:`\hat v` is :math:`v`.
        options: torch's other arguments (``amsgrad`` among them), accepted where they are off.

    Raises:
        ValueError: If a number is out of range.

    Example:
        >>> w = torch.tensor([1.0], requires_grad=True)
        >>> optimizer = Adam([w], lr=0.1)
        >>> w.square().sum().backward()
        >>> optimizer.step()
        >>> w  # corrected, the first step is of size lr; uncorrected, 0.1 / sqrt(0.001) times that
        tensor([0.9000], requires_grad=True)

    Reference:
        Kingma and Ba, *Adam: A Method for Stochastic Optimization*, 2015.
    """

    buffers = ("exp_avg", "exp_avg_sq")
    refused: tuple[str, ...] = ("amsgrad", "decoupled_weight_decay")

    def __init__(
        self,
        params: Params,
        lr: float | Tensor = 1e-3,
        betas: tuple[float, float] = (0.9, 0.999),
        eps: float = 1e-8,
        weight_decay: float = 0.0,
        *,
        bias_correction: bool = True,
        **options: Any,
    ) -> None:
        defaults = {"lr": lr, "betas": betas, "eps": eps, "weight_decay": weight_decay}
        super().__init__(params, defaults | {"bias_correction": bias_correction}, options)

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
        bias_correction: bool,
    ) -> None:
        """One step."""
        beta1, beta2 = betas
        m.lerp_(g, 1 - beta1)
        v.mul_(beta2).addcmul_(g, g, value=1 - beta2)
        c1, c2 = (1 - power(beta1, t), 1 - power(beta2, t)) if bias_correction else (1, 1)
        theta.addcdiv_(m, (v / c2).sqrt_().add_(eps), value=-lr / c1)


class AdamW(Adam):
    r"""Adam with decoupled weight decay: the weights shrink by themselves, whatever their gradients.

    Before :class:`Adam`'s step on the plain gradient, with :math:`\lambda` = ``weight_decay``,

    .. math:: \theta \leftarrow (1 - \eta\lambda)\,\theta.

    Args:
        params: The parameters, or groups of them.
        lr: The learning rate.
        betas: How much of the two averages stays.
        eps: Keeps the division finite; outside the root.
        weight_decay: How fast weights shrink, relative to the learning rate.
        bias_correction: Whether to correct the averages for having started at zero.
        options: torch's other arguments (``amsgrad`` among them), accepted where they are off.

    Raises:
        ValueError: If a number is out of range.

    Example:
        >>> w = torch.tensor([1.0], requires_grad=True)
        >>> optimizer = AdamW([w], lr=0.1, weight_decay=0.5)
        >>> w.square().sum().backward()
        >>> optimizer.step()
        >>> w  # 0.95 - 0.1
        tensor([0.8500], requires_grad=True)

    Reference:
        Loshchilov and Hutter, *Decoupled Weight Decay Regularization*, 2019.

    Note:
        The paper multiplies the decay with the schedule only; here, as in torch, with the learning rate as well.
    """

    refused = ("amsgrad",)

    def __init__(
        self,
        params: Params,
        lr: float | Tensor = 1e-3,
        betas: tuple[float, float] = (0.9, 0.999),
        eps: float = 1e-8,
        weight_decay: float = 1e-2,
        *,
        bias_correction: bool = True,
        **options: Any,
    ) -> None:
        super().__init__(params, lr, betas, eps, weight_decay, bias_correction=bias_correction, **options)

    def update(  # type: ignore[override]
        self, theta: Tensor, *tensors: Tensor, lr: Any, weight_decay: float, **adam: Any
    ) -> None:
        """One step."""
        theta.mul_(1 - lr * weight_decay)
        super().update(theta, *tensors, lr=lr, **adam)


class NAdam(Optimizer):
    r"""NAdam: Adam with Nesterov's look ahead, and a momentum that warms up.

    With :math:`\psi` = ``momentum_decay``, :math:`\mu_t = \beta_1 (1 - \tfrac12\,0.96^{t\psi})`, the product
    :math:`\Pi_t = \mu_1 \cdots \mu_t` in the state's ``mu_product``, and :math:`m`, :math:`\hat v` as in :class:`Adam`,

    .. math:: \theta \leftarrow \theta - \frac{\eta}{\sqrt{\hat v} + \varepsilon}
        \left(\frac{1 - \mu_t}{1 - \Pi_t}\, g + \frac{\mu_{t+1}}{1 - \Pi_{t+1}}\, m\right).

    Args:
        params: The parameters, or groups of them.
        lr: The learning rate.
        betas: How much of the two averages stays.
        eps: Keeps the division finite; outside the root.
        weight_decay: The strength of the l2 penalty.
        momentum_decay: How fast the momentum warms up.
        options: torch's other arguments (``decoupled_weight_decay`` among them), accepted where they are off.

    Raises:
        ValueError: If a number is out of range.

    Example:
        >>> w = torch.tensor([1.0], requires_grad=True)
        >>> optimizer = NAdam([w], lr=0.1)
        >>> w.square().sum().backward()
        >>> optimizer.step()
        >>> w
        tensor([0.8944], requires_grad=True)

    Reference:
        Dozat, *Incorporating Nesterov Momentum into Adam*, 2016.
    """

    buffers = ("exp_avg", "exp_avg_sq", "mu_product")
    refused = ("decoupled_weight_decay",)

    def __init__(
        self,
        params: Params,
        lr: float | Tensor = 2e-3,
        betas: tuple[float, float] = (0.9, 0.999),
        eps: float = 1e-8,
        weight_decay: float = 0.0,
        momentum_decay: float = 4e-3,
        **options: Any,
    ) -> None:
        defaults = {"lr": lr, "betas": betas, "eps": eps, "weight_decay": weight_decay}
        super().__init__(params, defaults | {"momentum_decay": momentum_decay}, options)

    def start(self, name: str, theta: Tensor, group: dict[str, Any]) -> Tensor:
        """The product starts at one, on the CPU like the step."""
        return torch.tensor(1.0) if name == "mu_product" else super().start(name, theta, group)

    def __setstate__(self, state: dict[str, Any]) -> None:
        """Takes a state in; loading gives the product the parameter's type and device, which would round it."""
        super().__setstate__(state)
        for kept in self.state.values():
            kept["mu_product"] = kept["mu_product"].to("cpu", torch.float)

    def update(
        self,
        theta: Tensor,
        g: Tensor,
        m: Tensor,
        v: Tensor,
        mu_product: Tensor,
        *,
        t: Any,
        lr: Any,
        betas: tuple[float, float],
        eps: float,
        momentum_decay: float,
    ) -> None:
        """One step."""
        beta1, beta2 = betas
        mu, mu_next = (beta1 * (1 - 0.5 * power(0.96, s * momentum_decay)) for s in (t, t + 1))
        product = number(mu_product.mul_(mu))
        m.lerp_(g, 1 - beta1)
        v.mul_(beta2).addcmul_(g, g, value=1 - beta2)
        root = (v / (1 - power(beta2, t))).sqrt_().add_(eps)
        theta.addcdiv_(g, root, value=-lr * (1 - mu) / (1 - product))
        theta.addcdiv_(m, root, value=-lr * mu_next / (1 - product * mu_next))
