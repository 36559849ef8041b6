"""The learning-rate range test: one short run with a rate that grows at every step."""

from __future__ import annotations

import copy
import math
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
from torch import Generator, Tensor, nn
from torch.nn import functional as F
from torch.optim import Optimizer
from torch.utils.data import DataLoader, Dataset

from .._arguments import check_at_least, check_optimizer
from ..training import Loss, batches
from .curves import MOVED
from .explosions import _exploded

NEIGHBOURS = 5  # on either side, in the mean that smooths the losses


@dataclass(frozen=True)
class RangeTest:
    """What :func:`range_test` measured: a loss a learning rate.

    Draw it with ``plots.curves({"loss": (result.lrs, result.losses)}, xscale="log")``.

    Args:
        lrs: The learning rates, growing.
        losses: The loss of the batch at each of them, before the step.

    Example:
        >>> RangeTest([0.01, 0.1, 1.0], [2.0, 1.0, 3.0]).smoothed
        [2.0, 2.0, 2.0]
    """

    lrs: list[float]
    losses: list[float]

    @property
    def smoothed(self) -> list[float]:
        """Each loss's mean with its neighbours, up to five on either side; it does not lag as a running mean would."""
        windows = (self.losses[max(0, i - NEIGHBOURS) : i + NEIGHBOURS + 1] for i in range(len(self.losses)))
        return [sum(window) / len(window) for window in windows]

    @property
    def lowest(self) -> float:
        """The rate at which the smoothed loss is lowest; beyond it, training is unstable."""
        return self.lrs[int(np.argmin(self.smoothed))]

    @property
    def suggestion(self) -> float:
        """A rate to train with, a third of the lowest; a ValueError where no smoothed loss is 10% below the first."""
        first, least = self.smoothed[0], min(self.smoothed)
        if not first - least >= MOVED * abs(first):
            raise ValueError(
                f"losses must fall by {MOVED:.0%} for a suggestion, got {first:.3g} at first and {least:.3g} at the "
                "lowest: look at them, and at the initialisation and the data"
            )
        return self.lowest / 3


def range_test(
    model: nn.Module,
    optimizer: Optimizer,
    train: Dataset[Any] | DataLoader[Any],
    *,
    low: float = 1e-6,
    high: float = 10.0,
    steps: int = 100,
    loss: Loss = F.cross_entropy,
    batch_size: int = 64,
    generator: Generator | None = None,
) -> RangeTest:
    r"""Trains for some steps with a growing learning rate, to see which rates the loss falls with.

    Of the ``steps`` :math:`T`, step :math:`t = 0, \dots, T-1` uses, with the bounds ``low`` and ``high``,

    .. math:: \eta_t = \texttt{low}\cdot\left(\frac{\texttt{high}}{\texttt{low}}\right)^{t/(T-1)}.

    It ends before a loss that exceeds three times the first, or is not a number. Model and optimizer are put back
    as they were: parameters, buffers, gradients, modes, the optimizer's state and settings.

    Args:
        model: The model, on the device where it will be trained.
        optimizer: One that holds the model's parameters; all its groups get the same rate.
        train: A data set or a loader, gone through as often as the steps need.
        low: The first rate, so small that nothing happens.
        high: The last rate, so large that training explodes.
        steps: How many steps.
        loss: ``loss(outputs, targets)``, a scalar.
        batch_size: Examples a step, where ``train`` is a data set.
        generator: Where the shuffles are drawn from.

    Returns:
        The losses by learning rate.

    Raises:
        ValueError: If ``steps`` is less than 2, not 0 < ``low`` < ``high``, ``optimizer`` needs a closure or holds
            none of the model's parameters, ``train`` is a tuple of tensors, the first loss is not finite, or there is
            no example.

    Example:
        >>> from trainwell import data
        >>> model = nn.Sequential(nn.Flatten(), nn.Linear(64, 10))
        >>> optimizer = torch.optim.SGD(model.parameters(), lr=0.1)
        >>> result = range_test(model, optimizer, data.digits().train, generator=torch.Generator().manual_seed(0))
        >>> 0.01 < result.suggestion < result.lowest
        True

    Reference:
        Smith, *Cyclical Learning Rates for Training Neural Networks*, 2017 (on arXiv in 2015).

    Note:
        The paper grows the rate linearly and looks at the accuracy; geometric steps are what practice made of it.
        The third in ``result.suggestion`` is the paper's rule of thumb for the lower bound of a cyclical rate.
    """
    check_optimizer(optimizer, model)
    check_at_least("steps", steps, 2)
    if not 0 < low < high:
        raise ValueError(f"low and high must be positive and in this order, got low={low} and high={high}")
    lrs, losses = [float(lr) for lr in np.geomspace(low, high, steps)], []
    data = _endless(train, batch_size, next(model.parameters()).device, generator)
    with _unchanged(model, optimizer):
        model.train()
        for lr, (x, y) in zip(lrs, data, strict=False):
            value = loss(model(x), y)
            losses.append(value.item())
            if not math.isfinite(losses[0]):
                raise ValueError(f"loss must be finite at the start, got {losses[0]}")
            if _exploded(losses[:1] + losses[-1:]):
                losses.pop()
                break
            _step(value, optimizer, lr)
    return RangeTest(lrs[: len(losses)], losses)


def _step(value: Tensor, optimizer: Optimizer, lr: float) -> None:
    for group in optimizer.param_groups:
        group["lr"] = lr
    optimizer.zero_grad()
    value.backward()
    optimizer.step()


def _endless(
    train: Dataset[Any] | DataLoader[Any], batch_size: int, device: torch.device, generator: Generator | None
) -> Iterator[tuple[Tensor, Tensor]]:
    while True:
        batch = None
        for batch in batches(train, batch_size, device, shuffle=True, generator=generator):
            yield batch
        if batch is None:
            raise ValueError("train must hold at least one example, got none")


@contextmanager
def _unchanged(model: nn.Module, optimizer: Optimizer) -> Iterator[None]:
    """Puts a model and its optimizer back as they were when the block ends."""
    tensors = [*model.parameters(), *model.buffers()]
    values, gradients = [t.detach().clone() for t in tensors], [t.grad for t in tensors]
    modes = {module: module.training for module in model.modules()}
    state = copy.deepcopy(optimizer.state_dict())
    for t in tensors:
        t.grad = None  # or backward would add to the gradients that are kept
    try:
        yield
    finally:
        for t, value, gradient in zip(tensors, values, gradients, strict=True):
            t.detach().copy_(value)
            t.grad = gradient
        for module, mode in modes.items():
            module.training = mode
        optimizer.load_state_dict(state)
