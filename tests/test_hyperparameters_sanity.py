"""The sanity report, the diagnosis of curves and the seven steps, each on runs made to show one thing."""

from __future__ import annotations

import copy
import math
from collections import Counter
from dataclasses import FrozenInstanceError
from functools import partial

import pytest
import torch
from torch import nn
from torch.nn import functional as F
from torch.utils.data import DataLoader, TensorDataset

from trainwell import data
from trainwell.hyperparameters import (
    Check,
    Diagnosis,
    SanityReport,
    SevenSteps,
    diagnose,
    diagnose_learning_rate,
    sanity_report,
)
from trainwell.training import History

PARTS = data.digits()
ADAM = partial(torch.optim.Adam, lr=0.01)


def seeded(seed: int = 0) -> torch.Generator:
    return torch.Generator().manual_seed(seed)


def network(dropout=0.0):
    torch.manual_seed(0)
    return nn.Sequential(nn.Flatten(), nn.Linear(64, 32), nn.ReLU(), nn.Dropout(dropout), nn.Linear(32, 10))


def report(model=None, optimizer=ADAM, train=PARTS.train, **settings):
    return sanity_report(model or network(), train, optimizer, **settings)


def squares(model):
    return 0.01 * sum(p.square().sum() for p in model.parameters())


def test_a_sound_network_passes():
    r = report(penalty=squares)
    assert r.passed
    assert [check.name for check in r.checks] == ["first loss", "penalty", "20 examples", "learning rate"]
    assert all(check.passed for check in r.checks)
    x, y = PARTS.train[:256]
    first = F.cross_entropy(network()(x), y).item()
    assert r.checks[0].found == f"{first:.3f}"
    assert r.checks[0].expected == "2.303 ± 20%"
    assert r.checks[1].found == f"by {squares(network()).item():.3g}"


def test_the_report_prints_as_a_table():
    lines = str(report(penalty=squares)).splitlines()
    assert len(lines) == 4
    assert all(" expected " in line and " found " in line and line.endswith(" ok") for line in lines)
    assert len({line.index(" found ") for line in lines}) == 1
    failing = SanityReport([Check("a", "b", "c", True, "d"), Check("e", "f", "g", False, "do this")])
    assert not failing.passed
    assert str(failing).splitlines()[1].endswith("FAILED: do this")
    assert "d" not in str(failing).splitlines()[0].replace("expected", "").replace("found", "")


def failed(r):
    return {check.name: check.advice for check in r.checks if not check.passed}


@pytest.mark.parametrize(("factor", "ok"), [(0.79, False), (0.81, True), (1.19, True), (1.21, False)])
def test_the_first_loss_is_within_a_fifth_of_log_c(factor, ok):
    """A bias on the right class of a data set with one class makes any first loss."""
    target = factor * math.log(10)
    bias = math.log(9 / (math.exp(target) - 1))  # so that -log softmax is the target
    model = nn.Linear(4, 10)
    nn.init.zeros_(model.weight)
    nn.init.zeros_(model.bias).data[3] = bias
    dataset = TensorDataset(torch.ones(30, 4), torch.full((30,), 3))
    check = report(model, train=dataset).checks[0]
    assert check.passed == ok
    assert check.found == f"{target:.3f}"


def test_weights_that_are_too_large_fail_the_first_loss():
    model = network()
    model[4].weight.data *= 100
    r = report(model)
    assert "draw the last layer's weights smaller" in failed(r)["first loss"]
    assert not r.passed


def test_gradients_that_are_not_finite_fail():
    class Root(nn.Module):
        def __init__(self):
            super().__init__()
            self.layer = nn.Linear(64, 10)

        def forward(self, x):
            z = self.layer(x.flatten(1))
            return z + 0 * (z - z).sqrt()  # the derivative of the root at zero is infinite

    check = report(Root()).checks[0]
    assert not check.passed
    assert check.found.endswith("gradients not finite")


