"""What BFGS and L-BFGS share: a direction from the curvature seen so far, and a length along it."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import torch
from torch import Tensor

from .._arguments import check_one_of
from ._base import Closure, Optimizer, Params, number
from ._flat import flat_gradient, move
from ._line_search import Along, Point, strong_wolfe

State = dict[str, Any]


class QuasiNewton(Optimizer):
    """Aim, find a length, step, until little changes; the first parameter's state is the state of all."""

    least_curvature = 0.0  # a step along which the gradient changed less teaches nothing

    def __init__(
        self,
        params: Params,
        lr: float | Tensor = 1.0,
        max_iter: int = 20,
        max_eval: int | None = None,
        tolerance_grad: float = 1e-7,
        tolerance_change: float = 1e-9,
        line_search_fn: str | None = None,
    ) -> None:
        if line_search_fn is not None:
            check_one_of("line_search_fn", line_search_fn, ["strong_wolfe"])
        defaults = {"lr": lr, "max_iter": max_iter, "max_eval": max_iter * 5 // 4 if max_eval is None else max_eval}
        defaults |= {"tolerance_grad": tolerance_grad, "tolerance_change": tolerance_change}
        super().__init__(params, defaults | {"line_search_fn": line_search_fn})

    def add_param_group(self, param_group: dict[str, Any]) -> None:
        """Adds the only group."""
        if self.param_groups:
            raise ValueError("params must be one group: the curvature is that between all of them")
        super().add_param_group(param_group)

    def begin_memory(self, state: State, g: Tensor) -> None:
        """An empty memory."""
        raise NotImplementedError

    def remember(self, state: State, group: dict[str, Any], s: Tensor, y: Tensor) -> None:
        """Takes in a step and the change of the gradient along it, which has a component in its direction."""
        raise NotImplementedError

    def direction(self, state: State, g: Tensor) -> Tensor:
        """Minus the inverse Hessian's estimate times the gradient."""
        raise NotImplementedError

    @torch.no_grad()
    def step(self, closure: Closure) -> Any:  # type: ignore[override]  # it is needed, as by torch's L-BFGS
        """Up to ``max_iter`` iterations; returns the loss before them.

        The closure computes the loss and its gradients, and is called many times, on the same batch.
        """
        group = self.param_groups[0]
        state = self.state[group["params"][0]]
        evaluate = Evaluate(closure, group["params"])
        first, g = evaluate()
        loss = float(first)
        for iteration in range(1, group["max_iter"] + 1):
            if g.abs().max() <= group["tolerance_grad"]:
                break
            d, t = self._aim(state, group, g)
            here = Point(0.0, loss, g, g.dot(d).item())
            if here.slope > -group["tolerance_change"]:
                break
            there = self._advance(evaluate, here, d, t, group, last=iteration == group["max_iter"])
            loss, g, state["t"] = there.loss, there.gradient, there.t
            shortest = group["tolerance_change"]
            small = abs(loss - here.loss) < shortest or (d * there.t).abs().max() <= shortest
            if small or evaluate.calls >= group["max_eval"]:
                break
        state["func_evals"] = state.get("func_evals", 0) + evaluate.calls
        return first

    def _aim(self, state: State, group: dict[str, Any], g: Tensor) -> tuple[Tensor, float]:
        """The direction, from all that is remembered, and the length to try first."""
        t = number(group["lr"])
        state["n_iter"] = state.get("n_iter", 0) + 1
        if state["n_iter"] == 1:
            self.begin_memory(state, g)
            t *= min(1.0, 1 / g.abs().sum().item())  # nothing is known yet of how far to go
        else:
            s, y = state["d"] * state["t"], g - state["prev_flat_grad"]
            if y.dot(s) > max(self.least_curvature, _divisible(g.dtype)):
                self.remember(state, group, s, y)
        state["d"], state["t"], state["prev_flat_grad"] = self.direction(state, g), t, g.clone()
        return state["d"], t

    def _advance(
        self, evaluate: Evaluate, here: Point, d: Tensor, t: float, group: dict[str, Any], *, last: bool
    ) -> Point:
        """Goes along the direction; after the last step of a fixed length nothing is evaluated."""
        if group["line_search_fn"]:
            trials = group["max_eval"] - evaluate.calls
            least = group["tolerance_change"] / d.abs().max().item()
            there = strong_wolfe(evaluate.along(d), here, t, least=least, trials=trials)
            move(group["params"], d, there.t)
            return there
        move(group["params"], d, t)
        if last:
            return replace(here, t=t, loss=float("inf"))
        loss, g = evaluate()
        return Point(t, float(loss), g, 0.0)


def _divisible(dtype: torch.dtype) -> float:
    """The least number with all its digits, so that one over it is finite and right."""
    return torch.finfo(dtype).tiny / torch.finfo(dtype).eps


class Evaluate:
    """The closure, which counts its calls: the loss and the gradient as one vector."""

    def __init__(self, closure: Closure, params: list[Tensor]) -> None:
        self.closure, self.params, self.calls = torch.enable_grad()(closure), params, 0

    def __call__(self) -> tuple[Any, Tensor]:
        self.calls += 1
        return self.closure(), flat_gradient(self.params)

    def along(self, d: Tensor) -> Along:
        """The closure as a function of how far to go, from here."""
        start = [theta.clone() for theta in self.params]

        def at(t: float) -> Point:
            move(self.params, d, t)
            loss, g = self()
            for theta, old in zip(self.params, start, strict=True):
                theta.copy_(old)
            return Point(t, float(loss), g, g.dot(d).item())

        return at
