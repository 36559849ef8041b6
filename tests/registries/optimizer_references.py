"""References for optimizers: adapters of other libraries to torch's way of stepping, and loops from the papers.

The loops go entry by entry in Python's own floats, so they share nothing with the library but the formulas' source.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any

import jax
import numpy as np
import optax
import scipy.optimize
import torch
from jax import numpy as jnp
from torch import Tensor


class Reference:
    """Steps on torch's parameters by other means: a subclass says how, with all of them as NumPy arrays."""

    def __init__(self, params: list[Tensor]) -> None:
        self.params = params

    def step(self, closure: Callable[[], Tensor]) -> None:
        closure()
        self.write(self.updated(self.read(), [theta.grad.numpy().copy() for theta in self.params]))

    def read(self) -> list[np.ndarray]:
        return [theta.detach().numpy().copy() for theta in self.params]

    @torch.no_grad()
    def write(self, arrays: list[Any]) -> None:
        for theta, array in zip(self.params, arrays, strict=True):
            theta.copy_(torch.from_numpy(np.array(array)))

    def updated(self, thetas: list[np.ndarray], gradients: list[np.ndarray]) -> list[Any]:
        raise NotImplementedError


class Optax(Reference):
    """A rule of optax."""

    def __init__(self, params: list[Tensor], rule: optax.GradientTransformation) -> None:
        super().__init__(params)
        with jax.enable_x64(True):
            self.state = rule.init(self.wrap([jnp.asarray(theta) for theta in self.read()]))

            def update(gradients, state, thetas):
                updates, state = rule.update(gradients, state, thetas)
                return optax.apply_updates(thetas, updates), state

            self.update = jax.jit(update)

    def wrap(self, thetas: list[Any]) -> Any:
        return thetas

    def updated(self, thetas, gradients):
        with jax.enable_x64(True):
            new, self.state = self.update(gradients, self.state, thetas)
            return new


class OptaxLookahead(Optax):
    """optax keeps the slow weights beside the fast ones, which are the ones to train."""

    def wrap(self, thetas):
        self.both = optax.LookaheadParams.init_synced(thetas)
        return self.both

    def updated(self, thetas, gradients):
        with jax.enable_x64(True):
            self.both, self.state = self.update(gradients, self.state, self.both)
            return self.both.fast


class Apart:
    """A reference for each parameter, so that each counts its own steps and may lack a gradient."""

    def __init__(self, make: Callable[[list[Tensor]], Any], params: list[Tensor]) -> None:
        self.params, self.each = params, [make([theta]) for theta in params]

    def step(self, closure):
        closure()
        for theta, one in zip(self.params, self.each, strict=True):
            if theta.grad is not None:
                one.step(lambda: None)


class Ahead:
    """The look-ahead form from torch's: its parameters minus the momentum times the velocity, -lr times its buffer."""

    def __init__(self, params: list[Tensor], lr: float, momentum: float) -> None:
        self.params, self.lr, self.momentum = params, lr, momentum
        self.inner = torch.optim.SGD(params, lr=lr, momentum=momentum, nesterov=True)

    def step(self, closure):
        self.shift(-1)
        self.inner.step(closure)
        self.shift(1)

    @torch.no_grad()
    def shift(self, sign):
        for theta in self.params:
            buffer = self.inner.state[theta].get("momentum_buffer")
            if buffer is not None:
                theta.add_(buffer, alpha=sign * self.momentum * self.lr)


class ByHand(Reference):
    """One entry at a time: a subclass says how one changes, with a dictionary of its own as its memory."""

    def __init__(self, params: list[Tensor], **arguments: Any) -> None:
        super().__init__(params)
        self.h = arguments
        self.memory: dict[tuple[int, int], dict[str, float]] = {}

    def updated(self, thetas, gradients):
        for i, (theta, g) in enumerate(zip(thetas, gradients, strict=True)):
            if g is None:
                continue
            flat, slope = theta.reshape(-1), self.prepared(g).reshape(-1)
            for j in range(flat.size):
                flat[j] = self.entry(float(flat[j]), float(slope[j]), self.memory.setdefault((i, j), {}), i, j)
        return thetas

    def prepared(self, g: np.ndarray) -> np.ndarray:
        return g

    def entry(self, theta: float, g: float, memory: dict[str, float], i: int, j: int) -> float:
        raise NotImplementedError


class AdamUncorrected(ByHand):
    """Kingma and Ba's two averages as the lecture uses them, before any correction."""

    def entry(self, theta, g, memory, i, j):
        beta1, beta2 = self.h["betas"]
        memory["m"] = beta1 * memory.get("m", 0.0) + (1 - beta1) * g
        memory["v"] = beta2 * memory.get("v", 0.0) + (1 - beta2) * g * g
        return theta - self.h["lr"] * memory["m"] / (math.sqrt(memory["v"]) + 1e-8)


