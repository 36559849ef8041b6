"""The affine map, against torchvision's and against a loop over pixels; what it does to boxes; the law of its draws."""

from __future__ import annotations

import math

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import stats
from torchvision import tv_tensors
from torchvision.transforms import v2
from torchvision.transforms.v2 import functional as F

from trainwell.augmentation import (
    RandomAffine,
    affine,
    compose,
    horizontal_flip,
    inverse,
    rotation,
    scaling,
    shearing,
    translation,
    vertical_flip,
)

SETTINGS = [
    {"angle": 33.0, "translate": [0, 0], "scale": 1.0, "shear": [0.0, 0.0]},
    {"angle": 0.0, "translate": [3, -2], "scale": 1.0, "shear": [0.0, 0.0]},
    {"angle": 0.0, "translate": [0.3, -1.7], "scale": 1.0, "shear": [0.0, 0.0]},
    {"angle": 0.0, "translate": [0, 0], "scale": 0.6, "shear": [0.0, 0.0]},
    {"angle": 0.0, "translate": [0, 0], "scale": 2.5, "shear": [0.0, 0.0]},
    {"angle": 0.0, "translate": [0, 0], "scale": 1.0, "shear": [21.0, 0.0]},
    {"angle": 0.0, "translate": [0, 0], "scale": 1.0, "shear": [0.0, -14.0]},
    {"angle": -157.0, "translate": [1, 2], "scale": 1.3, "shear": [11.0, -14.0]},
]


def seeded(seed: int) -> torch.Generator:
    return torch.Generator().manual_seed(seed)


def picture(*shape: int) -> torch.Tensor:
    return torch.rand(shape, dtype=torch.float64, generator=seeded(0))


def matrix_of(angle, translate, scale, shear):
    return compose(translation(*translate), rotation(angle), scaling(scale), shearing(*shear))


@pytest.mark.parametrize("size", [1e6, 1.0, 1e-6], ids=str)
@pytest.mark.parametrize("interpolation", ["nearest", "bilinear"])
@pytest.mark.parametrize("arguments", SETTINGS, ids=str)
def test_is_torchvisions(arguments, interpolation, size):
    x = picture(2, 3, 11, 16) * size
    expected = F.affine(x, **arguments, interpolation=v2.InterpolationMode(interpolation))
    result = affine(x, matrix_of(**arguments), interpolation)
    torch.testing.assert_close(result, expected, atol=1e-12 * size, rtol=1e-12)


@pytest.mark.parametrize("fill", [0.0, 0.25, (0.1, 0.2, 0.3), [1.0]], ids=str)
def test_is_torchvisions_with_a_fill(fill):
    x = picture(2, 3, 11, 16)
    for arguments in SETTINGS:
        colours = [fill] if isinstance(fill, float) else list(fill)
        expected = F.affine(x, **arguments, fill=colours)
        torch.testing.assert_close(affine(x, matrix_of(**arguments), fill=fill), expected, atol=1e-12, rtol=0)


@pytest.mark.parametrize("interpolation", ["nearest", "bilinear"])
def test_is_the_loop_over_pixels(interpolation):
    x, fill = picture(5, 6), 0.7
    matrix = compose(translation(0.4, -0.7), rotation(25), scaling(1.2, 0.8), shearing(5, 3))
    (a, b, t), (c, d, u) = matrix.tolist()
    result = affine(x, matrix, interpolation, fill)

    def pixel(row, column):
        inside = 0 <= row < 5 and 0 <= column < 6
        return x[row, column].item() if inside else fill

    for i in range(5):
        for j in range(6):
            p, q = j - 2.5 - t, i - 2.0 - u  # from the middle, the shift undone
            determinant = a * d - b * c
            column, row = (d * p - b * q) / determinant + 2.5, (a * q - c * p) / determinant + 2.0
            if interpolation == "nearest":
                expected = pixel(round(row), round(column))
            else:
                up, left = math.floor(row), math.floor(column)
                down, right = row - up, column - left
                expected = (1 - down) * ((1 - right) * pixel(up, left) + right * pixel(up, left + 1)) + down * (
                    (1 - right) * pixel(up + 1, left) + right * pixel(up + 1, left + 1)
                )
            assert result[i, j].item() == pytest.approx(expected, abs=1e-12)


