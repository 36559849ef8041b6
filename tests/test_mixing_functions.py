"""mixup, CutMix and the partners they mix with: against torchvision, and against loops in float64 from the papers.

Mixing within a class has no packaged reference: its loop is written here, from its definition.
"""

from __future__ import annotations

import math
from collections import Counter
from itertools import permutations

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torchvision.transforms import v2

from trainwell.augmentation import cutmix, in_class_partners, mixup, random_box

CLASSES = 5
MIXES = {"mixup": lambda x, y, p: mixup(x, y, 0.3, p), "cutmix": lambda x, y, p: cutmix(x, y, (2, 1, 5, 6), p)}
DRAWS = {
    "box": lambda g: random_box(30, 30, 0.5, generator=g),
    "partners": lambda g: in_class_partners(torch.ones(50).long(), generator=g),
}
SHARES = [0.0, 1e-6, 0.3, 0.5, 0.75, 1.0]


def seeded(seed: int) -> torch.Generator:
    return torch.Generator().manual_seed(seed)


def batch(dtype: torch.dtype = torch.float64, scale: float = 1.0, size: tuple[int, int] = (6, 9)):
    g = seeded(0)
    x = (torch.randn(7, 3, *size, generator=g, dtype=torch.float64) * scale).to(dtype)
    return x, torch.rand(7, CLASSES, generator=g, dtype=torch.float64).softmax(1).to(dtype)


def neighbours(n: int) -> torch.Tensor:
    """torchvision's pairing."""
    return torch.arange(n).roll(1)


def torchvisions(name: str, x: torch.Tensor, labels: torch.Tensor, **params: object):
    transform = getattr(v2, name)(num_classes=CLASSES)
    params |= {"labels": labels, "batch_size": len(x)}
    return transform.transform(x, params), transform.transform(labels, params)


@pytest.mark.parametrize("scale", [1.0, 1e6, 1e-6])
@pytest.mark.parametrize("dtype", [torch.float32, torch.float64], ids=str)
@pytest.mark.parametrize("lam", SHARES)
def test_mixup_is_torchvisions(lam, dtype, scale):
    x, labels = batch(dtype, scale)
    ours, theirs = mixup(x, labels, lam, neighbours(7)), torchvisions("MixUp", x, labels, lam=lam)
    tolerance = 1e-12 if dtype == torch.float64 else 1e-6
    torch.testing.assert_close(ours[0], theirs[0], rtol=tolerance, atol=tolerance * scale)
    torch.testing.assert_close(ours[1], theirs[1], rtol=tolerance, atol=tolerance)


@pytest.mark.parametrize("shape", [(7,), (7, 4), (7, 2, 3, 4, 5)])
def test_mixup_of_any_shape_is_the_papers_loop(shape):
    x, labels = torch.randn(shape, generator=seeded(1), dtype=torch.float64), batch()[1]
    partners = torch.tensor([3, 3, 0, 6, 4, 1, 2])  # any pairing: two examples may share a partner
    mixed, mixed_labels = mixup(x, labels, 0.3, partners)
    for i, j in enumerate(partners.tolist()):
        torch.testing.assert_close(mixed[i], 0.3 * x[i] + 0.7 * x[j], rtol=0, atol=1e-12)
        torch.testing.assert_close(mixed_labels[i], 0.3 * labels[i] + 0.7 * labels[j], rtol=0, atol=1e-12)


def test_mixup_limits():
    x, labels = batch()
    partners = torch.randperm(7, generator=seeded(2))
    assert all(map(torch.equal, mixup(x, labels, 1.0, partners), (x, labels)))
    assert all(map(torch.equal, mixup(x, labels, 0.0, partners), (x[partners], labels[partners])))
    torch.testing.assert_close(mixup(x, labels, 0.3, torch.arange(7)), (x, labels))


@pytest.mark.parametrize("lam", [-0.01, 1.01, math.nan])
def test_a_share_is_a_probability(lam):
    with pytest.raises(ValueError, match=f"lam must be between 0 and 1, got {lam}"):
        mixup(*batch(), lam, neighbours(7))
    with pytest.raises(ValueError, match=f"lam must be between 0 and 1, got {lam}"):
        random_box(4, 4, lam)


