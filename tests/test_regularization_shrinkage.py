"""Soft thresholding as the proximal map that it is; decay against torch's optimizers."""

from __future__ import annotations

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from torch import nn
from torch.nn import functional as F

from trainwell.regularization import (
    coupled_decay_,
    decay_groups,
    decoupled_decay_,
    proximal_l1_,
    soft_threshold,
)

number = st.floats(-10, 10, allow_subnormal=False)
threshold = st.floats(0, 5, allow_subnormal=False)


def double(*values: float) -> torch.Tensor:
    return torch.tensor(values, dtype=torch.float64)


@pytest.mark.parametrize("t", [0.0, 0.3, 2.0])
def test_is_torchs_softshrink(t):
    w = torch.randn(5, 7, dtype=torch.float64)
    torch.testing.assert_close(soft_threshold(w, t), F.softshrink(w, t))


@given(w=number, z=number, t=threshold)
def test_minimises_what_the_proximal_map_minimises(w, z, t):
    def objective(z: torch.Tensor) -> float:
        return ((z - w) ** 2 / 2 + t * z.abs()).item()

    assert objective(soft_threshold(double(w), t)) <= objective(double(z)) + 1e-12


@given(v=number, w=number, t=threshold)
def test_does_not_expand_and_is_odd(v, w, t):
    a, b = soft_threshold(double(v), t), soft_threshold(double(w), t)
    assert (a - b).abs().item() <= abs(v - w) + 1e-12
    assert soft_threshold(double(-w), t) == -b


@given(w=number, s=threshold, t=threshold)
def test_two_thresholds_are_their_sum(w, s, t):
    torch.testing.assert_close(soft_threshold(soft_threshold(double(w), s), t), soft_threshold(double(w), s + t))


def test_limits_of_the_threshold():
    w = torch.randn(9)
    assert torch.equal(soft_threshold(w, 0.0), w)
    assert not soft_threshold(w, w.abs().max().item()).any()


def test_proximal_step_works_in_place_on_parameters():
    model = nn.Linear(4, 3)
    before = [w.detach().clone() for w in model.parameters()]
    proximal_l1_(model.parameters(), 0.2)
    for w, old in zip(model.parameters(), before, strict=True):
        assert torch.equal(w, soft_threshold(old, 0.2))
        assert w.requires_grad


def twins() -> tuple[nn.Module, nn.Module]:
    torch.manual_seed(0)
    model, twin = (nn.Sequential(nn.Linear(4, 8), nn.Tanh(), nn.Linear(8, 3)).double() for _ in range(2))
    twin.load_state_dict(model.state_dict())
    return model, twin


def train(model: nn.Module, optimizer: torch.optim.Optimizer, *, before=None, after=None, steps: int = 60) -> None:
    generator = torch.Generator().manual_seed(1)
    for _ in range(steps):
        x = (
            torch.randn(16, 4, dtype=torch.float64, generator=generator) * 30
        )  # large gradients show what small ones hide
        optimizer.zero_grad()
        F.cross_entropy(model(x), x.argmax(1) % 3).backward()
        if before:
            before()
        optimizer.step()
        if after:
            after()


def same_weights(model: nn.Module, twin: nn.Module) -> bool:
    return all(torch.allclose(a, b, rtol=1e-10) for a, b in zip(model.parameters(), twin.parameters(), strict=True))


@pytest.mark.parametrize(
    "make",
    [
        lambda w, decay: torch.optim.SGD(w, lr=0.1, momentum=0.9, weight_decay=decay),
        lambda w, decay: torch.optim.Adam(w, lr=0.01, weight_decay=decay),
    ],
    ids=["SGD", "Adam"],
)
def test_coupled_decay_is_torchs_weight_decay(make):
    model, twin = twins()
    train(model, make(model.parameters(), 0.0), before=lambda: coupled_decay_(model.parameters(), 0.05))
    train(twin, make(twin.parameters(), 0.05))
    assert same_weights(model, twin)


def test_decoupled_decay_is_adamw():
    model, twin = twins()
    adam = torch.optim.Adam(model.parameters(), lr=0.01)
    train(model, adam, before=lambda: decoupled_decay_(model.parameters(), 0.01, 0.5))
    train(twin, torch.optim.AdamW(twin.parameters(), lr=0.01, weight_decay=0.5))
    assert same_weights(model, twin)


