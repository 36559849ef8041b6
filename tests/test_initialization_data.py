"""LSUV and the statistics of signals, against loops written apart from them, and what they must leave alone."""

from __future__ import annotations

import copy
import math

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import nn
from torch.nn import functional as F

from trainwell.initialization import initialise_, kaiming_normal_, lsuv_, orthogonal_, signal_statistics


def seeded(seed: int = 0) -> torch.Generator:
    return torch.Generator().manual_seed(seed)


def mlp(activation=nn.ReLU, width=64, depth=5):
    layers = [layer for _ in range(depth) for layer in (nn.Linear(width, width), activation())]
    return nn.Sequential(*layers, nn.Linear(width, 10)).double()


def convolutional():
    return nn.Sequential(
        nn.Conv2d(3, 8, 3), nn.ReLU(inplace=True), nn.Dropout(0.5), nn.Conv2d(8, 8, 3), nn.ReLU(inplace=True),
        nn.Flatten(), nn.Linear(8 * 16, 5),
    ).double()  # fmt: skip


def inputs(*shape, scale=1.0, shift=0.0):
    return shift + scale * torch.randn(*shape, dtype=torch.float64, generator=seeded(7))


def papers_loop(model, x, tolerance, max_steps):
    """Algorithm 1 of the paper, by hand: activations are carried forward layer by layer instead of hooked."""
    g, h = seeded(), x
    for layer in model:
        if isinstance(layer, (nn.Linear, nn.Conv2d)):
            nn.init.orthogonal_(layer.weight, generator=g)
            layer.bias.data.zero_()
    for layer in model:
        steps = 0
        while isinstance(layer, (nn.Linear, nn.Conv2d)) and steps < max_steps:
            b = layer(h).flatten()
            variance = ((b - b.mean()) ** 2).mean()
            if abs(variance - 1) < tolerance:
                break
            layer.weight.data = layer.weight.data / math.sqrt(variance.item())
            steps += 1
        h = h if isinstance(layer, nn.Dropout) else layer(h.clone()).detach()


CASES = {
    "relu": (mlp, inputs(200, 64)),
    "tanh, inputs not normalised": (lambda: mlp(nn.Tanh), inputs(200, 64, scale=30.0, shift=5.0)),
    "tiny inputs": (lambda: mlp(nn.Tanh), inputs(200, 64, scale=1e-6)),
    "convolutions, in place, dropout": (convolutional, inputs(20, 3, 8, 8)),
}


@pytest.mark.parametrize(("make", "x"), CASES.values(), ids=CASES)
@pytest.mark.parametrize("tolerance", [0.1, 1e-6])
def test_lsuv_is_the_papers_loop(make, x, tolerance):
    ours, theirs = make(), make()
    lsuv_(ours, x, tolerance=tolerance, generator=seeded())
    papers_loop(theirs, x, tolerance, 10)
    torch.testing.assert_close(list(ours.parameters()), list(theirs.parameters()), rtol=1e-9, atol=1e-12)


@pytest.mark.parametrize(("make", "x"), CASES.values(), ids=CASES)
def test_lsuv_gives_every_layer_unit_variance(make, x):
    model, seen = make(), {}
    variances = lsuv_(model, x, generator=seeded())
    layers = {name: m for name, m in model.named_modules() if isinstance(m, (nn.Linear, nn.Conv2d))}
    for name, layer in layers.items():
        layer.register_forward_hook(lambda m, i, out, name=name: seen.update({name: out.var(correction=0).item()}))
    model.eval()(x)
    assert list(variances) == list(layers)
    assert variances == pytest.approx(seen, rel=1e-12)
    assert all(abs(v - 1) < 0.1 for v in variances.values())


