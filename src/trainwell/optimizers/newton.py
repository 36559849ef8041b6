"""Newton's method: the whole Hessian, for problems of some hundred parameters."""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor

from ._base import Closure, Optimizer, Params, number
from ._flat import flatten, move


class Newton(Optimizer):
    r"""Newton's method, damped: the minimum of the quadratic that has the loss's gradient and Hessian.

    With all parameters in one vector :math:`\theta`, :math:`g` the gradient, :math:`H` the Hessian,
    :math:`\eta` = ``lr`` and :math:`\lambda` = ``damping``,

    .. math:: \theta \leftarrow \theta - \eta\,(H + \lambda I)^{-1} g.

    One step solves a quadratic; near a minimum the number of right digits doubles with every step. Networks do
    without: with :math:`n` parameters the Hessian has :math:`n^2` entries and needs :math:`n` backward passes, solving
    takes on the order of :math:`n^3`, and where the Hessian has negative eigenvalues, as it does at the many saddle
    points, the step leads towards the saddle. Enough damping turns it into gradient descent with rate
    :math:`\eta/\lambda`.

    Args:
        params: The parameters, in one group.
        lr: What the step is multiplied with; less than 1 is the other meaning of a damped Newton's method.
        damping: What is added to the Hessian's diagonal.

    Raises:
        ValueError: If a number is negative, or there is more than one group.

    Example:
        >>> w = torch.tensor([3.0, -2.0], requires_grad=True)
        >>> optimizer = Newton([w])
        >>> def closure():  # only computes the loss: the derivatives are taken by the step
        ...     return (w[0] + w[1] - 1).square() + 100 * (w[1] - 2).square()
        >>> loss = optimizer.step(closure)
        >>> w
        tensor([-1.,  2.], requires_grad=True)

    Reference:
        Nocedal and Wright, *Numerical Optimization*, 2006, chapter 3; Dauphin et al., *Identifying and Attacking the
        Saddle Point Problem in High-dimensional Non-convex Optimization*, 2014.

    Note:
        ``torch.compile`` cannot take derivatives of derivatives, so a compiled step runs as if it were not.
    """

    def __init__(self, params: Params, lr: float | Tensor = 1.0, damping: float = 0.0) -> None:
        super().__init__(params, {"lr": lr, "damping": damping})

    def add_param_group(self, param_group: dict[str, Any]) -> None:
        """Adds the only group."""
        if self.param_groups:
            raise ValueError("params must be one group: the Hessian is one matrix for all of them")
        super().add_param_group(param_group)

    @torch.compiler.disable  # type: ignore[untyped-decorator]  # it cannot take derivatives of derivatives
    def step(self, closure: Closure) -> Any:
        """One step; the closure returns the loss, without calling ``backward``."""
        group = self.param_groups[0]
        with torch.enable_grad():
            loss = closure()
            g, hessian = _derivatives(loss, group["params"])
        hessian.diagonal().add_(group["damping"])
        move(group["params"], torch.linalg.solve(hessian, g), -number(group["lr"]))
        return loss.detach()


def _derivatives(loss: Tensor, params: list[Tensor]) -> tuple[Tensor, Tensor]:
    """The gradient and the Hessian, all parameters in one vector: a backward pass for each of its entries."""
    g = flatten(torch.autograd.grad(loss, params, create_graph=True, materialize_grads=True))
    if not g.requires_grad:  # a linear loss
        return g, g.new_zeros(len(g), len(g))
    rows = [torch.autograd.grad(entry, params, retain_graph=True, materialize_grads=True) for entry in g]
    return g.detach(), torch.stack([flatten(row) for row in rows])
