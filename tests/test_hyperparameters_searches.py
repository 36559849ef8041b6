"""Search spaces and searches, against NumPy's, SciPy's and scikit-learn's."""

from __future__ import annotations

import itertools
import math

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from scipy import stats
from sklearn.model_selection import ParameterGrid

from trainwell.hyperparameters import (
    Choice,
    LogUniform,
    Trial,
    Uniform,
    best,
    coarse_to_fine,
    grid,
    grid_search,
    log_uniform,
    narrow,
    random_search,
    sample,
)


def seeded(seed: int = 0) -> torch.Generator:
    return torch.Generator().manual_seed(seed)


SPACE = {"lr": LogUniform(1e-6, 1e-3), "dropout": Uniform(-1.0, 3.0), "width": Choice([32, 64, 128])}


@pytest.mark.parametrize(
    ("draw", "distribution"),
    [
        (lambda g: log_uniform(1e-6, 1e-3, generator=g), stats.loguniform(1e-6, 1e-3)),
        (lambda g: LogUniform(0.5, 800.0)(generator=g), stats.loguniform(0.5, 800)),
        (lambda g: Uniform(-1.0, 3.0)(generator=g), stats.uniform(-1, 4)),
    ],
)
def test_draws_follow_scipys_distribution(draw, distribution):
    g = seeded()
    draws = [draw(g) for _ in range(4000)]
    assert stats.kstest(draws, distribution.cdf).pvalue > 0.01
    assert all(type(x) is float for x in draws)


def test_each_decade_gets_its_share():
    g = seeded(1)
    draws = np.array([log_uniform(1e-6, 1e-3, generator=g) for _ in range(3000)])
    counts, _ = np.histogram(draws, [1e-6, 1e-5, 1e-4, 1e-3])
    assert stats.chisquare(counts).pvalue > 0.01


def test_choices_are_equally_likely():
    g = seeded()
    counts = np.unique([SPACE["width"](generator=g) for _ in range(3000)], return_counts=True)
    assert counts[0].tolist() == [32, 64, 128]
    assert stats.chisquare(counts[1]).pvalue > 0.01


@given(low=st.floats(1e-300, 1e300), ratio=st.floats(1, 1e6), seed=st.integers(0, 9))
def test_log_uniform_stays_within_its_bounds(low, ratio, seed):
    high = min(low * ratio, 1.7e308)
    assert low <= log_uniform(low, high, generator=seeded(seed)) <= high
    assert log_uniform(low, low) == low


def test_grids_are_numpys():
    np.testing.assert_allclose(LogUniform(1e-4, 1e2).grid(7), np.logspace(-4, 2, 7), rtol=1e-12)
    np.testing.assert_allclose(Uniform(-1.0, 2.0).grid(4), [-1, 0, 1, 2])
    assert LogUniform(1e-4, 1e2).grid(1) == pytest.approx([1e-1])
    assert Uniform(1.0, 2.0).grid(1) == [1.5]
    assert Choice(["a", "b"]).grid(1) == ["a", "b"]


def test_the_grid_is_scikit_learns():
    space = {"a": LogUniform(1.0, 100.0), "b": Choice(["x", "y"]), "c": Uniform(0.0, 1.0)}  # sorted, as sklearn sorts
    values = {name: sampler.grid(3) for name, sampler in space.items()}
    assert grid(space) == list(ParameterGrid(values))
    assert len(grid(space, points=2)) == 8


def test_a_sample_has_all_names_and_comes_from_the_generator_alone():
    before = torch.get_rng_state()
    config = sample(SPACE, generator=seeded(4))
    assert list(config) == list(SPACE)
    assert config == sample(SPACE, generator=seeded(4)) != sample(SPACE, generator=seeded(5))
    assert config["lr"] == log_uniform(1e-6, 1e-3, generator=seeded(4))  # drawn in the order of the dict
    assert torch.equal(torch.get_rng_state(), before)


def test_bad_spaces_are_refused():
    for make in (log_uniform, LogUniform):
        for low in (0.0, -1.0, math.nan):
            with pytest.raises(ValueError, match=f"low must be positive, got {low}"):
                make(low, 1.0)
        with pytest.raises(ValueError, match=r"high must be finite and at least low, got low=0\.1 and high=0\.01"):
            make(0.1, 0.01)  # as in the lecture
        with pytest.raises(ValueError, match="high must be finite"):
            make(0.1, math.inf)
    with pytest.raises(ValueError, match="high must be finite and at least low, got low=1.0 and high=0.0"):  # noqa: RUF043
        Uniform(1.0, 0.0)
    assert Uniform(-2.0, -2.0)() == -2
    with pytest.raises(ValueError, match="values must hold at least one value, got none"):
        Choice([])
    with pytest.raises(ValueError, match="points must be at least 1, got 0"):
        grid(SPACE, 0)


def score(config, epochs=1):
    """Best at lr = 1e-4 and dropout = 1; the width does not matter."""
    return -abs(math.log10(config["lr"]) + 4) - abs(config["dropout"] - 1)


def test_grid_search_tries_the_grid_in_order():
    seen = []
    trials = grid_search(lambda c: seen.append(c) or score(c), SPACE, points=4, progress=False)
    assert seen == [trial.config for trial in trials] == grid(SPACE, 4)
    assert [trial.score for trial in trials] == [score(config) for config in seen]
    assert len(grid_search(score, SPACE, progress=False)) == 27


