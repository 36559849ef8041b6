"""BFGS and L-BFGS: Newton's method on a Hessian that is learnt from the gradients along the way."""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor

from .._arguments import check_at_least
from ._base import Params
from ._quasi_newton import QuasiNewton, State


class BFGS(QuasiNewton):
    r"""BFGS: the inverse Hessian as a matrix that every step makes fit what the gradient did.

    With all parameters in one vector, :math:`s` the last step, :math:`y` the change of the gradient along it, and
    :math:`H` the estimate of the inverse Hessian, which starts as the identity,

    .. math:: H \leftarrow \Bigl(I - \frac{s y^\top}{y^\top s}\Bigr) H \Bigl(I - \frac{y s^\top}{y^\top s}\Bigr)
        + \frac{s s^\top}{y^\top s}, \qquad d = -Hg, \qquad \theta \leftarrow \theta + t\,d,

    so that :math:`Hy = s`. That takes on the order of :math:`n^2` for :math:`n` parameters, where :class:`Newton`
    takes :math:`n^3`. The length :math:`t` is ``lr``, or what a line search finds.

    Args:
        params: The parameters, in one group.
        lr: The length to try first, and the length without a line search.
        max_iter: How many iterations a call of ``step`` does.
        max_eval: How many times it calls the closure at most; ``max_iter`` and a quarter where it is not given.
        tolerance_grad: It ends where no entry of the gradient is larger.
        tolerance_change: It ends where the loss or the parameters change by less.
        line_search_fn: ``"strong_wolfe"``, or None for steps of a fixed length.

    Raises:
        ValueError: If a number is out of range, or there is more than one group.

    Example:
        >>> w = torch.tensor([-1.2, 1.0], dtype=torch.double, requires_grad=True)
        >>> optimizer = BFGS([w], max_iter=100, line_search_fn="strong_wolfe")
        >>> def closure():
        ...     optimizer.zero_grad()
        ...     loss = (1 - w[0]).square() + 100 * (w[1] - w[0].square()).square()
        ...     loss.backward()
        ...     return loss
        >>> loss = optimizer.step(closure)
        >>> w
        tensor([1.0000, 1.0000], dtype=torch.float64, requires_grad=True)

    Reference:
        Broyden; Fletcher; Goldfarb; Shanno, four papers of 1970; Nocedal and Wright, *Numerical Optimization*, 2006,
        chapter 6.

    Note:
        Good on a full batch, where the loss is one function; on mini-batches the change of the gradient is mostly the
        change of the batch, and the estimate goes wrong. Where :math:`y^\top s` is not positive, or too small
        to divide by, nothing is learnt. ``torch.compile`` takes the pieces between the closure's calls, no full graph.
    """

    def begin_memory(self, state: State, g: Tensor) -> None:
        """The identity."""
        state["inverse_hessian"] = torch.eye(len(g), dtype=g.dtype, device=g.device)

    def remember(self, state: State, group: dict[str, Any], s: Tensor, y: Tensor) -> None:
        """The update of the inverse."""
        rho = 1 / y.dot(s)
        left = torch.eye(len(s), dtype=s.dtype, device=s.device) - rho * torch.outer(s, y)
        state["inverse_hessian"] = left @ state["inverse_hessian"] @ left.T + rho * torch.outer(s, s)

    def direction(self, state: State, g: Tensor) -> Tensor:
        """Minus the estimate times the gradient."""
        return -state["inverse_hessian"] @ g


class LBFGS(QuasiNewton):
    r"""L-BFGS: BFGS that keeps its last steps instead of the matrix.

    With the last :math:`m` = ``history_size`` pairs :math:`s_i, y_i` and :math:`\rho_i = 1 / y_i^\top s_i`, the
    direction :math:`d = -Hg` takes two loops. From the newest pair to the oldest, starting with :math:`q = -g`,

    .. math:: a_i = \rho_i\, s_i^\top q, \qquad q \leftarrow q - a_i y_i,

    then :math:`d = \tfrac{s^\top y}{y^\top y}\, q` with the newest pair, and from the oldest pair to the newest

    .. math:: d \leftarrow d + (a_i - \rho_i\, y_i^\top d)\, s_i.

    Args:
        params: The parameters, in one group.
        lr: The length to try first, and the length without a line search.
        max_iter: How many iterations a call of ``step`` does.
        max_eval: How many times it calls the closure at most; ``max_iter`` and a quarter where it is not given.
        tolerance_grad: It ends where no entry of the gradient is larger.
        tolerance_change: It ends where the loss or the parameters change by less.
        history_size: How many pairs are kept.
        line_search_fn: ``"strong_wolfe"``, or None for steps of a fixed length.

    Raises:
        ValueError: If a number is out of range, or there is more than one group.

    Example:
        >>> w = torch.tensor([-1.2, 1.0], dtype=torch.double, requires_grad=True)
        >>> optimizer = LBFGS([w], max_iter=100, line_search_fn="strong_wolfe")
        >>> def closure():
        ...     optimizer.zero_grad()
        ...     loss = (1 - w[0]).square() + 100 * (w[1] - w[0].square()).square()
        ...     loss.backward()
        ...     return loss
        >>> loss = optimizer.step(closure)
        >>> w
        tensor([1.0000, 1.0000], dtype=torch.float64, requires_grad=True)

    Reference:
        Liu and Nocedal, *On the Limited Memory BFGS Method for Large Scale Optimization*, 1989.

    Note:
        For full batches, as :class:`BFGS`. As in torch, ``max_eval`` bounds each line search too, by what is left.
    """

    least_curvature = 1e-10  # torch's

    def __init__(
        self,
        params: Params,
        lr: float | Tensor = 1.0,
        max_iter: int = 20,
        max_eval: int | None = None,
        tolerance_grad: float = 1e-7,
        tolerance_change: float = 1e-9,
        history_size: int = 100,
        line_search_fn: str | None = None,
    ) -> None:
        check_at_least("history_size", history_size, 1)
        super().__init__(params, lr, max_iter, max_eval, tolerance_grad, tolerance_change, line_search_fn)
        self.defaults["history_size"] = self.param_groups[0]["history_size"] = history_size

    def begin_memory(self, state: State, g: Tensor) -> None:
        """No pairs, under torch's names: ``old_dirs`` are the gradients' changes, ``old_stps`` the steps."""
        state |= {"old_dirs": [], "old_stps": [], "ro": [], "H_diag": 1.0}

    def remember(self, state: State, group: dict[str, Any], s: Tensor, y: Tensor) -> None:
        """The newest pair, in place of the oldest where there are too many."""
        pair = {"old_dirs": y, "old_stps": s, "ro": 1 / y.dot(s)}
        for name, value in pair.items():
            state[name] = [*state[name], value][-group["history_size"] :]
        state["H_diag"] = y.dot(s) / y.dot(y)

    def direction(self, state: State, g: Tensor) -> Tensor:
        """The two loops."""
        pairs = list(zip(state["old_stps"], state["old_dirs"], state["ro"], strict=True))
        q, weights = -g, []
        for s, y, rho in reversed(pairs):
            weights.append(rho * s.dot(q))
            q -= weights[-1] * y
        d = q * state["H_diag"]
        for (s, y, rho), a in zip(pairs, reversed(weights), strict=True):
            d += (a - rho * y.dot(d)) * s
        return d
