"""The policies and what they choose from, against torchvision's: the same operations, magnitudes, tables and laws."""

from __future__ import annotations

from collections import Counter

import pytest
import torch
from scipy import stats
from torchvision.transforms import v2

from trainwell.augmentation import (
    WIDE_SPACE,
    AutoAugment,
    RandAugment,
    TrivialAugmentWide,
    apply_operation,
    standard_space,
)
from trainwell.augmentation._found import POLICIES

OPERATIONS = (*WIDE_SPACE, "Invert")
REFERENCE = v2.RandAugment()


def seeded(seed: int) -> torch.Generator:
    return torch.Generator().manual_seed(seed)


def picture(*shape: int, dtype: torch.dtype = torch.float32) -> torch.Tensor:
    x = torch.rand(shape, generator=seeded(0))
    return (x * 256).to(dtype) if dtype == torch.uint8 else x.to(dtype)


def magnitudes(name: str) -> list[float]:
    bounds = WIDE_SPACE.get(name)
    if bounds is None:
        return [0.0]
    weakest, strongest = bounds
    some = [weakest, weakest + 0.37 * (strongest - weakest), strongest]
    return some if weakest else some + [-magnitude for magnitude in some]


@pytest.mark.parametrize("interpolation", ["nearest", "bilinear"])
@pytest.mark.parametrize("dtype", [torch.uint8, torch.float32], ids=str)
@pytest.mark.parametrize("channels", [1, 3])
@pytest.mark.parametrize("name", OPERATIONS)
def test_operations_are_torchvisions(name, channels, dtype, interpolation):
    x = picture(2, channels, 11, 14, dtype=dtype)
    for magnitude in magnitudes(name):
        theirs = round(magnitude) if name == "Posterize" else magnitude
        expected = REFERENCE._apply_image_or_video_transform(
            x, name, theirs, interpolation=v2.InterpolationMode(interpolation), fill={"others": None}
        )
        result = apply_operation(x, name, magnitude, interpolation)
        assert result.dtype == dtype
        torch.testing.assert_close(result, expected, atol=1 if dtype == torch.uint8 else 2e-5, rtol=0)


@pytest.mark.parametrize("name", ["ShearX", "TranslateY", "Rotate"])
def test_operations_fill(name):
    x = picture(3, 11, 14)
    magnitude = magnitudes(name)[1]
    colour = [0.1, 0.5, 0.9]
    expected = REFERENCE._apply_image_or_video_transform(
        x, name, magnitude, interpolation=v2.InterpolationMode.NEAREST, fill={"others": colour}
    )
    torch.testing.assert_close(apply_operation(x, name, magnitude, fill=colour), expected, atol=1e-6, rtol=0)


def test_identity_without_magnitude():
    x = picture(3, 5, 6)
    for name in set(OPERATIONS) - {"Posterize", "Solarize", "AutoContrast", "Equalize", "Invert"}:
        torch.testing.assert_close(apply_operation(x, name), x, atol=1e-6, rtol=0)


@pytest.mark.parametrize("bins", [2, 10, 31])
@pytest.mark.parametrize("size", [(32, 32), (224, 160)], ids=str)
def test_spaces_are_torchvisions(size, bins):
    for ours, theirs in (
        (standard_space(*size), v2.RandAugment._AUGMENTATION_SPACE),
        (WIDE_SPACE, v2.TrivialAugmentWide._AUGMENTATION_SPACE),
    ):
        assert list(ours) == list(theirs)
        for name, (make, signed) in theirs.items():
            bounds, expected = ours[name], make(bins, *size)
            assert (bounds is None) == (expected is None)
            if bounds is not None:
                levels = torch.linspace(*bounds, bins)
                torch.testing.assert_close(levels.round() if name == "Posterize" else levels, expected.float())
                assert signed == (bounds[0] == 0)


@pytest.mark.parametrize("policy", list(v2.AutoAugmentPolicy))
def test_what_the_search_found_is_torchvisions(policy):
    lines = POLICIES[policy.value].strip().splitlines()
    parsed = [[step.split() for step in line.split(",")] for line in lines]
    ours = [tuple((name, float(p), int(level[0]) if level else None) for name, p, *level in pair) for pair in parsed]
    assert ours == v2.AutoAugment()._get_policies(policy)
    assert set(POLICIES) == {known.value for known in v2.AutoAugmentPolicy}