def test_a_layer_within_the_tolerance_stays_orthogonal():
    model = nn.Sequential(nn.Linear(64, 64).double())
    variances = lsuv_(model, inputs(2000, 64), generator=seeded())
    assert torch.equal(model[0].weight, orthogonal_(torch.empty(64, 64, dtype=torch.float64), generator=seeded()))
    assert 0.9 < variances["0"] < 1.1
    assert variances["0"] != 1
    assert model[0].bias.eq(0).all()


def test_lsuv_follows_the_data_not_the_definition():
    class Backwards(nn.Module):
        def __init__(self):
            super().__init__()
            self.last, self.first, self.unused = nn.Linear(6, 2), nn.Linear(4, 6), nn.Linear(9, 9)

        def forward(self, x):
            return self.last(self.first(x).relu())

    assert list(lsuv_(Backwards(), torch.randn(50, 4, generator=seeded()), generator=seeded())) == ["first", "last"]


def test_lsuv_leaves_modes_statistics_and_hooks_alone():
    model = nn.Sequential(nn.Linear(4, 8), nn.BatchNorm1d(8), nn.Dropout(0.5), nn.Linear(8, 2))
    model[1].eval()
    state = copy.deepcopy(model[1].state_dict())
    torch.manual_seed(0)
    before = torch.get_rng_state()
    lsuv_(model, torch.randn(30, 4, generator=seeded()), generator=seeded())
    assert [m.training for m in model] == [True, False, True, True]
    assert torch.equal(torch.get_rng_state(), before)
    assert all(torch.equal(a, b) for a, b in zip(state.values(), model[1].state_dict().values(), strict=True))
    assert not any(m._forward_hooks for m in model.modules())
    assert all(p.grad is None and p.requires_grad for p in model.parameters())


def test_the_steps_are_counted():
    """A layer that forgets its weights never comes to one: `max_steps` divisions, then it goes on."""

    class Stubborn(nn.Linear):
        def forward(self, x):
            return F.linear(x, F.normalize(self.weight, dim=None, p=2.0))

    for steps in (1, 3):
        model = nn.Sequential(Stubborn(4, 4, bias=False))
        variances = lsuv_(model, inputs(50, 4).float(), max_steps=steps, generator=seeded())
        start = orthogonal_(torch.empty(4, 4), generator=seeded())
        torch.testing.assert_close(model[0].weight.detach(), start / variances["0"] ** (steps / 2))


def test_lsuv_refuses():
    model = nn.Sequential(nn.Linear(4, 4))
    with pytest.raises(ValueError, match="tolerance must be positive, got 0"):
        lsuv_(model, torch.ones(2, 4), tolerance=0)
    with pytest.raises(ValueError, match="max_steps must be at least 1, got 0"):
        lsuv_(model, torch.ones(2, 4), max_steps=0)
    wide = 1e30 * torch.randn(3, 4, generator=seeded())
    for x, variance in ((torch.zeros(3, 4), 0.0), (torch.full((3, 4), math.nan), math.nan), (wide, math.inf)):
        with pytest.raises(ValueError, match=f"layer '0' finite outputs that vary, got the variance {variance}"):
            lsuv_(model, x)


def test_lsuv_under_autocast_and_in_float32():
    model = mlp().float()
    with torch.autocast("cpu", dtype=torch.bfloat16):
        variances = lsuv_(model, inputs(200, 64).float(), generator=seeded())
    assert all(abs(v - 1) < 0.1 for v in variances.values())
    assert model[0].weight.dtype == torch.float32


# Statistics of signals.


def by_hand(model, x, y):
    """Every module's output kept and asked for its gradient by autograd itself; no hooks."""
    outputs, h = [], x
    for layer in model:
        h = layer(h)
        outputs.append(h)
    gradients = torch.autograd.grad(F.cross_entropy(h, y), outputs)
    return [
        (a.mean().item(), a.std(correction=0).item(), g.mean().item(), g.std(correction=0).item())
        for a, g in zip(outputs, gradients, strict=True)
    ]


