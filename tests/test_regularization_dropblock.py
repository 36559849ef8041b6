"""DropBlock, against torchvision and against loops."""

from __future__ import annotations

import pytest
import torch

from trainwell.regularization import DropBlock2d, drop_block2d


def seeded(seed: int) -> torch.Generator:
    return torch.Generator().manual_seed(seed)


@pytest.mark.parametrize("dtype", [torch.float32, torch.float64], ids=str)
@pytest.mark.parametrize(
    ("shape", "block"), [((3, 2, 9, 9), 3), ((2, 3, 8, 11), 5), ((2, 1, 7, 6), 1), ((2, 2, 3, 3), 7)]
)
@pytest.mark.parametrize("p", [0.05, 0.3])
def test_is_torchvisions(p, shape, block, dtype):
    from torchvision.ops import drop_block2d as reference

    x = torch.randn(shape, dtype=dtype, generator=seeded(1))
    with torch.random.fork_rng():
        torch.manual_seed(5)
        expected = reference(x, p, block, eps=0)
    torch.testing.assert_close(drop_block2d(x, p, block, generator=seeded(5)), expected, equal_nan=False)


@pytest.mark.parametrize("block", [1, 2, 3, 4])
def test_is_the_loops_for_even_sides_too(block):
    x = torch.randn(2, 2, 6, 7, dtype=torch.float64)
    places = (6 - block + 1, 7 - block + 1)
    gamma = 0.2 / block**2 * 6 * 7 / (places[0] * places[1])
    corners = torch.empty(2, 2, *places, dtype=torch.float64).bernoulli_(gamma, generator=seeded(0))
    mask = torch.ones_like(x)
    for n, c, i, j in corners.nonzero().tolist():
        mask[n, c, i : i + block, j : j + block] = 0
    expected = x * mask * mask.numel() / mask.sum()
    torch.testing.assert_close(drop_block2d(x, 0.2, block, generator=seeded(0)), expected)


@pytest.mark.parametrize("block", [1, 3, 6])
def test_drops_about_the_share_that_it_is_told(block):
    p = 0.02  # small, so that squares hardly overlap
    y = drop_block2d(torch.ones(400, 4, 16, 16), p, block, generator=seeded(0))
    squares = 400 * 4 * 16 * 16 * p / block**2  # for a side of one this is the binomial bound of dropout
    share = (y == 0).double().mean().item()
    assert abs(share - p) < p * (5 / squares**0.5 + 0.05)  # the overlap of squares costs up to 5% here


def test_what_is_left_carries_the_mean():
    y = drop_block2d(torch.ones(3, 2, 9, 9, dtype=torch.float64), 0.3, 3, generator=seeded(0))
    assert y.mean().item() == pytest.approx(1)


def test_limits():
    x = torch.randn(2, 2, 6, 6)
    assert torch.equal(drop_block2d(x, 0.0, 3), x)
    assert torch.equal(drop_block2d(x, 0.9, 3, training=False), x)
    for block in (1, 6, 9):  # with p = 1, squares of one or of the whole map leave nothing: 0, not 0/0
        y = drop_block2d(x, 1.0, block)
        assert torch.equal(y, torch.zeros_like(y))


def test_half_precision_counts_large_maps():
    y = drop_block2d(torch.ones(2, 8, 128, 128, dtype=torch.float16), 0.1, 3, generator=seeded(0))
    assert y.float().mean().item() == pytest.approx(1, abs=2e-3)  # a sum of 260,000 ones would be infinite


def test_refuses_bad_settings():
    x = torch.ones(1, 1, 4, 4)
    with pytest.raises(ValueError, match=r"p must be between 0 and 1, got 1\.5"):
        drop_block2d(x, 1.5, 3)
    with pytest.raises(ValueError, match="block_size must be at least 1, got 0"):
        drop_block2d(x, 0.5, 0)


def test_a_square_of_one_is_accepted():
    assert DropBlock2d(0.5, 1).block_size == 1
