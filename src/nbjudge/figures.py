"""The numbers of a class report: of all marks, and of each test."""

from __future__ import annotations

import statistics
from typing import NamedTuple

from nbjudge.results import Property, Result

BANDS = 10  # of the mark; full marks have a column of their own


class Test(NamedTuple):
    """How a class did in one test: the mean of those who have a mark, how many got all, some and none of the points,
    and how many wait for a mark."""

    name: str
    points: float
    mean: float | None
    full: int
    some: int
    none: int
    open: int


def middle(marks: list[float]) -> tuple[float, float, float] | None:
    """Median and quartiles."""
    if len(marks) < 2:
        return (marks[0],) * 3 if marks else None
    low, median, high = statistics.quantiles(marks, n=4, method="inclusive")
    return low, median, high


def columns(graded: list[Result], out_of: float) -> list[tuple[str, int]]:
    """How many students have a mark in each band, by the percentage that is shown."""
    counts = [0] * (BANDS + 1)
    for result in graded:
        counts[percent(min(1.0, result.final / out_of)) * BANDS // 100 if out_of else 0] += 1
    width = 100 // BANDS
    labels = [f"{band * width}–{band * width + width - 1}%" for band in range(BANDS)] + ["100%"]
    return list(zip(labels, counts, strict=True))


def tasks(properties: list[Property], graded: list[Result]) -> list[dict[str, object]]:
    """The tests under each task's heading, with the numbers of students who got all, some and none of the points."""
    tasks: dict[str, list[Test]] = {}
    for item in properties:
        marked = [result for result in graded if item.name not in result.unmarked]
        scores = [result.scores.get(item.name, 0) for result in marked]
        full, none = sum(score >= item.points for score in scores), sum(score <= 0 for score in scores)
        mean = statistics.fmean(scores) / item.points if scores else None
        left = len(graded) - len(marked)
        test = Test(item.name, item.points, mean, full, len(scores) - full - none, none, left)
        tasks.setdefault(item.task, []).append(test)
    return [_task(heading or "Tests", tests) for heading, tests in tasks.items()]


def _task(heading: str, tests: list[Test]) -> dict[str, object]:
    points = sum(test.points for test in tests)
    known = [(test.points, test.mean) for test in tests if test.mean is not None]
    mean = sum(of * mean for of, mean in known) / sum(of for of, _ in known) if known else None
    return {"heading": heading, "tests": tests, "points": points, "mean": mean}


def percent(share: float) -> int:
    """Rounded, and 100 for nothing less than all."""
    return min(round(100 * share), 99 if share < 1 else 100)


def number(value: float) -> str:
    return f"{value:.2f}".rstrip("0").rstrip(".")
