"""Fractional max pooling, against torch with the same draws."""

from __future__ import annotations

import pytest
import torch
from hypothesis import assume, given
from hypothesis import strategies as st
from torch.nn import functional as F

from trainwell.regularization import FractionalMaxPool2d, fractional_max_pool2d


def seeded(seed: int) -> torch.Generator:
    return torch.Generator().manual_seed(seed)


@pytest.mark.parametrize("shape", [(2, 3, 9, 9), (1, 2, 16, 11), (3, 1, 25, 30)])
@pytest.mark.parametrize("ratio", [0.5, 0.6, 0.71, 0.8])
@pytest.mark.parametrize("kernel", [1, 2, 3])
def test_is_torchs(kernel, ratio, shape):
    x = torch.randn(shape, dtype=torch.float64, requires_grad=True)
    samples = torch.rand(*shape[:2], 2, dtype=torch.float64, generator=seeded(5))
    expected = F.fractional_max_pool2d(x, kernel, output_ratio=(ratio, ratio), _random_samples=samples)
    ours = fractional_max_pool2d(x, kernel, ratio, generator=seeded(5))
    assert torch.equal(ours, expected)
    upstream = torch.randn_like(expected)
    torch.testing.assert_close(*(torch.autograd.grad(y, x, upstream)[0] for y in (ours, expected)))


def test_is_torchs_from_one_global_seed():
    x = torch.randn(2, 3, 12, 12)
    with torch.random.fork_rng():
        torch.manual_seed(3)
        expected = F.fractional_max_pool2d(x, 2, output_ratio=(0.7, 0.7))
        torch.manual_seed(3)
        assert torch.equal(fractional_max_pool2d(x, 2, 0.7), expected)


@given(size=st.integers(2, 40), kernel=st.integers(1, 4), ratio=st.floats(0.05, 0.95), seed=st.integers(0, 2**31))
def test_every_output_is_in_the_map_and_the_last_window_reaches_its_end(size, kernel, ratio, seed):
    outputs = int(size * ratio)
    assume(outputs >= 1 and outputs + kernel - 1 <= size)
    ramp = torch.arange(float(size)).expand(1, 1, size, size)  # the maximum of a window is its last column
    y = fractional_max_pool2d(ramp, kernel, ratio, generator=seeded(seed))
    columns = y[0, 0, 0] - (kernel - 1)
    assert y.shape[2:] == (outputs, outputs)
    assert columns[-1] == size - kernel
    alpha = (size - kernel) / max(outputs - 1, 1)
    steps = columns.diff()
    assert ((steps >= int(alpha)) & (steps <= int(alpha) + 1 + (alpha == int(alpha)))).all()


def test_maps_are_cut_apart():
    x = torch.arange(100.0).reshape(10, 10).expand(1, 50, 10, 10)
    y = fractional_max_pool2d(x, 2, 0.6, generator=seeded(0))
    assert len(y[0].unique(dim=0)) > 10


def test_half_precision_finds_its_places():
    x = torch.randn(1, 2, 400, 400).half()
    samples = torch.rand(1, 2, 2, generator=seeded(5))
    expected = F.fractional_max_pool2d(x.float(), 2, output_ratio=(0.9, 0.9), _random_samples=samples)
    assert torch.equal(fractional_max_pool2d(x, 2, 0.9, generator=seeded(5)).float(), expected)


@pytest.mark.parametrize("ratio", [0, 1, -0.5, float("nan")])
def test_refuses_a_ratio_that_does_not_shrink(ratio):
    for call in (
        lambda: fractional_max_pool2d(torch.ones(1, 1, 8, 8), 2, ratio),
        lambda: FractionalMaxPool2d(2, ratio),
    ):
        with pytest.raises(ValueError, match=f"output_ratio must lie between 0 and 1, got {ratio}"):
            call()


def test_refuses_windows_that_do_not_fit():
    with pytest.raises(
        ValueError, match="kernel_size and output_ratio must fit the map: 7 windows of 3 on a side of 8"
    ):
        fractional_max_pool2d(torch.ones(1, 1, 8, 8), 3, 0.9)
    with pytest.raises(ValueError, match="0 windows of 1 on a side of 3"):
        fractional_max_pool2d(torch.ones(1, 1, 3, 3), 1, 0.2)
    with pytest.raises(ValueError, match="kernel_size must be at least 1, got 0"):
        fractional_max_pool2d(torch.ones(1, 1, 8, 8), 0, 0.5)
