"""Successive halving against scikit-learn's schedule; studies that are killed and resumed."""

from __future__ import annotations

import itertools
import math
import subprocess
import sys
import textwrap
import warnings

import optuna
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from sklearn.datasets import make_classification
from sklearn.dummy import DummyClassifier
from sklearn.experimental import enable_halving_search_cv  # noqa: F401
from sklearn.model_selection import HalvingRandomSearchCV

from trainwell.hyperparameters import (
    Choice,
    LogUniform,
    Uniform,
    halving_schedule,
    open_study,
    random_search,
    stored,
    successive_halving,
)

SPACE = {"lr": LogUniform(1e-6, 1.0), "dropout": Uniform(0.0, 0.5), "width": Choice([32, 64])}
NUMBERS = {"candidates": 9, "min_budget": 1, "max_budget": 9, "progress": False}


@pytest.fixture(autouse=True)
def _quiet():
    before = optuna.logging.get_verbosity()
    optuna.logging.set_verbosity(optuna.logging.WARNING)
    yield
    optuna.logging.set_verbosity(before)


def seeded(seed: int = 0) -> torch.Generator:
    return torch.Generator().manual_seed(seed)


@pytest.mark.parametrize(
    ("n", "low", "high", "factor"),
    [
        (27, 10, 270, 3),
        (10, 10, 300, 3),
        (16, 5, 100, 2),
        (9, 10, 40, 3),
        (5, 20, 300, 3),
        (2, 10, 300, 3),
        (20, 6, 300, 4),
    ],
)
def test_the_schedule_is_scikit_learns(n, low, high, factor):
    """Its rounds, read off a search over a classifier that learns nothing."""
    x, y = make_classification(300, random_state=0)
    search = HalvingRandomSearchCV(
        DummyClassifier(),
        {"constant": list(range(1000)), "random_state": list(range(1000))},
        n_candidates=n,
        min_resources=low,
        max_resources=high,
        factor=factor,
        cv=2,
        random_state=0,
    )
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        search.fit(x, y)
    assert halving_schedule(n, low, high, factor) == list(zip(search.n_candidates_, search.n_resources_, strict=True))


@given(n=st.integers(1, 500), low=st.integers(1, 9), ratio=st.integers(1, 300), factor=st.integers(2, 5))
def test_the_schedules_laws(n, low, ratio, factor):
    rounds = halving_schedule(n, low, low * ratio, factor)
    assert rounds[0] == (n, low)
    for (many, short), (few, long) in itertools.pairwise(rounds):
        assert few == math.ceil(many / factor)
        assert long == short * factor
    last, budget = rounds[-1]
    assert budget <= low * ratio
    assert last <= factor or budget * factor > low * ratio  # it ends for one of two reasons


def test_whole_powers_keep_their_last_round():
    assert halving_schedule(243, 1, 243)[-1] == (1, 243)  # a floating-point logarithm says 4.99
    assert halving_schedule(1000, 1, 1000, 10)[-1] == (1, 1000)


def test_bad_numbers_are_refused():
    for numbers, message in [
        ((0, 1, 9), "candidates must be at least 1, got 0"),
        ((9, 0, 9), "min_budget must be at least 1, got 0"),
        ((9, 5, 4), "max_budget must be at least 5, got 4"),
        ((9, 1, 9, 1), "factor must be at least 2, got 1"),
    ]:
        with pytest.raises(ValueError, match=message):
            halving_schedule(*numbers)
    assert halving_schedule(1, 5, 5, 2) == [(1, 5)]


def score(config, budget=0):
    return -abs(math.log10(config["lr"]) + 3) - config["dropout"] / (1 + budget)


def test_the_best_of_each_round_go_on():
    calls = []
    rounds = successive_halving(
        lambda c, b: calls.append((c["lr"], b)) or score(c, b), SPACE, generator=seeded(), **NUMBERS
    )
    assert [b for _, b in calls] == [1] * 9 + [3] * 3 + [9]
    assert calls == [(t.config["lr"], b) for trials, b in zip(rounds, (1, 3, 9), strict=True) for t in trials]
    for before, after in itertools.pairwise(rounds):
        ranked = sorted(before, key=lambda t: -t.score)
        assert [t.config for t in after] == [t.config for t in ranked[: len(after)]]
    assert rounds[0] == random_search(lambda c: score(c, 1), SPACE, trials=9, generator=seeded(), progress=False)


def test_a_failed_run_does_not_go_on():
    rounds = successive_halving(
        lambda c, b: math.nan if c["lr"] > 1e-5 else score(c, b), SPACE, generator=seeded(1), **NUMBERS
    )
    failed = [t for t in rounds[0] if math.isnan(t.score)]
    assert 0 < len(failed) <= 8
    assert not math.isnan(rounds[-1][0].score)


def test_halving_shows_a_bar_a_round(capsys):
    successive_halving(score, SPACE, generator=seeded(), candidates=4, min_budget=2, max_budget=8, factor=2)
    shown = capsys.readouterr().err
    assert all(f"budget {b}" in shown for b in (2, 4, 8))


def rows(study):
    return [(t.params, t.user_attrs["budget"], t.value, t.state.name) for t in study.trials]


