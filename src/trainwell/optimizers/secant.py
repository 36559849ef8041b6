"""AdaSecant: each weight's rate from how its gradient answered to its steps."""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor

from ._base import Optimizer, Params

SHORTEST, SHORT, LONGEST = 1.5, 2.2, 1e8  # of the memory, in steps: at least, after an outlier, at most


class AdaSecant(Optimizer):
    r"""AdaSecant: a secant's rate for each weight, from moving averages of its steps and of its gradient's changes.

    All gradients are first divided by the norm of their tensor. With :math:`\Delta` the last step of a weight,
    :math:`\alpha = g_t - g_{t-1}` the change of its gradient, and :math:`E` moving averages with a memory
    :math:`\tau` of its own length for each weight, element by element,

    .. math:: \eta = \frac{\sqrt{E[\Delta^2]}}{\sqrt{E[\alpha^2]}} - \frac{E[\alpha\Delta]}{E[\alpha^2]}, \qquad
        \Delta = -\eta\,\tilde g, \qquad \theta \leftarrow \theta + \Delta, \qquad
        \tau \leftarrow \Bigl(1 - \frac{E[\Delta]^2}{E[\Delta^2]}\Bigr)\tau + 1.

    The gradient is drawn towards its mean, the more the noisier it is, with
    :math:`\gamma` the root mean square of :math:`(g_t - \tilde g_{t-1})(g_t - E[g])` over that of
    :math:`(g_t - E[g])(\tilde g_{t-1} - E[g])`:

    .. math:: \tilde g = \frac{g + \gamma\, E[g]}{1 + \gamma}.

    Here the memory of :math:`E[g]` is that of ``decay``. Where :math:`g` or :math:`\alpha` lies further than two
    standard deviations from its mean, :math:`\tau` is set back to 2.2 steps.

    Args:
        params: The parameters, or groups of them.
        lr: What the step is multiplied with, 1 in the paper.
        decay: How much of the averages of :math:`g` and :math:`g^2` stays.
        gamma_clip: The largest :math:`\gamma`.
        eps: Keeps divisions and roots finite.

    Raises:
        ValueError: If a number is out of range.

    Example:
        >>> w = torch.tensor([3.0, 4.0], requires_grad=True)
        >>> optimizer = AdaSecant([w])
        >>> for _ in range(100):
        ...     optimizer.zero_grad()
        ...     w.square().sum().backward()
        ...     optimizer.step()
        >>> bool(w.norm() < 0.1)
        True

    Reference:
        Gulcehre, Moczulski and Bengio, *ADASECANT: Robust Adaptive Secant Method for Stochastic Gradient*, 2014;
        Gulcehre, Sotelo, Moczulski and Bengio, *A Robust Adaptive Stochastic Gradient Method for Deep Learning*, 2017.

    Note:
        The normalisation, :math:`\eta`, :math:`\tau`, the correction :math:`\tilde g` and the way outliers are told
        are the paper's. Its :math:`\gamma` is a ratio of means and takes another gradient where
        :math:`\tilde g_{t-1}` stands. From the authors' published code come the root mean squares, which keep
        :math:`\gamma` from being negative, and its bound; the last corrected gradient for the other one; the
        averages of :math:`g` and :math:`g^2` with ``decay`` in place of :math:`\tau`; the memory's bounds 1.5 and 1e8;
        the gradient as the first :math:`\Delta`; :math:`E[\alpha\Delta]` from before this step; and that an outlier
        shortens the memory from the next step on. Its corrections for averages that start at zero are left out. No
        library has the method, so its tests compare it with a loop written from the paper.
    """

    buffers = (
        "grad_avg",
        "grad_sq_avg",
        "change_avg",
        "change_sq_avg",
        "delta_avg",
        "delta_sq_avg",
        "change_delta_avg",
        "gamma_numerator",
        "gamma_denominator",
        "last_grad",
        "last_corrected",
        "memory",
    )
    counts = False

    def __init__(
        self,
        params: Params,
        lr: float | Tensor = 1.0,
        decay: float = 0.95,
        gamma_clip: float = 1.8,
        eps: float = 1e-7,
    ) -> None:
        super().__init__(params, {"lr": lr, "decay": decay, "gamma_clip": gamma_clip, "eps": eps})

    def start(self, name: str, theta: Tensor, group: dict[str, Any]) -> Tensor:
        """The memory starts as after an outlier, the steps as if one gradient had been one; the rest as zeros."""
        if name == "memory":
            return torch.full_like(theta, SHORT)
        if name.startswith("delta"):
            first = _normalized(theta.grad, group["eps"])  # type: ignore[arg-type]  # it begins where there is one
            return first if name == "delta_avg" else first.square()
        return super().start(name, theta, group)

    def update(
        self, theta: Tensor, g: Tensor, *buffers: Tensor, lr: Any, decay: float, gamma_clip: float, eps: float
    ) -> None:
        """One step."""
        g_avg, g_sq_avg, a_avg, a_sq_avg, d_avg, d_sq_avg, ad_avg, above, below, last, last_corrected, memory = buffers
        g = _normalized(g, eps)
        share = 1 / memory
        g_avg.lerp_(g, 1 - decay)
        g_sq_avg.lerp_(g.square(), 1 - decay)

        above.lerp_(((g - last_corrected) * (g - g_avg)).square_(), share)
        below.lerp_(((g - g_avg) * (last_corrected - g_avg)).square_(), share)
        gamma = (above.sqrt() / (below.sqrt() + eps)).clamp_(max=gamma_clip)
        corrected = (g + gamma * g_avg) / (1 + gamma)

        change = g - last
        a_avg.lerp_(change, share)
        a_sq_avg.lerp_(change.square(), share)
        eta = ((d_sq_avg + eps) / (a_sq_avg + eps)).sqrt_() - ad_avg / (a_sq_avg + eps)
        delta = corrected * (-lr * eta)
        theta.add_(delta)

        longer = (1 - d_avg.square() / (d_sq_avg + eps)) * memory + 1
        d_avg.lerp_(delta, share)
        d_sq_avg.lerp_(delta.square(), share)
        ad_avg.lerp_(change * delta, share)
        outlier = _far(g, g_avg, g_sq_avg) | _far(change, a_avg, a_sq_avg)
        memory.copy_(longer.masked_fill_(outlier, SHORT).clamp_(SHORTEST, LONGEST))
        last.copy_(g)
        last_corrected.copy_(corrected)


def _normalized(g: Tensor, eps: float) -> Tensor:
    return g / (g.norm() + eps)


def _far(x: Tensor, mean: Tensor, square: Tensor) -> Tensor:
    """Where a value lies further than two standard deviations from its mean."""
    return (x - mean).square() > 4 * (square - mean.square())