@pytest.mark.parametrize("value", [0.0, -1.0, math.nan, math.inf])
def test_a_penalty_that_does_not_raise_the_loss_fails(value):
    r = report(penalty=lambda model: torch.tensor(value))
    assert list(failed(r)) == ["penalty"]
    assert "sign" in failed(r)["penalty"]


def test_without_a_penalty_it_is_not_checked():
    assert [check.name for check in report().checks] == ["first loss", "20 examples", "learning rate"]


@pytest.mark.parametrize(
    ("lr", "verdict", "word"),
    [(1e-7, "too low", "raise"), (1e3, "too high", "lower"), (3e38, "nan", "division of zero")],
)
def test_learning_rates_are_diagnosed(lr, verdict, word):
    r = report(optimizer=partial(torch.optim.SGD, lr=lr, momentum=0.9))
    assert r.checks[-1].found == verdict
    assert set(failed(r)) == {"20 examples", "learning rate"}
    assert all(word in advice for advice in failed(r).values())


def test_labels_that_cannot_be_learned_fail_with_a_rate_that_is_fine():
    """Twenty equal inputs with two labels: the loss falls to log 2 and stays."""
    dataset = TensorDataset(torch.ones(20, 4), torch.arange(20) % 2)
    r = report(nn.Linear(4, 10), partial(torch.optim.Adam, lr=0.1), dataset)
    assert list(failed(r)) == ["20 examples"]
    assert r.checks[1].found.startswith("0.693")
    assert "labels" in failed(r)["20 examples"]


def test_dropout_is_off_while_examples_are_learned():
    assert report(network(dropout=0.9)).passed
    assert str(report(network(dropout=0.9))) == str(report(network()))


def test_so_many_examples_and_steps():
    seen = []

    class Counting(nn.Linear):
        def forward(self, x):
            seen.append(len(x))
            return super().forward(x.flatten(1))

    r = report(Counting(64, 10), partial(torch.optim.SGD, lr=1e-4), examples=7, steps=5)
    assert seen == [256] + [7] * 6  # the loss before the first step and after each
    assert r.checks[1].name == "7 examples"
    seen.clear()
    report(Counting(64, 10), partial(torch.optim.SGD, lr=1e-4), train=DataLoader(PARTS.train, 30))
    assert seen == [30] + [20] * 201  # a loader gives its first batch


def test_learning_by_heart_ends_when_all_is_right_and_the_loss_counts_as_zero():
    values = []

    def loss(outputs, y):
        values.append(F.cross_entropy(outputs, y))
        return values[-1]

    report(loss=loss)
    losses = [v.item() for v in values[1:]]
    assert losses[-1] <= 0.05 < losses[-2]
    assert 2 < len(losses) < 200


@pytest.mark.parametrize("make", [network, lambda: nn.Sequential(nn.Flatten(), nn.BatchNorm1d(64), nn.Linear(64, 10))])
def test_the_model_is_left_alone(make):
    model = make().eval()
    model[-1].weight.grad = torch.ones_like(model[-1].weight)
    before = copy.deepcopy(model.state_dict())
    report(model, penalty=squares)
    assert all(torch.equal(a, b) for a, b in zip(before.values(), model.state_dict().values(), strict=True))
    assert model[-1].weight.grad.eq(1).all()
    assert model[1].weight.grad is None
    assert not any(m.training for m in model.modules())


def test_bad_counts_are_refused():
    with pytest.raises(ValueError, match="examples must be at least 1, got 0"):
        report(examples=0)
    with pytest.raises(ValueError, match="steps must be at least 1, got 0"):
        report(steps=0)
    assert len(report(examples=1, steps=1).checks) == 3


