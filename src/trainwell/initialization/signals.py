"""How large the signal is in each layer, forward and backward: what an initialisation should keep."""

from __future__ import annotations

import copy
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from ..training import Loss


@dataclass
class Signal:
    """What :func:`signal_statistics` measures of one layer.

    Args:
        name: The layer's name in the model.
        mean: The mean of its outputs.
        std: Their standard deviation.
        grad_mean: The mean of the loss's gradient with respect to the outputs; NaN where there is none.
        grad_std: Its standard deviation.

    Example:
        >>> Signal("0", mean=0.0, std=1.0, grad_mean=0.0, grad_std=0.1).std
        1.0

    Reference:
        Glorot and Bengio, *Understanding the Difficulty of Training Deep Feedforward Neural Networks*, 2010,
        figures 6 and 7.
    """

    name: str
    mean: float
    std: float
    grad_mean: float = float("nan")
    grad_std: float = float("nan")


def signal_statistics(model: nn.Module, x: Tensor, y: Tensor, *, loss: Loss = F.cross_entropy) -> list[Signal]:
    """The size of the signal and of its gradient behind each layer, for one batch.

    Hooks on every module without submodules measure its output on the way forward and the gradient of the loss
    with respect to that output on the way back. Draw ``std`` and ``grad_std`` over the layers on a logarithmic
    axis: a straight line up or down is a signal that explodes or vanishes.

    Args:
        model: The model, in the mode that you want it measured in. It is left as it is: a copy does the work.
        x: A batch of inputs, on the model's device.
        y: Its targets.
        loss: ``loss(outputs, y)``, a scalar.

    Returns:
        One :class:`Signal` a call of a layer, in the order of the calls.

    Example:
        >>> g = torch.Generator().manual_seed(0)
        >>> model = nn.Sequential(nn.Linear(100, 100), nn.ReLU(), nn.Linear(100, 10))
        >>> x, y = torch.randn(64, 100, generator=g), torch.randint(10, (64,), generator=g)
        >>> [signal.name for signal in signal_statistics(model, x, y)]
        ['0', '1', '2']

    Reference:
        Glorot and Bengio, *Understanding the Difficulty of Training Deep Feedforward Neural Networks*, 2010,
        figures 6 and 7.

    Note:
        Standard deviations are over all entries of a batch, divided by their number, not by one less.
    """
    model, signals = copy.deepcopy(model), []

    def on_forward(name: str, output: Tensor) -> None:
        signal = Signal(name, *_moments(output))
        signals.append(signal)
        if output.requires_grad:
            output.register_hook(lambda gradient: _add_gradient(signal, gradient))

    _listen(model, on_forward)
    with torch.enable_grad():
        loss(model(x), y).backward()
    return signals


def _listen(model: nn.Module, on_forward: Callable[[str, Tensor], None]) -> None:
    def hook(name: str) -> Callable[..., None]:
        def seen(module: nn.Module, inputs: Any, output: Any) -> None:
            if isinstance(output, Tensor):
                on_forward(name, output)

        return seen

    for name, module in model.named_modules():
        if not any(module.children()):
            module.register_forward_hook(hook(name))


def _add_gradient(signal: Signal, gradient: Tensor) -> None:
    signal.grad_mean, signal.grad_std = _moments(gradient)


def _moments(values: Tensor) -> tuple[float, float]:
    return values.mean().item(), values.std(correction=0).item()
