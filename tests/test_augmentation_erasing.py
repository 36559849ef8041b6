"""Cutout, against its law written as a loop; random erasing, against torchvision's and the law of its regions."""

from __future__ import annotations

import math
from collections import Counter

import pytest
import torch
from scipy import stats
from torchvision.transforms.v2 import functional as F

from trainwell.augmentation import Cutout, RandomErasing, erase


def seeded(seed: int) -> torch.Generator:
    return torch.Generator().manual_seed(seed)


@pytest.mark.parametrize("dtype", [torch.uint8, torch.float64, torch.float16, torch.int64], ids=str)
@pytest.mark.parametrize("shape", [(1, 6, 7), (3, 6, 7), (2, 3, 6, 7)], ids=str)
def test_is_torchvisions(shape, dtype):
    x = (torch.rand(shape) * 200).to(dtype)
    before = x.clone()
    for region in ((0, 0, 2, 3), (1, 2, 5, 5), (0, 0, 6, 7), (3, 3, 0, 2)):
        for value in (0.0, 7, torch.arange(shape[-3])[:, None, None].to(dtype)):
            expected = F.erase(x, *region, torch.as_tensor(value, dtype=dtype))
            assert torch.equal(erase(x, *region, value), expected)
    assert torch.equal(erase(x, 1, 1, 2, 2), erase(x, 1, 1, 2, 2, 0.0))
    assert torch.equal(x, before), "the input was changed"


@pytest.mark.parametrize("size", [1, 2, 3, 4, 20])
def test_the_law_of_cutout(size):
    """A square for each pixel as its middle, all as likely: what a loop over the pixels leaves of the image."""
    height, width, n = 4, 5, 2000
    expected: Counter[tuple[int, ...]] = Counter()
    for i in range(height):
        for j in range(width):
            hole = torch.ones(height, width, dtype=torch.int64)
            for row in range(i - size // 2, i - size // 2 + size):
                for column in range(j - size // 2, j - size // 2 + size):
                    if 0 <= row < height and 0 <= column < width:
                        hole[row, column] = 0
            expected[tuple(hole.flatten().tolist())] += n // (height * width)
    transform, x = Cutout(size, generator=seeded(size)), torch.ones(height, width, dtype=torch.int64)
    seen = Counter(tuple(transform(x).flatten().tolist()) for _ in range(n))
    assert set(seen) == set(expected)
    if len(expected) > 1:
        assert stats.chisquare([seen[key] for key in expected], list(expected.values())).pvalue > 1e-3


def test_the_law_of_the_regions():
    """With small regions every draw fits, so that the draws keep their laws."""
    transform = RandomErasing(1.0, scale=(0.05, 0.25), ratio=(0.5, 2.0), generator=seeded(0))
    x = torch.empty(1, 400, 400)
    drawn = [transform.make_params([x]) for _ in range(1000)]
    areas = [p["height"] * p["width"] / 400**2 for p in drawn]
    assert stats.kstest(areas, stats.uniform(0.05, 0.2).cdf).pvalue > 1e-3
    ratios = [math.log(p["height"] / p["width"]) for p in drawn]
    assert stats.kstest(ratios, stats.uniform(-math.log(2), 2 * math.log(2)).cdf).pvalue > 1e-3
    for start, length in (("top", "height"), ("left", "width")):
        places = [(p[start] + 0.5) / (400 - p[length] + 1) for p in drawn]
        assert stats.kstest(places, "uniform").pvalue > 1e-3


def test_tall_and_wide():
    """The ratio is height by width, and a region as high as the image is drawn again."""
    draws = iter([0.25, math.log(4.0), 0.125, math.log(2.0)])
    transform = RandomErasing(1.0, scale=(0.1, 0.5), ratio=(0.5, 4.0))
    transform.uniform = lambda low, high: next(draws)
    params = transform.make_params([torch.empty(1, 8, 8)])  # first 8 x 2, then this
    assert (params["height"], params["width"]) == (4, 2)


@pytest.mark.parametrize("size", [(8, 2), (2, 8), (1, 1)], ids=str)
def test_where_no_region_fits_nothing_is_erased(size):
    x = torch.ones(1, *size)
    transform = RandomErasing(1.0, scale=(1.0, 1.0), ratio=(1.0, 1.0))
    assert transform.make_params([x]) == {}
    assert torch.equal(transform(x), x)


def test_gives_up_after_ten_draws():
    for fitting, fits in ((10, True), (11, False)):
        draws = iter([1.0, 0.0] * (fitting - 1) + [0.25, 0.0] * 20)
        transform = RandomErasing(1.0, scale=(0.1, 1.0), ratio=(0.5, 2.0))
        transform.uniform = lambda low, high, draws=draws: next(draws)
        assert bool(transform.make_params([torch.empty(1, 8, 8)])) == fits


def test_what_is_written():
    settings = {"scale": (0.3, 0.3), "ratio": (1.0, 1.0)}
    x = torch.full((3, 10, 10), 0.5)
    for value, seen in ((0.0, [0, 0, 0]), (0.25, [0.25] * 3), ((0.125, 0.25, 1), [0.125, 0.25, 1])):
        y = RandomErasing(1.0, **settings, value=value)(x)
        hole = (y != x).all(0)
        assert hole.sum() == 25  # 30 pixels, 5.48 a side
        assert y[:, hole].amax(1).tolist() == y[:, hole].amin(1).tolist() == seen
    x = torch.zeros(3, 100, 100)
    noise = RandomErasing(1.0, **settings, value="random", generator=seeded(0))(x)
    assert stats.kstest(noise[noise != 0].flatten(), "norm").pvalue > 1e-3


def test_defaults():
    transform = RandomErasing()
    assert (transform.p, transform.scale, transform.ratio, transform.value) == (0.5, (0.02, 0.33), (0.3, 3.3), 0.0)


@pytest.mark.parametrize(
    ("make", "message"),
    [
        (lambda: Cutout(0), "size must be at least 1, got 0"),
        (lambda: RandomErasing(scale=(0.5, 1.5)), r"scale must be a range of shares between 0 and 1, got \(0.5, 1.5\)"),
        (lambda: RandomErasing(ratio=(0, 1)), r"ratio must be a range of positive numbers, got \(0, 1\)"),
        (
            lambda: RandomErasing(value="noise"),
            "value must be a number, one .* or 'random', got 'noise'",
        ),
        (
            lambda: RandomErasing(1.0, value=(1.0, 2.0))(torch.ones(3, 9, 9)),
            "value must be one number or 3, got",
        ),
        (
            lambda: RandomErasing(1.0, value="random")(torch.ones(3, 9, 9).to(torch.uint8)),
            "value 'random' needs images in floating point, got torch.uint8",
        ),
    ],
)
def test_refuses(make, message):
    with pytest.raises(ValueError, match=message):
        make()
