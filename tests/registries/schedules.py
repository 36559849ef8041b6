"""The schedules: each with torch's own, made from an optimizer, and what optax has where it has it.

- ``ends``: torch's goes on otherwise, so they are compared up to the end only.
- ``optax``: the reference is a function from the step.
"""

from __future__ import annotations

from functools import partial
from typing import Any

import optax
from torch.optim import Optimizer
from torch.optim import lr_scheduler as L

from trainwell import schedules as S

from . import Entry, abilities

LENGTH = 40


def warm_step() -> Any:
    return S.warmup(S.step(10, 0.5), 7, 0.1)


def warm_step_in_torch(optimizer: Optimizer) -> L.LRScheduler:
    up = L.LinearLR(optimizer, start_factor=0.1, total_iters=7)
    return L.SequentialLR(optimizer, [up, L.StepLR(optimizer, 10, 0.5)], milestones=[7])


def warm_cosine() -> Any:
    return S.warmup(S.cosine(LENGTH - 10), 10)


def warm_cosine_in_optax():
    return optax.warmup_cosine_decay_schedule(0.0, 1.0, 10, LENGTH, 0.0)


def warm_again() -> Any:
    return S.warmup(S.linear(20, 0.8, 0.2), 5, 0.5)


def warm_again_in_optax():
    up, down = optax.linear_schedule(0.4, 0.8, 5), optax.linear_schedule(0.8, 0.2, 20)
    return optax.join_schedules([up, down], [5])


_restarts, _cosine = L.CosineAnnealingWarmRestarts, L.CosineAnnealingLR
_optax = abilities("optax")
SCHEDULES = [
    Entry("constant", S.constant, {"factor": 0.3}, partial(L.ConstantLR, factor=0.3, total_iters=1000)),
    Entry("constant, none", S.constant, {}, partial(L.LambdaLR, lr_lambda=lambda t: 1.0)),
    Entry("step", S.step, {"size": 7, "gamma": 0.5}, partial(L.StepLR, step_size=7, gamma=0.5)),
    Entry("step, default", S.step, {"size": 9}, partial(L.StepLR, step_size=9)),
    Entry("multi-step", S.multi_step, {"milestones": [3, 10, 11]}, partial(L.MultiStepLR, milestones=[3, 10, 11])),
    Entry("exponential", S.exponential, {"gamma": 0.9}, partial(L.ExponentialLR, gamma=0.9)),
    Entry("cosine", S.cosine, {"steps": LENGTH}, partial(_cosine, T_max=LENGTH), abilities("ends")),
    Entry(
        "cosine to 0.1", S.cosine, {"steps": 20, "least": 0.1}, partial(optax.cosine_decay_schedule, 1, 20, 0.1), _optax
    ),
    Entry("restarts", S.restarts, {"first": 7}, partial(_restarts, T_0=7)),
    Entry(
        "restarts, longer",
        S.restarts,
        {"first": 3, "growth": 2, "least": 0.1},
        partial(_restarts, T_0=3, T_mult=2, eta_min=0.01),
    ),
    Entry(
        "linear",
        S.linear,
        {"steps": 20, "start": 1.0, "end": 0.25},
        partial(L.LinearLR, start_factor=1.0, end_factor=0.25, total_iters=20),
    ),
    Entry("linear to zero", S.linear, {"steps": 20}, partial(optax.linear_schedule, 1.0, 0.0, 20), _optax),
    Entry("inverse root", S.inverse_sqrt, {}, partial(L.LambdaLR, lr_lambda=lambda t: (t + 1) ** -0.5)),
    Entry(
        "inverse root, later",
        S.inverse_sqrt,
        {"shift": 9},
        partial(L.LambdaLR, lr_lambda=lambda t: 3 * (t + 9) ** -0.5),
    ),
    Entry("warmup before step", warm_step, {}, warm_step_in_torch),
    Entry("warmup before cosine", warm_cosine, {}, warm_cosine_in_optax, _optax),
    Entry("warmup before linear", warm_again, {}, warm_again_in_optax, _optax),
]
