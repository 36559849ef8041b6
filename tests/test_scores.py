"""Scores against scikit-learn and torchmetrics."""

from __future__ import annotations

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from sklearn.metrics import accuracy_score
from torchmetrics.functional.classification import multiclass_calibration_error

from trainwell import scores
from trainwell._bins import confidence_bins


def example(seed: int, n: int = 300, classes: int = 5):
    g = torch.Generator().manual_seed(seed)
    logits = 3 * torch.randn(n, classes, generator=g, dtype=torch.float64)
    return logits, torch.randint(classes, (n,), generator=g)


@given(seed=st.integers(0, 50))
def test_accuracy_is_scikit_learns(seed):
    logits, targets = example(seed)
    assert scores.accuracy(logits, targets) == pytest.approx(accuracy_score(targets, logits.argmax(1)))
    rows = torch.nn.functional.one_hot(targets, 5).double()
    assert scores.accuracy(logits, rows) == scores.accuracy(logits, targets)


def test_a_bin_holds_its_upper_end_and_the_first_one_zero():
    assert confidence_bins(torch.tensor([0.0, 0.1, 0.25, 0.26, 1.0]), 4).tolist() == [0, 0, 0, 1, 3]


@given(seed=st.integers(0, 50), bins=st.integers(1, 30))
def test_calibration_error_is_torchmetrics(seed, bins):
    logits, targets = example(seed)
    probabilities = logits.softmax(1)
    reference = multiclass_calibration_error(probabilities, targets, num_classes=5, n_bins=bins, norm="l1")
    assert scores.calibration_error(probabilities, targets, bins) == pytest.approx(reference.item(), abs=1e-6)


def test_calibration_error_limits():
    right = torch.tensor([0, 1])
    certain = torch.eye(2)
    assert scores.calibration_error(certain, right) == 0
    assert scores.calibration_error(certain, 1 - right) == 1


@pytest.mark.parametrize(
    ("probabilities", "bins", "message"),
    [
        (torch.tensor([[2.0, 1.0]]), 15, r"probabilities must be rows .* softmax first\), got sums from 3 to 3"),
        (torch.tensor([[1.5, -0.5]]), 15, "probabilities must be rows"),
        (torch.tensor([[0.5, 0.5]]), 0, "bins must be at least 1, got 0"),
    ],
)
def test_calibration_error_refuses(probabilities, bins, message):
    with pytest.raises(ValueError, match=message):
        scores.calibration_error(probabilities, torch.tensor([0]), bins)