@pytest.mark.parametrize("box", [(0, 0, 9, 6), (2, 1, 5, 6), (0, 3, 1, 4), (4, 2, 4, 2)])
@pytest.mark.parametrize("dtype", [torch.float32, torch.float64], ids=str)
def test_cutmix_is_torchvisions(dtype, box):
    x, labels = batch(dtype)
    left, top, right, bottom = box
    lam = 1 - (right - left) * (bottom - top) / 54
    theirs = torchvisions("CutMix", x, labels, box=box, lam_adjusted=lam)
    ours = cutmix(x, labels, box, neighbours(7))
    assert torch.equal(ours[0], theirs[0])
    torch.testing.assert_close(ours[1], theirs[1])


@settings(max_examples=50, deadline=None)
@given(st.data())
def test_cutmixs_labels_are_the_shares_of_the_pixels(data):
    height, width = data.draw(st.integers(1, 8)), data.draw(st.integers(1, 8))
    left, right = sorted(data.draw(st.lists(st.integers(0, width), min_size=2, max_size=2)))
    top, bottom = sorted(data.draw(st.lists(st.integers(0, height), min_size=2, max_size=2)))
    x = torch.arange(3)[:, None, None].expand(3, height, width).contiguous()  # each pixel tells whose it is
    mixed, labels = cutmix(x, torch.eye(3, dtype=torch.float64), (left, top, right, bottom), torch.tensor([1, 2, 0]))
    for image, label in zip(mixed, labels, strict=True):
        shares = [(image == who).double().mean() for who in range(3)]
        torch.testing.assert_close(label, torch.stack(shares))
    inside = mixed[0, top:bottom, left:right]
    assert (inside == 1).all()
    assert (mixed[0] == 1).sum() == inside.numel()


def test_cutmix_takes_any_dtype():
    x, labels = torch.arange(2 * 3 * 4 * 4, dtype=torch.uint8).view(2, 3, 4, 4), torch.eye(2)
    mixed, _ = cutmix(x, labels, (1, 0, 3, 4), torch.tensor([1, 0]))
    assert mixed.dtype == torch.uint8
    assert torch.equal(mixed[0, :, :, 1:3], x[1, :, :, 1:3])
    assert torch.equal(mixed[0, :, :, ::3], x[0, :, :, ::3])


@pytest.mark.parametrize("box", [(-1, 0, 2, 2), (0, -1, 2, 2), (0, 0, 10, 2), (0, 0, 2, 7), (3, 0, 2, 2), (0, 3, 2, 2)])
def test_a_box_lies_in_the_image(box):
    with pytest.raises(ValueError, match=r"box must lie in images of width 9 and height 6, got \("):
        cutmix(*batch(), box, neighbours(7))


@pytest.mark.parametrize("mix", MIXES.values(), ids=MIXES)
def test_leaves_its_inputs_alone_and_has_the_right_gradient(mix):
    x, labels = batch(size=(6, 5))
    before = x.clone(), labels.clone()
    partners = torch.randperm(7, generator=seeded(2))
    mix(x, labels, partners)
    assert torch.equal(x, before[0])
    assert torch.equal(labels, before[1])
    assert torch.autograd.gradcheck(lambda x, y: mix(x, y, partners), (x.requires_grad_(), labels.requires_grad_()))


@pytest.mark.parametrize("mix", MIXES.values(), ids=MIXES)
def test_on_the_meta_device(mix):
    x, labels = (t.to("meta") for t in batch())
    mixed, mixed_labels = mix(x, labels, neighbours(7).to("meta"))
    assert (mixed.device.type, mixed.shape) == ("meta", x.shape)
    assert (mixed_labels.device.type, mixed_labels.shape) == ("meta", labels.shape)


@pytest.mark.parametrize("dtype", [torch.float16, torch.bfloat16], ids=str)
def test_half_precision_stays(dtype):
    x, labels = batch(dtype)
    mixed, mixed_labels = mixup(x, labels, 0.3, neighbours(7))
    assert mixed.dtype == mixed_labels.dtype == dtype
    torch.testing.assert_close(mixed.double(), 0.3 * x.double() + 0.7 * x.roll(1, 0).double(), rtol=0.02, atol=0.02)


