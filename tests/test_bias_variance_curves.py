"""Learning curves against scikit-learn's, and both sets measured alike after each epoch."""

from __future__ import annotations

from dataclasses import FrozenInstanceError, replace

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from sklearn.linear_model import LogisticRegression, Ridge
from sklearn.model_selection import learning_curve as sklearns
from torch import nn
from torch.utils.data import TensorDataset

from trainwell import data, plots, scores, training
from trainwell.bias_variance import (
    EpochCurves,
    LearningCurve,
    WidthCurve,
    learning_curve,
    least_squares,
    moving_average,
)


def seeded(seed: int = 0) -> torch.Generator:
    return torch.Generator().manual_seed(seed)


def parts(dataset: TensorDataset) -> tuple[torch.Tensor, torch.Tensor]:
    x, y = dataset.tensors
    return x.flatten(1).double(), y


def test_is_scikit_learns_for_regression():
    """The same one split: the first of the training examples, all of the others."""
    x = torch.randn(60, 5, generator=seeded(), dtype=torch.float64)
    y = x[:, 0] + torch.randn(60, generator=seeded(1), dtype=torch.float64) / 3
    sizes = [3, 10, 40]

    def fit(x, y):
        weights = least_squares(x, y, 0.5)
        return lambda x: x @ weights

    def score(predictions, targets):
        return -(predictions - targets).square().mean().item()

    ours = learning_curve(fit, score, (x[:40], y[:40]), (x[40:], y[40:]), sizes)
    used, train, validation = sklearns(
        Ridge(alpha=0.5, fit_intercept=False),
        x.numpy(),
        y.numpy(),
        train_sizes=sizes,
        cv=[(np.arange(40), np.arange(40, 60))],
        scoring="neg_mean_squared_error",
    )
    assert list(ours.sizes) == used.tolist() == sizes
    np.testing.assert_allclose(ours.train, train[:, 0])
    np.testing.assert_allclose(ours.validation, validation[:, 0])
    np.testing.assert_allclose(ours.gaps, train[:, 0] - validation[:, 0])


def test_is_scikit_learns_for_classification():
    split = data.digits()
    train, validation = parts(split.train), parts(split.validation)
    x, y = (torch.cat(both).numpy() for both in zip(train, validation, strict=True))
    model, sizes = LogisticRegression(max_iter=200), [50, 400]

    def fit(x, y):
        fitted = model.fit(x.numpy(), y.numpy())
        return lambda x: torch.from_numpy(fitted.predict_proba(x.numpy()))

    ours = learning_curve(fit, scores.accuracy, train, validation, sizes)
    n = len(train[0])
    cv = [(np.arange(n), np.arange(n, len(x)))]
    _, expected, expected_validation = sklearns(model, x, y, train_sizes=sizes, cv=cv, scoring="accuracy")
    assert ours.train == pytest.approx(expected[:, 0])
    assert ours.validation == pytest.approx(expected_validation[:, 0])
    assert ours.gaps[1] < ours.gaps[0], "more data closes the gap"


def mean(x, y):
    return lambda points: y.mean().expand(len(points))


def test_takes_any_size_there_is():
    x, y = torch.zeros(4), torch.tensor([1.0, 3.0, 5.0, 7.0])
    curve = learning_curve(mean, lambda p, y: p[0].item(), (x, y), (x, y), [1, 4])
    assert curve.train == curve.validation == [1.0, 4.0]
    for sizes in ([0, 4], [1, 5]):
        with pytest.raises(ValueError, match=rf"sizes must lie between 1 and the 4 examples, got \[{sizes[0]}, "):
            learning_curve(mean, lambda p, y: 0.0, (x, y), (x, y), sizes)


def test_gaps():
    assert LearningCurve([1, 2], train=[1.0, 0.75], validation=[0.25, 0.5]).gaps == [0.75, 0.25]


