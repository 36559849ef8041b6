"""Choices, sizes, ranges to draw from, and rectangles drawn by their share of the area and by their shape."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from math import exp, log
from typing import Any

from .._arguments import check_at_least, check_not_negative, check_one_of
from ._base import Transform

READINGS = ("nearest", "bilinear")  # how to read an image between its pixels


def choice_of(name: str, value: Any, choices: Iterable[str]) -> str:
    """One of the choices, given as itself or as a member of torchvision's enumeration of them."""
    chosen = getattr(value, "value", value)
    check_one_of(name, chosen, choices)
    return chosen


def range_of(name: str, values: float | Sequence[float], sizes: tuple[int, ...] = (2,)) -> tuple[float, ...]:
    """A range, or two in a row; one number d stands for (-d, d)."""
    if isinstance(values, int | float):
        check_not_negative(name, values)
        return -values, values
    if len(values) not in sizes or any(low > high for low, high in zip(values[::2], values[1::2], strict=True)):
        raise ValueError(f"{name} must be one number or the least and the largest of a range, got {values}")
    return tuple(values)


def height_and_width(size: int | Sequence[int]) -> list[int]:
    """One number stands for a square."""
    sides = [size, size] if isinstance(size, int) else list(size)
    if len(sides) != 2:
        raise ValueError(f"size must be one number or two, got {size}")
    for side in sides:
        check_at_least("size", side, 1)
    return sides


def check_region(scale: Sequence[float], ratio: Sequence[float]) -> None:
    """Raises ValueError unless ``scale`` is a range of shares and ``ratio`` one of positive numbers."""
    if not 0 <= scale[0] <= scale[1] <= 1:
        raise ValueError(f"scale must be a range of shares between 0 and 1, got {scale}")
    if not 0 < ratio[0] <= ratio[1]:
        raise ValueError(f"ratio must be a range of positive numbers, got {ratio}")


def draw_region(transform: Transform, area: int, scale: Sequence[float], ratio: Sequence[float]) -> tuple[float, float]:
    """An area uniform in ``scale``, and a ratio of the sides whose logarithm is uniform: 1/2 as likely as 2."""
    return area * transform.uniform(*scale), exp(transform.uniform(log(ratio[0]), log(ratio[1])))
