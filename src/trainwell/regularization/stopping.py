"""Early stopping: keep the weights of the best epoch, and stop when there has been none for a while."""

from __future__ import annotations

import math

from torch import Tensor, nn

from .._arguments import check_at_least, check_not_negative, check_one_of
from ..training import Callback, History

SIGNS = {"validation_loss": -1, "validation_accuracy": 1}  # what is better: down or up


class EarlyStopping(Callback):
    """Stops a run when the validation score has not improved for some epochs, and restores the best weights.

    An epoch is better when it beats the best so far by more than ``min_delta``; after ``patience`` epochs in a
    row that were not, the run stops. When it ends, for whatever reason, the model gets back the weights of
    the best epoch.

    Args:
        patience: How many epochs without improvement end the run.
        min_delta: How much better counts as better.
        monitor: ``"validation_loss"`` or ``"validation_accuracy"``.

    Attributes:
        best_epoch: The epoch, counted from 1, whose weights are restored; None before the first.
        best_value: Its validation score.

    Raises:
        ValueError: If ``patience`` is less than 1, ``min_delta`` is negative, ``monitor`` is none of the two,
            or the run measures no validation score.

    Example:
        >>> from trainwell.training import History
        >>> stop, model = EarlyStopping(patience=2), nn.Linear(1, 1)
        >>> losses = [3.0, 2.0, 2.5, 2.1]
        >>> [stop.on_epoch(model, e, History(validation_loss=losses[:e])) for e in range(1, 5)]
        [False, False, False, True]
        >>> stop.best_epoch, stop.best_value
        (2, 2.0)

    Reference:
        Prechelt, *Early Stopping - But When?*, 1998.

    Note:
        The paper's criteria look at generalisation loss and progress; patience is what frameworks offer.
    """

    def __init__(self, patience: int = 5, *, min_delta: float = 0.0, monitor: str = "validation_loss") -> None:
        check_at_least("patience", patience, 1)
        check_not_negative("min_delta", min_delta)
        check_one_of("monitor", monitor, SIGNS)
        self.patience, self.min_delta, self.monitor = patience, min_delta, monitor
        self.best_epoch: int | None = None
        self.best_value = -SIGNS[monitor] * math.inf
        self._waited = 0
        self._best_weights: dict[str, Tensor] = {}

    def on_epoch(self, model: nn.Module, epoch: int, history: History) -> bool:
        """Keeps the weights of a better epoch; returns True when patience has run out."""
        values = getattr(history, self.monitor)
        if not values:
            raise ValueError(f"monitor needs a run that measures {self.monitor}, got one without validation data")
        if SIGNS[self.monitor] * (values[-1] - self.best_value) > self.min_delta:
            self.best_epoch, self.best_value, self._waited = epoch, values[-1], 0
            self._best_weights = {name: w.clone() for name, w in model.state_dict().items()}
        else:
            self._waited += 1
        return self._waited >= self.patience

    def on_end(self, model: nn.Module) -> None:
        """Restores the best weights."""
        if self._best_weights:
            model.load_state_dict(self._best_weights)