def test_the_two_decays_are_one_under_sgd_and_two_under_adam():
    for make, equal in ((torch.optim.SGD, True), (torch.optim.Adam, False)):
        model, twin = twins()
        one, other = (make(m.parameters(), lr=0.01) for m in (model, twin))
        train(model, one, before=lambda m=model: coupled_decay_(m.parameters(), 0.5))
        train(twin, other, before=lambda m=twin: decoupled_decay_(m.parameters(), 0.01, 0.5))
        assert same_weights(model, twin) == equal


def test_weights_without_a_gradient_are_not_coupled():
    w = torch.ones(2, requires_grad=True)
    coupled_decay_([w], 0.5)
    assert w.grad is None


def test_no_decay_changes_nothing():
    w = torch.ones(2, requires_grad=True)
    w.sum().backward()
    coupled_decay_([w], 0.0)
    decoupled_decay_([w], 0.1, 0.0)
    assert torch.equal(w.grad, torch.ones(2))
    assert torch.equal(w, torch.ones(2))


def test_decay_groups_spare_biases_and_normalisation():
    model = nn.ModuleDict(
        {
            "embedding": nn.Embedding(5, 4),
            "conv": nn.Conv2d(1, 2, 3),
            "batch": nn.BatchNorm2d(2),
            "group": nn.GroupNorm(1, 2),
            "layer": nn.LayerNorm((2, 3)),  # its weight has two dimensions
            "linear": nn.Linear(4, 3),
        }
    )
    decayed, spared = decay_groups(model, 0.1)
    names = {id(w): name for name, w in model.named_parameters()}
    assert {names[id(w)] for w in decayed["params"]} == {"embedding.weight", "conv.weight", "linear.weight"}
    assert len(decayed["params"]) + len(spared["params"]) == len(names)
    assert (decayed["weight_decay"], spared["weight_decay"]) == (0.1, 0.0)


def test_decay_groups_hold_each_parameter_once_and_no_frozen_ones():
    model = nn.Sequential(nn.Linear(3, 3), nn.Linear(3, 3), nn.Linear(3, 3))
    model[1].weight = model[0].weight
    model[2].requires_grad_(False)
    groups = decay_groups(model, 0.1)
    assert [len(group["params"]) for group in groups] == [1, 2]
    torch.optim.AdamW(groups, lr=0.1)


@pytest.mark.parametrize("dtype", [torch.float16, torch.bfloat16, torch.float32, torch.float64], ids=str)
def test_keeps_dtype_and_device(dtype):
    w = torch.ones(3, dtype=dtype, requires_grad=True)
    assert soft_threshold(w, 0.5).dtype == dtype
    assert soft_threshold(w.to("meta"), 0.5).device.type == "meta"
    proximal_l1_([w], 0.25)
    decoupled_decay_([w], 1.0, 0.5)
    assert torch.equal(w, torch.full((3,), 0.375, dtype=dtype))


def test_gradcheck():
    w = double(0.5, -2.0, 3.0).requires_grad_()
    assert torch.autograd.gradcheck(lambda w: soft_threshold(w, 1.0), w)


def test_leaves_its_input_alone():
    w = torch.ones(3)
    soft_threshold(w, 0.5)
    assert torch.equal(w, torch.ones(3))


def test_refuses_negative_settings():
    w = [torch.ones(2)]
    with pytest.raises(ValueError, match="threshold must not be negative, got -1"):
        soft_threshold(w[0], -1)
    with pytest.raises(ValueError, match="threshold must not be negative, got -1"):
        proximal_l1_(w, -1)
    with pytest.raises(ValueError, match="strength must not be negative, got -1"):
        coupled_decay_(w, -1)
    with pytest.raises(ValueError, match="lr must not be negative, got -1"):
        decoupled_decay_(w, -1, 0.1)
    with pytest.raises(ValueError, match="strength must not be negative, got -1"):
        decoupled_decay_(w, 0.1, -1)
    with pytest.raises(ValueError, match="weight_decay must not be negative, got -1"):
        decay_groups(nn.Linear(1, 1), -1)


def test_coupled_decay_leaves_no_graph_behind():
    w = torch.ones(2, requires_grad=True)
    w.sum().backward()
    coupled_decay_([w], 0.5)
    assert not w.grad.requires_grad


def test_decay_groups_spare_by_shape_and_by_name():
    model = nn.Module()
    model.scale = nn.Parameter(torch.ones(3))  # a vector, whatever its name
    model.bias = nn.Parameter(torch.ones(3, 2))  # a bias, whatever its shape
    model.weight = nn.Parameter(torch.ones(3, 2))
    assert [len(group["params"]) for group in decay_groups(model, 0.1)] == [1, 2]