@pytest.mark.parametrize("scale", [1e-6, 1.0, 1e4])
def test_statistics_are_those_of_each_output(scale):
    model, x, y = mlp(nn.Tanh), inputs(30, 64, scale=scale), torch.arange(30) % 10
    expected = by_hand(model, x, y)
    signals = signal_statistics(model, x, y)
    assert [s.name for s in signals] == [str(i) for i in range(len(model))]
    for s, values in zip(signals, expected, strict=True):
        assert (s.mean, s.std, s.grad_mean, s.grad_std) == pytest.approx(values, rel=1e-9, abs=1e-15)


def test_in_place_activations_are_measured_as_others_are():
    x, y = inputs(20, 3, 8, 8), torch.arange(20) % 5
    model = convolutional().eval()
    apart = copy.deepcopy(model)
    apart[1], apart[4] = nn.ReLU(), nn.ReLU()
    for a, b in zip(signal_statistics(model, x, y), signal_statistics(apart, x, y), strict=True):
        numbers = [[s.mean, s.std, s.grad_mean, s.grad_std] for s in (a, b)]
        assert numbers[0] == pytest.approx(numbers[1], rel=1e-9)


def test_the_model_is_left_alone():
    model = nn.Sequential(nn.Linear(4, 8), nn.BatchNorm1d(8), nn.Linear(8, 2))
    model[0].weight.grad = torch.ones(8, 4)
    before = copy.deepcopy(model.state_dict())
    with torch.no_grad():
        signals = signal_statistics(model, torch.randn(9, 4, generator=seeded()), torch.arange(9) % 2)
    assert all(torch.equal(a, b) for a, b in zip(before.values(), model.state_dict().values(), strict=True))
    assert model[0].weight.grad.eq(1).all()
    assert model[2].weight.grad is None
    assert not any(m._forward_hooks for m in model.modules())
    assert all(math.isfinite(s.grad_std) for s in signals)


def test_a_module_that_is_called_twice_counts_twice_and_a_frozen_one_has_no_gradient():
    class Twice(nn.Module):
        def __init__(self):
            super().__init__()
            self.frozen, self.layer, self.relu = nn.Linear(4, 4).requires_grad_(False), nn.Linear(4, 4), nn.ReLU()

        def forward(self, x):
            return self.relu(self.layer(self.relu(self.frozen(x))))

    signals = signal_statistics(Twice(), torch.ones(3, 4), torch.zeros(3, 4), loss=F.mse_loss)
    assert [s.name for s in signals] == ["frozen", "relu", "layer", "relu"]
    assert [math.isnan(s.grad_std) for s in signals] == [True, True, False, False]
    assert [math.isnan(s.grad_mean) for s in signals] == [True, True, False, False]


def test_outputs_that_are_no_tensors_are_passed_over():
    class Ends(nn.Module):
        def __init__(self):
            super().__init__()
            self.lstm, self.head = nn.LSTM(4, 5, batch_first=True), nn.Linear(5, 2)

        def forward(self, x):
            return self.head(self.lstm(x)[0][:, -1])

    assert [s.name for s in signal_statistics(Ends(), torch.ones(2, 3, 4), torch.zeros(2).long())] == ["head"]


@settings(max_examples=20, deadline=None)
@given(factor=st.floats(0.25, 4))
def test_a_relu_networks_signal_is_linear_in_the_scale_of_its_weights(factor):
    """Without biases, layer l's outputs have the factor^l-fold standard deviation."""
    model = initialise_(mlp(), kaiming_normal_, generator=seeded())
    x, y = inputs(40, 64), torch.zeros(40).long()
    before = [s.std for s in signal_statistics(model, x, y) if int(s.name) % 2 == 0]
    for layer in model[::2]:
        layer.weight.data *= factor
    after = [s.std for s in signal_statistics(model, x, y) if int(s.name) % 2 == 0]
    assert after == pytest.approx([std * factor ** (i + 1) for i, std in enumerate(before)], rel=1e-9)
