"""What every random layer must keep, driven by one table: the layer, its settings, what it promises."""

from __future__ import annotations

import copy
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

import pytest
import torch
from torch import nn

from trainwell import regularization as R


@dataclass
class Case:
    """One kind of layer under test."""

    module: type[nn.Module]
    function: Callable[..., torch.Tensor]
    arguments: dict[str, Any]
    shape: tuple[int, ...]
    sizes: dict[str, int] = field(default_factory=dict)  # what only the module needs, not the function
    bad: tuple[str, Any] = ("p", 1.5)
    identity_at_test: bool = True
    random_at_test: bool = False
    right_on_average: bool = True  # the mean of its training outputs is its test output

    def layer(self, **more: Any) -> nn.Module:
        torch.manual_seed(7)
        return self.module(**self.sizes, **{**self.arguments, **more})

    def input(self, dtype: torch.dtype = torch.float64) -> torch.Tensor:
        return torch.rand(self.shape, generator=seeded(1), dtype=torch.float64).add(0.5).to(dtype)


CASES = {
    "dropout": Case(R.Dropout, R.dropout, {"p": 0.3}, (6, 5)),
    "vanilla_dropout": Case(R.VanillaDropout, R.vanilla_dropout, {"p": 0.3}, (6, 5), identity_at_test=False),
    "dropconnect": Case(
        R.DropConnect,
        R.dropconnect,
        {"p": 0.3},
        (6, 5),
        sizes={"in_features": 5, "out_features": 4},
        identity_at_test=False,
    ),
    "drop_block2d": Case(
        R.DropBlock2d, R.drop_block2d, {"p": 0.3, "block_size": 3}, (4, 2, 7, 6), right_on_average=False
    ),
    "depth_row": Case(R.StochasticDepth, R.stochastic_depth, {"p": 0.3, "mode": "row"}, (6, 5)),
    "depth_batch": Case(
        R.StochasticDepth, R.stochastic_depth, {"p": 0.3, "mode": "batch"}, (6, 5), right_on_average=False
    ),
    "pooling": Case(
        R.FractionalMaxPool2d,
        R.fractional_max_pool2d,
        {"kernel_size": 2, "output_ratio": 0.6},
        (4, 2, 9, 8),
        bad=("output_ratio", 1.0),
        identity_at_test=False,
        random_at_test=True,
        right_on_average=False,
    ),
    "input_noise": Case(R.InputNoise, R.input_noise, {"std": 0.3}, (6, 5), bad=("std", -1.0)),
}
DTYPES = (torch.float16, torch.bfloat16, torch.float32, torch.float64)
every_layer = pytest.mark.parametrize("case", CASES.values(), ids=CASES.keys())


def seeded(seed: int) -> torch.Generator:
    return torch.Generator().manual_seed(seed)


def outputs(layer: nn.Module, x: torch.Tensor) -> torch.Tensor:
    return torch.stack([layer(x) for _ in range(20)])


@every_layer
def test_draws_from_the_generator_alone(case):
    layer, x = case.layer(generator=seeded(0)).double(), case.input()
    state = torch.random.get_rng_state()
    first = outputs(layer, x)
    assert len(first.unique(dim=0)) > 1
    layer.generator = seeded(0)
    assert torch.equal(outputs(layer, x), first)
    assert torch.equal(torch.random.get_rng_state(), state)


@every_layer
def test_draws_from_the_global_generator_without_one(case):
    layer, x = case.layer().double(), case.input()
    torch.manual_seed(3)
    first = outputs(layer, x)
    assert len(first.unique(dim=0)) > 1
    torch.manual_seed(3)
    assert torch.equal(outputs(layer, x), first)


@every_layer
@pytest.mark.parametrize("training", [True, False])
def test_leaves_its_input_alone(case, training):
    layer, x = case.layer().double().train(training), case.input()
    layer(x)
    assert torch.equal(x, case.input())


@every_layer
def test_is_the_function(case):
    layer, x = case.layer(generator=seeded(0)).double(), case.input()
    weights = {name: w for name, w in layer.named_parameters()}
    assert torch.equal(layer(x), case.function(x, **weights, **case.arguments, generator=seeded(0)))


@every_layer
def test_at_test_time(case):
    layer, x = case.layer().double().eval(), case.input()
    assert torch.equal(layer(x), layer(x)) != case.random_at_test
    if case.identity_at_test:
        assert torch.equal(layer(x), x)


@pytest.mark.parametrize("case", [pytest.param(c, id=n) for n, c in CASES.items() if c.right_on_average])
def test_training_averages_to_the_test_output(case):
    draws = 20_000
    layer, x = case.layer(generator=seeded(0)).double(), case.input()[:1]
    y = layer(x.expand(draws, -1)).detach()
    spread = y.std(0) / draws**0.5
    assert ((y.mean(0) - layer.eval()(x)[0]).abs() < 5 * spread).all()


@every_layer
@pytest.mark.parametrize("training", [True, False])
@pytest.mark.parametrize("dtype", DTYPES, ids=str)
def test_keeps_the_dtype(case, dtype, training):
    y = case.layer().to(dtype).train(training)(case.input(dtype))
    assert y.dtype == dtype
    assert y.isfinite().all()


@every_layer
@pytest.mark.parametrize("training", [True, False])
def test_keeps_the_device(case, training):
    y = case.layer().to("meta").train(training)(case.input(torch.float32).to("meta"))
    assert y.device.type == "meta"


@every_layer
def test_takes_an_empty_batch(case):
    x = case.input(torch.float32)[:0]
    assert case.layer()(x).shape[0] == 0


@every_layer
def test_gradient(case):
    layer = case.layer().double()
    x = case.input().requires_grad_()

    def run(x: torch.Tensor) -> torch.Tensor:
        layer.generator = seeded(0)
        return layer(x)

    assert torch.autograd.gradcheck(run, x)


@every_layer
def test_refuses_a_bad_setting(case):
    name, value = case.bad
    for call in (lambda **k: case.layer(**k)(case.input(torch.float32)), lambda **k: case.function(case.input(), **k)):
        if case.sizes and call.__code__.co_names[0] == "function":
            continue  # it needs its weights
        with pytest.raises(ValueError, match=rf"{name} must .*{value}"):
            call(**{**case.arguments, name: value})


@every_layer
def test_shows_its_settings(case):
    shown = repr(case.layer())
    assert all(f"{name}={value!r}" in shown for name, value in case.arguments.items())


@every_layer
def test_a_copy_draws_on(case):
    layer, x = case.layer(generator=seeded(0)).double(), case.input()
    twin = copy.deepcopy(layer)
    assert torch.equal(twin(x), layer(x))


@every_layer
def test_autocast(case):
    layer, x = case.layer(), case.input(torch.float32)
    with torch.autocast("cpu", dtype=torch.bfloat16):
        y = layer(x)
    assert y.dtype == (torch.bfloat16 if case.module is R.DropConnect else torch.float32)  # as nn.Linear and the rest
