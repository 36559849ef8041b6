"""A model as it stands: its loss, its accuracy, its outputs."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

import torch
from torch import Tensor, nn
from torch.nn import functional as F
from torch.utils.data import DataLoader, Dataset

from ..scores import accuracy
from .loading import batches


def evaluate(
    model: nn.Module,
    dataset: Dataset[Any] | DataLoader[Any],
    *,
    loss: Callable[[Tensor, Tensor], Tensor] = F.cross_entropy,
    batch_size: int = 512,
    device: torch.device | str | None = None,
) -> tuple[float, float]:
    """The mean loss and the accuracy of a model in evaluation mode; its mode is put back afterwards.

    Args:
        model: A network of outputs (n, classes), or of one logit an example, above zero for class 1.
        dataset: A data set of inputs and targets, or a loader.
        loss: ``loss(outputs, targets)``, a scalar, the mean over the batch.
        batch_size: Examples at a time, where there is no loader.
        device: Where to evaluate; the model's, when it is not given.

    Returns:
        The loss, and the accuracy as :func:`trainwell.scores.accuracy` has it: NaN where the targets are no
        classes, as in regression.

    Raises:
        ValueError: If the data set is empty, or a tuple of tensors.
    """
    device = device if device is not None else next(model.parameters()).device
    mean = Mean()
    with evaluating(model):
        for x, y in batches(dataset, batch_size, device):
            outputs = model(x)
            mean.add(loss(outputs, y), outputs, y)
    return mean.values()


def predict(model: nn.Module, x: Tensor | Dataset[Any] | DataLoader[Any], *, batch_size: int = 512) -> Tensor:
    """The model's outputs for inputs, or for a data set's or a loader's, in evaluation mode, on the CPU."""
    device = next(model.parameters()).device
    parts = x.split(batch_size) if isinstance(x, Tensor) else (part for part, _ in batches(x, batch_size, device))
    with evaluating(model):
        return torch.cat([model(part.to(device)).cpu() for part in parts])


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


class Mean:
    """Means of loss and accuracy over batches, each weighted by its size."""

    def __init__(self) -> None:
        self.count, self.loss, self.accuracy = 0, 0.0, 0.0

    def add(self, loss: Tensor, outputs: Tensor, targets: Tensor) -> None:
        """Takes in a batch; where its targets are no classes of these outputs, there is no accuracy any more."""
        n = len(targets)
        self.count += n
        self.loss += n * loss.item()
        if not math.isnan(self.accuracy):
            self.accuracy += n * _share_right(outputs, targets)

    def values(self) -> tuple[float, float]:
        """The mean loss and the mean accuracy."""
        if self.count == 0:
            raise ValueError("the data set is empty: there is nothing to train on or to evaluate")
        return self.loss / self.count, self.accuracy / self.count


def _share_right(outputs: Tensor, targets: Tensor) -> float:
    """The accuracy, or NaN where there is none: the targets are real numbers, or no classes of these outputs."""
    try:
        return accuracy(outputs, targets)
    except ValueError:
        return math.nan
