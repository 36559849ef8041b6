"""What a run measured, and those who watch it."""

from __future__ import annotations

from dataclasses import dataclass, field

from torch import nn


@dataclass
class History:
    """What a training run measured, one number an epoch.

    The training figures are running means over the epoch, taken while the model learns and in training
    mode; the validation figures are taken after it, in evaluation mode, and are empty without a
    validation set.

    The accuracy is :func:`trainwell.scores.accuracy`: of the highest of several outputs, or of one logit's side of
    zero where the targets are 0 and 1. It is NaN where the targets are no classes, as in regression.
    """

    train_loss: list[float] = field(default_factory=list)
    train_accuracy: list[float] = field(default_factory=list)
    validation_loss: list[float] = field(default_factory=list)
    validation_accuracy: list[float] = field(default_factory=list)

    @property
    def epochs(self) -> int:
        """The number of epochs that were run."""
        return len(self.train_loss)

    def latest(self) -> dict[str, float]:
        """The last epoch's figures by name, those that were measured."""
        return {name: values[-1] for name, values in vars(self).items() if values}


class Callback:
    """Something that watches a run of :func:`~trainwell.training.fit`; override what you need."""

    def on_backward(self, model: nn.Module, step: int) -> None:
        """Called between the backward pass and the optimizer's step, where gradients are read or clipped."""

    def on_step(self, model: nn.Module, step: int) -> None:
        """Called after each optimizer step; ``step`` counts from 1."""

    def on_epoch(self, model: nn.Module, epoch: int, history: History) -> bool | None:
        """Called after each epoch, counted from 1; a return of True ends the run."""

    def on_end(self, model: nn.Module) -> None:
        """Called once, after the last epoch."""