@pytest.mark.parametrize("interpolation", ["nearest", "bilinear"])
@pytest.mark.parametrize("shape", [(1, 1), (4, 7), (3, 8, 8), (2, 3, 5, 6)], ids=str)
def test_exact_cases(shape, interpolation):
    x = picture(*shape)
    exact = {"atol": 0 if interpolation == "nearest" else 1e-13, "rtol": 0}
    torch.testing.assert_close(affine(x, scaling(1), interpolation), x, **exact)
    torch.testing.assert_close(affine(x, scaling(-1, 1), interpolation), horizontal_flip(x), **exact)
    torch.testing.assert_close(affine(x, scaling(1, -1), interpolation), vertical_flip(x), **exact)
    torch.testing.assert_close(affine(x, rotation(180), interpolation), x.flip(-1, -2), **exact)
    away = affine(x, translation(x.shape[-1], 0), interpolation, fill=3.0)
    torch.testing.assert_close(away, torch.full_like(x, 3.0), **exact)
    if shape[-1] == shape[-2]:
        torch.testing.assert_close(affine(x, rotation(90), interpolation), x.rot90(-1, (-2, -1)), **exact)
        torch.testing.assert_close(affine(x, rotation(-90), interpolation), x.rot90(1, (-2, -1)), **exact)


def test_nearest_is_the_default():
    x = picture(4, 5)
    assert torch.equal(affine(x, translation(0.4, 0)), x)


def test_a_shift_moves_right_and_down():
    x = torch.zeros(3, 4)
    x[0, 1] = 1
    y = affine(x, translation(2, 1))
    assert y.nonzero().tolist() == [[1, 3]]


def test_a_fill_mixes_only_what_lies_outside():
    """torchvision's border weighs the pixels twice: a white image on white gets a grey rim there, not here."""
    white = torch.ones(1, 6, 6)
    for matrix in (translation(0.5, 0.25), rotation(20), scaling(0.7)):
        torch.testing.assert_close(affine(white, matrix, "bilinear", fill=1.0), white)
    half = [v2.InterpolationMode.BILINEAR, [1.0]]
    rim = F.affine(white, 0.0, [0.5, 0], 1.0, [0.0, 0.0], *half)
    assert rim.min() == 0.75


@pytest.mark.parametrize("dtype", [torch.uint8, torch.int16, torch.bool, torch.float32, torch.float64], ids=str)
def test_any_dtype(dtype):
    x = (picture(3, 6, 5) * 2).to(dtype)
    y = affine(x, rotation(90), "bilinear")
    assert y.dtype == dtype
    torch.testing.assert_close(affine(x, scaling(-1, 1)), x.flip(-1))


def test_bytes_are_rounded():
    x = torch.tensor([[0, 255, 0, 0]], dtype=torch.uint8)
    assert affine(x, translation(0.25, 0), "bilinear").tolist() == [[0, 191, 64, 0]]


def test_gradients_of_what_is_differentiable():
    x = picture(2, 4, 5).requires_grad_()
    assert torch.autograd.gradcheck(lambda x: affine(x, rotation(17), "bilinear", 0.5), x)


def test_matrices():
    assert rotation(30)[0].tolist() == pytest.approx([3**0.5 / 2, -0.5, 0])
    assert rotation(30)[1].tolist() == pytest.approx([0.5, 3**0.5 / 2, 0])
    assert scaling(2).tolist() == [[2, 0, 0], [0, 2, 0]]
    assert scaling(2, 3).tolist() == [[2, 0, 0], [0, 3, 0]]
    assert translation(2, 3).tolist() == [[1, 0, 2], [0, 1, 3]]
    t, u = math.tan(math.radians(20)), math.tan(math.radians(10))
    torch.testing.assert_close(shearing(20, 10), torch.tensor([[1, -t, 0], [-u, 1 + t * u, 0]], dtype=torch.float64))
    torch.testing.assert_close(shearing(20), torch.tensor([[1, -t, 0], [0, 1, 0]], dtype=torch.float64))
    assert compose(translation(2, 3), scaling(4, 5)).tolist() == [[4, 0, 2], [0, 5, 3]]  # the last acts first
    assert compose(scaling(4, 5), translation(2, 3)).tolist() == [[4, 0, 8], [0, 5, 15]]
    assert all(m.dtype == torch.float64 for m in (rotation(1), scaling(1), translation(1, 2), shearing(3)))


