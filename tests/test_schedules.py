"""What must hold for every schedule, driven by the registry, and what each is named for."""

from __future__ import annotations

import copy
import math
import warnings

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from torch import nn
from torch.optim.lr_scheduler import LambdaLR

from tests.registries import parametrize
from tests.registries.schedules import LENGTH, SCHEDULES
from trainwell import schedules

BASE = 0.1


def optimizer():
    return torch.optim.SGD([nn.Parameter(torch.zeros(1))], lr=BASE)


def rates(scheduler, steps):
    """The learning rate of each step."""
    found = []
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # SequentialLR calls its parts in torch's old way
        for _ in range(steps):
            found.append(scheduler.optimizer.param_groups[0]["lr"])
            scheduler.optimizer.step()
            scheduler.step()
    return found


def test_the_registry_lists_every_schedule():
    made = {entry.factory.__name__.replace("warm_", "warmup ").split()[0] for entry in SCHEDULES}
    assert made == set(schedules.__all__)


@parametrize(SCHEDULES)
def test_oracle(entry):
    steps = LENGTH + 1 if "ends" in entry.abilities else 2 * LENGTH
    ours = rates(LambdaLR(optimizer(), entry.make()), steps)
    if "optax" in entry.abilities:
        theirs = [BASE * float(entry.oracle()(t)) for t in range(steps)]
        assert ours == pytest.approx(theirs, rel=1e-5, abs=1e-7)  # optax computes in single precision
    else:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            peer = entry.oracle(optimizer())
        assert ours == pytest.approx(rates(peer, steps), rel=1e-9, abs=1e-12)


@parametrize(SCHEDULES)
def test_restored_mid_run(entry):
    whole = rates(LambdaLR(optimizer(), entry.make()), 30)
    first = LambdaLR(optimizer(), entry.make())
    rates(first, 13)
    second = LambdaLR(optimizer(), entry.make())
    second.optimizer.load_state_dict(copy.deepcopy(first.optimizer.state_dict()))
    second.load_state_dict(copy.deepcopy(first.state_dict()))
    assert rates(second, 17) == whole[13:]


@parametrize(SCHEDULES)
def test_factors_are_numbers_and_not_negative(entry):
    factors = [entry.make()(t) for t in range(200)]
    assert all(isinstance(f, (int, float)) and 0 <= f <= 1 + 1e-12 for f in factors)


def test_the_ends_are_reached_and_kept():
    for schedule, end in ((schedules.cosine(10, 0.1), 0.1), (schedules.linear(10, 1.0, 0.3), 0.3)):
        assert schedule(0) == 1
        assert schedule(9) > end
        assert [schedule(t) for t in (10, 11, 1000)] == pytest.approx([end] * 3, abs=1e-15)


def test_the_last_step_before_a_drop_is_high():
    assert [schedules.step(5, 0.5)(t) for t in (4, 5, 9, 10)] == [1, 0.5, 0.5, 0.25]
    assert [schedules.multi_step([5, 7], 0.5)(t) for t in (4, 5, 6, 7)] == [1, 0.5, 0.5, 0.25]
    assert [schedules.restarts(4)(t) == 1 for t in range(9)] == [t % 4 == 0 for t in range(9)]


def test_defaults():
    assert schedules.step(1)(1) == schedules.multi_step([1])(1) == 0.1
    assert schedules.constant()(3) == 1
    assert schedules.linear(4)(0) == 1
    assert schedules.linear(4)(4) == schedules.cosine(4)(4) == schedules.warmup(schedules.constant(), 4)(0) == 0
    assert schedules.restarts(2)(3) == pytest.approx(0.5)
    assert schedules.inverse_sqrt()(3) == 0.5


@given(t=st.integers(0, 500), steps=st.integers(0, 100), start=st.floats(0, 1))
def test_after_the_warmup_the_schedule_starts_anew(t, steps, start):
    rest = schedules.exponential(0.99)
    assert schedules.warmup(rest, steps, start)(t + steps) == rest(t)


@given(steps=st.integers(1, 100), start=st.floats(0, 1))
def test_the_warmup_is_straight_and_meets_the_schedule(steps, start):
    f = schedules.warmup(schedules.constant(0.5), steps, start)
    assert f(0) == start / 2
    rises = [f(t + 1) - f(t) for t in range(steps)]
    assert rises == pytest.approx([(1 - start) / 2 / steps] * steps, abs=1e-12)


def test_warmup_within_warmup_and_none():
    inner = schedules.warmup(schedules.cosine(10), 3)
    assert [schedules.warmup(inner, 0)(t) for t in range(20)] == [inner(t) for t in range(20)]


def test_the_cosine_is_half_way_in_the_middle():
    assert schedules.cosine(8, 0.2)(4) == pytest.approx(0.6)
    assert schedules.cosine(8)(2) == pytest.approx((1 + math.sqrt(0.5)) / 2)


@pytest.mark.parametrize(
    ("make", "message"),
    [
        (lambda: schedules.constant(-1.0), "factor must not be negative, got -1.0"),
        (lambda: schedules.step(0), "size must be at least 1, got 0"),
        (lambda: schedules.step(1, -1.0), "gamma must not be negative"),
        (lambda: schedules.multi_step([1], -1.0), "gamma must not be negative"),
        (lambda: schedules.exponential(-1.0), "gamma must not be negative"),
        (lambda: schedules.cosine(0), "steps must be at least 1"),
        (lambda: schedules.cosine(1, -1.0), "least must not be negative"),
        (lambda: schedules.restarts(0), "first must be at least 1"),
        (lambda: schedules.restarts(1, 0), "growth must be at least 1"),
        (lambda: schedules.restarts(1, 1, -1.0), "least must not be negative"),
        (lambda: schedules.linear(0), "steps must be at least 1"),
        (lambda: schedules.linear(1, -1.0), "start must not be negative"),
        (lambda: schedules.linear(1, 1.0, -1.0), "end must not be negative"),
        (lambda: schedules.inverse_sqrt(0), "shift must be at least 1"),
        (lambda: schedules.warmup(schedules.constant(), -1), "steps must not be negative"),
        (lambda: schedules.warmup(schedules.constant(), 1, -1.0), "start must not be negative"),
    ],
)
def test_bad_arguments_are_named(make, message):
    with pytest.raises(ValueError, match=message):
        make()


def test_zero_and_one_are_allowed():
    assert schedules.constant(0.0)(1) == schedules.step(1, 0.0)(1) == schedules.exponential(0.0)(1) == 0
    assert schedules.cosine(1)(1) == schedules.restarts(1)(0) - 1 == schedules.linear(1, 0.0)(0) == 0
