"""Reading learning curves: what the losses and accuracies of a run say about what to change."""

from __future__ import annotations

import math
from dataclasses import dataclass

from ..training import History
from .explosions import _exploded

MOVED = 0.1  # the share of its first value by which a loss must fall, or rise, to count as having moved
RISING = 0.01  # how much the accuracy must gain from the third to the last quarter of a run
LARGE_GAP, NO_GAP = 0.1, 0.02  # training accuracy less validation accuracy
ENOUGH = 0.98  # a training accuracy above which no gap is no fault


@dataclass(frozen=True)
class Diagnosis:
    """One thing that :func:`diagnose` found.

    Args:
        name: What it is called.
        found: The numbers that it was told by.
        advice: What to do.

    Example:
        >>> print(Diagnosis("large gap", "training 0.99, validation 0.80", "regularise more"))
        large gap (training 0.99, validation 0.80): regularise more
    """

    name: str
    found: str
    advice: str

    def __str__(self) -> str:
        return f"{self.name} ({self.found}): {self.advice}"


def diagnose(history: History) -> list[Diagnosis]:
    """What the curves of a run say, in words, and what to do about it.

    - ``diverged``: a training loss is not a number, or more than three times the first. Nothing else is said then.
    - ``not learning``: the training loss fell by less than 10% of its first value. Nothing else is said then.
    - ``still rising``: the validation accuracy gained 0.01 or more from the third to the last quarter of the
      epochs (means; the training accuracy where there is no validation).
    - ``large gap``: the training accuracy is at least 0.1 above the validation accuracy, over the last quarter.
    - ``no gap``: it is at most 0.02 above, though the training accuracy is below 0.98.
    - ``fine``: none of these.

    Args:
        history: What :func:`trainwell.training.fit` returned, of two epochs or more.

    Returns:
        One diagnosis or several; the accuracy may still rise while the gap is large.

    Raises:
        ValueError: If the history has fewer than two epochs and has not diverged.

    Example:
        >>> from trainwell.training import History
        >>> accuracies = {"train_accuracy": [0.5, 0.9, 1.0, 1.0], "validation_accuracy": [0.5, 0.7, 0.8, 0.8]}
        >>> [d.name for d in diagnose(History(train_loss=[2.0, 1.0, 0.1, 0.01], **accuracies))]
        ['large gap']

    Reference:
        Karpathy and Johnson, lecture notes of Stanford's course CS231n, 2016, on babysitting the learning process.

    Note:
        The lectures say what to look for and not how much of it; the thresholds are ours, for accuracies of
        classifiers. Accuracies of a small validation set are noisy: 0.02 is within chance for 500 examples. The
        training accuracy is that of training mode: with strong dropout it lies below the validation accuracy.
    """
    if _exploded(history.train_loss) or not all(map(math.isfinite, history.train_loss)):
        found = f"training loss {history.train_loss[0]:.3g} to {history.train_loss[-1]:.3g}"
        return [Diagnosis("diverged", found, "lower the learning rate, or check the initialisation")]
    if history.epochs < 2:
        raise ValueError(f"history must have at least two epochs, got {history.epochs}")
    first, last = history.train_loss[0], history.train_loss[-1]
    losses = f"training loss {first:.3g} to {last:.3g}"
    if last > (1 - MOVED) * first:
        return [Diagnosis("not learning", losses, "raise the learning rate, or check the initialisation")]
    return [*_rising(history), *_gap(history)] or [Diagnosis("fine", losses, "nothing stands out")]


def _rising(history: History) -> list[Diagnosis]:
    accuracies = history.validation_accuracy or history.train_accuracy
    before, after = _quarters(accuracies)
    if after - before < RISING:
        return []
    return [Diagnosis("still rising", f"accuracy {before:.3f} to {after:.3f}", "train longer")]


def _gap(history: History) -> list[Diagnosis]:
    if not history.validation_accuracy:
        return []
    (_, train), (_, validation) = _quarters(history.train_accuracy), _quarters(history.validation_accuracy)
    found = f"training {train:.3f}, validation {validation:.3f}"
    if train - validation >= LARGE_GAP:
        return [Diagnosis("large gap", found, "overfitting: regularise more, or get more data")]
    if train - validation <= NO_GAP and train < ENOUGH:
        return [Diagnosis("no gap", found, "underfitting: train longer, use a larger model, or regularise less")]
    return []


def _quarters(values: list[float]) -> tuple[float, float]:
    """The means over the third and the last quarter."""
    size = max(1, len(values) // 4)
    before, after = values[-2 * size : -size], values[-size:]
    return sum(before) / size, sum(after) / size


def diagnose_learning_rate(losses: list[float]) -> str:
    r"""What a run's losses say about its learning rate, as in :func:`sanity_report`.

    - ``"nan"``: a loss is not a number, or infinite.
    - ``"too high"``: a loss exceeds three times the first, or the last ones are above it by 10% or more.
    - ``"too low"``: the last ones are less than 10% below the first: the loss barely changes.
    - ``"fine"``: otherwise.

    The last ones are the mean of the last tenth of the losses.

    Args:
        losses: The losses of a run, a step or an epoch each, from before the first step on.

    Returns:
        One of the four words.

    Raises:
        ValueError: If there are fewer than two losses.

    Example:
        >>> diagnose_learning_rate([2.302576, 2.302420]), diagnose_learning_rate([2.186, 1.827, float("inf")])
        ('too low', 'nan')

    Reference:
        Karpathy and Johnson, lecture notes of Stanford's course CS231n, 2016, on babysitting the learning process.
    """
    if len(losses) < 2:
        raise ValueError(f"losses must hold at least two, got {len(losses)}")
    if not all(map(math.isfinite, losses)):
        return "nan"
    first, last = losses[0], _mean_of_last_tenth(losses)
    if _exploded(losses) or last >= (1 + MOVED) * first:
        return "too high"
    return "too low" if last > (1 - MOVED) * first else "fine"


def _mean_of_last_tenth(losses: list[float]) -> float:
    last = losses[-max(1, len(losses) // 10) :]
    return sum(last) / len(last)