numbers = st.floats(-3, 3).filter(lambda x: abs(x) > 0.05)


@given(numbers, numbers, numbers, numbers, numbers)
@settings(max_examples=50, deadline=None)
def test_laws_of_matrices(a, b, c, d, e):
    first, second, third = compose(rotation(a * 60), scaling(b, c)), translation(d, e), shearing(d * 15, e * 15)
    close = {"atol": 1e-9, "rtol": 1e-9}
    torch.testing.assert_close(compose(compose(first, second), third), compose(first, compose(second, third)), **close)
    torch.testing.assert_close(compose(first, inverse(first)), scaling(1), **close)
    torch.testing.assert_close(inverse(compose(first, second)), compose(inverse(second), inverse(first)), **close)
    torch.testing.assert_close(compose(rotation(a), rotation(b)), rotation(a + b), **close)


def test_boxes_go_where_the_image_goes():
    """A white rectangle and its box, flipped, turned and shifted together."""
    x = torch.zeros(1, 12, 12)
    x[0, 3:5, 2:8] = 1
    box = tv_tensors.BoundingBoxes([[2.0, 3.0, 8.0, 5.0]], format="XYXY", canvas_size=(12, 12))
    for matrix in (scaling(-1, 1), rotation(90), translation(3, 1), compose(rotation(-90), translation(-1, 2))):
        transform = RandomAffine(0)
        y, (moved,) = (transform.transform(thing, {"matrix": matrix}) for thing in (x, box))
        rows, columns = y[0].any(1).nonzero().flatten(), y[0].any(0).nonzero().flatten()
        seen = [columns.min(), rows.min(), columns.max() + 1, rows.max() + 1]
        assert moved.tolist() == pytest.approx([edge.item() for edge in seen], abs=1e-5)


def test_a_turned_box_is_held_by_the_least_upright_one():
    """Each of the four corners becomes the outermost on one side."""
    x1, y1, x2, y2 = 12.0, 15.0, 30.0, 21.0
    box = tv_tensors.BoundingBoxes([[x1, y1, x2, y2]], format="XYXY", canvas_size=(40, 40))
    moved = RandomAffine(0).transform(box, {"matrix": rotation(30)})
    corners = torch.tensor([[x1, y1, 1.0], [x2, y1, 1.0], [x2, y2, 1.0], [x1, y2, 1.0]])
    corners[:, :2] -= 20
    places = corners.double() @ rotation(30).double().T[:, :2] + 20
    assert moved[0].tolist() == pytest.approx([*places.amin(0).tolist(), *places.amax(0).tolist()], abs=1e-4)


def test_a_stretch_changes_the_shape_and_keeps_the_area():
    transform = RandomAffine(0, stretch=(0.25, 4.0), generator=seeded(0))
    matrices = torch.stack([transform.make_params([picture(8, 8)])["matrix"] for _ in range(500)])
    torch.testing.assert_close(torch.linalg.det(matrices[:, :, :2]), torch.ones(500, dtype=torch.float64))
    logs = (matrices[:, 0, 0] / matrices[:, 1, 1]).log()
    assert stats.kstest(logs, stats.uniform(-math.log(4), 2 * math.log(4)).cdf).pvalue > 1e-3
    box = tv_tensors.BoundingBoxes([[2.0, 3.0, 6.0, 5.0]], format="XYXY", canvas_size=(8, 8))
    moved = transform.transform(box, {"matrix": scaling(2.0, 0.5)})
    assert moved.tolist() == [[0.0, 3.5, 8.0, 4.5]]


def test_the_law_of_the_draws():
    transform = RandomAffine((-20, 40), (0.25, 0.5), (0.5, 2.0), (-10, 30, 5, 15), generator=seeded(1))
    matrices = [transform.make_params([picture(20, 40)])["matrix"] for _ in range(1000)]
    for axis, reach in ((0, 10), (1, 10)):  # 0.25 of 40, 0.5 of 20
        shifts = torch.stack([m[axis, 2] for m in matrices])
        assert torch.equal(shifts, shifts.round())
        assert shifts.abs().max() == reach
        assert shifts.mean().abs() < 5 * reach / 3**0.5 / 1000**0.5
    areas = torch.stack([torch.linalg.det(m[:, :2]) for m in matrices])
    assert stats.kstest(areas.sqrt(), stats.uniform(0.5, 1.5).cdf).pvalue > 1e-3
    only_turned = RandomAffine((-20, 40), generator=seeded(1))
    matrices = [only_turned.make_params([picture(20, 40)])["matrix"] for _ in range(1000)]
    angles = torch.stack([torch.atan2(m[1, 0], m[0, 0]).rad2deg() for m in matrices])
    assert stats.kstest(angles, stats.uniform(-20, 60).cdf).pvalue > 1e-3


