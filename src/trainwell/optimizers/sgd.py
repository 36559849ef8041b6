"""Gradient descent, and the forms of momentum: one trajectory written in several ways."""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor

from ._base import Closure, Optimizer, Params


class SGD(Optimizer):
    r"""Stochastic gradient descent with torch's momentum, whose learning rate stands outside.

    With :math:`\theta` a parameter, :math:`g` its gradient, :math:`\eta` = ``lr``, :math:`\rho` = ``momentum``,
    :math:`\lambda` = ``weight_decay`` and :math:`v` the state's ``momentum_buffer``,

    .. math:: g \leftarrow g + \lambda\theta, \qquad v \leftarrow \rho v + g, \qquad \theta \leftarrow \theta - \eta v,

    so :math:`v` is the sum of all past gradients, each weighted by :math:`\rho` to the power of its age. With
    ``nesterov`` the step is :math:`\theta \leftarrow \theta - \eta\,(g + \rho v)`.

    Args:
        params: The parameters, or groups of them.
        lr: The learning rate.
        momentum: How much of the velocity stays; 0 is plain gradient descent, and needs no state.
        dampening: Must be 0; here for torch's order of arguments.
        weight_decay: The strength of the l2 penalty.
        nesterov: Whether to take the framework's form of Nesterov momentum.
        options: torch's other arguments, accepted where they are off.

    Raises:
        ValueError: If a number is negative, ``dampening`` is not 0, or ``nesterov`` comes without momentum.

    Example:
        >>> w = torch.tensor([1.0], requires_grad=True)
        >>> optimizer = SGD([w], lr=0.1, momentum=0.9)
        >>> for _ in range(2):
        ...     optimizer.zero_grad()
        ...     w.square().sum().backward()
        ...     optimizer.step()
        >>> w  # 1 - 0.2 = 0.8, then 0.8 - 0.1 (0.9 * 2 + 1.6)
        tensor([0.4600], requires_grad=True)

    Reference:
        Robbins and Monro, *A Stochastic Approximation Method*, 1951; Polyak, *Some Methods of Speeding up the
        Convergence of Iteration Methods*, 1964.

    Note:
        :class:`Momentum` keeps the learning rate inside the velocity. The two agree while it is constant; after a
        change of ``lr`` the old velocity counts with the new rate here, and with the rate of its time there.
    """

    buffers = ("momentum_buffer",)
    counts = False

    def __init__(
        self,
        params: Params,
        lr: float | Tensor = 1e-3,
        momentum: float = 0.0,
        dampening: float = 0.0,
        weight_decay: float = 0.0,
        nesterov: bool = False,
        **options: Any,
    ) -> None:
        if dampening:
            raise ValueError(f"dampening must be 0, got {dampening}")
        if nesterov and not momentum:
            raise ValueError(f"nesterov needs a momentum above 0, got {momentum}")
        defaults = {"lr": lr, "momentum": momentum, "dampening": dampening, "weight_decay": weight_decay}
        super().__init__(params, defaults | {"nesterov": nesterov}, options)

    def needs(self, group: dict[str, Any]) -> tuple[str, ...]:
        """The velocity, only where there is momentum."""
        return self.buffers if group["momentum"] else ()

    def update(
        self, theta: Tensor, g: Tensor, v: Tensor | None = None, *, lr: float, momentum: float, nesterov: bool
    ) -> None:
        """One step."""
        if v is not None:
            torch.add(g, v, alpha=momentum, out=v)  # v = momentum v + g, in one pass
            g = g.add(v, alpha=momentum) if nesterov else v
        theta.add_(g, alpha=-lr)


class Momentum(Optimizer):
    r"""Momentum in the lectures' velocity form: the learning rate stands inside.

    With :math:`\rho` = ``momentum``, :math:`\eta` = ``lr`` and :math:`v` the state's ``velocity``, the movement of
    the last step,

    .. math:: v \leftarrow \rho v - \eta g, \qquad \theta \leftarrow \theta + v.

    Args:
        params: The parameters, or groups of them.
        lr: The learning rate.
        momentum: How much of the last movement stays.
        weight_decay: The strength of the l2 penalty.

    Raises:
        ValueError: If a number is negative.

    Example:
        >>> w = torch.tensor([1.0], requires_grad=True)
        >>> optimizer = Momentum([w], lr=0.1, momentum=0.9)
        >>> for _ in range(2):
        ...     optimizer.zero_grad()
        ...     w.square().sum().backward()
        ...     optimizer.step()
        >>> w
        tensor([0.4600], requires_grad=True)

    Reference:
        Polyak, *Some Methods of Speeding up the Convergence of Iteration Methods*, 1964; Sutskever, Martens, Dahl
        and Hinton, *On the Importance of Initialization and Momentum in Deep Learning*, 2013.

    Note:
        The same as :class:`SGD` with momentum while ``lr`` is constant: its velocity is :math:`-1/\eta` of this one.
    """

    buffers = ("velocity",)
    counts = False

    def __init__(
        self, params: Params, lr: float | Tensor = 1e-3, momentum: float = 0.9, weight_decay: float = 0.0
    ) -> None:
        super().__init__(params, {"lr": lr, "momentum": momentum, "weight_decay": weight_decay})

    def update(self, theta: Tensor, g: Tensor, v: Tensor, *, lr: float, momentum: float) -> None:
        """One step."""
        v.mul_(momentum).add_(g, alpha=-lr)
        theta.add_(v)


