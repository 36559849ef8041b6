"""Searches: over a grid, at random, and at random in stages that narrow the ranges."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass

from torch import Generator
from tqdm.auto import tqdm

from .._arguments import check_at_least
from .spaces import Config, Sampler, Space, _check_space, grid, sample

Objective = Callable[[Config], float]  # the larger the better: a validation accuracy
BudgetedObjective = Callable[[Config, int], float]  # the same after so many epochs


@dataclass(frozen=True)
class Trial:
    """One configuration and how it did, as :func:`random_search` reports it.

    Args:
        config: The values by name.
        score: What the objective gave, the larger the better; NaN where it gave NaN, as for a run that failed.

    Example:
        >>> print(Trial({"lr": 1.405206e-4, "width": 64}, score=0.412))
        score 0.4120  lr 0.0001405  width 64
    """

    config: Config
    score: float

    def __str__(self) -> str:
        values = (f"{v:.4g}" if isinstance(v, float) else str(v) for v in self.config.values())
        return "  ".join([f"score {self.score:.4f}", *map(" ".join, zip(self.config, values, strict=True))])


def best(trials: Sequence[Trial], n: int = 1) -> list[Trial]:
    """The best trials of :func:`random_search` or another search: the first among equals, failed ones last.

    Args:
        trials: What :func:`random_search` or another search returned.
        n: How many.

    Returns:
        The best ``n``, the very best first.

    Raises:
        ValueError: If ``n`` is less than 1, or there are no trials.

    Example:
        >>> best([Trial({"lr": 0.1}, 0.7), Trial({"lr": 1.0}, float("nan")), Trial({"lr": 0.2}, 0.9)])
        [Trial(config={'lr': 0.2}, score=0.9)]

    Note:
        The score of the best of many is too good: a maximum over noise. Report its score on a test set, once.
    """
    check_at_least("n", n, 1)
    if not trials:
        raise ValueError("trials must hold at least one trial, got none")
    return sorted(trials, key=lambda trial: math.inf if math.isnan(trial.score) else -trial.score)[:n]


def _run_trials(
    objective: Objective, configs: Sequence[Config], *, progress: bool = True, name: str = "search"
) -> list[Trial]:
    """Tries some configurations one after another."""
    trials: list[Trial] = []
    for config in (bar := tqdm(configs, desc=name, unit="trial", disable=not progress)):
        trials.append(Trial(config, objective(config)))
        bar.set_postfix(best=f"{best(trials)[0].score:.4f}", refresh=False)
    return trials


def grid_search(objective: Objective, space: Space, *, points: int = 3, progress: bool = True) -> list[Trial]:
    """Tries all combinations of some values of each hyperparameter.

    Args:
        objective: ``objective(config)``, a score, the larger the better.
        space: What there is to search, by name.
        points: How many values each range gets; of two ranges that makes ``points**2`` trials.
        progress: Whether to show a progress bar.

    Returns:
        The trials, in the order in which they were run; see :func:`best`.

    Raises:
        ValueError: If ``points`` is less than 1, or an entry of ``space`` is no sampler.

    Example:
        >>> from trainwell.hyperparameters import Uniform
        >>> trials = grid_search(lambda c: -(c["x"] - 0.5) ** 2, {"x": Uniform(0.0, 1.0)}, progress=False)
        >>> best(trials)[0].config
        {'x': 0.5}

    Reference:
        Bergstra and Bengio, *Random Search for Hyper-Parameter Optimization*, 2012, who argue against it.

    Note:
        An exception that ``objective`` raises ends the search, and the trials before it are lost with it; let it
        return NaN where a run failed, or wrap it in :func:`stored`.
    """
    return _run_trials(objective, grid(space, points), progress=progress, name="grid search")


def random_search(
    objective: Objective, space: Space, *, trials: int, generator: Generator | None = None, progress: bool = True
) -> list[Trial]:
    """Tries configurations drawn at random: each trial tries a new value of every hyperparameter.

    Of n trials a grid over two hyperparameters tries only the root of n values of the one that matters; random
    search tries n.

    Args:
        objective: ``objective(config)``, a score, the larger the better.
        space: What draws the values, by name.
        trials: How many configurations.
        generator: Where they are drawn from, all of them before the first is tried.
        progress: Whether to show a progress bar.

    Returns:
        The trials, in the order in which they were run; see :func:`best`.

    Raises:
        ValueError: If ``trials`` is less than 1, or an entry of ``space`` is no sampler.

    Example:
        >>> from trainwell.hyperparameters import LogUniform
        >>> g = torch.Generator().manual_seed(0)
        >>> space = {"lr": LogUniform(1e-4, 1.0)}
        >>> trials = random_search(lambda c: -abs(c["lr"] - 0.01), space, trials=50, generator=g, progress=False)
        >>> round(best(trials)[0].config["lr"], 2)
        0.01

    Reference:
        Bergstra and Bengio, *Random Search for Hyper-Parameter Optimization*, 2012.

    Note:
        An exception that ``objective`` raises ends the search, and the trials before it are lost with it; let it
        return NaN where a run failed, or wrap it in :func:`stored`.
    """
    check_at_least("trials", trials, 1)
    configs = [sample(space, generator=generator) for _ in range(trials)]
    return _run_trials(objective, configs, progress=progress, name="random search")


def narrow(space: Space, trials: Sequence[Trial]) -> dict[str, Sampler]:
    """The part of a search space that some trials span, between two stages of :func:`coarse_to_fine`.

    Args:
        space: What there is to search, by name.
        trials: The best trials, say.

    Returns:
        A search space with ranges from the smallest to the largest value among the trials, choices that occur there.

    Raises:
        ValueError: If an entry of ``space`` is no sampler.

    Example:
        >>> from trainwell.hyperparameters import LogUniform
        >>> narrow({"lr": LogUniform(1e-6, 1.0)}, [Trial({"lr": 0.01}, 0.9), Trial({"lr": 0.1}, 0.8)])
        {'lr': LogUniform(low=0.01, high=0.1)}
    """
    _check_space(space)
    return {name: sampler.narrow([trial.config[name] for trial in trials]) for name, sampler in space.items()}


def coarse_to_fine(
    objective: BudgetedObjective,
    space: Space,
    *,
    budgets: Sequence[int] = (1, 5),
    trials: int = 20,
    top: int = 5,
    generator: Generator | None = None,
    progress: bool = True,
) -> list[list[Trial]]:
    """Random search in stages: short runs over wide ranges, then longer runs where the best ones lay.

    Args:
        objective: ``objective(config, budget)``, a score after so many epochs, the larger the better.
        space: What draws the values of the first stage, by name.
        budgets: The budget of each stage.
        trials: How many configurations a stage.
        top: How many of the best of a stage span the ranges of the next, see :func:`narrow`.
        generator: Where they are drawn from.
        progress: Whether to show a progress bar a stage.

    Returns:
        The trials of each stage. Scores of different stages do not compare; choose from the last.

    Raises:
        ValueError: If ``trials`` or ``top`` is less than 1, or there are no budgets.

    Example:
        >>> from trainwell.hyperparameters import LogUniform
        >>> g = torch.Generator().manual_seed(0)
        >>> space = {"lr": LogUniform(1e-6, 1.0)}
        >>> coarse, fine = coarse_to_fine(lambda c, epochs: -abs(c["lr"] - 0.01), space, generator=g, progress=False)
        >>> best(fine)[0].score > best(coarse)[0].score
        True

    Reference:
        Bengio, *Practical Recommendations for Gradient-Based Training of Deep Architectures*, 2012, section 3.3.

    Note:
        When the best values lie at an end of their range, the optimum may lie beyond: widen the first stage.
    """
    if not budgets:
        raise ValueError("budgets must hold at least one budget, got none")
    stages: list[list[Trial]] = []
    for budget in budgets:
        if stages:
            space = narrow(space, best(stages[-1], top))
        stages.append(
            random_search(_at(objective, budget), space, trials=trials, generator=generator, progress=progress)
        )
    return stages


def _at(objective: BudgetedObjective, budget: int) -> Objective:
    return lambda config: objective(config, budget)
