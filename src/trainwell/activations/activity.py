"""What the activations of a running network do: which units are dead, how much is saturated."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor, nn

from .._arguments import check_not_negative
from .._shapes import Bool, Float
from . import modules as ours

ELEMENTWISE = (
    *(nn.Sigmoid, nn.LogSigmoid, nn.Hardsigmoid, nn.Tanh, nn.Hardtanh, nn.Tanhshrink, nn.Softsign, nn.Softplus),
    *(nn.ReLU, nn.ReLU6, nn.LeakyReLU, nn.PReLU, nn.ELU, nn.CELU, nn.SELU, nn.GELU, nn.SiLU, nn.Mish),
    *(nn.Hardswish, nn.Hardshrink, nn.Softshrink, nn.Threshold),
    *(ours.Step, ours.Sigmoid, ours.Tanh, ours.Arctan, ours.ReLU, ours.LeakyReLU, ours.PReLU, ours.ELU),
    *(ours.Softplus, ours.GELU),
)


def saturated(derivative: Float[Tensor, "*shape"], tolerance: float = 0.01) -> Bool[Tensor, "*shape"]:
    r"""Where an activation is flat, so that hardly any gradient passes.

    With :math:`f'` = ``derivative`` and :math:`\tau` = ``tolerance``, where

    .. math:: |f'(x)| \le \tau.

    Args:
        derivative: Derivatives of an activation.
        tolerance: Up to which slope it counts as flat.

    Returns:
        A truth value for each.

    Raises:
        ValueError: If ``tolerance`` is negative.

    Example:
        >>> from trainwell.activations import sigmoid_derivative
        >>> saturated(sigmoid_derivative(torch.tensor([-5.0, 0.0, 5.0])))
        tensor([ True, False,  True])

    Reference:
        Glorot and Bengio, *Understanding the Difficulty of Training Deep Feedforward Neural Networks*, 2010.
    """
    check_not_negative("tolerance", tolerance)
    return derivative.abs() <= tolerance


@dataclass
class Activity:
    """What :func:`watch_activations` has seen of one layer so far.

    Attributes:
        alive: For each unit whether its derivative was not zero for some example.
        flat: How many derivatives were within the tolerance of zero.
        count: How many derivatives there were.

    Example:
        >>> activity = Activity(alive=torch.tensor([True, False]), flat=4, count=6)
        >>> activity.dead, round(activity.saturated, 2)
        (0.5, 0.67)
    """

    alive: Bool[Tensor, " units"]
    flat: int = 0
    count: int = 0

    @property
    def dead(self) -> float:
        """The share of units through which no example has passed a gradient."""
        return 1 - self.alive.double().mean().item()

    @property
    def saturated(self) -> float:
        """The share of examples and units at which the activation was flat."""
        return self.flat / self.count


@contextmanager
def watch_activations(model: nn.Module, *, tolerance: float = 0.01) -> Iterator[dict[str, Activity]]:
    r"""Watches the activations of a network while it runs, and leaves it as it was.

    With :math:`f'_{iu}` the derivative of a layer's activation for example :math:`i` of :math:`n` and unit
    :math:`u` of :math:`m`, and :math:`\tau` = ``tolerance``, what is counted are the shares of

    .. math::

        \text{dead units: } \frac1m \sum_u [f'_{iu} = 0 \text{ for all } i], \qquad
        \text{saturated ones: } \frac1{nm} \sum_{i,u} \bigl[|f'_{iu}| \le \tau\bigr].

    A unit is an entry of the second dimension: a feature or, wherever in the image, a channel.

    Args:
        model: A network whose activations are layers: torch's and those of ``trainwell.activations``, as far as they
            work entry by entry.
        tolerance: Up to which slope an activation counts as saturated.

    Returns:
        A context, in which the model is run as often as wanted, with what was seen by the name of the layer. A
        layer that a pass goes through again is counted apart, as ``"relu (2)"``.

    Raises:
        ValueError: If ``tolerance`` is negative.

    Example:
        >>> model = nn.Sequential(nn.Linear(1, 2), nn.ReLU())
        >>> _ = model[0].bias.data.copy_(torch.tensor([9.0, -9.0]))
        >>> with watch_activations(model) as layers:
        ...     _ = model(torch.linspace(-1, 1, 20)[:, None])
        >>> layers["1"].dead
        0.5

    Reference:
        Glorot and Bengio, *Understanding the Difficulty of Training Deep Feedforward Neural Networks*, 2010;
        Maas, Hannun and Ng, *Rectifier Nonlinearities Improve Neural Network Acoustic Models*, 2013, for dead units.

    Note:
        Functions such as :func:`torch.relu` in a network's ``forward`` go unseen, as only layers can be watched, and so
        do layers that mix entries (softmax, GLU, attention, :class:`Maxout`), draw (:class:`torch.nn.RReLU`) or do
        nothing (:class:`Identity`).
    """
    check_not_negative("tolerance", tolerance)
    layers: dict[str, Activity] = {}
    calls: Counter[str] = Counter()
    handles = [model.register_forward_pre_hook(lambda *_: calls.clear())]  # a new pass
    for name, module in model.named_modules():
        if isinstance(module, ELEMENTWISE):
            handles.append(module.register_forward_pre_hook(_watch(name, layers, calls, tolerance)))
    try:
        yield layers
    finally:
        for handle in handles:
            handle.remove()


def _watch(
    name: str, layers: dict[str, Activity], calls: Counter[str], tolerance: float
) -> Callable[[nn.Module, tuple[Any, ...]], None]:
    """A hook that takes in the derivatives at what goes into a layer."""

    def hook(module: nn.Module, inputs: tuple[Any, ...]) -> None:
        calls[name] += 1
        label = name if calls[name] == 1 else f"{name} ({calls[name]})"
        slope = _slope(module, inputs[0])
        passes = (slope != 0).movedim(min(1, slope.dim() - 1), 0)
        alive = passes.reshape(len(passes), -1).any(1)
        seen = layers.setdefault(label, Activity(torch.zeros_like(alive)))
        seen.alive |= alive
        seen.flat += int(saturated(slope, tolerance).sum())
        seen.count += slope.numel()

    return hook


def _slope(module: nn.Module, x: Tensor) -> Tensor:
    """The derivative of an elementwise layer, by autograd, which knows those of torch, too."""
    with torch.inference_mode(False), torch.enable_grad():
        x = x.detach().clone().requires_grad_()
        y = module.forward(x.clone())  # again a copy: the layer may work in place
        return torch.autograd.grad(y.sum(), x)[0] if y.requires_grad else torch.zeros_like(x)
