"""Stochastic depth, against torchvision."""

from __future__ import annotations

import pytest
import torch
from torch import nn

from trainwell.regularization import StochasticDepth, linear_rates, stochastic_depth


def seeded(seed: int) -> torch.Generator:
    return torch.Generator().manual_seed(seed)


@pytest.mark.parametrize("shape", [(8,), (8, 3), (4, 3, 5, 6)])
@pytest.mark.parametrize("mode", ["row", "batch"])
@pytest.mark.parametrize("p", [0, 0.2, 0.5, 1])
def test_is_torchvisions_bit_for_bit(p, mode, shape):
    from torchvision.ops import stochastic_depth as reference

    x = torch.randn(shape, dtype=torch.float64)
    for seed in range(5):
        with torch.random.fork_rng():
            torch.manual_seed(seed)
            expected = reference(x, p, mode)
        assert torch.equal(stochastic_depth(x, p, mode, generator=seeded(seed)), expected)


@pytest.mark.parametrize("p", [0.2, 0.7])
def test_rows_are_dropped_whole_and_apart(p):
    n = 10_000
    y = stochastic_depth(torch.ones(n, 4), p, generator=seeded(0))
    assert ((y == 0).all(1) | (y != 0).all(1)).all()
    dropped = (y[:, 0] == 0).sum().item()
    assert abs(dropped - n * p) < 5 * (n * p * (1 - p)) ** 0.5


def test_a_batch_is_dropped_as_one():
    generator, p, draws = seeded(0), 0.3, 2000
    outputs = [stochastic_depth(torch.ones(5, 2), p, "batch", generator=generator) for _ in range(draws)]
    assert all(len(y.unique()) == 1 for y in outputs)
    dropped = sum(not y.any() for y in outputs)
    assert abs(dropped - draws * p) < 5 * (draws * p * (1 - p)) ** 0.5


def test_a_block_that_always_drops_is_its_shortcut():
    x, branch = torch.randn(4, 3), nn.Linear(3, 3)
    assert torch.equal(x + StochasticDepth(1.0)(branch(x)), x)


def test_linear_rates():
    torch.testing.assert_close(torch.tensor(linear_rates(4, 0.5)), torch.linspace(0, 0.5, 5)[1:])
    assert linear_rates(1, 0.3) == [0.3]
    assert linear_rates(3, 0.0) == [0.0, 0.0, 0.0]
    assert linear_rates(54, 0.5)[-1] == 0.5


def test_refuses_bad_settings():
    with pytest.raises(ValueError, match="mode must be one of 'row', 'batch', got 'column'"):
        stochastic_depth(torch.ones(2, 2), 0.5, "column")
    with pytest.raises(ValueError, match="mode must be one of"):
        StochasticDepth(0.5, "column")
    with pytest.raises(ValueError, match="p must be between 0 and 1, got 2"):
        stochastic_depth(torch.ones(2, 2), 2)
    with pytest.raises(ValueError, match="depth must be at least 1, got 0"):
        linear_rates(0, 0.5)
    with pytest.raises(ValueError, match="last must be between 0 and 1, got 2"):
        linear_rates(3, 2)


def test_nothing_is_drawn_to_drop_nothing():
    x, generator = torch.ones(5, 2), seeded(0)
    assert stochastic_depth(x, 0.0, generator=generator) is x
    assert torch.equal(generator.get_state(), seeded(0).get_state())
