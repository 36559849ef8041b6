"""Flips, against torchvision's, and the labels that they change."""

from __future__ import annotations

import pytest
import torch
from torchvision import tv_tensors
from torchvision.transforms.v2 import functional as F

from trainwell.augmentation import RandomHorizontalFlip, RandomVerticalFlip, horizontal_flip, relabel, vertical_flip

FLIPS = [(horizontal_flip, F.horizontal_flip), (vertical_flip, F.vertical_flip)]
TRANSFORMS = [RandomHorizontalFlip, RandomVerticalFlip]
B, D, P = 0, 1, 2


@pytest.mark.parametrize("dtype", [torch.uint8, torch.bool, torch.float64, torch.float16], ids=str)
@pytest.mark.parametrize("shape", [(1, 1), (4, 5), (3, 4, 5), (2, 3, 4, 5)], ids=str)
@pytest.mark.parametrize(("ours", "theirs"), FLIPS)
def test_is_torchvisions(ours, theirs, shape, dtype):
    x = (torch.randn(shape) * 1e4).to(dtype)
    assert torch.equal(ours(x), theirs(x))
    assert torch.equal(ours(ours(x)), x)


def test_which_is_which():
    x = torch.tensor([[1, 2], [3, 4]])
    assert horizontal_flip(x).tolist() == [[2, 1], [4, 3]]
    assert vertical_flip(x).tolist() == [[3, 4], [1, 2]]


def test_relabel():
    assert relabel(torch.tensor([[B, D], [P, B]]), {B: D, D: B}).tolist() == [[D, B], [P, D]]
    assert relabel(torch.tensor(6), {6: 9, 9: 6}).item() == 9
    assert [relabel(label, {6: 9, 9: 6}) for label in (6, 9, 3)] == [9, 6, 3]
    assert relabel(torch.tensor([1, 2, 3]), {1: 2, 2: 3, 3: 1}).tolist() == [2, 3, 1]  # no label changes twice
    labels = torch.tensor([B, D], dtype=torch.int32)
    assert relabel(labels, {B: D, D: B}).dtype == torch.int32
    assert labels.tolist() == [B, D], "the input was changed"


@pytest.mark.parametrize("flip", TRANSFORMS)
def test_the_label_changes_with_the_image(flip):
    x = torch.rand(4, 5)
    transform = flip(0.5, changes={B: D, D: B}, generator=torch.Generator().manual_seed(0))
    flipped = 0
    for _ in range(40):
        y, first, labels = transform(x, B, torch.tensor([D, P]))
        was_flipped = not torch.equal(x, y)
        flipped += was_flipped
        assert labels.tolist() == ([B, P] if was_flipped else [D, P])
        assert first == B, "only the last is the label"
        y, label = transform(x, D)
        assert label == (D if torch.equal(x, y) else B)
    assert 5 < flipped < 35


@pytest.mark.parametrize("flip", TRANSFORMS)
def test_the_label_stays_where_nothing_changes_it(flip):
    x = torch.rand(4, 5)
    assert flip(1.0)(x, B)[1] == B
    assert flip(1.0, changes={})(x, B)[1] == B
    assert flip(0.0, changes={B: D})(x, B)[1] == B
    assert flip(1.0, changes={B: D})(x, P)[1] == P


@pytest.mark.parametrize("flip", TRANSFORMS)
def test_the_label_is_needed(flip):
    with pytest.raises(
        ValueError, match=r"changes needs the label: call the transform with \(image, ..., label\), got 1"
    ):
        flip(1.0, changes={B: D})(torch.rand(4, 5))


@pytest.mark.parametrize(
    ("flip", "theirs"), [(RandomHorizontalFlip, F.horizontal_flip), (RandomVerticalFlip, F.vertical_flip)]
)
def test_image_mask_boxes_and_label_together(flip, theirs):
    sample = {
        "image": tv_tensors.Image(torch.rand(3, 6, 8)),
        "mask": tv_tensors.Mask(torch.rand(6, 8)),
        "boxes": tv_tensors.BoundingBoxes([[1, 2, 4, 3]], format="XYWH", canvas_size=(6, 8)),
    }
    flipped, label = flip(1.0, changes={B: D})(sample, B)
    assert label == D
    for name, before in sample.items():
        assert type(flipped[name]) is type(before)
        assert torch.equal(flipped[name], theirs(before))


@pytest.mark.parametrize("flip", TRANSFORMS)
def test_half_of_the_time_by_default(flip):
    assert flip().p == 0.5
    assert flip().changes is None
