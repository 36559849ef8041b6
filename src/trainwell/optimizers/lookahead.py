"""Lookahead around any optimizer, and Ranger: Lookahead around RAdam with centralised gradients."""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor

from .._arguments import check_at_least, check_probability
from .._shapes import Float
from ._base import Closure, Params, number
from .radam import RAdam


class Lookahead(torch.optim.Optimizer):
    r"""Lookahead: ``k`` steps forward by another optimizer, then back to a point on the way.

    With the fast weights :math:`\theta`, which the other optimizer moves, and the slow ones :math:`\phi`, after every
    ``k`` of its steps

    .. math:: \phi \leftarrow \phi + \alpha\,(\theta - \phi), \qquad \theta \leftarrow \phi.

    Args:
        optimizer: The other optimizer, any. Its groups are this one's too, so that schedules work on either.
        k: How many fast steps go to a slow one.
        alpha: How far a slow step goes.

    Raises:
        ValueError: If ``optimizer`` is none, ``k`` is less than 1, or ``alpha`` does not lie in [0, 1].

    Example:
        >>> w = torch.tensor([1.0], requires_grad=True)
        >>> optimizer = Lookahead(torch.optim.SGD([w], lr=0.1), k=2, alpha=0.5)
        >>> for _ in range(2):
        ...     optimizer.zero_grad()
        ...     w.square().sum().backward()
        ...     optimizer.step()
        >>> w  # fast: 1, 0.8, 0.64; half the way back
        tensor([0.8200], requires_grad=True)

    Reference:
        Zhang, Lucas, Hinton and Ba, *Lookahead Optimizer: k Steps Forward, 1 Step Back*, 2019.

    Note:
        The other optimizer's averages are kept at the slow step, the paper's default. The slow weights start as the
        weights are before the first step.
    """

    def __init__(self, optimizer: torch.optim.Optimizer, k: int = 5, alpha: float = 0.5) -> None:
        if not isinstance(optimizer, torch.optim.Optimizer):
            raise ValueError(f"optimizer must be the one to go around, such as SGD(params), got {type(optimizer)}")
        check_at_least("k", k, 1)
        check_probability("alpha", alpha)
        super().__init__(optimizer.param_groups, {})
        self.optimizer, self.k, self.alpha = optimizer, k, alpha
        self.param_groups, self.defaults = optimizer.param_groups, optimizer.defaults

    def step(self, closure: Closure | None = None) -> Any:
        """A fast step, and a slow one where it is time; returns the closure's loss where there is a closure."""
        held = [theta for group in self.param_groups for theta in group["params"]]
        for theta in held:
            if theta not in self.state:
                self.state[theta] = {"step": torch.tensor(0.0), "slow": theta.detach().clone()}
        loss = self.optimizer.step(closure) if closure is not None else self.optimizer.step()
        for theta in held:
            self._slow_step(theta, **self.state[theta])
        return loss

    @torch.no_grad()
    def _slow_step(self, theta: Tensor, step: Tensor, slow: Tensor) -> None:
        step += 1
        due = number(step) % self.k == 0
        if isinstance(due, Tensor):  # while compiling, where a tensor cannot decide what is done
            slow.lerp_(theta, self.alpha * due.to(slow.dtype))
            theta.copy_(torch.where(due, slow, theta))
        elif due:
            theta.copy_(slow.lerp_(theta, self.alpha))

    def __getstate__(self) -> dict[str, Any]:
        """All of it, for a copy: torch's optimizers leave out what they do not know."""
        return vars(self).copy()

    def state_dict(self) -> dict[str, Any]:
        """The slow weights and, under ``"optimizer"``, the other optimizer's state."""
        return super().state_dict() | {"optimizer": self.optimizer.state_dict()}

    def load_state_dict(self, state_dict: dict[str, Any]) -> None:
        """Takes both in; raises ValueError where there is only another optimizer's."""
        if "optimizer" not in state_dict:
            raise ValueError(f"state_dict must be a Lookahead's, with 'optimizer' in it, got only {list(state_dict)}")
        super().load_state_dict({name: state_dict[name] for name in ("state", "param_groups")})
        self.optimizer.load_state_dict(state_dict["optimizer"])
        self.param_groups = self.optimizer.param_groups


def centralize(g: Float[Tensor, "*shape"]) -> Float[Tensor, "*shape"]:
    r"""A gradient without its mean over each output's weights; vectors and scalars are left as they are.

    For row :math:`i` of a weight's gradient, all further dimensions taken together,

    .. math:: g_i \leftarrow g_i - \operatorname{mean}(g_i).

    Args:
        g: The gradient of a weight, outputs first, or of a bias.

    Returns:
        The centralised gradient, a new tensor where there is something to centralise.

    Example:
        >>> centralize(torch.tensor([[1.0, 3.0], [5.0, 5.0]]))
        tensor([[-1.,  1.],
                [ 0.,  0.]])

    Reference:
        Yong, Huang, Hua and Zhang, *Gradient Centralization: A New Optimization Technique for Deep Neural Networks*,
        2020.
    """
    return g if g.ndim < 2 else g - g.mean(dim=tuple(range(1, g.ndim)), keepdim=True)


class _CentralizedRAdam(RAdam):
    """RAdam on centralised gradients, with decoupled decay: Ranger's fast steps."""

    def update(  # type: ignore[override]
        self, theta: Tensor, g: Tensor, *buffers: Tensor, lr: Any, weight_decay: float, **radam: Any
    ) -> None:
        theta.mul_(1 - lr * weight_decay)
        super().update(theta, centralize(g), *buffers, lr=lr, **radam)


class Ranger(Lookahead):
    r"""Ranger: :class:`RAdam` on centralised gradients (:func:`centralize`), inside :class:`Lookahead`.

    Args:
        params: The parameters, or groups of them.
        lr: The learning rate.
        betas: How much of RAdam's two averages stays.
        eps: Keeps RAdam's division finite.
        weight_decay: How fast weights shrink, decoupled as in :class:`AdamW`.
        k: How many fast steps go to a slow one.
        alpha: How far a slow step goes.
        threshold: RAdam's.

    Raises:
        ValueError: If a number is out of range.

    Example:
        >>> w = torch.tensor([[1.0, 3.0]], requires_grad=True)
        >>> optimizer = Ranger([w], lr=0.1)
        >>> w.square().sum().backward()
        >>> optimizer.step()
        >>> w  # the gradient (2, 6) is centralised to (-2, 2), and the first steps are momentum's
        tensor([[1.2000, 2.8000]], requires_grad=True)

    Reference:
        Wright, *Ranger: a Synergistic Optimizer*, 2019; its parts' papers at :class:`RAdam`, :class:`Lookahead` and
        :func:`centralize`.
    """

    def __init__(
        self,
        params: Params,
        lr: float | Tensor = 1e-3,
        betas: tuple[float, float] = (0.95, 0.999),
        eps: float = 1e-5,
        weight_decay: float = 0.0,
        *,
        k: int = 6,
        alpha: float = 0.5,
        threshold: float = 5.0,
    ) -> None:
        radam = _CentralizedRAdam(params, lr, betas, eps, weight_decay, threshold=threshold)
        super().__init__(radam, k, alpha)
