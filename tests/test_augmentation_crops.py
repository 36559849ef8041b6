"""Crops, against torchvision's, and the laws by which they are drawn."""

from __future__ import annotations

import math

import pytest
import torch
from scipy import stats
from torchvision import tv_tensors
from torchvision.transforms.v2 import functional as F

from trainwell.augmentation import RandomCrop, RandomResizedCrop, crop


def seeded(seed: int) -> torch.Generator:
    return torch.Generator().manual_seed(seed)


@pytest.mark.parametrize("dtype", [torch.uint8, torch.bool, torch.float64, torch.float16], ids=str)
@pytest.mark.parametrize("shape", [(1, 6, 7), (3, 6, 7), (2, 3, 6, 7)], ids=str)
def test_is_torchvisions_everywhere(shape, dtype):
    """Where crop and image touch; beside the image, where torchvision's size is wrong, against padding first."""
    x = (torch.rand(shape) * 200).to(dtype)
    padded = torch.nn.functional.pad(x, [20] * 4)
    for top in range(-6, 9):
        for left in (-9, -3, 0, 2, 6, 8):
            for height, width in ((4, 5), (1, 1), (12, 3)):
                result = crop(x, top, left, height, width)
                assert torch.equal(result, padded[..., top + 20 : top + 20 + height, left + 20 : left + 20 + width])
                if -height < top < 6 and -width < left < 7:
                    assert torch.equal(result, F.crop(x, top, left, height, width))


def test_one_channel_less():
    x = torch.arange(12).reshape(3, 4)
    assert crop(x, 1, 2, 2, 3).tolist() == [[6, 7, 0], [10, 11, 0]]
    assert crop(x, 0, 0, 3, 4).data_ptr() == x.data_ptr(), "inside, a crop is a view"


@pytest.mark.parametrize("fill", [0.0, 0.5, 3])
def test_beyond_the_border_is_the_fill(fill):
    x = torch.rand(2, 5, 4)
    expected = F.crop(F.pad(x, [6, 6, 6, 6], fill=fill), 4, 5, 7, 9)
    assert torch.equal(crop(x, -2, -1, 7, 9, fill), expected)
    assert torch.equal(crop(x, 5, 0, 2, 4, fill), torch.full((2, 2, 4), float(fill)))
    assert torch.equal(crop(x, 0, -4, 5, 4, fill), torch.full((2, 5, 4), float(fill)))


def test_gradients():
    x = torch.rand(2, 4, 5, dtype=torch.float64, requires_grad=True)
    assert torch.autograd.gradcheck(lambda x: crop(x, -1, 2, 4, 4, 0.5), x)


def test_every_place_is_as_likely():
    transform = RandomCrop((4, 5), padding=(1, 2), generator=seeded(0))
    x, places = torch.rand(3, 6, 6), torch.zeros(7, 4)
    for _ in range(2800):
        params = transform.make_params([x])
        assert (params["height"], params["width"]) == (4, 5)
        places[params["top"] + 2, params["left"] + 1] += 1
    assert stats.chisquare(places.flatten()).pvalue > 1e-3


def test_the_sides_of_the_padding():
    x = torch.rand(3, 4, 4)
    for padding, sides in ((2, (2, 2, 2, 2)), ((1, 2), (1, 2, 1, 2)), ([1, 2, 3, 4], (1, 2, 3, 4)), (None, (0,) * 4)):
        transform = RandomCrop(4, padding, generator=seeded(0))
        assert transform.padding == sides
        drawn = [transform.make_params([x]) for _ in range(300)]
        left, top, right, bottom = sides
        assert {p["top"] for p in drawn} == set(range(-top, bottom + 1))
        assert {p["left"] for p in drawn} == set(range(-left, right + 1))


def test_pads_if_needed():
    transform = RandomCrop((6, 3), pad_if_needed=True, generator=seeded(0))
    drawn = [transform.make_params([torch.rand(3, 4, 4)]) for _ in range(300)]
    assert {p["top"] for p in drawn} == {-2, -1, 0}
    assert {p["left"] for p in drawn} == {0, 1}


def test_a_crop_of_the_whole_image_draws_nothing():
    generator = seeded(0)
    x = torch.rand(3, 4, 4)
    assert torch.equal(RandomCrop(4, generator=generator)(x), x)
    assert torch.equal(generator.get_state(), seeded(0).get_state())


def test_masks_get_zeros_whatever_the_fill():
    params = {"top": -1, "left": 0, "height": 2, "width": 2}
    transform = RandomCrop(2, fill=0.5)
    assert transform.transform(torch.ones(1, 2, 2), params).tolist() == [[[0.5, 0.5], [1, 1]]]
    assert transform.transform(tv_tensors.Mask(torch.ones(1, 2, 2)), params).tolist() == [[[0, 0], [1, 1]]]


