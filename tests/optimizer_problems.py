"""What the optimizers are driven with: a bumpy bowl with noise, of several parameters."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import torch
from torch import Tensor

SHAPES = ((3, 4), (5,), (2, 3, 2), ())


class Problem:
    """A loss for each step; the same step gives the same loss, wherever and however often it is asked.

    Gradients at a large or tiny ``scale`` do not depend on where the parameters are: a step of many times the bowl's
    width would make any two runs part by their rounding alone.
    """

    def __init__(
        self,
        dtype: torch.dtype = torch.double,
        *,
        scale: float = 1.0,
        noise: float = 1.0,
        missing: bool = False,
        shapes: Sequence[tuple[int, ...]] = SHAPES,
        device: str = "cpu",
    ) -> None:
        generator = torch.Generator().manual_seed(0)
        self.dtype, self.scale, self.noise, self.missing, self.device = dtype, scale, noise, missing, device
        values = [torch.randn(shape, generator=generator, dtype=torch.double) for shape in shapes]
        self.params = [value.to(device, dtype).requires_grad_() for value in values]
        self.whole = noise == 0

    def loss(self, t: int) -> Tensor:
        x = torch.cat([theta.reshape(-1) for theta in self.params])
        if self.scale != 1 and not self.whole:
            return self.scale * (self.slope(t) * x).sum()
        steep = torch.arange(1, len(x) + 1, dtype=self.dtype, device=self.device) / len(x)
        bumps = (x[1:] * x[:-1]).sin().sum() / 4 if self.scale == 1 else 0
        return self.scale * ((steep * x.square()).sum() / 2 + bumps + (self.slope(t) * x).sum())

    def slope(self, t: int) -> Tensor:
        generator = torch.Generator().manual_seed(t)
        n = sum(theta.numel() for theta in self.params)
        return self.noise * torch.randn(n, generator=generator, dtype=torch.double).to(self.device, self.dtype)

    def closure(self, t: int, *, backward: bool = True) -> Callable[[], Tensor]:
        def closure() -> Tensor:
            for theta in self.params:
                theta.grad = None
            with torch.enable_grad():
                loss = self.loss(t)
                if backward:
                    loss.backward()
            if self.missing and t % 3 == 2:
                self.params[1].grad = None
            return loss

        closure.problem = self  # type: ignore[attr-defined]
        return closure

    def run(
        self, optimizer: Any, steps: int, *, start: int = 1, abilities: frozenset[str] = frozenset()
    ) -> list[Tensor]:
        """Steps; the parameters afterwards."""
        for t in range(start, start + steps):
            optimizer.step(self.closure(t, backward="loss-only" not in abilities))
        return [theta.detach().clone() for theta in self.params]
