"""Scores of retrieval, regression and segmentation against scikit-learn and torchmetrics, ties and absences too."""

from __future__ import annotations

import warnings

import numpy as np
import pytest
import sklearn.metrics
import torch
from hypothesis import given
from hypothesis import strategies as st
from torchmetrics.functional.classification import (
    binary_average_precision,
    multiclass_average_precision,
    multiclass_jaccard_index,
    multilabel_average_precision,
)

from trainwell import scores

seeds = given(seed=st.integers(0, 60), n=st.integers(1, 40), share=st.sampled_from([0.0, 0.1, 0.5, 1.0]))
COUNTED = {
    "precision": sklearn.metrics.precision_score,
    "recall": sklearn.metrics.recall_score,
    "f1": sklearn.metrics.f1_score,
}


def binary(seed: int, n: int, share: float):
    g = torch.Generator().manual_seed(seed)
    return (torch.rand(n, generator=g) < 0.5).long(), (torch.rand(n, generator=g) < share).long()


@pytest.mark.parametrize("name", COUNTED)
def test_precision_recall_and_f1_are_scikit_learns(name):
    @seeds
    def check(seed, n, share):
        predictions, targets = binary(seed, n, share)
        expected = COUNTED[name](targets, predictions, zero_division=0)
        assert getattr(scores, name)(predictions, targets) == pytest.approx(expected)
        assert getattr(scores, name)(predictions.bool(), targets.bool()) == pytest.approx(expected)

    check()


def test_nothing_found_and_nothing_to_find():
    none, some = torch.zeros(3, dtype=torch.bool), torch.tensor([True, False, False])
    assert scores.precision(none, some) == scores.recall(some, none) == scores.f1(none, some) == 0
    assert scores.precision(none, none) == scores.recall(none, none) == scores.f1(none, none) == 0
    assert scores.precision(some, some) == scores.recall(some, some) == scores.f1(some, some) == 1


@seeds
def test_f1_is_the_harmonic_mean(seed, n, share):
    predictions, targets = binary(seed, n, share)
    p, r = scores.precision(predictions, targets), scores.recall(predictions, targets)
    assert scores.f1(predictions, targets) == pytest.approx(2 * p * r / (p + r) if p + r else 0)
    assert p == scores.recall(targets, predictions)


# Average precision.


@given(seed=st.integers(0, 100), n=st.integers(1, 40), levels=st.sampled_from([1, 2, 5, 1000]))
def test_average_precision_is_scikit_learns_and_torchmetrics_with_and_without_ties(seed, n, levels):
    g = torch.Generator().manual_seed(seed)
    values = torch.randint(levels, (n,), generator=g).double() / levels
    targets = torch.randint(2, (n,), generator=g)
    targets[seed % n] = 1
    ours = scores.average_precision(values, targets)
    assert ours == pytest.approx(sklearn.metrics.average_precision_score(targets, values))
    assert ours == pytest.approx(binary_average_precision(values, targets).item(), abs=1e-6)
    assert ours == scores.average_precision(values, targets.bool())
    order = torch.randperm(n, generator=g)
    assert scores.average_precision(values[order], targets[order]) == pytest.approx(ours)
    assert scores.average_precision(1e3 * values - 7, targets) == pytest.approx(ours)


def test_average_precision_by_hand():
    assert scores.average_precision(torch.tensor([4.0, 3.0, 2.0, 1.0]), torch.tensor([1, 1, 0, 0])) == 1
    assert scores.average_precision(torch.tensor([4.0, 3.0, 2.0, 1.0]), torch.tensor([0, 0, 1, 1])) == pytest.approx(
        (1 / 3 + 2 / 4) / 2
    )
    assert scores.average_precision(torch.zeros(8), torch.tensor([1, 0, 0, 0] * 2)) == 0.25, "all tied: the share"


def test_average_precision_needs_a_positive():
    for call in (
        lambda: scores.average_precision(torch.rand(3), torch.zeros(3, dtype=torch.bool)),
        lambda: scores.mean_average_precision(torch.rand(3, 2), torch.zeros(3, 2, dtype=torch.bool)),
    ):
        with pytest.raises(ValueError, match="targets must hold at least one positive, got none"):
            call()


