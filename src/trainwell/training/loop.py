"""The loop: batch, forward, loss, backward, step."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from contextlib import AbstractContextManager, nullcontext
from dataclasses import dataclass
from typing import Any

import torch
from torch import Generator, Tensor, nn
from torch.amp.grad_scaler import GradScaler
from torch.nn import functional as F
from torch.optim import Optimizer
from torch.optim.lr_scheduler import LRScheduler
from torch.utils.data import DataLoader, Dataset
from tqdm.auto import tqdm

from .._arguments import check_at_least, check_optimizer
from .evaluation import Mean, evaluate
from .history import Callback, History
from .loading import batches
from .machine import pick_device

Loss = Callable[[Tensor, Tensor], Tensor]
Penalty = Callable[[nn.Module], Tensor]


def fit(
    model: nn.Module,
    train: Dataset[Any] | DataLoader[Any],
    *,
    epochs: int,
    optimizer: Optimizer,
    loss: Loss = F.cross_entropy,
    validation: Dataset[Any] | DataLoader[Any] | None = None,
    penalty: Penalty | None = None,
    batch_size: int | None = 64,
    callbacks: Sequence[Callback] = (),
    schedule: LRScheduler | None = None,
    precision: torch.dtype | None = None,
    device: torch.device | str | None = None,
    generator: Generator | None = None,
    progress: bool = True,
) -> History:
    """Trains a model and says how it went.

    Args:
        model: Moved to the device and trained in place.
        train: A data set of inputs and targets, shuffled anew each epoch, or a loader, used as it is; a
            sampler of it, or of its batches, that has ``set_epoch`` is told each epoch's number, from 1.
        epochs: How often to go through the data.
        optimizer: One that holds the model's parameters and does without a closure, as none is passed: L-BFGS,
            Newton's method and others that compute the loss again are stepped in a loop of one's own.
        loss: ``loss(outputs, targets)``, a scalar, the mean over the batch.
        validation: A data set, or a loader, to measure after each epoch.
        penalty: ``penalty(model)``, a scalar that is added to the loss of each batch.
        batch_size: Examples a step, where ``train`` is a data set: 1 for stochastic gradient descent in its
            first sense, None for the full batch.
        callbacks: See :class:`Callback`.
        schedule: A learning-rate schedule of this optimizer, stepped after every optimizer step that was taken.
        precision: The type in which to run what tolerates it, ``torch.bfloat16`` or ``torch.float16``
            (mixed precision); the parameters and the validation keep theirs.
        device: Where to train; :func:`pick_device` chooses when it is not given.
        generator: Where the shuffles are drawn from (on the CPU).
        progress: Whether to show a progress bar.

    Returns:
        The history of the run. Its losses leave the penalty out, so that runs compare; its accuracies are NaN where
        the targets are no classes, as in regression (see :class:`History`).

    Raises:
        ValueError: If ``epochs`` or ``batch_size`` is not positive, ``precision`` is neither of the two types,
            ``optimizer`` is none, needs a closure or holds none of the model's parameters, or ``schedule`` is none
            of this optimizer's.

    Example:
        >>> class Clip(Callback):
        ...     def on_backward(self, model, step):
        ...         nn.utils.clip_grad_norm_(model.parameters(), max_norm=1.0)
        >>> x = torch.randn(64, 2)
        >>> train = torch.utils.data.TensorDataset(x, (x[:, 0] > x[:, 1]).long())
        >>> model = nn.Linear(2, 2)
        >>> optimizer = torch.optim.SGD(model.parameters(), lr=0.5)
        >>> schedule = torch.optim.lr_scheduler.LambdaLR(optimizer, lambda step: 1 - step / 80)  # 20 epochs of 4 steps
        >>> history = fit(model, train, epochs=20, batch_size=16, optimizer=optimizer, schedule=schedule,
        ...               callbacks=[Clip()], device="cpu", progress=False)
        >>> history.train_accuracy[-1] > 0.9, schedule.get_last_lr()
        (True, [0.0])

    Reference:
        Micikevicius and others, *Mixed Precision Training*, 2018, for ``precision`` and the scaling of the
        loss that keeps small float16 gradients from vanishing.
    """
    _check(model, epochs, optimizer, schedule, precision)
    device = torch.device(device) if device is not None else pick_device()
    model.to(device)
    run = _Run(model, optimizer, loss, penalty, schedule, callbacks, precision, device)
    history = History()
    bar = tqdm(range(1, epochs + 1), unit="epoch", disable=not progress)
    for epoch in bar:
        _announce(epoch, train)
        model.train()
        mean = Mean()
        for x, y in batches(train, batch_size, device, shuffle=True, generator=generator):
            mean.add(*run.step(x, y), y)
        _record(history, mean, model, validation, loss, device)
        bar.set_postfix({name: f"{value:.3f}" for name, value in history.latest().items()})
        if any([callback.on_epoch(model, epoch, history) for callback in callbacks]):  # a list: each must hear of it
            break
    for callback in callbacks:
        callback.on_end(model)
    return history


@dataclass
class _Run:
    """What the steps of one run share."""

    model: nn.Module
    optimizer: Optimizer
    loss: Loss
    penalty: Penalty | None
    schedule: LRScheduler | None
    callbacks: Sequence[Callback]
    precision: torch.dtype | None
    device: torch.device
    steps: int = 0

    def __post_init__(self) -> None:
        # Gradients too small for float16 would be zero, so the loss is scaled up, and the gradients down again.
        self.scaler = GradScaler(self.device.type, enabled=self.precision == torch.float16)

    def step(self, x: Tensor, y: Tensor) -> tuple[Tensor, Tensor]:
        """One step on one batch; returns its loss, without the penalty, and its outputs."""
        self.steps += 1
        with self.cast():
            outputs = self.model(x)
            value = self.loss(outputs, y)
        self.optimizer.zero_grad()
        self.scaler.scale(value if self.penalty is None else value + self.penalty(self.model)).backward()
        self.scaler.unscale_(self.optimizer)
        for callback in self.callbacks:
            callback.on_backward(self.model, self.steps)
        scale = self.scaler.get_scale()
        self.scaler.step(self.optimizer)  # left out where a scaled gradient is not finite; then the scale falls
        self.scaler.update()
        if self.schedule is not None and self.scaler.get_scale() >= scale:
            self.schedule.step()
        for callback in self.callbacks:
            callback.on_step(self.model, self.steps)
        return value.detach(), outputs.detach()

    def cast(self) -> AbstractContextManager[Any]:
        """Mixed precision, where it is wanted."""
        return nullcontext() if self.precision is None else torch.autocast(self.device.type, self.precision)


def _check(
    model: nn.Module, epochs: int, optimizer: Optimizer, schedule: LRScheduler | None, precision: torch.dtype | None
) -> None:
    check_at_least("epochs", epochs, 1)
    if precision not in (None, torch.bfloat16, torch.float16):
        raise ValueError(f"precision must be torch.bfloat16, torch.float16 or None, got {precision}")
    check_optimizer(optimizer, model)
    if schedule is not None and not isinstance(schedule, LRScheduler):
        raise ValueError(f"schedule must be an LRScheduler, as LambdaLR makes of a function, got {schedule!r}")
    if schedule is not None and schedule.optimizer.param_groups is not optimizer.param_groups:
        raise ValueError("schedule must be one of this optimizer, got one of another")


def _announce(epoch: int, train: Dataset[Any] | DataLoader[Any]) -> None:
    """Tells a loader's sampler the epoch, from which samplers of several processes draw the same order."""
    if isinstance(train, DataLoader):
        samplers: set[Any] = {train.sampler, train.batch_sampler, getattr(train.batch_sampler, "sampler", None)}
        for sampler in samplers:
            if hasattr(sampler, "set_epoch"):
                sampler.set_epoch(epoch)


def _record(
    history: History,
    mean: Mean,
    model: nn.Module,
    validation: Dataset[Any] | DataLoader[Any] | None,
    loss: Loss,
    device: torch.device,
) -> None:
    train_loss, train_accuracy = mean.values()
    history.train_loss.append(train_loss)
    history.train_accuracy.append(train_accuracy)
    if validation is not None:
        validation_loss, validation_accuracy = evaluate(model, validation, loss=loss, device=device)
        history.validation_loss.append(validation_loss)
        history.validation_accuracy.append(validation_accuracy)
