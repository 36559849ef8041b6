"""The training loop: one epoch after another, a history, callbacks, a progress bar."""

from __future__ import annotations

import random
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import torch
from torch import Generator, Tensor, nn
from torch.nn import functional as F
from torch.optim import Optimizer
from torch.optim.lr_scheduler import LRScheduler
from torch.utils.data import DataLoader, Dataset, TensorDataset
from tqdm.auto import tqdm

from .scores import accuracy

Loss = Callable[[Tensor, Tensor], Tensor]
Batches = Iterator[tuple[Tensor, Tensor]]


@dataclass
class History:
    """What a training run measured, one number an epoch.

    The training figures are running means over the epoch, taken while the model learns and in training
    mode; the validation figures are taken after it, in evaluation mode, and are empty without a
    validation set.
    """

    train_loss: list[float] = field(default_factory=list)
    train_accuracy: list[float] = field(default_factory=list)
    validation_loss: list[float] = field(default_factory=list)
    validation_accuracy: list[float] = field(default_factory=list)

    @property
    def epochs(self) -> int:
        """The number of epochs that were run."""
        return len(self.train_loss)


class Callback:
    """Something that watches a run of :func:`fit`; override what you need."""

    def on_step(self, model: nn.Module, step: int) -> None:
        """Called after each optimizer step; ``step`` counts from 1."""

    def on_epoch(self, model: nn.Module, epoch: int, history: History) -> bool | None:
        """Called after each epoch, counted from 1; a return of True ends the run."""

    def on_end(self, model: nn.Module) -> None:
        """Called once, after the last epoch."""


def fit(
    model: nn.Module,
    train: Dataset[Any] | DataLoader[Any],
    *,
    epochs: int,
    optimizer: Optimizer,
    loss: Loss = F.cross_entropy,
    validation: Dataset[Any] | None = None,
    penalty: Callable[[nn.Module], Tensor] | None = None,
    batch_size: int = 64,
    callbacks: Sequence[Callback] = (),
    schedule: LRScheduler | None = None,
    device: torch.device | str | None = None,
    generator: Generator | None = None,
    progress: bool = True,
) -> History:
    """Trains a model and says how it went.

    Args:
        model: Moved to the device and trained in place.
        train: A data set of inputs and targets, shuffled anew each epoch, or a loader, used as it is.
        epochs: How often to go through the data.
        optimizer: One that holds the model's parameters.
        loss: ``loss(outputs, targets)``, a scalar, the mean over the batch.
        validation: A data set to measure after each epoch.
        penalty: ``penalty(model)``, a scalar that is added to the loss of each batch.
        batch_size: Examples a step, where ``train`` is a data set.
        callbacks: See :class:`Callback`.
        schedule: A learning-rate schedule, stepped after every optimizer step.
        device: Where to train; :func:`pick_device` chooses when it is not given.
        generator: Where the shuffles are drawn from (on the CPU).
        progress: Whether to show a progress bar.

    Returns:
        The history of the run. Its losses leave the penalty out, so that runs compare.

    Raises:
        ValueError: If ``epochs`` is not positive, or the optimizer holds none of the model's parameters.
    """
    _check(model, epochs, optimizer)
    device = torch.device(device) if device is not None else pick_device()
    model.to(device)
    history, step = History(), 0
    bar = tqdm(range(1, epochs + 1), unit="epoch", disable=not progress)
    for epoch in bar:
        model.train()
        mean = _Mean()
        for x, y in batches(train, batch_size, device, shuffle=True, generator=generator):
            step += 1
            mean.add(len(y), *_step(model, x, y, optimizer, loss, penalty))
            if schedule is not None:
                schedule.step()
            for callback in callbacks:
                callback.on_step(model, step)
        _record(history, mean, model, validation, loss, device)
        bar.set_postfix(_latest(history))
        if any([callback.on_epoch(model, epoch, history) for callback in callbacks]):  # a list: each must hear of it
            break
    for callback in callbacks:
        callback.on_end(model)
    return history


def _check(model: nn.Module, epochs: int, optimizer: Optimizer) -> None:
    if epochs < 1:
        raise ValueError(f"epochs must be at least 1, got {epochs}")
    held = {id(p) for group in optimizer.param_groups for p in group["params"]}
    if not any(id(p) in held for p in model.parameters()):
        raise ValueError("optimizer must hold parameters of the model, got one that holds none of them")


