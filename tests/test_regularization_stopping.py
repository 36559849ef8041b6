"""Early stopping, against its definition and in a real run."""

from __future__ import annotations

import math

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from torch import nn

from trainwell import data, training
from trainwell.regularization import EarlyStopping
from trainwell.training import History

values = st.lists(st.integers(0, 20).map(float), min_size=1, max_size=30)


def run(stop: EarlyStopping, scores: list[float]) -> tuple[int, float]:
    """Feeds scores until it stops, the model's one weight being the epoch; returns the last epoch and that weight."""
    model = nn.Linear(1, 1, bias=False)
    for epoch in range(1, len(scores) + 1):
        nn.init.constant_(model.weight, epoch)
        if stop.on_epoch(model, epoch, History(**{stop.monitor: scores[:epoch]})):
            break
    stop.on_end(model)
    return epoch, model.weight.item()


@given(losses=values, patience=st.integers(1, 6))
def test_is_its_definition(losses, patience):
    """It stops at the first epoch that lies `patience` after the first of the best, and goes back to that one."""
    best = [losses.index(min(losses[:e])) + 1 for e in range(1, len(losses) + 1)]
    end = next((e for e in range(1, len(losses) + 1) if e - best[e - 1] >= patience), len(losses))
    stop = EarlyStopping(patience)
    assert run(stop, losses) == (end, best[end - 1])
    assert (stop.best_epoch, stop.best_value) == (best[end - 1], losses[best[end - 1] - 1])


@given(losses=values, patience=st.integers(1, 6))
def test_accuracy_is_loss_upside_down(losses, patience):
    accuracies = [-loss for loss in losses]
    assert run(EarlyStopping(patience, monitor="validation_accuracy"), accuracies) == run(
        EarlyStopping(patience), losses
    )


@pytest.mark.parametrize(
    ("min_delta", "end", "best"),
    [(0.0, 6, 4), (0.15, 5, 3), (0.25, 6, 4), (0.35, 4, 2), (10.0, 3, 1)],
)
def test_min_delta_is_how_much_better_counts(min_delta, end, best):
    losses = [3.0, 2.0, 1.8, 1.7, 1.9, 1.95]
    assert run(EarlyStopping(2, min_delta=min_delta), losses) == (end, best)


def test_a_loss_that_is_not_a_number_is_no_improvement():
    assert run(EarlyStopping(2), [1.0, math.nan, math.nan, 0.0]) == (3, 1)
    stop = EarlyStopping(1)
    assert run(stop, [math.nan]) == (1, 1)
    assert stop.best_epoch is None


def test_restores_weights_and_buffers_in_a_real_run():
    split = data.mnist1d(400)
    torch.manual_seed(0)
    model = nn.Sequential(nn.Flatten(), nn.Linear(40, 32), nn.BatchNorm1d(32), nn.ReLU(), nn.Linear(32, 10))
    stop = EarlyStopping(patience=3)
    history = training.fit(
        model,
        split.train,
        epochs=60,
        optimizer=torch.optim.Adam(model.parameters(), lr=0.03),
        validation=split.validation,
        callbacks=[stop],
        progress=False,
    )
    assert history.epochs == stop.best_epoch + 3 < 60
    loss, _ = training.evaluate(model, split.validation)
    assert loss == pytest.approx(stop.best_value)
    assert loss == pytest.approx(min(history.validation_loss))


def test_keeps_a_copy_and_not_a_view():
    model, stop = nn.Linear(1, 1, bias=False), EarlyStopping()
    nn.init.constant_(model.weight, 1)
    stop.on_epoch(model, 1, History(validation_loss=[1.0]))
    nn.init.constant_(model.weight, 2)
    stop.on_end(model)
    assert model.weight.item() == 1


def test_refuses_bad_settings():
    with pytest.raises(ValueError, match="patience must be at least 1, got 0"):
        EarlyStopping(0)
    with pytest.raises(ValueError, match="min_delta must not be negative, got -1"):
        EarlyStopping(min_delta=-1)
    with pytest.raises(ValueError, match="monitor must be one of 'validation_loss', 'validation_accuracy', got 'loss'"):
        EarlyStopping(monitor="loss")
    with pytest.raises(ValueError, match="monitor needs a run that measures validation_loss"):
        EarlyStopping().on_epoch(nn.Linear(1, 1), 1, History())
