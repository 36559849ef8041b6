"""A line search for the strong Wolfe conditions, step by step as torch's and minFunc's."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from torch import Tensor

ENOUGH, FLAT = 1e-4, 0.9  # c1 and c2: the loss must fall enough, and the slope must flatten


@dataclass(frozen=True)
class Point:
    """Where a step of length ``t`` leads: the loss, the gradient, and its component along the direction."""

    t: float
    loss: float
    gradient: Tensor
    slope: float


Along = Callable[[float], Point]


def strong_wolfe(along: Along, start: Point, t: float, *, least: float, trials: int) -> Point:
    """A point with a loss lower by enough and a slope flat enough, or the best found.

    ``along(t)`` evaluates a step of length ``t``, the first and up to ``trials`` more; a bracket narrower than
    ``least`` ends the search.
    """
    low, high, done, used = _bracket(along, start, t, trials)
    return low if done else _zoom(along, start, low, high, trials - used, least)


def _bracket(along: Along, start: Point, t: float, trials: int) -> tuple[Point, Point, bool, int]:
    """Goes outward until a good point is enclosed, or found."""
    before, now = start, along(t)
    for used in range(trials):
        if not _falls(start, now) or (used > 1 and now.loss >= before.loss):
            return before, now, False, used
        if abs(now.slope) <= -FLAT * start.slope:
            return now, now, True, used
        if now.slope >= 0:
            return before, now, False, used
        t = cubic_minimum(before, now, now.t + 0.01 * (now.t - before.t), 10 * now.t)
        before, now = now, along(t)
    return start, now, False, trials


def _zoom(along: Along, start: Point, low: Point, high: Point, trials: int, least: float) -> Point:
    """Narrows the bracket until a good point is found; ``low`` is its end with the lower loss."""
    if high.loss < low.loss:
        low, high = high, low
    slow = False
    for _ in range(trials):
        if abs(high.t - low.t) < least:
            break
        t, slow = _between(low, high, slow)
        now = along(t)
        if not _falls(start, now) or now.loss >= low.loss:
            low, high = (now, low) if now.loss < low.loss else (low, now)
            continue
        if abs(now.slope) <= -FLAT * start.slope:
            return now
        if now.slope * (high.t - low.t) >= 0:
            high = low
        low = now
    return low


def _falls(start: Point, now: Point) -> bool:
    return now.loss <= start.loss + ENOUGH * now.t * start.slope


def _between(low: Point, high: Point, slow: bool) -> tuple[float, bool]:
    """The cubic's minimum; at a tenth from an end when it lies close to one twice in a row, or on one."""
    left, right = sorted((low.t, high.t))
    t = cubic_minimum(low, high, left, right)
    margin = 0.1 * (right - left)
    if min(right - t, t - left) >= margin:
        return t, False
    if slow or t >= right or t <= left:
        return (right - margin if right - t < t - left else left + margin), False
    return t, True


def cubic_minimum(a: Point, b: Point, least: float, most: float) -> float:
    """Where the cubic through two points and their slopes is lowest, between two bounds."""
    if a.t > b.t:
        a, b = b, a
    d1 = a.slope + b.slope - 3 * (a.loss - b.loss) / (a.t - b.t)
    square = d1**2 - a.slope * b.slope
    if square < 0:
        return (least + most) / 2
    d2 = square**0.5
    t = b.t - (b.t - a.t) * (b.slope + d2 - d1) / (b.slope - a.slope + 2 * d2)
    return min(max(t, least), most)