def test_the_law_of_random_resized_crops():
    """With small parts every draw fits, so that the draws keep their laws."""
    transform = RandomResizedCrop(8, scale=(0.05, 0.25), ratio=(0.5, 2.0), generator=seeded(0))
    x = torch.empty(1, 400, 400)
    drawn = [transform.make_params([x]) for _ in range(1000)]
    areas = [p["height"] * p["width"] / 400**2 for p in drawn]
    assert stats.kstest(areas, stats.uniform(0.05, 0.2).cdf).pvalue > 1e-3
    ratios = [math.log(p["width"] / p["height"]) for p in drawn]
    assert stats.kstest(ratios, stats.uniform(-math.log(2), 2 * math.log(2)).cdf).pvalue > 1e-3
    for start, length in (("top", "height"), ("left", "width")):
        places = [(p[start] + 0.5) / (400 - p[length] + 1) for p in drawn]
        assert stats.kstest(places, "uniform").pvalue > 1e-3
    assert max(p["top"] + p["height"] for p in drawn) <= 400


@pytest.mark.parametrize(
    ("size", "ratio", "part"),
    [
        ((10, 100), (0.5, 2.0), {"top": 0, "left": 40, "height": 10, "width": 20}),
        ((100, 10), (0.5, 2.0), {"top": 40, "left": 0, "height": 20, "width": 10}),
        ((10, 12), (1.1, 1.3), {"top": 0, "left": 0, "height": 10, "width": 12}),
        ((1, 1), (3.0, 4.0), {"top": 0, "left": 0, "height": 1, "width": 1}),
        ((10, 1), (3.0, 4.0), {"top": 4, "left": 0, "height": 1, "width": 1}),
    ],
    ids=str,
)
def test_where_no_part_fits_the_middle_is_taken(size, ratio, part):
    transform = RandomResizedCrop(4, scale=(1.0, 1.0), ratio=ratio)
    transform.uniform = lambda low, high: 1.0 if low == 1.0 else math.log(ratio[0]) + math.log(50)  # too wide
    assert transform.make_params([torch.rand(3, *size)]) == part


def test_fits_the_whole_image():
    transform = RandomResizedCrop(4, scale=(1.0, 1.0), ratio=(2.0, 2.0))
    assert transform.make_params([torch.rand(1, 5, 10)]) == {"top": 0, "left": 0, "height": 5, "width": 10}


def test_resizes_as_torchvision_does():
    x, params = torch.rand(3, 20, 20), {"top": 2, "left": 3, "height": 12, "width": 9}
    for settings in ({}, {"interpolation": "bicubic"}, {"antialias": False}, {"interpolation": "nearest"}):
        result = RandomResizedCrop((5, 7), **settings).transform(x, params)
        assert torch.equal(result, F.resized_crop(x, **params, size=[5, 7], **settings))
    mask = tv_tensors.Mask(torch.randint(9, (20, 20)))
    result = RandomResizedCrop((5, 7)).transform(mask, params)
    assert torch.equal(result, F.resized_crop(mask, **params, size=[5, 7]))


def test_defaults():
    transform = RandomResizedCrop(4)
    assert (transform.scale, transform.ratio) == ((0.08, 1.0), (3 / 4, 4 / 3))
    assert (transform.size, transform.interpolation, transform.antialias) == ([4, 4], "bilinear", True)


@pytest.mark.parametrize(
    ("make", "message"),
    [
        (lambda: RandomCrop(0), "size must be at least 1, got 0"),
        (lambda: RandomCrop((1, 2, 3)), r"size must be one number or two, got \(1, 2, 3\)"),
        (lambda: RandomCrop(2, padding=-1), "padding must not be negative, got -1"),
        (lambda: RandomCrop(2, padding=(1, 2, 3)), r"padding must be one number, two or four, got \(1, 2, 3\)"),
        (lambda: RandomCrop(2, padding=(1, -2)), "padding must not be negative, got -2"),
        (lambda: RandomResizedCrop((3, 0)), "size must be at least 1, got 0"),
        (lambda: RandomResizedCrop(3, scale=(0.5, 1.1)), "scale must be a range of shares between 0 and 1"),
        (lambda: RandomResizedCrop(3, scale=(-0.1, 1)), "scale must be a range of shares between 0 and 1"),
        (lambda: RandomResizedCrop(3, scale=(0.6, 0.5)), "scale must be a range of shares between 0 and 1"),
        (lambda: RandomResizedCrop(3, ratio=(0.0, 1.0)), "ratio must be a range of positive numbers"),
        (lambda: RandomResizedCrop(3, ratio=(2.0, 1.0)), "ratio must be a range of positive numbers"),
        (lambda: RandomCrop(5, 1)(torch.ones(1, 2, 3)), "size must be at most that of the padded image, 4, got 5"),
        (lambda: RandomCrop((1, 4))(torch.ones(1, 2, 3)), "size must be at most that of the padded image, 3, got 4"),
    ],
)
def test_refuses(make, message):
    with pytest.raises(ValueError, match=message):
        make()


def test_takes_the_limits_of_its_settings():
    RandomCrop(1, padding=0)(torch.ones(1, 1, 1))
    RandomResizedCrop(1, scale=(0, 0), ratio=(1, 1))(torch.ones(1, 2, 2))
