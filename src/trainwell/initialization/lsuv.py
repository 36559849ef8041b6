"""Layer-sequential unit variance: measure what each layer gives, and divide its weights by it."""

from __future__ import annotations

from typing import Any

import torch
from torch import Generator, Tensor, nn

from .._arguments import check_at_least
from ..training import evaluating
from .models import _weighted_layers, initialise_
from .orthogonal import orthogonal_


def lsuv_(
    model: nn.Module, x: Tensor, *, tolerance: float = 0.1, max_steps: int = 10, generator: Generator | None = None
) -> dict[str, float]:
    r"""Initialises a model by data: orthogonal weights, then every layer's output to a variance of one.

    Layer after layer, in the order in which the data meets them, with :math:`B` the layer's outputs for the
    batch ``x`` (before the activation function), it repeats

    .. math:: W \leftarrow \frac{W}{\sqrt{\operatorname{var}(B)}}
              \quad\text{until}\quad |\operatorname{var}(B) - 1| < \texttt{tolerance},

    at most ``max_steps`` times. So it needs no theory of the activation function, but it does depend on it and
    on how the inputs are normalised.

    Args:
        model: The model, changed in place; its linear and convolutional layers are initialised, biases to zero.
        x: A batch of inputs as the model will see them, on the model's device.
        tolerance: How far from one a variance may be.
        max_steps: How often a layer's weights are divided at most.
        generator: Where the orthogonal matrices are drawn from.

    Returns:
        The variance that each layer's outputs ended with, by name, in the order of the data.

    Raises:
        ValueError: If ``tolerance`` is not positive, ``max_steps`` is less than 1, or a layer's outputs have the
            variance 0 or one that is not finite.

    Example:
        >>> model = nn.Sequential(nn.Linear(20, 50), nn.Tanh(), nn.Linear(50, 10))
        >>> g = torch.Generator().manual_seed(0)
        >>> variances = lsuv_(model, 7 * torch.randn(100, 20, generator=g), generator=g)
        >>> {name: round(v, 3) for name, v in variances.items()}
        {'0': 1.0, '2': 1.0}

    Reference:
        Mishkin and Matas, *All You Need Is a Good Init*, 2016 (on arXiv in 2015), algorithm 1.

    Note:
        Layers run in evaluation mode while it measures, so that dropout is off and running statistics stay; the
        mode is put back. A layer that is called several times in a pass is measured at the last of them.
    """
    if not tolerance > 0:
        raise ValueError(f"tolerance must be positive, got {tolerance}")
    check_at_least("max_steps", max_steps, 1)
    initialise_(model, orthogonal_, generator=generator)
    return {name: _to_unit_variance(model, x, name, tolerance, max_steps) for name in _order(model, x)}


def _order(model: nn.Module, x: Tensor) -> list[str]:
    """The names of the layers with weights, in the order in which a batch meets them; each once."""
    names: dict[str, None] = {}
    hooks = [
        layer.register_forward_hook(lambda *_, name=name: names.setdefault(name))
        for name, layer in _weighted_layers(model)
    ]
    _run(model, x, hooks)
    return list(names)


def _to_unit_variance(model: nn.Module, x: Tensor, name: str, tolerance: float, max_steps: int) -> float:
    layer = model.get_submodule(name)
    variance = _variance(model, x, layer)
    for _ in range(max_steps):
        if abs(variance - 1) < tolerance:
            break
        if not 0 < variance < float("inf"):
            raise ValueError(f"x must give layer {name!r} finite outputs that vary, got the variance {variance}")
        with torch.no_grad():
            layer.weight /= variance**0.5
        variance = _variance(model, x, layer)
    return variance


def _variance(model: nn.Module, x: Tensor, layer: nn.Module) -> float:
    """The variance of all outputs of one layer, over the batch and the units."""
    seen: list[Tensor] = []  # measured in the hook: an activation in place may overwrite the outputs after it
    _run(model, x, [layer.register_forward_hook(lambda *call: seen.append(call[-1].var(correction=0)))])
    return seen[-1].item()


def _run(model: nn.Module, x: Tensor, hooks: list[Any]) -> None:
    """One pass in evaluation mode, in the weights' own precision, with hooks that are removed after it."""
    try:
        with evaluating(model), torch.autocast(x.device.type, enabled=False):
            model(x)
    finally:
        for hook in hooks:
            hook.remove()
