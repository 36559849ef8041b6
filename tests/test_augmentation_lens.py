"""Lens distortion, against a loop in float64 and against OpenCV's maps."""

from __future__ import annotations

import math

import cv2
import numpy as np
import pytest
import torch
from torchvision import tv_tensors

from trainwell.augmentation import RandomLensDistortion, lens_distortion


def picture(*shape: int) -> torch.Tensor:
    return torch.rand(shape, dtype=torch.float64, generator=torch.Generator().manual_seed(0))


@pytest.mark.parametrize(("k1", "k2"), [(0.3, 0.0), (-0.2, 0.1), (0.0, 0.4), (0.25, -0.1)])
@pytest.mark.parametrize("interpolation", ["nearest", "bilinear"])
def test_is_the_loop_of_the_formula(interpolation, k1, k2):
    height, width, fill = 7, 9, 0.3
    x = picture(height, width)
    result = lens_distortion(x, k1, k2, interpolation, fill)
    for i in range(height):
        for j in range(width):
            across, down = j + 0.5 - width / 2, i + 0.5 - height / 2
            r = math.hypot(across, down) / (math.hypot(height, width) / 2)
            factor = 1 + k1 * r**2 + k2 * r**4
            column, row = across * factor + (width - 1) / 2, down * factor + (height - 1) / 2
            expected = 0.0
            for m in range(-1, height + 1):  # one more on each side: the fill next to the border
                for n in range(-1, width + 1):
                    if interpolation == "nearest":
                        weight = float(m == round(row) and n == round(column))
                    else:
                        weight = max(0, 1 - abs(m - row)) * max(0, 1 - abs(n - column))
                    inside = 0 <= m < height and 0 <= n < width
                    expected += weight * ((x[m, n].item() if inside else fill) - fill)
            assert result[i, j].item() == pytest.approx(expected + fill, abs=1e-12)


@pytest.mark.parametrize(("k1", "k2"), [(0.3, 0.0), (-0.2, 0.1)])
def test_reads_where_opencv_reads(k1, k2):
    """Images that hold their own coordinates tell where every pixel was read."""
    height, width = 21, 30
    focus = math.hypot(height, width) / 2
    camera = np.array([[focus, 0, (width - 1) / 2], [0, focus, (height - 1) / 2], [0, 0, 1]])
    maps = cv2.initUndistortRectifyMap(camera, np.array([k1, k2, 0, 0]), None, camera, (width, height), cv2.CV_32FC1)
    rows, columns = torch.meshgrid(torch.arange(height), torch.arange(width), indexing="ij")
    read = lens_distortion(torch.stack([columns, rows]).double(), k1, k2)
    inside = (maps[0] > 0) & (maps[0] < width - 1) & (maps[1] > 0) & (maps[1] < height - 1)
    assert inside.mean() > 0.5
    for ours, theirs in zip(read, maps, strict=True):
        np.testing.assert_allclose(ours.numpy()[inside], theirs[inside], atol=1e-4)


@pytest.mark.parametrize("interpolation", ["nearest", "bilinear"])
def test_without_coefficients_nothing_moves(interpolation):
    x = picture(2, 3, 5, 8)
    torch.testing.assert_close(lens_distortion(x, 0.0, 0.0, interpolation), x, atol=1e-13, rtol=0)


def test_a_barrel_shrinks_and_a_pincushion_enlarges():
    x = torch.zeros(1, 41, 41)
    x[:, 5:36, 5:36] = 1
    assert lens_distortion(x, 0.5).sum() < x.sum() < lens_distortion(x, -0.3).sum()
    assert torch.equal(lens_distortion(x, 0.5)[:, 20, 20], x[:, 20, 20])  # the middle stays


def test_defaults():
    x = picture(3, 9, 9)
    torch.testing.assert_close(lens_distortion(x, 0.3), lens_distortion(x, 0.3, 0.0, "bilinear", 0.0))
    transform = RandomLensDistortion()
    assert (transform.k1, transform.k2) == ((-0.2, 0.2), (0.0, 0.0))
    assert (transform.interpolation, transform.fill) == ("bilinear", 0.0)


def test_the_coefficients_are_drawn_from_their_ranges():
    transform = RandomLensDistortion((0.1, 0.3), 0.5, generator=torch.Generator().manual_seed(0))
    drawn = torch.tensor([list(transform.make_params([]).values()) for _ in range(1000)])
    assert 0.1 <= drawn[:, 0].min() < 0.105
    assert 0.295 < drawn[:, 0].max() <= 0.3
    assert -0.5 <= drawn[:, 1].min() < -0.48
    assert 0.48 < drawn[:, 1].max() <= 0.5
    assert drawn.mean(0).tolist() == pytest.approx([0.2, 0.0], abs=0.05)
    x = picture(3, 9, 9)
    params = {"k1": 0.4, "k2": -0.1}
    torch.testing.assert_close(transform.transform(x, params), lens_distortion(x, 0.4, -0.1))
    filled = RandomLensDistortion(fill=0.5, interpolation="nearest")
    torch.testing.assert_close(filled.transform(x, params), lens_distortion(x, 0.4, -0.1, "nearest", 0.5))


def test_masks_keep_their_classes():
    mask = tv_tensors.Mask(torch.arange(121).reshape(1, 11, 11) % 2 * 9)
    moved = RandomLensDistortion(fill=1.0).transform(mask, {"k1": 0.4, "k2": 0.0})
    assert isinstance(moved, tv_tensors.Mask)
    assert torch.equal(moved, lens_distortion(mask.as_subclass(torch.Tensor), 0.4, interpolation="nearest"))
    assert set(moved.flatten().tolist()) == {0, 9}


def test_gradients():
    x = picture(4, 5).requires_grad_()
    assert torch.autograd.gradcheck(lambda x: lens_distortion(x, 0.2, 0.1), x)


def test_refuses():
    boxes = tv_tensors.BoundingBoxes([[1.0, 1, 2, 2]], format="XYXY", canvas_size=(4, 4))
    with pytest.raises(ValueError, match="RandomLensDistortion moves images and masks, got BoundingBoxes"):
        RandomLensDistortion()(picture(1, 4, 4), boxes)
    with pytest.raises(ValueError, match="interpolation must be one of 'nearest', 'bilinear', got 'cubic'"):
        RandomLensDistortion(interpolation="cubic")
    with pytest.raises(ValueError, match="k1 must not be negative, got -1"):
        RandomLensDistortion(-1)
    with pytest.raises(ValueError, match="k2 must be one number or the least"):
        RandomLensDistortion(k2=(1, 0))