@given(seed=st.integers(0, 60), absent=st.booleans())
def test_mean_average_precision_is_torchmetrics_and_leaves_absent_classes_out(seed, absent):
    g = torch.Generator().manual_seed(seed)
    values = torch.rand(30, 4, generator=g).double()
    numbers = torch.arange(30) % (3 if absent else 4)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # torchmetrics says that a class is absent
        expected = multiclass_average_precision(values, numbers, num_classes=4, average="macro").item()
    assert scores.mean_average_precision(values, numbers) == pytest.approx(expected, abs=1e-6)
    rows = torch.nn.functional.one_hot(numbers, 4)
    assert scores.mean_average_precision(values, rows) == scores.mean_average_precision(values, numbers)
    present = rows[:, rows.any(0)]
    theirs = sklearn.metrics.average_precision_score(present, values[:, rows.any(0)], average="macro")
    assert scores.mean_average_precision(values, rows.bool()) == pytest.approx(theirs)


@given(seed=st.integers(0, 60))
def test_mean_average_precision_of_several_labels_an_example(seed):
    g = torch.Generator().manual_seed(seed)
    values, targets = torch.rand(30, 4, generator=g).double(), torch.randint(2, (30, 4), generator=g)
    expected = multilabel_average_precision(values, targets, num_labels=4, average="macro").item()
    assert scores.mean_average_precision(values, targets) == pytest.approx(expected, abs=1e-6)


# Regression.


@given(seed=st.integers(0, 20), scale=st.sampled_from([1e-6, 1.0, 1e6]))
def test_mean_squared_error_is_scikit_learns(seed, scale):
    y, f = scale * torch.randn(2, 30, generator=torch.Generator().manual_seed(seed), dtype=torch.float64)
    expected = sklearn.metrics.mean_squared_error(y, f)
    assert scores.mean_squared_error(f, y) == pytest.approx(expected, rel=1e-12, abs=0)
    assert scores.mean_squared_error(f.view(5, 6), y.view(5, 6)) == pytest.approx(expected, rel=1e-12, abs=0)


def test_mean_squared_error_is_summed_in_float64():
    f = torch.full((10_000,), 1e4, dtype=torch.float16)
    assert scores.mean_squared_error(f, torch.zeros(10_000, dtype=torch.float16)) == float(f[0]) ** 2


# Segmentation.


@given(seed=st.integers(0, 60), classes=st.integers(2, 6), used=st.integers(1, 6))
def test_mean_iou_is_scikit_learns_and_torchmetrics_with_absent_classes(seed, classes, used):
    g = torch.Generator().manual_seed(seed)
    predictions, targets = torch.randint(min(used, classes), (2, 3, 4, 5), generator=g)
    ours = scores.mean_iou(predictions, targets, classes)
    there = np.union1d(predictions, targets)
    theirs = sklearn.metrics.jaccard_score(targets.flatten(), predictions.flatten(), labels=there, average="macro")
    assert ours == pytest.approx(theirs)
    assert ours == pytest.approx(multiclass_jaccard_index(predictions, targets, num_classes=classes).item(), abs=1e-6)
    assert scores.mean_iou(predictions.to(torch.int8), targets.to(torch.int32), classes) == ours


def test_mean_iou_by_hand():
    truth = torch.tensor([0, 0, 1, 1])
    assert scores.mean_iou(truth, truth, 2) == scores.mean_iou(truth, truth, 9) == 1
    assert scores.mean_iou(1 - truth, truth, 2) == 0
    assert scores.mean_iou(torch.tensor([0, 0, 0, 2]), truth, 3) == pytest.approx((2 / 3 + 0 + 0) / 3)


@pytest.mark.parametrize(
    ("predictions", "targets", "message"),
    [
        ([0, 3], [0, 1], "predictions must lie from 0 to 2, got 0 to 3"),
        ([0, 1], [-1, 1], "targets must lie from 0 to 2, got -1 to 1"),
        ([], [], "targets must hold at least one pixel, got none"),
    ],
)
def test_mean_iou_refuses(predictions, targets, message):
    with pytest.raises(ValueError, match=message):
        scores.mean_iou(*(torch.tensor(x, dtype=torch.long) for x in (predictions, targets)), num_classes=3)


@pytest.mark.parametrize("score", [scores.precision, scores.recall, scores.f1])
def test_only_yes_and_no_are_found_or_missed(score):
    """Class numbers would all count as yes but for the first."""
    right, wrong = torch.tensor([0, 1, 1]), torch.tensor([0, 1, 2])
    with pytest.raises(ValueError, match="predictions must be 0 or 1, got 2"):
        score(wrong, right)
    with pytest.raises(ValueError, match="targets must be 0 or 1, got 2"):
        score(right, wrong)
    assert score(right.bool(), right) == 1
