"""Stopping a run whose cost explodes."""

from __future__ import annotations

from torch import nn

from .._arguments import check_at_least
from ..training import Callback, History

FACTOR = 3.0  # times the first cost


def _exploded(losses: list[float], factor: float = FACTOR) -> bool:
    """Whether a loss was ever more than so many times the first, or no number."""
    return not all(loss <= factor * losses[0] for loss in losses)  # a NaN is not less than anything


class StopAtExplosion(Callback):
    """Stops a run as soon as an epoch's cost exceeds three times the first one, or is not a number.

    Give it to :func:`trainwell.training.fit` in a search: runs with too high a learning rate then cost an epoch
    or two instead of all of them.

    Args:
        factor: How many times the first cost is too much, 3 when not given.
        first: The first cost; when it is not given, that of the first epoch, which is late if the run explodes
            within it. At the start a classifier of C classes costs log C.

    Attributes:
        stopped: Whether it stopped the run.

    Raises:
        ValueError: If ``factor`` is less than 1.

    Example:
        >>> from trainwell.training import History
        >>> stop, model = StopAtExplosion(), nn.Linear(1, 1)
        >>> stop.on_epoch(model, 2, History(train_loss=[2.0, 5.9])), stop.on_epoch(model, 3, History([2.0, 5.9, 6.1]))
        (False, True)

    Reference:
        Karpathy and Johnson, lecture notes of Stanford's course CS231n, 2016, on cross-validation in stages.
    """

    def __init__(self, factor: float = FACTOR, *, first: float | None = None) -> None:
        check_at_least("factor", factor, 1)
        self.factor, self.first, self.stopped = factor, first, False

    def on_epoch(self, model: nn.Module, epoch: int, history: History) -> bool:
        """Returns True when the cost exploded."""
        first = [] if self.first is None else [self.first]
        self.stopped = _exploded([*first, *history.train_loss], self.factor)
        return self.stopped
