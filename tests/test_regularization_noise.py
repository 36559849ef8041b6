"""Noise on inputs, weights and targets: its law, what it must put back, and what it is worth on average."""

from __future__ import annotations

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from scipy import stats
from torch import nn
from torch.nn import functional as F

from trainwell.regularization import input_noise, noisy_targets, smooth_labels, weight_noise


def seeded(seed: int) -> torch.Generator:
    return torch.Generator().manual_seed(seed)


@pytest.mark.parametrize("std", [0.1, 3.0])
def test_input_noise_is_gaussian(std):
    x = torch.full((10_000,), 5.0, dtype=torch.float64)
    noise = input_noise(x, std, generator=seeded(0)) - x
    assert stats.kstest(noise.numpy() / std, "norm").pvalue > 0.01


def test_input_noise_on_a_linear_model_is_l2():
    """Bishop: the mean squared error over the noise is the clean one plus variance times the squared weights."""
    w, x, std, draws = torch.tensor([1.0, -2.0, 3.0]).double(), torch.tensor([0.5, 1.0, 2.0]).double(), 0.3, 200_000
    errors = (input_noise(x.expand(draws, 3), std, generator=seeded(0)) @ w - 1.0).square()
    expected = (x @ w - 1.0).square() + std**2 * w.square().sum()
    assert abs(errors.mean() - expected) < 5 * errors.std() / draws**0.5


def test_limits_of_input_noise():
    x = torch.randn(9)
    assert torch.equal(input_noise(x, 0.0), x)
    assert torch.equal(input_noise(x, 1.0, training=False), x)


def test_weight_noise_has_the_law_it_says():
    layer = nn.Linear(100, 100)
    clean = layer.weight.detach().clone()
    with weight_noise(layer, 0.5, generator=seeded(0)):
        noise = (layer.weight - clean).detach().flatten()
    assert stats.kstest(noise.numpy() / 0.5, "norm").pvalue > 0.01


def test_weights_come_back_bit_for_bit_even_after_an_error():
    model = nn.Sequential(nn.Linear(5, 4), nn.BatchNorm1d(4), nn.Linear(4, 2))
    clean = {name: w.clone() for name, w in model.named_parameters()}
    with pytest.raises(RuntimeError, match="shapes cannot be multiplied"), weight_noise(model, 1e6):
        model(torch.ones(1, 99))
    assert all(torch.equal(w, clean[name]) for name, w in model.named_parameters())


def test_shared_weights_get_one_noise_and_come_back():
    model = nn.Sequential(nn.Linear(3, 3), nn.Linear(3, 3))
    model[1].weight = model[0].weight
    clean = model[0].weight.detach().clone()
    with weight_noise(model, 1.0, generator=seeded(0)):
        noise = (model[0].weight - clean).detach()
    expected = torch.empty(3, 3).normal_(0, 1.0, generator=seeded(0))
    torch.testing.assert_close(noise, expected)
    assert torch.equal(model[0].weight, clean)


def test_the_gradient_is_that_of_the_noisy_weights():
    w = nn.Linear(3, 1, bias=False).double()
    x = torch.randn(8, 3, dtype=torch.float64)
    with weight_noise(w, 1.0, generator=seeded(0)):
        noisy = w.weight.detach().clone()
        w(x).square().mean().backward()
    torch.testing.assert_close(w.weight.grad, 2 * (x @ noisy.T * x).mean(0, keepdim=True))


def test_backward_outside_the_block_is_refused_and_not_wrong():
    model = nn.Sequential(nn.Linear(3, 3), nn.Linear(3, 1))
    with weight_noise(model, 1.0):
        loss = model(torch.randn(2, 3)).sum()
    with pytest.raises(RuntimeError, match="modified by an inplace operation"):
        loss.backward()


def test_a_generator_keeps_the_global_state():
    state = torch.random.get_rng_state()
    with weight_noise(nn.Identity(), 1.0, generator=seeded(0)):
        pass
    noisy_targets(torch.tensor([0, 1]), 3, 0.2, generator=seeded(0))
    input_noise(torch.ones(3), 0.2, generator=seeded(0))
    assert torch.equal(torch.random.get_rng_state(), state)


@given(classes=st.integers(1, 10), std=st.floats(0, 10), seed=st.integers(0, 2**31))
def test_noisy_targets_are_probabilities(classes, std, seed):
    q = noisy_targets(torch.arange(classes), classes, std, generator=seeded(seed))
    assert (q >= 0).all()
    torch.testing.assert_close(q.sum(-1), torch.ones(classes))


def test_noisy_targets_without_noise_are_one_hot():
    targets = torch.tensor([[0, 2], [1, 1]])
    assert torch.equal(noisy_targets(targets, 3, 0.0), F.one_hot(targets).float())


def test_the_mean_of_noisy_targets_is_a_smoothed_label():
    draws, classes = 50_000, 4
    q = noisy_targets(torch.full((draws,), 1), classes, 0.1, generator=seeded(0))
    others = q.mean(0)[[0, 2, 3]]
    assert (others - others.mean()).abs().max() < 5 * q.std() / draws**0.5
    smoothing = others.mean().item() * classes
    torch.testing.assert_close(q.mean(0), smooth_labels(torch.tensor(1), classes, smoothing), atol=0.002, rtol=0)
    assert 0 < smoothing < 0.5


def test_draws_where_the_targets_are():
    assert noisy_targets(torch.zeros(3, dtype=torch.long, device="meta"), 4, 0.1).device.type == "meta"


def test_refuses_negative_noise():
    with pytest.raises(ValueError, match="std must not be negative, got -1"):
        input_noise(torch.ones(2), -1)
    with pytest.raises(ValueError, match="std must not be negative, got -1"):
        noisy_targets(torch.tensor([0]), 2, -1)
    with pytest.raises(ValueError, match="std must not be negative, got -1"), weight_noise(nn.Linear(1, 1), -1):
        pass