@pytest.mark.parametrize(
    ("losses", "verdict"),
    [
        ([2.302576, 2.302582, 2.302420], "too low"),  # the lecture's run at 1e-6
        ([math.nan, math.nan], "nan"),  # at 1e6
        ([2.186654, 2.176230, 1.942257, 1.827868, math.inf], "nan"),  # at 3e-3
        ([2.302603, 1.305760, 0.002597], "fine"),
        ([2.0, 1.8], "fine"),
        ([2.0, 1.81], "too low"),
        ([2.0, 2.19], "too low"),
        ([2.0, 2.2], "too high"),
        ([2.0, 6.1, 1.0], "too high"),
        ([2.0, 6.0, 1.0], "fine"),
        ([2.0] + [1.9] * 17 + [1.0, 3.0], "too low"),  # the mean of the last tenth, two of twenty
        ([2.0] + [1.9] * 17 + [1.0, 2.5], "fine"),
        ([2.0] * 18 + [1.0], "fine"),  # one of nineteen
    ],
)
def test_what_losses_say_about_the_rate(losses, verdict):
    assert diagnose_learning_rate(losses) == verdict


def test_one_loss_says_nothing():
    with pytest.raises(ValueError, match="losses must hold at least two, got 1"):
        diagnose_learning_rate([2.0])


# Curves.

FALLING = [2.0, 1.0, 0.5, 0.25, 0.12, 0.1, 0.1, 0.1]


def history(train, validation=(), loss=FALLING):
    return History(list(loss)[: len(train)], list(train), [], list(validation))


@pytest.mark.parametrize(
    ("run", "names"),
    [
        (history([0.9] * 8, [0.85] * 8), ["fine"]),
        (history([0.9] * 8, [0.85] * 8, [2.0, 6.1, 1.0, 1.0, 1.0, 1.0, 1.0, 1.0]), ["diverged"]),
        (history([0.9] * 8, [0.85] * 8, [2.0, 6.0, 1.0, 1.0, 1.0, 1.0, 1.0, 1.0]), ["fine"]),
        (history([0.1] * 3, [0.1] * 3, [2.0, 1.0, math.nan]), ["diverged"]),
        (history([0.1] * 2, [0.1] * 2, [math.inf, math.inf]), ["diverged"]),
        (history([0.1] * 2, [0.1] * 2, [2.0, 1.81]), ["not learning"]),
        (history([0.9] * 2, [0.85] * 2, [2.0, 1.8]), ["fine"]),
        (history([0.9] * 8, [0.80] * 4 + [0.84] * 2 + [0.8499] * 2), ["fine"]),
        (history([0.9] * 8, [0.80] * 4 + [0.84] * 2 + [0.8501] * 2), ["still rising"]),
        (history([0.9] * 8, [0.80] * 5 + [0.86, 0.83, 0.83]), ["fine"]),  # quarters, not epochs
        (history([0.5] * 4 + [0.7] * 2 + [0.8] * 2), ["still rising"]),  # without validation
        (history([0.8] * 8), ["fine"]),
        (history([0.951] * 8, [0.85] * 8), ["large gap"]),
        (history([0.949] * 8, [0.85] * 8), ["fine"]),
        (history([0.9] * 8, [0.881] * 8), ["no gap"]),
        (history([0.9] * 8, [0.95] * 8), ["no gap"]),
        (history([0.9] * 8, [0.879] * 8), ["fine"]),
        (history([0.979] * 8, [0.97] * 8), ["no gap"]),
        (history([0.98] * 8, [0.97] * 8), ["fine"]),
        (history([0.99] * 8, [0.5] * 4 + [0.7] * 2 + [0.8] * 2), ["still rising", "large gap"]),
        (history([0.5, 0.9, 0.95], [0.5, 0.6, 0.7]), ["still rising", "large gap"]),
    ],
)
def test_what_curves_say(run, names):
    found = diagnose(run)
    assert [d.name for d in found] == names
    assert all(d.advice for d in found)