def test_one_number_means_both_ways():
    assert RandomAffine(10).degrees == (-10, 10)
    assert RandomAffine(10, shear=5).shear == (-5, 5)
    assert RandomAffine((3, 4), shear=(1, 2)).degrees == (3, 4)
    assert RandomAffine(0).shear is None


def test_masks_get_zeros_whatever_the_fill():
    mask = tv_tensors.Mask(torch.full((1, 4, 4), 7))
    transform = RandomAffine(0, fill=0.5, interpolation="bilinear")
    image, moved = (transform.transform(t, {"matrix": translation(2.0, 0)}) for t in (torch.ones(1, 4, 4), mask))
    assert moved[0, 0].tolist() == [0, 0, 7, 7]
    assert image[0, 0].tolist() == [0.5, 0.5, 1, 1]
    halfway = transform.transform(mask, {"matrix": translation(0.4, 0)})
    assert set(halfway.flatten().tolist()) == {7}


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"degrees": -1}, "degrees must not be negative, got -1"),
        ({"degrees": (1, 2, 3)}, r"degrees must be one number or the least and the largest of a range, got \(1, 2, 3"),
        ({"degrees": (1, 2, 3, 4)}, "degrees must be one number or the least"),
        ({"degrees": (2, 1)}, "degrees must be one number or the least"),
        ({"degrees": 0, "shear": (1, 2, 4, 3)}, "shear must be one number or the least"),
        ({"degrees": 0, "shear": -2}, "shear must not be negative, got -2"),
        ({"degrees": 0, "translate": (0.5, 1.1)}, "translate must be between 0 and 1, got 1.1"),
        ({"degrees": 0, "translate": (-0.1, 1)}, "translate must be between 0 and 1, got -0.1"),
        ({"degrees": 0, "scale": (0, 1)}, r"scale must be a range of positive numbers, got \(0, 1\)"),
        ({"degrees": 0, "scale": (2, 1)}, "scale must be a range of positive numbers"),
        ({"degrees": 0, "stretch": (0, 1)}, "stretch must be a range of positive numbers"),
        ({"degrees": 0, "interpolation": "cubic"}, "interpolation must be one of 'nearest', 'bilinear', got 'cubic'"),
    ],
    ids=str,
)
def test_refuses_bad_settings(arguments, message):
    with pytest.raises(ValueError, match=message):
        RandomAffine(**arguments)


def test_takes_the_limits_of_its_settings():
    RandomAffine(0, (0, 1), (1, 1), (2, 2), stretch=(1, 1))(picture(1, 4, 4))


def test_refuses_bad_matrices_inputs_and_boxes():
    for factors in ((0, 1), (1, 0), (0,)):
        with pytest.raises(ValueError, match="x and y must not be 0"):
            scaling(*factors)
    with pytest.raises(ValueError, match="interpolation must be one of"):
        affine(picture(3, 3), rotation(1), "bicubic")
    with pytest.raises(ValueError, match=r"images, masks and boxes must be of one size, got \[\(4, 4\), \(4, 5\)\]"):
        RandomAffine(1)(tv_tensors.Image(picture(1, 4, 4)), tv_tensors.Mask(torch.ones(1, 4, 5)))
    with pytest.raises(ValueError, match="must be of one size, got none of them"):
        RandomAffine(1)("no image")


@pytest.mark.skipif(
    not hasattr(tv_tensors.BoundingBoxFormat, "XYWHR"), reason="torchvision has turned boxes since 0.23"
)
def test_refuses_turned_boxes():
    turned = tv_tensors.BoundingBoxes([[1.0, 1, 2, 2, 30]], format="XYWHR", canvas_size=(4, 4))
    with pytest.raises(ValueError, match="boxes must be upright, in the format XYXY or XYWH or CXCYWH, got XYWHR"):
        RandomAffine(1)(picture(1, 4, 4), turned)
