"""Optimizer steps as one graph; run by `test_optimizers.py` in a process of its own."""

from __future__ import annotations

import warnings

import pytest
import torch
from optimizer_problems import Problem

from tests.registries import parametrize
from tests.registries.optimizers import OPTIMIZERS
from trainwell import optimizers


@pytest.fixture(autouse=True)
def _fresh():
    torch.compiler.reset()


def compiled(step):
    return torch.compile(step, backend="aot_eager", fullgraph=True)


def trajectory(optimizer, task, step, n):
    for t in range(1, n + 1):
        task.closure(t)()
        step()
    return [theta.detach().clone() for theta in task.params]


@parametrize(OPTIMIZERS, "compiles")
def test_a_step_is_one_graph(entry):
    plain, fast = (Problem(torch.double, shapes=[(3, 2)]) for _ in range(2))
    optimizer = entry.make(plain.params)
    expected = trajectory(optimizer, plain, optimizer.step, 7)
    optimizer = entry.make(fast.params)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        result = trajectory(optimizer, fast, compiled(optimizer.step), 7)
    torch.testing.assert_close(result, expected, rtol=1e-5, atol=1e-6)  # the step is in single precision


@parametrize(OPTIMIZERS, "breaks")
def test_a_step_that_calls_the_closure_is_several_graphs(entry):
    plain, fast = (Problem(torch.double, shapes=[(3, 2)], noise=0.0) for _ in range(2))
    plain.run(entry.make(plain.params), 5, abilities=entry.abilities)
    optimizer = entry.make(fast.params)
    closure = fast.closure(1, backward="loss-only" not in entry.abilities)
    with pytest.raises(torch._dynamo.exc.Unsupported):
        compiled(optimizer.step)(closure)
    optimizer.step = torch.compile(optimizer.step, backend="aot_eager")
    fast.run(optimizer, 5, abilities=entry.abilities)
    torch.testing.assert_close(fast.params, plain.params)


def test_a_schedule_of_a_tensor_compiles_once():
    task = Problem()
    optimizer = optimizers.AdamW(task.params, lr=torch.tensor(0.05))
    task.closure(1)()
    optimizer.step()
    step = compiled(optimizer.step)
    with torch._dynamo.config.patch(error_on_recompile=True):
        for t in range(2, 6):
            optimizer.param_groups[0]["lr"].fill_(0.05 / t)
            task.closure(t)()
            step()
