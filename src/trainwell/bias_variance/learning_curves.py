"""Learning curves, measured: scores over the size of the training set, and over the epochs."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

from torch import Tensor, nn
from torch.utils.data import Dataset

from .._arguments import check_at_least, check_same_length
from ..training import Callback, History, evaluate
from ._fits import Fit, Score


@dataclass(frozen=True)
class LearningCurve:
    """What :func:`learning_curve` measured, a number a size.

    Still apart and coming closer: more data would help. Together and no good: it would not, the model is too
    small (or the features say too little).

    Args:
        sizes: The numbers of training examples.
        train: The score on the examples that were learnt from.
        validation: The score on the others.

    Example:
        >>> LearningCurve([10, 100], train=[1.0, 0.875], validation=[0.25, 0.75]).gaps
        [0.75, 0.125]
    """

    sizes: Sequence[int]
    train: Sequence[float]
    validation: Sequence[float]

    @property
    def gaps(self) -> list[float]:
        """How much better the score is on what was learnt from."""
        return [train - validation for train, validation in zip(self.train, self.validation, strict=True)]


def learning_curve(
    fit: Fit, score: Score, train: tuple[Tensor, Tensor], validation: tuple[Tensor, Tensor], sizes: Sequence[int]
) -> LearningCurve:
    r"""Fits to more and more of the training examples, and scores each fit on those and on the validation set.

    With :math:`\hat f_m` fitted to the first :math:`m` examples and :math:`S` = ``score``, for each size :math:`m`

    .. math:: S\bigl(\hat f_m(x_{1..m}),\, y_{1..m}\bigr) \quad\text{and}\quad S\bigl(\hat f_m(x'),\, y'\bigr).

    Args:
        fit: A function of inputs and targets that returns a predictor.
        score: ``score(predictions, targets)``, a number that is larger for better predictions.
        train: Inputs and targets in random order: the smaller sets are the beginnings of the larger.
        validation: Inputs and targets to measure with.
        sizes: The numbers of training examples.

    Returns:
        The scores.

    Raises:
        ValueError: If a size is less than 1 or more than there are examples, or a set has not as many targets as
            inputs.

    Example:
        >>> def fit(x, y):  # predicts the mean
        ...     return lambda points: y.mean().expand(len(points))
        >>> def score(predictions, targets):
        ...     return -(predictions - targets).abs().max().item()
        >>> x, y = torch.zeros(4), torch.tensor([0.0, 4.0, 4.0, 0.0])
        >>> learning_curve(fit, score, (x, y), (x[:1], y[:1] + 2), sizes=[1, 4])
        LearningCurve(sizes=[1, 4], train=[-0.0, -2.0], validation=[-2.0, -0.0])

    Reference:
        Cortes, Jackel, Solla, Vapnik and Denker, *Learning Curves: Asymptotic Values and Rate of Convergence*, 1994.
    """
    for x, y in (train, validation):
        check_same_length(inputs=x, targets=y)
    if min(sizes) < 1 or max(sizes) > len(train[0]):
        raise ValueError(f"sizes must lie between 1 and the {len(train[0])} examples, got {list(sizes)}")
    train_scores, validation_scores = [], []
    for size in sizes:
        x, y = train[0][:size], train[1][:size]
        predict = fit(x, y)
        train_scores.append(score(predict(x), y))
        validation_scores.append(score(predict(validation[0]), validation[1]))
    return LearningCurve(sizes, train_scores, validation_scores)


@dataclass
class EpochCurves(Callback):
    """Measures training and validation set alike, after each epoch and in evaluation mode.

    The training figures of :func:`trainwell.training.fit` are taken while the model learns, with dropout and with
    weights half an epoch older on average, so that its two curves may lie the wrong way round. These can be compared.

    Args:
        train: The training set, or a part of it.
        validation: The validation set.

    Attributes:
        history: What has been measured so far, to draw and to diagnose.

    Example:
        >>> from trainwell import data, training
        >>> split = data.digits()
        >>> model = nn.Sequential(nn.Flatten(), nn.Linear(64, 10))
        >>> curves = EpochCurves(split.train, split.validation)
        >>> sgd = torch.optim.SGD(model.parameters(), lr=0.1)
        >>> _ = training.fit(model, split.train, epochs=2, optimizer=sgd, callbacks=[curves], progress=False)
        >>> curves.history.epochs, len(curves.history.validation_accuracy)
        (2, 2)

    Reference:
        Prechelt, *Early Stopping - But When?*, 1998, on how the two curves look in practice.
    """

    train: Dataset[Any]
    validation: Dataset[Any]
    history: History = field(default_factory=History, init=False)

    def on_epoch(self, model: nn.Module, epoch: int, history: History) -> None:
        for name in ("train", "validation"):
            loss, accuracy = evaluate(model, getattr(self, name))
            getattr(self.history, f"{name}_loss").append(loss)
            getattr(self.history, f"{name}_accuracy").append(accuracy)


def moving_average(values: Sequence[float], window: int) -> list[float]:
    r"""Smooths a noisy curve: the mean of the last few values, fewer at the beginning.

    With :math:`k` = ``window``, or as many as there are,

    .. math:: \bar v_t = \frac1k \sum_{j=0}^{k-1} v_{t-j}.

    Args:
        values: A loss a step, for instance.
        window: How many to average.

    Returns:
        As many values.

    Raises:
        ValueError: If ``window`` is less than 1.

    Example:
        >>> moving_average([4.0, 2.0, 3.0, 1.0], window=2)
        [4.0, 3.0, 2.5, 2.0]

    Reference:
        Chatfield, *The Analysis of Time Series*, 2003, on smoothing by filters.
    """
    check_at_least("window", window, 1)
    parts = [values[max(0, t - window) : t] for t in range(1, len(values) + 1)]
    return [sum(part) / len(part) for part in parts]