SCRIPT = """
import math, os, sys
import torch
from trainwell.hyperparameters import Choice, LogUniform, Uniform, open_study, stored, successive_halving
assert "optuna" not in sys.modules  # it is asked for late
space = {"lr": LogUniform(1e-6, 1.0), "dropout": Uniform(0.0, 0.5), "width": Choice([32, 64])}
runs = 0
def objective(config, budget):
    global runs
    runs += 1
    if runs > 7:
        os._exit(9)  # as a killed process does: nothing is cleaned up
    return -abs(math.log10(config["lr"]) + 3) - config["dropout"] / (1 + budget)
numbers = dict(candidates=9, min_budget=1, max_budget=9, progress=False)
study = open_study(sys.argv[1], "halving")
generator = torch.Generator().manual_seed(0)
successive_halving(stored(objective, study, space), space, generator=generator, **numbers)
"""


def test_killed_and_resumed_is_the_same_study(tmp_path):
    storage, script = f"sqlite:///{tmp_path}/killed.db", tmp_path / "search.py"
    script.write_text(textwrap.dedent(SCRIPT))
    run = subprocess.run([sys.executable, script, storage], capture_output=True, text=True)
    assert run.returncode == 9, run.stderr
    whole = open_study(f"sqlite:///{tmp_path}/whole.db", "halving")
    rounds = successive_halving(stored(score, whole, SPACE), SPACE, generator=seeded(), **NUMBERS)
    killed = open_study(storage, "halving")
    assert rows(killed) == rows(whole)[:7]
    successive_halving(stored(score, killed, SPACE), SPACE, generator=seeded(), **NUMBERS)
    assert rows(killed) == rows(whole)
    assert rows(whole) == [
        (t.config, b, t.score, "COMPLETE") for trials, b in zip(rounds, (1, 3, 9), strict=True) for t in trials
    ]
    assert killed.best_value == whole.best_value == max(t.score for trials in rounds for t in trials)


def test_what_is_stored_is_not_run_again(tmp_path):
    study, calls = open_study(f"sqlite:///{tmp_path}/s.db", "s"), []
    objective = stored(lambda c, b: calls.append(c) or (math.nan if c["width"] == 32 else score(c, b)), study, SPACE)
    first = successive_halving(objective, SPACE, generator=seeded(), **NUMBERS)
    n = len(calls)
    again = stored(objective, open_study(f"sqlite:///{tmp_path}/s.db", "s"), SPACE)
    second = successive_halving(again, SPACE, generator=seeded(), **NUMBERS)
    assert len(calls) == n == len(study.trials) == 13
    assert [str(t) for r in first for t in r] == [str(t) for r in second for t in r]
    states = {t.state.name for t in study.trials if t.params["width"] == 32}
    assert states == {"FAIL"}


def test_budgets_and_values_tell_trials_apart(tmp_path):
    study, calls = open_study(f"sqlite:///{tmp_path}/s.db", "s"), []
    objective = stored(lambda c, b=0: calls.append(b) or float(b), study, SPACE)
    config = {"lr": 0.1, "dropout": 0.2, "width": 32}
    scores = [objective(config), objective(config, 1), objective(config, 2), objective(config, 1), objective(config)]
    assert scores == [0, 1, 2, 1, 0]
    assert calls == [0, 1, 2]
    objective({**config, "lr": math.nextafter(0.1, 1)}, 1)
    assert calls == [0, 1, 2, 1]


def test_the_study_knows_the_ranges(tmp_path):
    study = open_study(f"sqlite:///{tmp_path}/s.db", "s")
    stored(score, study, SPACE)({"lr": 0.1, "dropout": 0.2, "width": 32})
    assert study.trials[0].distributions == {
        "lr": optuna.distributions.FloatDistribution(1e-6, 1.0, log=True),
        "dropout": optuna.distributions.FloatDistribution(0.0, 0.5),
        "width": optuna.distributions.CategoricalDistribution([32, 64]),
    }
    assert study.direction.name == "MAXIMIZE"


def test_without_optuna_the_error_names_the_extra(monkeypatch):
    monkeypatch.setitem(sys.modules, "optuna", None)
    for call in (lambda: open_study("sqlite://", "s"), lambda: stored(score, None, SPACE)):
        with pytest.raises(ImportError, match=r"studies need optuna: pip install 'trainwell\[examples\]'"):
            call()


@pytest.mark.parametrize("ways", [["minimize"], ["maximize", "maximize"], ["maximize", "minimize"]])
def test_a_study_that_does_not_maximise_is_refused(ways):
    """Its best value would be the worst."""
    with pytest.raises(ValueError, match=rf"study must maximise one score, got \['{ways[0]}'"):
        stored(score, optuna.create_study(directions=ways), SPACE)
    assert stored(score, optuna.create_study(direction="maximize"), SPACE)


def test_a_stored_objective_keeps_what_was_before_an_exception(tmp_path):
    study, calls = open_study(f"sqlite:///{tmp_path}/s.db", "s"), []

    def failing(config, budget):
        calls.append(config)
        if len(calls) == 3:
            raise MemoryError("out of memory")
        return score(config, budget)

    with pytest.raises(MemoryError, match="out of memory"):
        successive_halving(stored(failing, study, SPACE), SPACE, generator=seeded(), **NUMBERS)
    assert len(study.trials) == 2
    successive_halving(stored(failing, study, SPACE), SPACE, generator=seeded(), **NUMBERS)
    assert len(calls) == 1 + len(study.trials)
    assert calls[3] == calls[2]
