"""What all optimizers here share: the walk over groups and parameters, the state, the checks, the refusals."""

from __future__ import annotations

import inspect
import math
from collections.abc import Callable, Iterable
from typing import Any

import torch
from torch import Tensor

from .._arguments import check_at_least, check_not_negative, check_probability

Params = Iterable[Tensor] | Iterable[dict[str, Any]] | Iterable[tuple[str, Tensor]]
Closure = Callable[[], Any]

SPEED = ("foreach", "fused", "capturable")  # torch's switches for how fast; those for what come next
RESULT = ("maximize", "differentiable")


def number(value: Any) -> Any:
    """A tensor of one element as a number, except to the compiler: arithmetic on small tensors is slow."""
    return value.item() if isinstance(value, Tensor) and not torch.compiler.is_compiling() else value


def power(beta: float, t: Any) -> Any:
    """``beta ** t``; for the compiler an exponential, which runs faster in its loops than a power."""
    return torch.exp(t * (math.log(beta) if beta else -math.inf)) if isinstance(t, Tensor) else beta**t


def check_betas(name: str, betas: tuple[float, float]) -> None:
    """Raises ValueError unless both lie in [0, 1)."""
    if len(betas) != 2 or not all(0 <= beta < 1 for beta in betas):
        raise ValueError(f"{name} must be two numbers of at least 0 and less than 1, got {betas}")


CHECKS: dict[str, Callable[[str, Any], None]] = {
    **dict.fromkeys(("lr", "eps", "weight_decay", "momentum", "lr_decay", "damping"), check_not_negative),
    **dict.fromkeys(("initial_accumulator_value", "momentum_decay", "trust_coefficient"), check_not_negative),
    **dict.fromkeys(("tolerance_grad", "tolerance_change", "gamma_clip"), check_not_negative),
    **dict.fromkeys(("alpha", "rho", "decay"), check_probability),
    **dict.fromkeys(("max_iter", "max_eval", "history_size", "init_samples"), lambda n, v: check_at_least(n, v, 1)),
    "slow_constant": lambda name, value: check_at_least(name, value, 1),
    "betas": check_betas,
}


class Optimizer(torch.optim.Optimizer):
    """The base of the rules here: a subclass names its buffers and says in ``update`` what one step does.

    ``update(theta, g, *buffers, *, ...)`` changes the parameter and its buffers in place. What it names after the
    star, it is given: hyperparameters of the group, and ``t``, the number of this step, counted from 1; ``**more``
    asks for what the rule names that it extends. Where ``weight_decay`` is not named, the decay's gradient is added
    to ``g`` before.

    Attributes:
        buffers: The names of the state's tensors, in ``update``'s order; torch's names where torch has the rule.
        counts: Whether the state has ``step``, the number of steps that the parameter has seen.
        refused: Arguments of torch's twin that are accepted only where they are off.
    """

    buffers: tuple[str, ...] = ()
    counts = True
    refused: tuple[str, ...] = ()
    update: Callable[..., None]
    _declared: tuple[str, ...] = ()

    def __init_subclass__(cls) -> None:
        super().__init_subclass__()
        if hasattr(cls, "update"):
            named = inspect.signature(cls.update).parameters.values()
            cls._declared = tuple(p.name for p in named if p.kind is p.KEYWORD_ONLY)
            if any(p.kind is p.VAR_KEYWORD for p in named):
                cls._declared += cls.__mro__[1]._declared  # type: ignore[attr-defined]

    def __init__(self, params: Params, defaults: dict[str, Any], options: dict[str, Any] | None = None) -> None:
        for name in options or {}:
            if name not in (*SPEED, *RESULT, *self.refused):
                raise TypeError(f"{type(self).__name__} has no argument {name!r}")
        self._refuse(options or {})
        super().__init__(params, defaults)

    def _refuse(self, options: dict[str, Any]) -> None:
        for name, value in options.items():
            if value:
                raise ValueError(f"{name} is not supported by this {type(self).__name__} and must be off, got {value}")

    def add_param_group(self, param_group: dict[str, Any]) -> None:
        """Adds parameters with hyperparameters of their own, which are checked like the constructor's."""
        for name, check in CHECKS.items():
            if name in self.defaults or name in param_group:
                check(name, number(param_group.get(name, self.defaults.get(name))))
        super().add_param_group(param_group)
        for theta in self.param_groups[-1]["params"]:
            if theta.is_complex() or theta.is_sparse:
                raise ValueError(f"params must be real and dense, got one of {theta.dtype} and {theta.layout}")

    def __setstate__(self, state: dict[str, Any]) -> None:
        """Takes a state in, torch's too: its switches for speed do not matter here, the others must be off."""
        super().__setstate__(state)
        for group in self.param_groups:
            for name, value in self.defaults.items():
                group.setdefault(name, value)
            self._refuse({name: group.pop(name, None) for name in (*self.refused, *RESULT)})
            for name in (*SPEED, "decoupled_weight_decay"):  # the class says whether the decay is decoupled
                group.pop(name, None)

    def step(self, closure: Closure | None = None) -> Any:
        """One step of every parameter that has a gradient; returns the closure's loss where there is a closure."""
        loss = None if closure is None else torch.enable_grad()(closure)()
        self.apply_gradients()
        return loss

    @torch.no_grad()
    def apply_gradients(self) -> None:
        """The rule, for every parameter that has a gradient."""
        for group in self.param_groups:
            hyper = {name: number(group[name]) for name in self._declared if name != "t"}
            decay = 0 if "weight_decay" in self._declared else group.get("weight_decay", 0)
            names = self.needs(group)
            for theta in group["params"]:
                g = theta.grad
                if g is None:
                    continue
                if g.is_sparse:
                    raise ValueError("gradients must be dense, got a sparse one")
                if decay:
                    g = g.add(theta, alpha=decay)
                self.update(theta, g, *(self._buffers(theta, group, names, hyper) if names else ()), **hyper)

    def _buffers(
        self, theta: Tensor, group: dict[str, Any], names: tuple[str, ...], hyper: dict[str, Any]
    ) -> list[Tensor]:
        """The parameter's buffers; the step is counted, and told to a rule that asks for it."""
        state = self.state[theta]
        if not state:
            self.begin(theta, group)
        if self.counts:
            state["step"] += 1
            if "t" in self._declared:
                hyper["t"] = number(state["step"])
        return [state[name] for name in names]

    def begin(self, theta: Tensor, group: dict[str, Any]) -> None:
        """Makes the parameter's buffers."""
        if self.counts:
            self.state[theta]["step"] = torch.tensor(0.0)  # on the CPU, as torch's: to read it waits for no GPU
        for name in self.needs(group):
            self.state[theta][name] = self.start(name, theta, group)

    def needs(self, group: dict[str, Any]) -> tuple[str, ...]:
        """The buffers that a parameter of this group needs."""
        return self.buffers

    def start(self, name: str, theta: Tensor, group: dict[str, Any]) -> Tensor:
        """A buffer's first value: zeros."""
        return torch.zeros_like(theta, memory_format=torch.preserve_format)
