"""Successive halving: many short runs, and longer ones for the best of them only."""

from __future__ import annotations

from itertools import count, takewhile

from torch import Generator

from .._arguments import check_at_least
from .searches import BudgetedObjective, Trial, _at, _run_trials, best
from .spaces import Space, sample


def halving_schedule(candidates: int, min_budget: int, max_budget: int, factor: int = 3) -> list[tuple[int, int]]:
    r"""How many candidates run for how long in each round of :func:`successive_halving`.

    With :math:`n` = ``candidates``, :math:`b` = ``min_budget`` and :math:`\eta` = ``factor``, round
    :math:`i = 0, 1, \dots` has

    .. math:: \lceil n / \eta^i \rceil \text{ candidates of the budget } b\,\eta^i,
              \quad\text{as long as}\quad \eta^i \le n \;\text{ and }\; b\,\eta^i \le \texttt{max\_budget},

    so that each round costs about the same.

    Args:
        candidates: How many there are in the first round.
        min_budget: The budget, in epochs for instance, of each in the first round.
        max_budget: What no round's budget exceeds.
        factor: The budget grows by this factor a round, and one of so many candidates goes on.

    Returns:
        A pair of a number of candidates and a budget a round.

    Raises:
        ValueError: If ``candidates`` or ``min_budget`` is less than 1, ``max_budget`` less than ``min_budget``, or
            ``factor`` less than 2.

    Example:
        >>> halving_schedule(27, min_budget=1, max_budget=27)
        [(27, 1), (9, 3), (3, 9), (1, 27)]

    Reference:
        Jamieson and Talwalkar, *Non-stochastic Best Arm Identification and Hyperparameter Optimization*, 2016.

    Note:
        Like scikit-learn's halving searches, which count rounds by floating-point logarithms and so lose the last
        one of 243 candidates; the paper fixes the total budget instead and halves.
    """
    check_at_least("candidates", candidates, 1)
    check_at_least("min_budget", min_budget, 1)
    check_at_least("max_budget", max_budget, min_budget)
    check_at_least("factor", factor, 2)
    powers = (factor**i for i in count())
    fitting = takewhile(lambda power: power <= candidates and min_budget * power <= max_budget, powers)
    return [(-(-candidates // power), min_budget * power) for power in fitting]  # rounded up


def successive_halving(
    objective: BudgetedObjective,
    space: Space,
    *,
    candidates: int,
    min_budget: int,
    max_budget: int,
    factor: int = 3,
    generator: Generator | None = None,
    progress: bool = True,
) -> list[list[Trial]]:
    """Starts many random configurations on a small budget, and lets the best of each round run longer.

    Args:
        objective: ``objective(config, budget)``, a score after so many epochs from the start, the larger the better.
        space: What draws the values, by name.
        candidates: How many configurations are drawn.
        min_budget: The budget of each in the first round.
        max_budget: What no round's budget exceeds.
        factor: The budget grows by this factor a round, and one of so many candidates goes on.
        generator: Where the configurations are drawn from, all of them before the first is tried.
        progress: Whether to show a progress bar a round.

    Returns:
        The trials of each round, see :func:`halving_schedule`; choose from the last.

    Raises:
        ValueError: If the numbers make no schedule.

    Example:
        >>> from trainwell.hyperparameters import LogUniform
        >>> g = torch.Generator().manual_seed(0)
        >>> numbers = dict(candidates=9, min_budget=1, max_budget=9, generator=g, progress=False)
        >>> rounds = successive_halving(lambda c, epochs: -abs(c["x"] - 1), {"x": LogUniform(0.1, 10.0)}, **numbers)
        >>> [len(trials) for trials in rounds]
        [9, 3, 1]

    Reference:
        Jamieson and Talwalkar, *Non-stochastic Best Arm Identification and Hyperparameter Optimization*, 2016.

    Note:
        Each round trains anew; an objective that keeps checkpoints may go on from the last. A search that should
        survive its process wraps the objective in :func:`stored`.
    """
    schedule = halving_schedule(candidates, min_budget, max_budget, factor)
    configs = [sample(space, generator=generator) for _ in range(candidates)]
    rounds: list[list[Trial]] = []
    for survivors, budget in schedule:
        if rounds:
            configs = [trial.config for trial in best(rounds[-1], survivors)]
        rounds.append(_run_trials(_at(objective, budget), configs, progress=progress, name=f"budget {budget}"))
    return rounds
