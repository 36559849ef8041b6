"""Checks of arguments: each error names the argument, what was expected and what came."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from inspect import signature

import torch
from torch import Tensor, nn
from torch.optim import Optimizer


def check_probability(name: str, value: float) -> None:
    """Raises ValueError unless ``value`` lies in [0, 1]."""
    if not 0 <= value <= 1:
        raise ValueError(f"{name} must be between 0 and 1, got {value}")


def check_not_negative(name: str, value: float) -> None:
    """Raises ValueError unless ``value`` is zero or more."""
    if not value >= 0:
        raise ValueError(f"{name} must not be negative, got {value}")


def check_at_least(name: str, value: float, least: float) -> None:
    """Raises ValueError unless ``value`` is ``least`` or more."""
    if not value >= least:
        raise ValueError(f"{name} must be at least {least}, got {value}")


def check_one_of(name: str, value: str, choices: Iterable[str]) -> None:
    """Raises ValueError unless ``value`` is one of ``choices``."""
    if value not in choices:
        raise ValueError(f"{name} must be one of {', '.join(map(repr, choices))}, got {value!r}")


def check_floating(name: str, tensor: Tensor) -> None:
    """Raises ValueError unless ``tensor`` is of a floating point dtype: results in integers would be cut off."""
    if not tensor.is_floating_point():
        raise ValueError(f"{name} must be of a floating point dtype, got {tensor.dtype}")


def check_labels(labels: Tensor, num_classes: int) -> None:
    """Raises ValueError unless ``labels`` are numbers of classes. Only the CPU looks: a device would have to wait."""
    if labels.device.type != "cpu" or torch.compiler.is_compiling():
        return
    if ((labels < 0) | (labels >= num_classes)).any():
        raise ValueError(f"labels must be from 0 to {num_classes - 1}, got {labels.min()} to {labels.max()}")


def check_same_shape(**tensors: Tensor) -> None:
    """Raises ValueError unless the tensors have one shape: broadcasting (n, 1) with (n) compares all with all."""
    shapes = [tuple(tensor.shape) for tensor in tensors.values()]
    if len(set(shapes)) > 1:
        raise ValueError(f"{' and '.join(tensors)} must have one shape, got {' and '.join(map(str, shapes))}")


def check_dimensions(name: str, tensor: Tensor, dimensions: int) -> None:
    """Raises ValueError unless the tensor has so many dimensions."""
    if tensor.ndim != dimensions:
        raise ValueError(f"{name} must be {dimensions}-dimensional, got the shape {tuple(tensor.shape)}")


def check_same_length(**tensors: Tensor) -> None:
    """Raises ValueError unless the tensors, inputs and targets for instance, hold equally many examples."""
    lengths = [len(tensor) for tensor in tensors.values()]
    if len(set(lengths)) > 1:
        raise ValueError(f"{' and '.join(tensors)} must have one length, got {' and '.join(map(str, lengths))}")


def check_optimizer(optimizer: Optimizer, model: nn.Module) -> None:
    """Raises ValueError unless ``optimizer`` is one that holds parameters of the model and steps without a closure."""
    if not isinstance(optimizer, Optimizer):
        raise ValueError(f"optimizer must be made already, such as SGD(model.parameters(), lr=0.1), got {optimizer!r}")
    held = {id(p) for group in optimizer.param_groups for p in group["params"]}
    if not any(id(p) in held for p in model.parameters()):
        raise ValueError("optimizer must hold parameters of the model, got one that holds none of them")
    closure = signature(optimizer.step).parameters.get("closure")
    if closure is not None and closure.default is closure.empty:
        name = type(optimizer).__name__
        raise ValueError(f"optimizer must do without a closure, got {name}: step it in a loop of your own")


def check_shape(name: str, tensor: Tensor, shape: Sequence[int]) -> None:
    """Raises ValueError unless ``tensor`` has this shape: one that is too short would be broadcast."""
    if tuple(tensor.shape) != tuple(shape):
        raise ValueError(f"{name} must have the shape {tuple(shape)}, got {tuple(tensor.shape)}")


def check_values(name: str, tensor: Tensor, allowed: Sequence[int]) -> None:
    """Raises ValueError unless each entry is one of ``allowed``; where there is nothing to look at yet, it does not."""
    if torch.compiler.is_compiling() or tensor.is_meta:
        return
    others = tensor[~torch.stack([tensor == value for value in allowed]).any(0)]
    if len(others):
        raise ValueError(f"{name} must be {' or '.join(map(str, allowed))}, got {others[0].item():g}")
