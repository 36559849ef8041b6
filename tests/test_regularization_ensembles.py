"""Ensembles of predictions, of snapshots and of weights."""

from __future__ import annotations

import copy

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from torch import nn
from torch.nn import functional as F
from torch.optim.swa_utils import AveragedModel

from trainwell import data, training
from trainwell.regularization import Ensemble, Snapshots, average_models, cyclic_cosine, ensemble_probabilities

X = torch.randn(9, 4, dtype=torch.float64, generator=torch.Generator().manual_seed(0))


def network(seed: int) -> nn.Module:
    torch.manual_seed(seed)
    return nn.Sequential(nn.Linear(4, 6), nn.BatchNorm1d(6), nn.Tanh(), nn.Dropout(0.5), nn.Linear(6, 3)).double()


MODELS = [network(seed) for seed in range(3)]


def test_probabilities_are_the_mean_of_each_models():
    expected = sum(F.softmax(copy.deepcopy(m).eval()(X), dim=-1) for m in MODELS) / 3
    torch.testing.assert_close(ensemble_probabilities(MODELS, X), expected.detach())


def test_probabilities_leave_each_models_mode_alone():
    models = [network(0).train(), network(1).eval()]
    p = ensemble_probabilities(models, X)
    assert [m.training for m in models] == [True, False]
    assert not p.requires_grad
    torch.testing.assert_close(p.sum(1), torch.ones(9, dtype=torch.float64))


def test_the_ensembles_softmax_is_its_probabilities():
    ensemble = Ensemble(MODELS).eval()
    torch.testing.assert_close(ensemble(X).softmax(1), ensemble_probabilities(MODELS, X))
    torch.testing.assert_close(ensemble(X).exp(), ensemble_probabilities(MODELS, X))


def test_one_model_is_its_own_ensemble():
    torch.testing.assert_close(Ensemble(MODELS[:1]).eval()(X), copy.deepcopy(MODELS[0]).eval()(X).log_softmax(1))


def test_certain_models_that_disagree_stay_finite():
    logits = torch.tensor([[1e4, -1e4]], dtype=torch.float64)
    ensemble = Ensemble([nn.Identity(), Negative()])
    torch.testing.assert_close(ensemble(logits).softmax(1), torch.tensor([[0.5, 0.5]], dtype=torch.float64))


class Negative(nn.Module):
    def forward(self, x):
        return -x


@given(seed=st.integers(0, 2**31))
def test_an_ensemble_is_no_worse_than_its_members_on_average(seed):
    """Jensen: the logarithm of a mean is at least the mean of the logarithms."""
    x, y = torch.randn(20, 4, dtype=torch.float64, generator=torch.Generator().manual_seed(seed)), torch.arange(20) % 3
    members = [F.cross_entropy(copy.deepcopy(m).eval()(x), y).item() for m in MODELS]
    assert F.cross_entropy(Ensemble(MODELS).eval()(x), y).item() <= sum(members) / 3 + 1e-12


def test_an_ensemble_is_evaluated_like_a_model():
    split = data.digits()
    models = [nn.Sequential(nn.Flatten(), nn.Linear(64, 10)) for _ in range(2)]
    loss, accuracy = training.evaluate(Ensemble(models), split.test)
    x, y = split.test.tensors
    p = ensemble_probabilities(models, x)
    assert loss == pytest.approx(F.nll_loss(p.log(), y).item(), rel=1e-4)
    assert accuracy == pytest.approx((p.argmax(1) == y).double().mean().item())


@pytest.mark.parametrize("cycle", [1, 4, 10])
def test_the_cyclic_cosine_is_torchs_warm_restarts(cycle):
    optimizers = [torch.optim.SGD([torch.zeros(1, requires_grad=True)], lr=0.1) for _ in range(2)]
    ours = torch.optim.lr_scheduler.LambdaLR(optimizers[0], cyclic_cosine(cycle))
    theirs = torch.optim.lr_scheduler.CosineAnnealingWarmRestarts(optimizers[1], T_0=cycle)
    for _ in range(35):
        assert ours.get_last_lr() == pytest.approx(theirs.get_last_lr(), abs=1e-12)
        for optimizer, schedule in zip(optimizers, (ours, theirs), strict=True):
            optimizer.step()
            schedule.step()


def test_snapshots_are_taken_where_the_rate_is_lowest():
    split = data.mnist1d(400)
    torch.manual_seed(0)
    model = nn.Linear(40, 10)
    optimizer = torch.optim.SGD(model.parameters(), lr=0.5)
    schedule = torch.optim.lr_scheduler.LambdaLR(optimizer, cyclic_cosine(8))
    snapshots, seen = Snapshots(8), Recorder()
    training.fit(
        model,
        split.train,
        epochs=6,
        optimizer=optimizer,
        schedule=schedule,
        callbacks=[snapshots, seen],
        progress=False,
    )
    assert len(seen.weights) == 24
    assert [seen.index(m.weight) for m in snapshots.models] == [8, 16, 24]
    assert not any(m.training for m in snapshots.models)
    assert cyclic_cosine(8)(7) == min(cyclic_cosine(8)(t) for t in range(8))  # step 8 is made with factor(7)


class Recorder(training.Callback):
    """Keeps the weights after every step."""

    def __init__(self):
        self.weights = []

    def on_step(self, model, step):
        self.weights.append(model.weight.detach().clone())

    def index(self, weight):
        return next(i for i, w in enumerate(self.weights, 1) if torch.equal(w, weight))


def test_average_models_is_torchs_running_mean():
    theirs = AveragedModel(MODELS[0], use_buffers=True)
    for model in MODELS:
        theirs.update_parameters(model)
    ours = average_models(MODELS)
    torch.testing.assert_close(list(ours.parameters()), list(theirs.module.parameters()))
    torch.testing.assert_close(ours[1].running_mean, theirs.module[1].running_mean)
    assert ours[1].num_batches_tracked.dtype == torch.long


def test_for_linear_models_averaging_weights_is_averaging_outputs():
    models = [nn.Linear(4, 3).double() for _ in range(5)]
    torch.testing.assert_close(average_models(models)(X), torch.stack([m(X) for m in models]).mean(0))


def test_average_models_makes_a_new_model():
    before = [copy.deepcopy(m.state_dict()) for m in MODELS]
    average = average_models(iter(MODELS))
    nn.init.zeros_(average[0].weight)
    for model, state in zip(MODELS, before, strict=True):
        torch.testing.assert_close(dict(model.state_dict()), dict(state))
    assert torch.equal(average_models(MODELS[:1])(X.clone()).isfinite(), torch.ones(9, 3, dtype=torch.bool))


@pytest.mark.parametrize("dtype", [torch.float16, torch.bfloat16, torch.float32], ids=str)
def test_average_models_keeps_the_dtype(dtype):
    assert average_models([nn.Linear(2, 2).to(dtype) for _ in range(2)]).weight.dtype == dtype


def test_refuses_what_is_no_ensemble():
    for call in (lambda: ensemble_probabilities([], X), lambda: Ensemble([]), lambda: average_models([])):
        with pytest.raises(ValueError, match="models must hold at least one model, got none"):
            call()
    for other in (nn.Linear(4, 2), nn.Linear(4, 3, bias=False)):
        with pytest.raises(ValueError, match="models must be of one architecture"):
            average_models([nn.Linear(4, 3), other])
    with pytest.raises(ValueError, match="cycle_length must be at least 1, got 0"):
        Snapshots(0)
    with pytest.raises(ValueError, match="cycle_length must be at least 1, got 0"):
        cyclic_cosine(0)
