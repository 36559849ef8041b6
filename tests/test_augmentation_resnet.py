"""Ten crops and the recipe of residual networks, against torchvision's parts."""

from __future__ import annotations

import pytest
import torch
from torch import nn
from torchvision import tv_tensors
from torchvision.transforms import v2
from torchvision.transforms.v2 import functional as F

from trainwell.augmentation import (
    RandomShortestSize,
    TenCrop,
    average_views,
    resnet_training,
    resnet_views,
    ten_crop,
)


def picture(*shape: int) -> torch.Tensor:
    return torch.rand(shape, generator=torch.Generator().manual_seed(0))


@pytest.mark.parametrize("size", [(4, 5), (3, 3), (6, 7), (5, 2)], ids=str)
@pytest.mark.parametrize("shape", [(3, 6, 7), (2, 3, 9, 8), (1, 7, 10)], ids=str)
def test_ten_crops_are_torchvisions(shape, size):
    x = picture(*shape)
    for ours, theirs in zip(ten_crop(x, size), F.ten_crop(x, list(size)), strict=True):
        assert torch.equal(ours, theirs)


def test_one_number_is_a_square():
    x = picture(3, 6, 7)
    assert all(torch.equal(a, b) for a, b in zip(ten_crop(x, 4), ten_crop(x, (4, 4)), strict=True))
    assert all(torch.equal(a, b) for a, b in zip(TenCrop(4)(x), ten_crop(x, 4), strict=True))


@pytest.mark.parametrize("size", [(7, 7), (6, 8)], ids=str)
def test_refuses_crops_that_do_not_fit(size):
    with pytest.raises(ValueError, match=r"size must be at most that of the image, \(6, 7\), got \(\d, \d\)"):
        ten_crop(picture(3, 6, 7), size)


def test_the_shorter_side_has_the_length():
    for shape, expected in (((3, 20, 30), (12, 18)), ((3, 30, 20), (18, 12)), ((2, 3, 20, 20), (12, 12))):
        assert RandomShortestSize(12)(picture(*shape)).shape[-2:] == expected


def test_the_lengths_are_as_likely():
    transform = RandomShortestSize((10, 11, 14), generator=torch.Generator().manual_seed(0))
    drawn = [transform.make_params([])["side"] for _ in range(900)]
    for side in (10, 11, 14):
        assert abs(drawn.count(side) - 300) < 5 * 200**0.5


def test_torchvisions_may_be_a_pixel_short():
    """The note: its factor, 49/98 and so on, is rounded before the side is cut to whole pixels."""
    short = [
        (side, length)
        for length in range(200, 300)
        for side in range(224, 240)
        if v2.RandomShortestSize(side).make_params([torch.empty(1, length, 400)])["size"][0] != side
    ]
    assert short, "it rounds well now: the note can go"
    side, length = short[0]
    assert RandomShortestSize(side)(picture(1, length, 400)).shape[-2] == side


def test_masks_and_boxes_are_resized_as_torchvisions():
    mask = tv_tensors.Mask(torch.randint(9, (20, 30)))
    boxes = tv_tensors.BoundingBoxes([[3.0, 2.0, 20.0, 17.0]], format="XYXY", canvas_size=(20, 30))
    ours = RandomShortestSize(10)(mask, boxes)
    for a, b in zip(ours, (F.resize(mask, [10]), F.resize(boxes, [10])), strict=True):
        assert type(a) is type(b)
        assert torch.equal(a, b)
    assert ours[1].canvas_size == (10, 15)


def test_training_is_torchvisions_pipeline():
    theirs = v2.Compose([v2.RandomShortestSize(list(range(28, 41))), v2.RandomCrop(24), v2.RandomHorizontalFlip()])
    x, ours = picture(3, 64, 64), resnet_training(24, (28, 40))
    results = []
    for seed in range(20):
        with torch.random.fork_rng():
            torch.manual_seed(seed)
            results.append(ours(x))
            torch.manual_seed(seed)
            assert torch.equal(results[-1], theirs(x))
    assert all(result.shape == (3, 24, 24) for result in results)


def test_training_draws_every_length_from_the_generator():
    resize, _, _ = resnet_training(4, (5, 7), generator=torch.Generator().manual_seed(0)).transforms
    assert {resize.make_params([])["side"] for _ in range(60)} == {5, 6, 7}
    x, state = picture(3, 8, 9), torch.get_rng_state()
    first, again = (resnet_training(4, (5, 7), generator=torch.Generator().manual_seed(1))(x) for _ in range(2))
    assert torch.equal(first, again)
    assert torch.equal(torch.get_rng_state(), state)


def test_the_papers_numbers_are_the_defaults():
    resize, crop, flip = resnet_training().transforms
    assert resize.min_size == tuple(range(256, 481))
    assert crop.size == [224, 224]
    assert flip.p == 0.5
    views = resnet_views()
    assert [view.transforms[0].min_size for view in views] == [(224,), (256,), (384,), (480,), (640,)]
    assert [view.transforms[1].size for view in views] == [[224, 224]] * 5


def test_the_average_over_ten_crops_at_five_sizes():
    x = picture(2, 3, 30, 40)
    model = nn.Sequential(nn.Flatten(), nn.Linear(3 * 8 * 8, 5)).eval()
    sides = (8, 10, 12, 16, 20)
    crops = [part for side in sides for part in F.ten_crop(F.resize(x, [side]), [8, 8])]
    assert len(crops) == 50
    expected = torch.stack([model(part).softmax(1) for part in crops]).mean(0)
    torch.testing.assert_close(average_views(model, x, resnet_views(8, sides)), expected.detach())


def test_refuses():
    with pytest.raises(ValueError, match="sides must be at least 24, got 20"):
        resnet_training(24, (20, 40))
    with pytest.raises(ValueError, match="sides must be at least 224, got 200"):
        resnet_views(sides=(224, 200))
    with pytest.raises(ValueError, match="min_size must be at least 1, got 0"):
        RandomShortestSize((3, 0))
    with pytest.raises(ValueError, match="size must be one number or two"):
        TenCrop((1, 2, 3))
    resnet_training(24, (24, 24))
    resnet_views(24, (24,))
