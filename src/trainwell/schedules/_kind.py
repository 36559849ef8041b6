"""What a schedule is."""

from __future__ import annotations

from collections.abc import Callable

Schedule = Callable[[int], float]  # from a step, counted from 0, to the factor of the learning rate
