"""Large searches: every trial goes into an Optuna study, so that a search that was killed goes on where it was."""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import TYPE_CHECKING, Any

from .spaces import Config, LogUniform, Sampler, Space, Uniform, _check_space

if TYPE_CHECKING:
    import optuna


def _optuna() -> Any:
    """Optuna, which only large searches need."""
    try:
        import optuna
    except ImportError as error:
        raise ImportError("studies need optuna: pip install 'trainwell[examples]'") from error
    return optuna


def open_study(storage: str, name: str) -> optuna.Study:
    """Opens a study of Optuna that :func:`stored` writes to, or makes it when there is none of the name.

    Args:
        storage: Where it is kept: ``"sqlite:///search.db"``, for instance, a file in this folder.
        name: The study's name in the storage.

    Returns:
        The study; its best trial is the one with the highest score.

    Raises:
        ImportError: If Optuna is not installed.

    Example:
        >>> open_study("sqlite:///:memory:", "learning rates").study_name
        'learning rates'

    Reference:
        Akiba, Sano, Yanase, Ohta and Koyama, *Optuna: A Next-generation Hyperparameter Optimization Framework*, 2019.
    """
    return _optuna().create_study(storage=storage, study_name=name, direction="maximize", load_if_exists=True)


def stored(objective: Callable[..., float], study: optuna.Study, space: Space) -> Callable[..., float]:
    """An objective that remembers: it looks a trial up in the study, and runs and records it only if it is new.

    Give it to a search, :func:`successive_halving` for instance, in place of the objective. When the process is
    killed, start the same search again with the same seed: it draws the same configurations, finds the trials
    that were finished, and goes on with the first that was not. The study is then the one of a search that was
    never stopped, provided that the objective's score depends on nothing but its arguments.

    Args:
        objective: ``objective(config)`` or ``objective(config, budget)``, a score, the larger the better.
        study: What :func:`open_study` gave, or any other study of Optuna that maximises one score.
        space: The search space from which the configurations come.

    Returns:
        An objective with the same arguments.

    Raises:
        ImportError: If Optuna is not installed.
        ValueError: If ``study`` does not maximise, or an entry of ``space`` is no sampler.

    Example:
        >>> from trainwell.hyperparameters import random_search
        >>> study, space = open_study("sqlite:///:memory:", "squares"), {"x": Uniform(-1.0, 1.0)}
        >>> objective = stored(lambda config: -config["x"] ** 2, study, space)
        >>> for _ in range(2):  # the second search finds all that the first has tried
        ...     g = torch.Generator().manual_seed(0)
        ...     trials = random_search(objective, space, trials=5, generator=g, progress=False)
        >>> len(study.trials)
        5

    Reference:
        Akiba, Sano, Yanase, Ohta and Koyama, *Optuna: A Next-generation Hyperparameter Optimization Framework*, 2019.

    Note:
        Budgets are in the trials' user attributes. A score that is not a number is kept as a failed trial. An
        exception is not kept: it ends the search, and that trial is run again when the search is started again.
    """
    optuna = _optuna()
    if study.directions != [optuna.study.StudyDirection.MAXIMIZE]:
        raise ValueError(f"study must maximise one score, got {[way.name.lower() for way in study.directions]}")
    _check_space(space)
    distributions = {name: _distribution(sampler) for name, sampler in space.items()}

    def remembering(config: Config, budget: int | None = None) -> float:
        for trial in study.get_trials(deepcopy=False):
            if trial.params == config and trial.user_attrs.get("budget") == budget:
                return math.nan if trial.value is None else trial.value
        score = objective(config) if budget is None else objective(config, budget)
        failed = math.isnan(score)
        study.add_trial(
            optuna.trial.create_trial(
                params=config,
                distributions=distributions,
                user_attrs={"budget": budget},
                state=optuna.trial.TrialState.FAIL if failed else optuna.trial.TrialState.COMPLETE,
                value=None if failed else score,
            )
        )
        return score

    return remembering


def _distribution(sampler: Sampler) -> optuna.distributions.BaseDistribution:
    """What Optuna calls a sampler."""
    distributions = _optuna().distributions
    if isinstance(sampler, (LogUniform, Uniform)):
        return distributions.FloatDistribution(sampler.low, sampler.high, log=isinstance(sampler, LogUniform))
    return distributions.CategoricalDistribution(sampler.values)