def test_a_diagnosis_prints_its_numbers():
    (gap,) = diagnose(history([0.99] * 8, [0.8] * 8))
    assert str(gap) == "large gap (training 0.990, validation 0.800): overfitting: regularise more, or get more data"
    (rising,) = diagnose(history([0.5] * 6 + [0.6] * 2))
    assert str(rising) == "still rising (accuracy 0.500 to 0.600): train longer"


def test_one_epoch_is_no_curve():
    for run in (history([0.5]), history([])):
        with pytest.raises(ValueError, match=f"history must have at least two epochs, got {run.epochs}"):
            diagnose(run)
    assert [d.name for d in diagnose(history([0.5], loss=[math.nan]))] == ["diverged"]


# Seven steps.


def walk(model=network, optimizer=torch.optim.AdamW, **settings):
    settings = {"epochs": (1, 3), "device": "cpu", "progress": False, "generator": seeded(), **settings}
    return SevenSteps(model, PARTS.train, PARTS.validation, optimizer, **settings)


def test_seven_steps_find_what_trains_the_digits():
    w = walk(epochs=(1, 4))
    steps = w.run()
    assert [s.number for s in steps] == [1, 2, 3, 4, 5, 6, 7, 5, 6]
    assert all(s.passed for s in steps)
    assert w.lr in (1e-1, 1e-2, 1e-3, 1e-4)
    assert len(w.trials) == 9 + 3 + 3
    assert w.best.score > 0.9
    assert w.history.epochs == 4
    assert w.history.validation_accuracy[-1] == w.best.score
    assert str(steps[0]).startswith("1 check the first loss        ok")
    again = walk(epochs=(1, 4)).run()
    assert list(map(str, again)) == list(map(str, steps))


def test_the_grids_are_where_they_should_be():
    w = walk(epochs=(1, 2), rounds=1)
    w.lr = 0.01
    w.coarse_grid()
    expected = [(lr, decay) for lr in (0.01 / 3, 0.01, 0.03) for decay in (1e-4, 1e-5, 0.0)]
    assert [(t.config["lr"], t.config["weight_decay"]) for t in w.trials] == [
        (pytest.approx(a), b) for a, b in expected
    ]
    assert w.history.epochs == 1
    for exponent in (0.5, 0.25):
        centre, tried = w.best.config, len(w.trials)
        w.refine_grid()
        spread = 3**exponent
        lrs = [t.config["lr"] for t in w.trials[tried:]]
        assert lrs == pytest.approx([centre["lr"] / spread, centre["lr"], centre["lr"] * spread])
        assert {t.config["weight_decay"] for t in w.trials[tried:]} == {centre["weight_decay"]}
        assert w.history.epochs == 2
        assert w.best.score == max(t.score for t in w.trials[tried:])


def test_the_steps_end_when_the_curves_are_fine(monkeypatch):
    fine = [Diagnosis("fine", "", "")]
    monkeypatch.setattr("trainwell.hyperparameters.steps.diagnose", lambda history: fine)
    assert [s.number for s in walk(epochs=(1, 2), rounds=3).run()] == [1, 2, 3, 4, 5, 6]


def test_a_step_that_fails_is_the_last():
    def large():
        model = network()
        model[4].weight.data *= 100
        return model

    (step,) = walk(large).run()
    assert (step.number, step.passed) == (1, False)
    assert "smaller" in step.advice
    assert "FAILED" in str(step)

    class Still(torch.optim.SGD):
        def step(self, closure=None):
            return None

    steps = walk(network, Still).run()
    assert [(s.number, s.passed) for s in steps] == [(1, True), (2, False)]
    assert "raise the learning rate" in steps[1].advice
    third = walk(network, Still).find_learning_rate()
    assert (third.number, third.passed) == (3, False)
    assert "0.1 too low, 0.01 too low, 0.001 too low, 0.0001 too low" in third.found