class Nesterov(Momentum):
    r"""Nesterov momentum after the change of variables :math:`\tilde\theta = \theta + \rho v`.

    The gradient is taken where the parameters are, so it is used like any other optimizer. With :math:`v'` the new
    velocity,

    .. math:: v' = \rho v - \eta g(\tilde\theta), \qquad
        \tilde\theta \leftarrow \tilde\theta + v' + \rho\,(v' - v).

    Args:
        params: The parameters, or groups of them.
        lr: The learning rate.
        momentum: How much of the last movement stays.
        weight_decay: The strength of the l2 penalty.

    Raises:
        ValueError: If a number is negative.

    Example:
        >>> w = torch.tensor([1.0], requires_grad=True)
        >>> optimizer = Nesterov([w], lr=0.1, momentum=0.9)
        >>> w.square().sum().backward()
        >>> optimizer.step()
        >>> w  # v' = -0.2, and 1 - 0.2 + 0.9 (-0.2)
        tensor([0.6200], requires_grad=True)

    Reference:
        Nesterov, *A Method of Solving a Convex Programming Problem with Convergence Rate O(1/k²)*, 1983; Bengio,
        Boulanger-Lewandowski and Pascanu, *Advances in Optimizing Recurrent Networks*, 2013, for this form.

    Note:
        :class:`NesterovAhead` is the form before the change; ``SGD(nesterov=True)`` the framework's, the same as
        this one while ``lr`` is constant.
    """

    def update(self, theta: Tensor, g: Tensor, v: Tensor, *, lr: float, momentum: float) -> None:
        """One step."""
        theta.sub_(v, alpha=momentum)
        v.mul_(momentum).add_(g, alpha=-lr)
        theta.add_(v, alpha=1 + momentum)


class NesterovAhead(Momentum):
    r"""Nesterov momentum in its look-ahead form: the gradient is taken where the velocity would lead.

    .. math:: v \leftarrow \rho v - \eta\, g(\theta + \rho v), \qquad \theta \leftarrow \theta + v.

    Args:
        params: The parameters, or groups of them.
        lr: The learning rate.
        momentum: How much of the last movement stays.
        weight_decay: The strength of the l2 penalty, whose gradient is taken where the parameters are.

    Raises:
        ValueError: If a number is negative.

    Example:
        >>> w = torch.tensor([1.0], requires_grad=True)
        >>> optimizer = NesterovAhead([w], lr=0.1, momentum=0.9)
        >>> def closure():
        ...     optimizer.zero_grad()
        ...     loss = w.square().sum()
        ...     loss.backward()
        ...     return loss
        >>> for _ in range(2):
        ...     loss = optimizer.step(closure)
        >>> w  # 0.8; ahead at 0.62: v = -0.18 - 0.124
        tensor([0.4960], requires_grad=True)

    Reference:
        Sutskever, Martens, Dahl and Hinton, *On the Importance of Initialization and Momentum in Deep Learning*, 2013.

    Note:
        The parameters of :class:`Nesterov` are these plus :math:`\rho v`. The loss that ``step`` returns is the one
        ahead. ``torch.compile`` takes what stands before and after the closure's call, no full graph.
    """

    def step(self, closure: Closure) -> Any:  # type: ignore[override]  # it is needed, as by torch's L-BFGS
        """One step; the closure computes the loss and its gradients, where this puts the parameters."""
        self._move(1)
        loss = torch.enable_grad()(closure)()
        self._move(-1)
        self.apply_gradients()
        return loss

    @torch.no_grad()
    def _move(self, sign: int) -> None:
        for group in self.param_groups:
            for theta in group["params"]:
                if "velocity" in self.state[theta]:
                    theta.add_(self.state[theta]["velocity"], alpha=sign * group["momentum"])