@pytest.mark.parametrize(
    "curve", [LearningCurve([1, 2], [1.0, 0.5], [0.0, 0.5]), WidthCurve([1, 2], [1.0, 0.5], [2.0, 1.0])]
)
def test_what_was_measured_stays_and_belongs_together(curve):
    with pytest.raises(FrozenInstanceError):
        curve.train = [0.0, 0.0]
    short = replace(curve, train=[1.0], **({"test": [1.0]} if isinstance(curve, WidthCurve) else {}))
    with pytest.raises(ValueError, match="zip"):
        _ = short.peak if isinstance(curve, WidthCurve) else short.gaps


class Watch(training.Callback):
    """Scores both sets by hand, after each epoch."""

    def __init__(self, sets):
        self.sets, self.seen = sets, []

    def on_epoch(self, model, epoch, history):
        model.eval()
        with torch.no_grad():
            self.seen.append([(model(x).argmax(1) == y).double().mean().item() for x, y in self.sets])
        model.train()


def test_measures_both_sets_after_each_epoch_without_dropout():
    split = data.mnist1d(400)
    torch.manual_seed(0)
    model = nn.Sequential(nn.Linear(40, 100), nn.ReLU(), nn.Dropout(0.8), nn.Linear(100, 10))
    curves = EpochCurves(split.train, split.validation)
    watch = Watch([split.train.tensors, split.validation.tensors])
    history = training.fit(
        model,
        split.train,
        epochs=4,
        optimizer=torch.optim.Adam(model.parameters(), lr=0.01),
        validation=split.validation,
        callbacks=[curves, watch],
        generator=seeded(),
        device="cpu",
        progress=False,
    )
    found = curves.history
    assert found.train_accuracy == pytest.approx([seen[0] for seen in watch.seen])
    assert found.validation_accuracy == pytest.approx([seen[1] for seen in watch.seen])
    assert found.validation_accuracy == history.validation_accuracy
    assert found.validation_loss == pytest.approx(history.validation_loss)
    assert all(ours > theirs for ours, theirs in zip(found.train_accuracy, history.train_accuracy, strict=True))
    assert found.train_loss[-1] == pytest.approx(training.evaluate(model, split.train)[0])
    assert model.training
    assert plots.learning_curves(found) is not None


def test_each_run_has_a_history_of_its_own():
    split = data.mnist1d(40)
    assert EpochCurves(split.train, split.test).history is not EpochCurves(split.train, split.test).history


@given(values=st.lists(st.floats(-100, 100), min_size=1, max_size=20), window=st.integers(1, 8))
@settings(max_examples=60, deadline=None)
def test_the_moving_average_is_numpys(values, window):
    """Beyond its beginning a convolution with a box; at the beginning the mean of what there is."""
    found = moving_average(values, window)
    assert len(found) == len(values)
    if len(values) >= window:
        np.testing.assert_allclose(
            found[window - 1 :], np.convolve(values, np.ones(window) / window, "valid"), atol=1e-9
        )
    for t in range(min(window, len(values))):
        assert found[t] == pytest.approx(np.mean(values[: t + 1]), abs=1e-9)


def test_limits_of_the_window():
    assert moving_average([3.0, 1.0], 1) == [3.0, 1.0]
    assert moving_average([], 3) == []
    assert moving_average([2.0, 2.0, 2.0], 100) == [2.0, 2.0, 2.0]
    with pytest.raises(ValueError, match="window must be at least 1, got 0"):
        moving_average([1.0], 0)


def test_sets_with_more_targets_than_inputs_are_refused():
    x, y = torch.zeros(4, 2), torch.zeros(5)
    for train, validation in (((x, y), (x, y[:4])), ((x, y[:4]), (x, y))):
        with pytest.raises(ValueError, match="inputs and targets must have one length, got 4 and 5"):
            learning_curve(lambda x, y: len, lambda p, y: 0.0, train, validation, sizes=[1])
