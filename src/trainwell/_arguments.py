"""Checks of arguments: each error names the argument, what was expected and what came."""

from __future__ import annotations

from collections.abc import Iterable

from torch import Tensor


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


def check_same_shape(**tensors: Tensor) -> None:
    """Raises ValueError unless the tensors have one shape: broadcasting (n, 1) with (n) compares all with all."""
    shapes = [tuple(tensor.shape) for tensor in tensors.values()]
    if len(set(shapes)) > 1:
        raise ValueError(f"{' and '.join(tensors)} must have one shape, got {' and '.join(map(str, shapes))}")