@pytest.mark.parametrize("make", [RandAugment, TrivialAugmentWide])
def test_every_operation_is_as_likely(make):
    transform = make(generator=seeded(0))
    steps = [step for _ in range(1400) for step in transform.make_params([picture(3, 8, 8)])["steps"]]
    counts = Counter(name for name, _ in steps)
    assert set(counts) == set(WIDE_SPACE)
    assert stats.chisquare(list(counts.values())).pvalue > 1e-3
    signs = [magnitude > 0 for name, magnitude in steps if name == "Rotate" and magnitude]
    assert abs(sum(signs) - len(signs) / 2) < 5 * (len(signs) / 4) ** 0.5


def test_rand_augment_keeps_to_its_level():
    transform = RandAugment(num_ops=3, magnitude=4, num_magnitude_bins=11, generator=seeded(0))
    for _ in range(200):
        steps = transform.make_params([picture(3, 32, 48)])["steps"]
        assert len(steps) == 3
        for name, magnitude in steps:
            bounds = standard_space(32, 48)[name]
            expected = 0.0 if bounds is None else bounds[0] + 0.4 * (bounds[1] - bounds[0])
            assert abs(magnitude) == pytest.approx(expected, abs=1e-5)
    assert RandAugment(num_ops=0).make_params([picture(3, 4, 4)]) == {"steps": []}


def test_trivial_augment_takes_every_level():
    transform = TrivialAugmentWide(num_magnitude_bins=5, generator=seeded(0))
    steps = [transform.make_params([picture(3, 32, 48)])["steps"] for _ in range(2000)]
    assert all(len(step) == 1 for step in steps)
    for name, bounds in WIDE_SPACE.items():
        seen = {round(abs(magnitude), 3) for ((drawn, magnitude),) in steps if drawn == name}
        expected = [0.0] if bounds is None else torch.linspace(*bounds, 5).tolist()
        assert seen == {round(level, 3) for level in expected}


def test_auto_augment_takes_each_step_with_its_probability():
    transform = AutoAugment("cifar10", generator=seeded(0))
    drawn = Counter(name for _ in range(2000) for name, _ in transform.make_params([picture(3, 8, 8)])["steps"])
    lines = POLICIES["cifar10"].strip().splitlines()
    expected: Counter[str] = Counter()
    for line in lines:
        for step in line.split(","):
            name, p, *_ = step.split()
            expected[name] += float(p) * 2000 / 25
    for name, count in expected.items():
        assert abs(drawn[name] - count) < 5 * (count + 1) ** 0.5


def test_the_steps_are_taken_one_after_the_other():
    x = picture(3, 9, 9)
    steps = [("Rotate", 20.0), ("Invert", 0.0), ("TranslateX", 2.7)]
    transform = RandAugment(interpolation="bilinear", fill=0.25)
    expected = x
    for name, magnitude in steps:
        expected = apply_operation(expected, name, magnitude, "bilinear", 0.25)
    assert torch.equal(transform.transform(x, {"steps": steps}), expected)


def test_takes_torchvisions_names_of_policies():
    for policy in v2.AutoAugmentPolicy:
        assert AutoAugment(policy).policy == AutoAugment(policy.value).policy == policy.value


def test_defaults():
    assert AutoAugment().policy == "imagenet"
    rand = RandAugment()
    assert (rand.num_ops, rand.magnitude, rand.num_magnitude_bins) == (2, 9, 31)
    assert TrivialAugmentWide().num_magnitude_bins == 31
    for transform in (AutoAugment(), rand, TrivialAugmentWide()):
        assert (transform.interpolation, transform.fill) == ("nearest", 0.0)


@pytest.mark.parametrize(
    ("make", "message"),
    [
        (lambda: AutoAugment("mnist"), "policy must be one of 'imagenet', 'cifar10', 'svhn', got 'mnist'"),
        (lambda: RandAugment(-1), "num_ops must be at least 0, got -1"),
        (lambda: RandAugment(magnitude=31), "magnitude must be a level from 0 to 30, got 31"),
        (lambda: RandAugment(magnitude=-1), "magnitude must be a level from 0 to 30, got -1"),
        (lambda: TrivialAugmentWide(1), "num_magnitude_bins must be at least 2, got 1"),
        (lambda: RandAugment(interpolation="bicubic"), "interpolation must be one of 'nearest', 'bilinear'"),
        (lambda: apply_operation(torch.ones(3, 2, 2), "Swirl"), "name must be one of 'ShearX', .*, got 'Swirl'"),
    ],
)
def test_refuses(make, message):
    with pytest.raises(ValueError, match=message):
        make()


def test_takes_the_limits_of_its_settings():
    RandAugment(0, 0, 1)
    RandAugment(1, 30)
    TrivialAugmentWide(2)
