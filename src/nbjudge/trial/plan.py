"""Which cell runs where, in the notebook's order.

What a cell is, its points and its text, if it is locked, come from the instructor's notebook. From the submission come
the order and the texts of the student's own cells; its flags say nothing.
"""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator
from dataclasses import dataclass
from enum import Enum
from typing import Any

from nbjudge.trial.job import Job

LEFT_OUT = "skip-execution"  # nbclient's own tag
SCOPES = (ast.Lambda, ast.ListComp, ast.SetComp, ast.DictComp, ast.GeneratorExp)  # what they bind is no global name
MAGIC = re.compile(r"^([ \t]*)(%|!).*$", re.MULTILINE)
NOT_PYTHON = (SyntaxError, ValueError, RecursionError, MemoryError)  # what ast.parse raises on strange texts


class Kind(Enum):
    STUDENT = "student"  # runs in the contestant
    LOCKED = "locked"  # given with the lab: runs in both
    TEST = "test"  # runs in the judge


@dataclass(frozen=True)
class Step:
    """One cell to run."""

    position: int  # in the submission
    kind: Kind
    source: str
    grade_id: str = ""
    points: float = 0.0
    beside: frozenset[int] = frozenset()  # the top-level statements that the judge leaves to the contestant
    forbid: tuple[str, ...] = ()
    tags: frozenset[str] = frozenset()


def plan(job: Job) -> list[Step]:
    """All cells that run. Markdown, empty cells and those tagged `skip-execution` are left out."""
    given = {_tag(cell)["grade_id"]: cell for cell in job.source["cells"] if _tag(cell).get("grade_id")}
    kinds = dict(_kinds(job.source["cells"]))
    steps: list[Step] = []
    for position, cell in enumerate(job.submission["cells"]):
        name = _tag(cell).get("grade_id")
        known = given.pop(name, None) if isinstance(name, str) else None  # a second one of that name is the student's
        steps += _step(position, cell, known, *kinds.get(str(name), (Kind.STUDENT, frozenset())))
    return steps


def scores(job: Job) -> dict[str, float]:
    """The points of each test cell, by grade id."""
    return {_tag(cell)["grade_id"]: _points(cell) for cell in job.source["cells"] if _is_test(cell)}


def _step(
    position: int, cell: dict[str, Any], known: dict[str, Any] | None, kind: Kind, beside: frozenset[int]
) -> Iterator[Step]:
    trusted = known if known and not _tag(known).get("solution") and _tag(known).get("locked") else cell
    tags = frozenset(map(str, (known or cell).get("metadata", {}).get("tags") or ()))
    if (known or cell)["cell_type"] != "code" or LEFT_OUT in tags or not str(trusted["source"]).strip():
        return
    if known is None:
        yield Step(position, Kind.STUDENT, str(cell["source"]), tags=tags)
        return
    forbid = tuple(map(str, known["metadata"].get("nbjudge", {}).get("forbid", ())))
    points = _points(known) if kind is Kind.TEST else 0.0
    yield Step(position, kind, str(trusted["source"]), _tag(known)["grade_id"], points, beside, forbid, tags)


def _kinds(cells: list[dict[str, Any]]) -> Iterator[tuple[str, tuple[Kind, frozenset[int]]]]:
    """Of each of the instructor's marked cells the kind, and what of it the judge leaves out, by grade id.

    A statement of a locked cell that uses, at its top level, a name that only the student's cells define runs in the
    contestant only, and what it defines counts as the student's. One that mentions such a name in the body of a
    function runs in both: the name is looked up when the function is called, and then leads to the contestant.
    """
    theirs: set[str] = set()
    ours: set[str] = set()
    for cell in cells:
        tag, kind, beside = _tag(cell), Kind.STUDENT, frozenset[int]()
        if cell["cell_type"] != "code":
            continue
        if _is_test(cell):
            kind = Kind.TEST
        elif tag.get("solution") or not tag.get("locked") or (tree := parse(str(cell["source"]))) is None:
            theirs |= bound(str(cell["source"]))
        else:
            kind, beside = Kind.LOCKED, _beside(tree, theirs, ours)
        if name := tag.get("grade_id"):
            yield name, (kind, beside)


def _beside(tree: ast.Module, theirs: set[str], ours: set[str]) -> frozenset[int]:
    """The statements that run what the student wrote; both sets of names grow by what the others define."""
    found = set()
    for number, statement in enumerate(tree.body):
        needs = used(statement) & (theirs - ours)
        if needs:
            found.add(number)
        (theirs if needs else ours).update(names(statement))
    return frozenset(found)


def parse(source: str) -> ast.Module | None:
    """The cell's tree, or None where it is no Python even without its magics."""
    try:
        return python(source)
    except NOT_PYTHON:
        return None


def python(source: str, filename: str = "<cell>") -> ast.Module:
    """The cell's tree; where it holds magics and shell commands each of their lines is a `pass`.

    Raises one of `NOT_PYTHON`.
    """
    try:
        return ast.parse(source, filename)
    except NOT_PYTHON:
        return ast.parse(MAGIC.sub(r"\1pass", source), filename)


def used(tree: ast.AST) -> set[str]:
    """The names that are looked up when the tree runs, not those in the bodies of functions."""
    found, waiting = set(), [tree]
    while waiting:
        node = waiting.pop()
        if isinstance(node, ast.Name) and isinstance(node.ctx, ast.Load):
            found.add(node.id)
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef):
            waiting += [*node.decorator_list, node.args]
        elif isinstance(node, ast.Lambda):
            waiting.append(node.args)
        else:
            waiting += ast.iter_child_nodes(node)
    return found


def bound(source: str) -> set[str]:
    """The global names that a cell defines."""
    tree = parse(source)
    return set().union(*map(names, tree.body)) if tree else set()


def names(statement: ast.AST) -> set[str]:
    """The global names that a top-level statement defines."""
    found, waiting = set(), [statement]
    while waiting:
        node = waiting.pop()
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef | ast.ClassDef):
            found.add(node.name)
            continue
        if isinstance(node, ast.Import | ast.ImportFrom):
            found |= {(alias.asname or alias.name).split(".")[0] for alias in node.names}
        if isinstance(node, ast.Name) and isinstance(node.ctx, ast.Store):
            found.add(node.id)
        if not isinstance(node, SCOPES):
            waiting += ast.iter_child_nodes(node)
    return found


def _tag(cell: dict[str, Any]) -> dict[str, Any]:
    tag = cell.get("metadata", {}).get("nbgrader")
    return tag if isinstance(tag, dict) else {}


def _is_test(cell: dict[str, Any]) -> bool:
    tag = _tag(cell)
    return cell["cell_type"] == "code" and bool(tag.get("grade")) and not tag.get("solution")


def _points(cell: dict[str, Any]) -> float:
    return float(_tag(cell).get("points", 0))