def test_step_three_takes_the_rate_whose_loss_falls_most():
    w = walk()
    step = w.find_learning_rate()
    finals = {}
    for lr in (1e-1, 1e-2, 1e-3, 1e-4):
        model, losses = network(), []
        optimizer = torch.optim.AdamW(model.parameters(), lr=lr, weight_decay=1e-4)
        g = seeded(3)
        while len(losses) < 100:
            for part in torch.randperm(len(PARTS.train), generator=g).split(64):
                x, y = PARTS.train[part]
                loss = F.cross_entropy(model(x), y)
                losses.append(loss.item())
                optimizer.zero_grad()
                loss.backward()
                optimizer.step()
        finals[lr] = sum(losses[90:100]) / 10
    assert w.lr == min(finals, key=finals.get)
    assert step.passed
    assert f"lr {w.lr:g}" in step.found


def test_step_three_takes_a_hundred_steps_with_each_rate_however_long_an_epoch_is():
    steps = []

    class Counted(torch.optim.AdamW):
        def step(self, closure=None):
            steps.append(self.param_groups[0]["lr"])
            return super().step(closure)

    walk(optimizer=Counted, batch_size=4).find_learning_rate()
    assert Counter(steps) == dict.fromkeys((1e-1, 1e-2, 1e-3, 1e-4), 100)


def test_what_was_found_stays_as_it_is():
    for found in (Check("a", "1", "2", passed=True), SanityReport([]), Diagnosis("a", "b", "c")):
        with pytest.raises(FrozenInstanceError):
            setattr(found, next(iter(vars(found))), "other")


def test_batch_norm_is_measured_in_training_mode():
    torch.manual_seed(0)
    model = nn.Sequential(nn.Flatten(), nn.BatchNorm1d(64, affine=False), nn.Dropout(0.5), nn.Linear(64, 10)).eval()
    x, y = PARTS.train[:256]
    z = x.flatten(1)
    z = (z - z.mean(0)) / (z.var(0, unbiased=False) + 1e-5).sqrt()
    expected = F.cross_entropy(z @ model[3].weight.T + model[3].bias, y).item()
    report = sanity_report(model, PARTS.train, ADAM, steps=1)
    assert report.checks[0].found == f"{expected:.3f}"


def test_bad_settings_and_orders_are_refused():
    with pytest.raises(ValueError, match="rounds must be at least 1, got 0"):
        walk(rounds=0)
    with pytest.raises(ValueError, match=r"epochs\[0\] must be at least 1, got 0"):
        walk(epochs=(0, 2))
    with pytest.raises(ValueError, match=r"epochs\[1\] must be at least 2, got 1"):
        walk(epochs=(1, 1))
    for number, call in ((4, walk().coarse_grid), (5, walk().refine_grid)):
        with pytest.raises(ValueError, match=f"step {number} needs what the steps before it find, got none"):
            call()


def test_a_walk_over_runs_that_explode_says_so():
    class Explosive(torch.optim.SGD):
        def step(self, closure=None):
            for p in self.param_groups[0]["params"]:
                p.data.fill_(math.nan)

    w = walk(optimizer=Explosive)
    w.lr = 0.1
    w.coarse_grid()
    w.refine_grid()
    assert w.history.epochs == 1
    assert "diverged" in w.look_at_curves().found


def test_a_model_that_knows_all_already_is_reported_not_refused():
    model = nn.Linear(4, 4)
    model.weight.data = 50 * torch.eye(4)
    r = report(model, partial(torch.optim.SGD, lr=1e-3), TensorDataset(torch.eye(4).repeat(5, 1), torch.arange(20) % 4))
    assert set(failed(r)) == {"first loss", "learning rate"}
    assert r.checks[1].found.endswith("100% right")


def test_all_right_with_a_loss_above_zero_is_not_learned():
    model = nn.Linear(4, 4)
    model.weight.data = 3 * torch.eye(4)
    r = report(model, partial(torch.optim.SGD, lr=1e-6), TensorDataset(torch.eye(4).repeat(5, 1), torch.arange(20) % 4))
    assert r.checks[1].found.endswith("100% right")
    assert not r.checks[1].passed