def test_random_search_draws_all_before_it_tries_any():
    g = seeded()
    expected = [sample(SPACE, generator=g) for _ in range(10)]
    shared = seeded()
    trials = random_search(
        lambda c: torch.rand((), generator=shared).item(), SPACE, trials=10, generator=shared, progress=False
    )
    assert [trial.config for trial in trials] == expected
    assert len({trial.config["lr"] for trial in trials}) == 10


def test_random_search_tries_more_values_of_what_matters_than_a_grid():
    """Bergstra and Bengio's picture: nine trials, one of two hyperparameters matters."""
    space = {"matters": Uniform(0.0, 1.0), "does not": Uniform(0.0, 1.0)}
    gridded = grid_search(lambda c: 0.0, space, points=3, progress=False)
    drawn = random_search(lambda c: 0.0, space, trials=9, generator=seeded(), progress=False)
    assert [len({t.config["matters"] for t in trials}) for trials in (gridded, drawn)] == [3, 9]
    gaps = []
    for seed in range(200):
        trials = random_search(lambda c: c["matters"], space, trials=9, generator=seeded(seed), progress=False)
        gaps.append(best(trials)[0].score)
    assert np.mean(gaps) == pytest.approx(0.9, abs=0.025)  # the largest of nine uniform numbers


@given(scores=st.lists(st.one_of(st.just(math.nan), st.integers(-5, 5).map(float)), min_size=1), n=st.integers(1, 9))
def test_best_is_a_stable_ranking_with_failures_last(scores, n):
    trials = [Trial({"number": i}, s) for i, s in enumerate(scores)]
    key = np.array([math.inf if math.isnan(s) else -s for s in scores])
    assert [t.config["number"] for t in best(trials, n)] == np.argsort(key, kind="stable")[:n].tolist()


def test_best_of_none_is_refused():
    with pytest.raises(ValueError, match="trials must hold at least one trial, got none"):
        best([])
    with pytest.raises(ValueError, match="n must be at least 1, got 0"):
        best([Trial({}, 1.0)], 0)
    assert best([Trial({}, 1.0), Trial({}, 2.0)]) == [Trial({}, 2.0)]


def test_narrow_spans_the_trials():
    trials = [Trial({"lr": lr, "dropout": d, "width": w}, 0.0) for lr, d, w in ((2e-4, 1.0, 128), (1e-5, 2.0, 32))]
    assert narrow(SPACE, trials) == {
        "lr": LogUniform(1e-5, 2e-4),
        "dropout": Uniform(1.0, 2.0),
        "width": Choice([32, 128]),
    }
    assert narrow(SPACE, trials[:1])["lr"] == LogUniform(2e-4, 2e-4)


def test_coarse_to_fine_runs_longer_where_the_best_lay():
    calls = []
    stages = coarse_to_fine(
        lambda c, epochs: calls.append(epochs) or score(c),
        SPACE,
        budgets=(1, 3, 9),
        trials=30,
        top=4,
        generator=seeded(),
        progress=False,
    )
    assert calls == [1] * 30 + [3] * 30 + [9] * 30
    for before, after in itertools.pairwise(stages):
        for name in ("lr", "dropout"):
            kept = [trial.config[name] for trial in sorted(before, key=lambda t: -t.score)[:4]]
            assert all(min(kept) <= trial.config[name] <= max(kept) for trial in after)
    scores = [best(stage)[0].score for stage in stages]
    assert scores == sorted(scores)


def test_coarse_to_fine_defaults():
    budgets = []
    stages = coarse_to_fine(lambda c, b: budgets.append(b) or score(c), SPACE, generator=seeded(), progress=False)
    assert budgets == [1] * 20 + [5] * 20
    kept = [t.config["lr"] for t in best(stages[0], 5)]
    lrs = [t.config["lr"] for t in stages[1]]
    assert min(kept) <= min(lrs) < max(lrs) <= max(kept)
    first = random_search(score, SPACE, trials=20, generator=seeded(), progress=False)
    assert stages[0] == first


def test_searches_without_trials_are_refused():
    with pytest.raises(ValueError, match="trials must be at least 1, got 0"):
        random_search(score, SPACE, trials=0)
    with pytest.raises(ValueError, match="budgets must hold at least one budget, got none"):
        coarse_to_fine(score, SPACE, budgets=())
    assert len(random_search(score, SPACE, trials=1, progress=False)) == 1


def test_a_progress_bar_is_shown_unless_it_is_not_wanted(capsys):
    random_search(score, SPACE, trials=2, progress=False)
    grid_search(score, {"lr": LogUniform(1e-5, 1e-3), "dropout": Choice([1.0])}, progress=False)
    assert capsys.readouterr().err == ""
    random_search(score, SPACE, trials=2)
    assert "random search" in capsys.readouterr().err
    grid_search(score, {"lr": LogUniform(1e-5, 1e-3), "dropout": Choice([1.0])})
    shown = capsys.readouterr().err
    assert "grid search" in shown
    assert "3/3" in shown
    coarse_to_fine(score, SPACE, trials=2)
    assert capsys.readouterr().err.count("2/2") == 2


def test_a_trial_prints_as_a_line():
    assert str(Trial({"lr": 1.405206e-4, "width": 64}, 0.412)) == "score 0.4120  lr 0.0001405  width 64"


def test_what_the_objective_raises_ends_the_search_and_nan_does_not():
    def failing(config):
        raise MemoryError("out of memory")

    for search in (grid_search, lambda *a, **b: random_search(*a, trials=3, **b)):
        with pytest.raises(MemoryError, match="out of memory"):
            search(failing, SPACE, progress=False)
        assert all(math.isnan(trial.score) for trial in search(lambda config: math.nan, SPACE, progress=False))
