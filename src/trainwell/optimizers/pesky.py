"""No more pesky learning rates: each weight's rate from the noise of its gradient and the curvature it meets."""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor

from ._base import Closure, Optimizer, Params


class VSGD(Optimizer):
    r"""vSGD, of "No more pesky learning rates": the rate that would lower the expected loss most, estimated.

    With :math:`\bar g`, :math:`\bar v`, :math:`\bar h` moving averages of the gradient, of its square and of the
    curvature :math:`h`, each with a memory :math:`\tau` of its own length for each weight, element by element,

    .. math:: \bar g \leftarrow (1 - \tau^{-1})\,\bar g + \tau^{-1} g, \quad
        \bar v \leftarrow (1 - \tau^{-1})\,\bar v + \tau^{-1} g^2, \quad
        \bar h \leftarrow (1 - \tau^{-1})\,\bar h + \tau^{-1} h,

    .. math:: \theta \leftarrow \theta - \frac{\bar g^2}{\bar h\,\bar v}\; g, \qquad
        \tau \leftarrow \Bigl(1 - \frac{\bar g^2}{\bar v}\Bigr)\,\tau + 1.

    Where gradients agree, :math:`\bar g^2 = \bar v`, the step is Newton's and the memory short; where they are noise
    around zero, the step vanishes and the memory grows.

    The curvature is the gradient's change along :math:`\delta = \bar g`, on the same batch, so each step calls the
    closure twice:

    .. math:: h = \left|\frac{g(\theta + \delta) - g(\theta)}{\delta}\right|.

    Args:
        params: The parameters, or groups of them.
        lr: What the rate is multiplied with, 1 in the paper.
        init_samples: How many steps only measure, before the first that moves.
        slow_constant: How many times too large :math:`\bar v` starts, which keeps the first steps small.
        eps: The least curvature and the least shift.

    Raises:
        ValueError: If a number is out of range.

    Example:
        >>> w = torch.tensor([1.0], requires_grad=True)
        >>> optimizer = VSGD([w], init_samples=1, slow_constant=1.0)
        >>> def closure():
        ...     optimizer.zero_grad()
        ...     loss = w.square().sum()
        ...     loss.backward()
        ...     return loss
        >>> for _ in range(2):
        ...     loss = optimizer.step(closure)
        >>> w  # without noise, Newton's step: the minimum of a quadratic at once
        tensor([0.], requires_grad=True)

    Reference:
        Schaul, Zhang and LeCun, *No More Pesky Learning Rates*, 2013; for the curvature, Schaul and LeCun, *Adaptive
        Learning Rates and Parallelization for Stochastic, Sparse, Non-smooth Gradients*, 2013.

    Note:
        Averages, rate and memory are the first paper's, with a rate for each weight; its variants with one for each
        layer or for all are left out. So are, from the second paper, the longer memory after outliers, the variance of
        the curvature and the terms for mini-batches. Both start by measuring only, and with averages that are too
        large; how many steps and how much are ours to choose.

        The first paper's curvature is the diagonal of the Gauss-Newton matrix, from a second backward pass that knows
        the layers; the second paper's, taken here, needs gradients only. Along a shift of all weights at once it is
        the row's sum, weighted by the shift, so it is the diagonal exactly where the Hessian is diagonal. No library
        has the method, so its tests compare it with a loop written from the papers.

        A step calls the closure and its backward pass, which ``torch.compile`` cannot take into one graph; compile
        the model instead.
    """

    buffers = ("grad_avg", "grad_sq_avg", "curvature_avg", "memory", "curvature")

    def __init__(
        self,
        params: Params,
        lr: float | Tensor = 1.0,
        init_samples: int = 10,
        slow_constant: float = 2.0,
        eps: float = 1e-8,
    ) -> None:
        super().__init__(params, {"lr": lr, "init_samples": init_samples, "slow_constant": slow_constant, "eps": eps})

    def step(self, closure: Closure) -> Any:  # type: ignore[override]  # it is needed, as by torch's L-BFGS
        """One step; the closure is called twice, and computes the loss and its gradients on the same batch."""
        loss = torch.enable_grad()(closure)()
        self._measure(closure)
        self.apply_gradients()
        return loss

    @torch.no_grad()
    def _measure(self, closure: Closure) -> None:
        """Puts the curvature into the state; leaves parameters and gradients as they were."""
        held = [(theta, group) for group in self.param_groups for theta in group["params"] if theta.grad is not None]
        before = [(theta.clone(), theta.grad.clone()) for theta, _ in held]
        for theta, group in held:
            if not self.state[theta]:
                self.begin(theta, group)
            state = self.state[theta]
            theta.add_(state["grad_avg"] if state["step"] > 0 else theta.grad)
        torch.enable_grad()(closure)()
        for (theta, group), (start, g) in zip(held, before, strict=True):
            shift = (theta - start).abs_().clamp_(min=group["eps"])
            self.state[theta]["curvature"] = (theta.grad - g).abs_().div_(shift).clamp_(min=group["eps"])
            theta.copy_(start)
            theta.grad.copy_(g)

    def update(
        self,
        theta: Tensor,
        g: Tensor,
        g_mean: Tensor,
        v_mean: Tensor,
        h_mean: Tensor,
        memory: Tensor,
        h: Tensor,
        *,
        t: Any,
        lr: Any,
        init_samples: int,
        slow_constant: float,
    ) -> None:
        """One step; the first ones only measure, and their averages are plain means."""
        if t <= init_samples:
            memory.fill_(t)
        for mean, new in ((g_mean, g), (v_mean, g.square()), (h_mean, h)):
            mean.lerp_(new, 1 / memory)
        if t < init_samples:
            return
        if t == init_samples:
            v_mean.mul_(slow_constant)
            return
        signal = g_mean.square() / v_mean.clamp(min=torch.finfo(g.dtype).tiny)
        theta.addcmul_(g, signal / h_mean, value=-lr)
        memory.mul_(1 - signal).add_(1)