@settings(max_examples=50, deadline=None)
@given(st.integers(1, 40), st.integers(1, 40), st.floats(0, 1), st.integers(0, 99))
def test_a_random_box_is_the_papers(height, width, lam, seed):
    """From the same draws: centre, rounded half sides, cut off at the border."""
    g = seeded(seed)
    x, y = (torch.randint(side, (1,), generator=g).item() for side in (width, height))
    cut = math.sqrt(1 - lam)
    half_w, half_h = math.floor(cut * width / 2), math.floor(cut * height / 2)
    expected = (max(x - half_w, 0), max(y - half_h, 0), min(x + half_w, width), min(y + half_h, height))
    assert random_box(height, width, lam, generator=seeded(seed)) == expected


@settings(max_examples=50, deadline=None)
@given(st.integers(1, 40), st.integers(1, 40), st.floats(0, 1), st.integers(0, 99))
def test_a_random_box_lies_inside_and_is_never_too_large(height, width, lam, seed):
    left, top, right, bottom = random_box(height, width, lam, generator=seeded(seed))
    assert 0 <= left <= right <= width
    assert 0 <= top <= bottom <= height
    assert (right - left) * (bottom - top) <= (1 - lam) * height * width + 1e-9


def test_a_random_box_may_be_anywhere():
    centres = Counter((box[0], box[1]) for box in (random_box(3, 4, 1.0, generator=g) for g in [seeded(0)] * 12_000))
    assert sorted(centres) == [(x, y) for x in range(4) for y in range(3)]  # with lam = 1 the box is its centre
    spread = 5 * math.sqrt(12_000 * 1 / 12 * 11 / 12)
    assert all(abs(count - 1000) < spread for count in centres.values())


@settings(max_examples=50, deadline=None)
@given(st.lists(st.integers(0, 4), max_size=30), st.integers(0, 99))
def test_in_class_partners_permute_each_class(classes, seed):
    classes = torch.tensor(classes, dtype=torch.int64)
    partners = in_class_partners(classes, generator=seeded(seed))
    assert sorted(partners.tolist()) == list(range(len(classes)))
    assert torch.equal(classes[partners], classes)


def test_in_class_partners_are_any_permutation_alike():
    g, classes, n = seeded(0), torch.tensor([0, 1, 0, 1, 0]), 6000
    found = Counter(tuple(in_class_partners(classes, generator=g).tolist()) for _ in range(n))
    possible = [(a, p, b, q, c) for a, b, c in permutations((0, 2, 4)) for p, q in permutations((1, 3))]
    assert sorted(found) == sorted(possible)
    spread = 5 * math.sqrt(n * 1 / 12 * 11 / 12)
    assert all(abs(count - n / 12) < spread for count in found.values())


@pytest.mark.parametrize("lam", [0.0, 0.3, 1.0])
def test_mixing_in_class_is_a_loop_over_classes(lam):
    """No package has it: a loop over the classes, from the definition."""
    x, classes = batch()[0], torch.tensor([2, 0, 2, 1, 0, 2, 4])
    labels, partners = torch.eye(CLASSES, dtype=torch.float64)[classes], in_class_partners(classes, generator=seeded(3))
    mixed, mixed_labels = mixup(x, labels, lam, partners)
    torch.testing.assert_close(mixed_labels, labels)
    for c in range(CLASSES):
        members = [i for i in range(7) if classes[i] == c]
        total = sum((mixed[i] for i in members), torch.zeros(3, 6, 9, dtype=torch.float64))
        torch.testing.assert_close(total, x[members].sum(0))  # a permutation within the class moves nothing out of it
        for i in members:
            assert int(partners[i]) in members
            torch.testing.assert_close(mixed[i], lam * x[i] + (1 - lam) * x[partners[i]])


@pytest.mark.parametrize("draw", DRAWS.values(), ids=DRAWS)
def test_draws_come_from_the_generator_alone(draw):
    def same(a, b):
        return torch.equal(torch.as_tensor(a), torch.as_tensor(b))

    state = torch.get_rng_state()
    assert same(draw(seeded(0)), draw(seeded(0)))
    assert not same(draw(seeded(0)), draw(seeded(1)))
    assert torch.equal(torch.get_rng_state(), state)
    draw(None)
    assert not torch.equal(torch.get_rng_state(), state)
