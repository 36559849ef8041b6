"""Which cell runs where, in the notebook's order.

What a cell is, its points and its text, if it is locked, come from the instructor's notebook. From the submission come
the order and the texts of the student's own cells; its flags say nothing.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

from nbjudge.trial.job import Job
from nbjudge.trial.kinds import Kind, is_test, tag_of
from nbjudge.trial.prepared import Code, Known, prepared, seed_of

LEFT_OUT = "skip-execution"  # nbclient's own tag


@dataclass(frozen=True)
class Step:
    """One cell to run."""

    position: int  # in the submission
    kind: Kind
    source: str
    grade_id: str = ""
    points: float = 0.0
    code: Code | None = None  # what the judge runs, where that is Python
    seed: int = 0  # of a test's random numbers
    forbid: tuple[str, ...] = ()
    tags: frozenset[str] = frozenset()


def plan(job: Job) -> list[Step]:
    """All cells that run. Markdown, empty cells and those tagged `skip-execution` are left out."""
    given = {tag_of(cell)["grade_id"]: cell for cell in job.source["cells"] if tag_of(cell).get("grade_id")}
    ready = prepared(job)
    steps: list[Step] = []
    for position, cell in enumerate(job.submission["cells"]):
        name = tag_of(cell).get("grade_id")
        known = given.pop(name, None) if isinstance(name, str) else None  # a second one of that name is the student's
        steps += _step(position, cell, known, ready.get(str(name), Known(Kind.STUDENT.value)))
    return steps


def scores(job: Job) -> dict[str, float]:
    """The points of each test cell, by grade id."""
    return {tag_of(cell)["grade_id"]: _points(cell) for cell in job.source["cells"] if is_test(cell)}


def _step(position: int, cell: dict[str, Any], known: dict[str, Any] | None, ready: Known) -> Iterator[Step]:
    trusted = known if known and not tag_of(known).get("solution") and tag_of(known).get("locked") else cell
    tags = frozenset(map(str, (known or cell).get("metadata", {}).get("tags") or ()))
    if (known or cell)["cell_type"] != "code" or LEFT_OUT in tags or not str(trusted["source"]).strip():
        return
    if known is None:
        yield Step(position, Kind.STUDENT, str(cell["source"]), tags=tags)
        return
    forbid = tuple(map(str, known["metadata"].get("nbjudge", {}).get("forbid", ())))
    kind, name, source = Kind(ready.kind), tag_of(known)["grade_id"], str(trusted["source"])
    code, seed = (ready.code, ready.seed) if trusted is known else (None, seed_of(name, source))
    points = _points(known) if kind is Kind.TEST else 0.0
    yield Step(position, kind, source, name, points, code, seed, forbid, tags)


def _points(cell: dict[str, Any]) -> float:
    return float(tag_of(cell).get("points", 0))
