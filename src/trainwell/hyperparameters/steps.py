"""Choosing hyperparameters in seven steps, for those without many GPUs."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from functools import partial
from itertools import chain, count, islice
from typing import Any

import torch
from torch import Generator, nn
from torch.optim import Optimizer
from torch.utils.data import Dataset

from .._arguments import check_at_least
from ..training import History, batches, fit, pick_device
from .curves import _mean_of_last_tenth, diagnose, diagnose_learning_rate
from .explosions import StopAtExplosion
from .sanity import BATCH, _check_first_loss, _check_learned, _check_maker, _first_examples, _learn_by_heart
from .searches import Trial, _run_trials, best
from .spaces import Config

LEARNING_RATES = (1e-1, 1e-2, 1e-3, 1e-4)
WEIGHT_DECAYS = (1e-4, 1e-5, 0.0)
EXAMPLES, ITERATIONS = 20, 100


@dataclass(frozen=True)
class Step:
    """What one of the :class:`SevenSteps` gave.

    Args:
        number: Which step it is, from 1 to 7.
        name: What is done in it.
        found: What came out.
        passed: Whether to go on to the next.
        advice: What to do, where there is something.

    Example:
        >>> print(Step(1, "check the first loss", "2.31", passed=True))
        1 check the first loss        ok      2.31
    """

    number: int
    name: str
    found: str
    passed: bool
    advice: str = ""

    def __str__(self) -> str:
        line = f"{self.number} {self.name:<27} {'ok' if self.passed else 'FAILED':<7} {self.found}"
        return f"{line}: {self.advice}" if self.advice else line


class SevenSteps:
    """Walks through the seven steps from a fresh model to its learning rate and weight decay.

    1. Check the first loss: log C, without weight decay.
    2. Overfit a small sample, with the first learning rate of 1e-1, 1e-2, 1e-3 and 1e-4 that does.
    3. Find the rate with which the loss on all data falls most within 100 iterations, with a little weight decay.
    4. A coarse grid around it, of rates and weight decays, for a few epochs.
    5. A finer grid around the best, for more epochs.
    6. Look at the curves of the best.
    7. Go to step 5, as long as the curves ask for it and there are rounds left.

    Call :meth:`run`, or the steps one by one. Scores are validation accuracies.

    Args:
        make_model: Makes a fresh model; it decides on the seed of its weights.
        train: The training data.
        validation: The data to choose by.
        make_optimizer: ``make_optimizer(parameters, lr=..., weight_decay=...)``, such as :class:`torch.optim.AdamW`.
        epochs: How long the runs of step 4 and those of step 5 are, at least 1 and 2.
        rounds: How often step 5 is gone through at most.
        batch_size: Examples a step.
        device: Where to train; :func:`trainwell.training.pick_device` chooses when it is not given.
        generator: Where the shuffles are drawn from.
        progress: Whether to show a progress bar for each grid.

    Attributes:
        lr: The learning rate of step 3.
        trials: All trials of steps 4 and 5 so far.
        best: The best trial of the last grid.
        history: The curves of that trial.

    Raises:
        ValueError: If ``rounds`` or ``epochs`` is too small, a model or an optimizer comes in place of what makes
            one, or a step is called before those that it needs.

    Example:
        >>> from trainwell import data
        >>> parts, make = data.digits(), lambda: nn.Sequential(nn.Flatten(), nn.Linear(64, 10))
        >>> walk = SevenSteps(make, parts.train, parts.validation, torch.optim.SGD, progress=False)
        >>> walk.check_first_loss().passed
        True

    Reference:
        Johnson, *Deep Learning for Computer Vision*, University of Michigan, 2019, on choosing hyperparameters.

    Note:
        The best of many validation accuracies is too good a number: report a test accuracy, once, at the end.
    """

    def __init__(
        self,
        make_model: Callable[[], nn.Module],
        train: Dataset[Any],
        validation: Dataset[Any],
        make_optimizer: Callable[..., Optimizer],
        *,
        epochs: tuple[int, int] = (3, 10),
        rounds: int = 2,
        batch_size: int = 64,
        device: torch.device | str | None = None,
        generator: Generator | None = None,
        progress: bool = True,
    ) -> None:
        _check_maker("make_model", make_model, "a function without arguments")
        _check_maker("make_optimizer", make_optimizer, "a class, not a partial that fixes lr")
        check_at_least("rounds", rounds, 1)
        check_at_least("epochs[0]", epochs[0], 1)
        check_at_least("epochs[1]", epochs[1], 2)  # of one epoch there is no curve to look at
        self.make_model, self.make_optimizer = make_model, make_optimizer
        self.train, self.validation = train, validation
        self.epochs, self.rounds, self.batch_size, self.generator = epochs, rounds, batch_size, generator
        self.device, self.progress = device or pick_device(), progress
        self.lr = math.nan
        self.trials: list[Trial] = []
        self.best = Trial({"lr": math.nan, "weight_decay": math.nan}, math.nan)
        self.history = History()
        self._spread = 3.0  # of a grid: the factor between its learning rates

    def run(self) -> list[Step]:
        """Goes through the steps, up to the first that fails."""
        steps: list[Step] = []
        for step in self._walk():
            steps.append(step)
            if not step.passed:
                break
        return steps

    def _walk(self) -> Iterator[Step]:
        yield self.check_first_loss()
        yield self.overfit_small_sample()
        yield self.find_learning_rate()
        yield self.coarse_grid()
        for left in reversed(range(self.rounds)):
            yield self.refine_grid()
            yield self.look_at_curves()
            if not left or [d.name for d in diagnose(self.history)] == ["fine"]:
                return
            yield Step(7, "go to step 5", f"{left} more", True)

    def check_first_loss(self) -> Step:
        """Step 1."""
        model = self._fresh()
        check = _check_first_loss(model, *_first_examples(model, self.train, BATCH))
        found = f"{check.found}, expected {check.expected}"
        return Step(1, "check the first loss", found, check.passed, "" if check.passed else check.advice)

    def overfit_small_sample(self) -> Step:
        """Step 2."""
        for lr in LEARNING_RATES:
            model = self._fresh()
            x, y = _first_examples(model, self.train, EXAMPLES)
            make = partial(self.make_optimizer, lr=lr, weight_decay=0.0)
            check = _check_learned(*_learn_by_heart(model, x, y, make, nn.functional.cross_entropy, 200), len(y))
            if check.passed:
                break
        found = f"loss {check.found}, lr {lr:g}"
        return Step(2, "overfit a small sample", found, check.passed, "" if check.passed else check.advice)

    def find_learning_rate(self) -> Step:
        """Step 3."""
        losses = {lr: self._first_losses(lr) for lr in LEARNING_RATES}
        fine = {lr: _mean_of_last_tenth(run) for lr, run in losses.items() if diagnose_learning_rate(run) == "fine"}
        name = "find a learning rate"
        if not fine:
            words = ", ".join(f"{lr:g} {diagnose_learning_rate(run)}" for lr, run in losses.items())
            return Step(3, name, words, False, "no loss falls by 10%: check the initialisation and the data")
        self.lr = min(fine, key=lambda lr: fine[lr])
        return Step(3, name, f"lr {self.lr:g}, loss {losses[self.lr][0]:.3f} to {fine[self.lr]:.3f}", True)

    def coarse_grid(self) -> Step:
        """Step 4."""
        return self._search(4, "coarse grid, a few epochs", self.lr, WEIGHT_DECAYS, self.epochs[0])

    def refine_grid(self) -> Step:
        """Step 5: half as wide, on a logarithmic scale, as the grid before."""
        self._spread = math.sqrt(self._spread)
        config = self.best.config
        return self._search(5, "finer grid, more epochs", config["lr"], (config["weight_decay"],), self.epochs[1])

    def look_at_curves(self) -> Step:
        """Step 6."""
        return Step(6, "look at the curves", "; ".join(map(str, diagnose(self.history))), True)

    def _search(self, number: int, name: str, lr: float, decays: Sequence[float], epochs: int) -> Step:
        if math.isnan(lr):
            raise ValueError(f"step {number} needs what the steps before it find, got none: run them first")
        rates = (lr / self._spread, lr, lr * self._spread)
        configs = [{"lr": rate, "weight_decay": decay} for rate in rates for decay in decays]
        histories: list[History] = []

        def objective(config: Config) -> float:
            histories.append(self._fit(config, epochs))
            return histories[-1].validation_accuracy[-1]

        trials = _run_trials(objective, configs, progress=self.progress, name=name)
        self.trials += trials
        self.best = best(trials)[0]
        self.history = histories[trials.index(self.best)]
        return Step(number, name, f"best of {len(trials)}: {self.best}", True)

    def _fit(self, config: Config, epochs: int) -> History:
        model = self._fresh()
        return fit(
            model,
            self.train,
            epochs=epochs,
            optimizer=self.make_optimizer(model.parameters(), **config),
            validation=self.validation,
            batch_size=self.batch_size,
            callbacks=[StopAtExplosion()],
            device=self.device,
            generator=self.generator,
            progress=False,
        )

    def _first_losses(self, lr: float) -> list[float]:
        """The losses of the first iterations on all data."""
        model = self._fresh().train()
        losses: list[float] = []
        optimizer = self.make_optimizer(model.parameters(), lr=lr, weight_decay=WEIGHT_DECAYS[0])
        shuffled = partial(batches, self.train, self.batch_size, self.device, shuffle=True, generator=self.generator)
        epochs = (shuffled() for _ in count())
        for x, y in islice(chain.from_iterable(epochs), ITERATIONS):
            loss = nn.functional.cross_entropy(model(x), y)
            losses.append(loss.item())
            optimizer.zero_grad()
            loss.backward()
            optimizer.step()
        return losses

    def _fresh(self) -> nn.Module:
        return self.make_model().to(self.device)
