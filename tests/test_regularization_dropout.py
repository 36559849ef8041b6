"""Dropout, against torch bit for bit."""

from __future__ import annotations

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from torch.nn import functional as F

from trainwell.regularization import dropout, vanilla_dropout


def seeded(seed: int) -> torch.Generator:
    return torch.Generator().manual_seed(seed)


def torch_dropout(x: torch.Tensor, p: float, seed: int) -> torch.Tensor:
    with torch.random.fork_rng():
        torch.manual_seed(seed)
        return F.dropout(x, p)


@pytest.mark.parametrize("dtype", [torch.float16, torch.bfloat16, torch.float32, torch.float64], ids=str)
@pytest.mark.parametrize("p", [0, 0.1, 0.5, 0.9, 1])
def test_is_torchs_bit_for_bit(p, dtype):
    x = torch.randn(7, 33, generator=seeded(0)).to(dtype)
    assert torch.equal(dropout(x, p, generator=seeded(5)), torch_dropout(x, p, 5))


@pytest.mark.parametrize("shape", [(), (1,), (0, 3), (2, 3, 4, 5)])
def test_is_torchs_for_any_shape(shape):
    x = torch.randn(shape, dtype=torch.float64)
    assert torch.equal(dropout(x, 0.4, generator=seeded(5)), torch_dropout(x, 0.4, 5))


def test_is_torchs_in_another_memory_layout():
    x = torch.randn(2, 3, 4, 5, dtype=torch.float64).to(memory_format=torch.channels_last)
    y = dropout(x, 0.4, generator=seeded(5))
    assert torch.equal(y, torch_dropout(x, 0.4, 5))
    assert y.is_contiguous(memory_format=torch.channels_last)


def test_gradient_is_torchs():
    x = torch.randn(7, 9, dtype=torch.float64, requires_grad=True)
    upstream = torch.randn(7, 9, dtype=torch.float64)
    (ours,) = torch.autograd.grad(dropout(x, 0.3, generator=seeded(5)), x, upstream)
    (theirs,) = torch.autograd.grad(torch_dropout(x, 0.3, 5), x, upstream)
    assert torch.equal(ours, theirs)


@pytest.mark.parametrize("p", [0.1, 0.5, 0.8])
def test_drops_the_share_that_it_is_told(p):
    n = 100_000
    dropped = (dropout(torch.ones(n), p, generator=seeded(0)) == 0).sum().item()
    assert abs(dropped - n * p) < 5 * (n * p * (1 - p)) ** 0.5  # five standard deviations of the binomial


@given(p=st.floats(0.01, 0.99), seed=st.integers(0, 2**31))
def test_inverted_and_vanilla_differ_by_the_factor_alone(p, seed):
    x = torch.linspace(-3, 3, 50, dtype=torch.float64)
    inverted, vanilla = (f(x, p, generator=seeded(seed)) for f in (dropout, vanilla_dropout))
    torch.testing.assert_close(inverted * (1 - p), vanilla)
    torch.testing.assert_close(vanilla_dropout(x, p, training=False), (1 - p) * x)


def test_vanilla_keeps_what_it_keeps():
    x = torch.randn(1000)
    y = vanilla_dropout(x, 0.4, generator=seeded(0))
    assert torch.equal(y[y != 0], x[y != 0])
    n_dropped = (y == 0).sum().item()
    assert abs(n_dropped - 400) < 5 * (1000 * 0.4 * 0.6) ** 0.5


@pytest.mark.parametrize("f", [dropout, vanilla_dropout])
def test_limits(f):
    x = torch.randn(50)
    assert torch.equal(f(x, 0.0), x)
    assert not f(x, 1.0).any()


@pytest.mark.parametrize("f", [dropout, vanilla_dropout])
@pytest.mark.parametrize("p", [-0.1, 1.1, float("nan")])
def test_refuses_what_is_no_probability(f, p):
    with pytest.raises(ValueError, match=rf"p must be between 0 and 1, got {p}"):
        f(torch.ones(3), p)
    with pytest.raises(ValueError, match="p must be"):
        f(torch.ones(3), p, training=False)


def test_the_probability_is_a_half_where_none_is_given():
    x = torch.ones(50)
    assert torch.equal(dropout(x, generator=seeded(5)), torch_dropout(x, 0.5, 5))
    assert torch.equal(vanilla_dropout(x, generator=seeded(5)), vanilla_dropout(x, 0.5, generator=seeded(5)))


def test_nothing_is_drawn_to_drop_nothing():
    x, generator = torch.ones(5), seeded(0)
    assert dropout(x, 0.0, generator=generator) is x
    assert torch.equal(generator.get_state(), seeded(0).get_state())