class AdaSecantByHand(ByHand):
    """Gulcehre et al., Algorithm 1, with what their own code adds: see the Note of `AdaSecant`."""

    def prepared(self, g):
        return g / (np.sqrt((g**2).sum()) + self.h.get("eps", 1e-7))

    def entry(self, theta, g, memory, i, j):
        eps, rho = self.h.get("eps", 1e-7), self.h.get("decay", 0.95)
        if not memory:
            memory.update(dict.fromkeys(("g", "gg", "a", "aa", "ad", "up", "down", "old", "old~"), 0.0))
            memory.update(tau=2.2, d=g, dd=g * g)
        tau = memory["tau"]

        def average(name, value):
            memory[name] += (value - memory[name]) / tau
            return memory[name]

        memory["g"] = rho * memory["g"] + (1 - rho) * g
        memory["gg"] = rho * memory["gg"] + (1 - rho) * g * g
        up = average("up", ((g - memory["old~"]) * (g - memory["g"])) ** 2)
        down = average("down", ((g - memory["g"]) * (memory["old~"] - memory["g"])) ** 2)
        gamma = min(math.sqrt(up) / (math.sqrt(down) + eps), self.h.get("gamma_clip", 1.8))
        better = (g + gamma * memory["g"]) / (1 + gamma)
        a = g - memory["old"]
        average("a", a)
        average("aa", a * a)
        eta = math.sqrt(memory["dd"] + eps) / math.sqrt(memory["aa"] + eps) - memory["ad"] / (memory["aa"] + eps)
        d = -self.h.get("lr", 1.0) * eta * better
        longer = (1 - memory["d"] ** 2 / (memory["dd"] + eps)) * tau + 1
        average("d", d)
        average("dd", d * d)
        average("ad", a * d)
        strange = abs(g - memory["g"]) > 2 * math.sqrt(max(memory["gg"] - memory["g"] ** 2, 0))
        strange |= abs(a - memory["a"]) > 2 * math.sqrt(max(memory["aa"] - memory["a"] ** 2, 0))
        memory["tau"] = min(max(2.2 if strange else longer, 1.5), 1e8)
        memory["old"], memory["old~"] = g, better
        return theta + d


class VSGDByHand(ByHand):
    """Schaul, Zhang and LeCun, Algorithm 1 with the local rate; the curvature as in the second paper, section 4."""

    def step(self, closure):
        closure()
        thetas, gradients = self.read(), self.slopes()
        ahead = [theta + self.shift(i, g) for i, (theta, g) in enumerate(zip(thetas, gradients, strict=True))]
        self.write(ahead)
        closure()
        eps = self.h.get("eps", 1e-8)
        self.curvature = []
        for theta, g, x, y in zip(thetas, gradients, ahead, self.slopes(), strict=True):
            h = None if g is None else np.maximum(np.abs(y - g) / np.maximum(np.abs(x - theta), eps), eps)
            self.curvature.append(h)
        self.write(self.updated(thetas, gradients))

    def slopes(self):
        return [None if theta.grad is None else theta.grad.numpy().copy() for theta in self.params]

    def shift(self, i, g):
        if g is None:
            return 0.0
        means = [self.memory.get((i, j), {}).get("g") for j in range(g.size)]
        return g if means[0] is None else np.array(means).reshape(g.shape)

    def entry(self, theta, g, memory, i, j):
        samples, h = self.h.get("init_samples", 10), float(self.curvature[i].reshape(-1)[j])
        memory["seen"] = seen = memory.get("seen", 0) + 1
        if seen <= samples:
            sums = {"g": g, "v": g * g, "h": h}
            for name, value in sums.items():
                memory[name] = memory.get(name, 0.0) * (seen - 1) / seen + value / seen
            if seen == samples:
                memory["v"] *= self.h.get("slow_constant", 2.0)
                memory["tau"] = float(samples)
            return theta
        share = 1 / memory["tau"]
        for name, value in {"g": g, "v": g * g, "h": h}.items():
            memory[name] = (1 - share) * memory[name] + share * value
        eta = memory["g"] ** 2 / (memory["h"] * memory["v"])
        memory["tau"] = (1 - memory["g"] ** 2 / memory["v"]) * memory["tau"] + 1
        return theta - self.h.get("lr", 1.0) * eta * g


class WholeReference(Reference):
    """All parameters as one vector."""

    def join(self, arrays):
        return np.concatenate([array.reshape(-1) for array in arrays])

    def split(self, vector):
        ends = np.cumsum([theta.numel() for theta in self.params])[:-1]
        return [part.reshape(theta.shape) for part, theta in zip(np.split(vector, ends), self.params, strict=True)]


def bowl(x, scale):
    steep = jnp.arange(1, len(x) + 1) / len(x)
    bumps = jnp.where(scale == 1, jnp.sum(jnp.sin(x[1:] * x[:-1])) / 4, 0.0)
    return scale * (jnp.sum(steep * x**2) / 2 + bumps)


HESSIAN, SLOPE = jax.jit(jax.hessian(bowl)), jax.jit(jax.grad(bowl))


class NewtonByJax(WholeReference):
    """The Hessian by jax, of the bowl that the tests use, written again."""

    def __init__(self, params: list[Tensor], lr: float = 1.0, damping: float = 0.0) -> None:
        super().__init__(params)
        self.lr, self.damping = lr, damping

    def step(self, closure):
        scale = closure.problem.scale
        with jax.enable_x64(True):
            x = self.join(self.read())
            matrix = np.array(HESSIAN(x, scale)) + self.damping * np.eye(len(x))
            self.write(self.split(x - self.lr * np.linalg.inv(matrix) @ np.array(SLOPE(x, scale))))


class BFGSByScipy(WholeReference):
    """scipy's update of the inverse Hessian, on steps of a fixed length."""

    def __init__(self, params: list[Tensor], lr: float, **ends: Any) -> None:
        super().__init__(params)
        self.lr, self.last = lr, None
        self.inverse = scipy.optimize.BFGS(exception_strategy="skip_update", min_curvature=0.0, init_scale=1)

    def step(self, closure):
        closure()
        slopes = [torch.zeros_like(theta) if theta.grad is None else theta.grad for theta in self.params]
        x, g = self.join(self.read()), self.join([slope.numpy() for slope in slopes])
        t = self.lr
        if self.last is None:
            self.inverse.initialize(len(x), "inv_hess")
            t *= min(1.0, 1 / np.abs(g).sum())
        else:
            self.inverse.update(x - self.last[0], g - self.last[1])
        self.last = x, g
        self.write(self.split(x - t * self.inverse.get_matrix() @ g))
