"""What a lab is that is attacked."""

from __future__ import annotations

from typing import NamedTuple


class Test(NamedTuple):
    """A test cell of a task."""

    name: str
    task: str
    points: float
    source: str

    __test__ = False  # not pytest's


class Lab(NamedTuple):
    """A locked cell, the right answers by task, and what tests them; a task's tests stand below its answer.

    `given` are more locked cells, by the task above whose answer they stand.
    """

    name: str
    setup: str
    answers: dict[str, str]
    tests: list[Test]
    given: dict[str, str] = {}  # noqa: RUF012 (never changed)

    @property
    def full(self) -> dict[str, float]:
        return {test.name: test.points for test in self.tests}