def _step(
    model: nn.Module,
    x: Tensor,
    y: Tensor,
    optimizer: Optimizer,
    loss: Loss,
    penalty: Callable[[nn.Module], Tensor] | None,
) -> tuple[float, float]:
    """One step of training on one batch; returns its loss, without the penalty, and its accuracy."""
    outputs = model(x)
    value = loss(outputs, y)
    optimizer.zero_grad()
    (value if penalty is None else value + penalty(model)).backward()
    optimizer.step()
    return value.item(), accuracy(outputs.detach(), y)


def _record(
    history: History,
    mean: _Mean,
    model: nn.Module,
    validation: Dataset[Any] | None,
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


def _latest(history: History) -> dict[str, str]:
    """The last epoch's figures, for the progress bar."""
    return {name: f"{values[-1]:.3f}" for name, values in vars(history).items() if values}


def batches(
    data: Dataset[Any] | DataLoader[Any],
    batch_size: int,
    device: torch.device | str,
    *,
    shuffle: bool = False,
    generator: Generator | None = None,
) -> Batches:
    """Batches of inputs and targets on the device, from a data set or a loader.

    Data that is already tensors is cut by index, which is many times faster than gathering examples
    one by one; anything else goes through a :class:`~torch.utils.data.DataLoader`.
    """
    if isinstance(data, TensorDataset):
        x, y = (tensor.to(device) for tensor in data.tensors)
        order = torch.randperm(len(y), generator=generator) if shuffle else torch.arange(len(y))
        for start in range(0, len(y), batch_size):
            part = order[start : start + batch_size].to(device)
            yield x[part], y[part]
        return
    if not isinstance(data, DataLoader):
        data = DataLoader(data, batch_size, shuffle=shuffle, generator=generator)
    for x, y in data:
        yield x.to(device), y.to(device)


def evaluate(
    model: nn.Module,
    dataset: Dataset[Any] | DataLoader[Any],
    *,
    loss: Loss = F.cross_entropy,
    batch_size: int = 512,
    device: torch.device | str | None = None,
) -> tuple[float, float]:
    """The mean loss and the accuracy of a model in evaluation mode; its mode is put back afterwards."""
    device = device if device is not None else next(model.parameters()).device
    mean = _Mean()
    with evaluating(model):
        for x, y in batches(dataset, batch_size, device):
            outputs = model(x)
            mean.add(len(y), loss(outputs, y).item(), accuracy(outputs, y))
    value, share = mean.values()
    return value, share


def predict(model: nn.Module, x: Tensor, *, batch_size: int = 512) -> Tensor:
    """The model's outputs in evaluation mode, batch by batch, on the CPU."""
    device = next(model.parameters()).device
    with evaluating(model):
        return torch.cat([model(part.to(device)).cpu() for part in x.split(batch_size)])


@contextmanager
def evaluating(model: nn.Module) -> Iterator[None]:
    """Evaluation mode without gradients; each module's own mode is put back afterwards."""
    modes = {module: module.training for module in model.modules()}
    model.eval()
    try:
        with torch.no_grad():
            yield
    finally:
        for module, mode in modes.items():
            module.training = mode


class _Mean:
    """Means over batches, each weighted by its size."""

    def __init__(self) -> None:
        self.count, self.sums = 0, (0.0, 0.0)

    def add(self, n: int, loss: float, share: float) -> None:
        self.count += n
        self.sums = (self.sums[0] + n * loss, self.sums[1] + n * share)

    def values(self) -> tuple[float, float]:
        if self.count == 0:
            raise ValueError("the data set is empty: there is nothing to train on or to evaluate")
        return self.sums[0] / self.count, self.sums[1] / self.count


def pick_device() -> torch.device:
    """The fastest device at hand: an NVIDIA GPU, an Apple GPU, or the CPU."""
    if torch.cuda.is_available():
        return torch.device("cuda")
    return torch.device("mps" if torch.backends.mps.is_available() else "cpu")


def seed_everything(seed: int) -> None:
    """Seeds the global generators of Python, NumPy and torch (all devices)."""
    random.seed(seed)
    np.random.seed(seed)
    torch.manual_seed(seed)
