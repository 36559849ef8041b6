"""Reading notebooks that strangers wrote, and what can be seen in them before and after grading."""

from __future__ import annotations

import re
from typing import NamedTuple

from nbformat import NotebookNode

from nbjudge.reader import UnreadableError as UnreadableError
from nbjudge.reader import read as read
from nbjudge.remarks import Remark

MAX_NAME = 160
NOT_PYTHON = {"SyntaxError", "IndentationError", "TabError"}
TOO_SLOW = "CellTimeoutError"  # nbgrader's own name for it


class Mistake(NamedTuple):
    """A test raised an exception class called Mistake: the student's answer fits a known wrong way."""

    test: str
    name: str


def tests(notebook: NotebookNode) -> dict[str, str]:
    """The names of the cells that carry marks, in order, each with the heading of the task it belongs to."""
    found, heading = {}, ""
    for cell in notebook.cells:
        if cell.cell_type == "markdown":
            lines = re.findall(r"^##?\s+(.+?)\s*$", cell.source, flags=re.MULTILINE)
            heading = lines[-1] if lines else heading
        tag = cell.metadata.get("nbgrader", {})
        if (tag.get("grade") or tag.get("task")) and "grade_id" in tag:
            found[str(tag["grade_id"])] = heading
    return found


def by_hand(notebook: NotebookNode) -> list[str]:
    """The names of the cells that a person marks."""
    tags = [cell.metadata.get("nbgrader", {}) for cell in notebook.cells]
    return [str(tag["grade_id"]) for tag in tags if tag.get("task") or (tag.get("grade") and tag.get("solution"))]


def compare(submitted: NotebookNode, source: NotebookNode, version_key: str | None) -> list[Remark]:
    """Remarks on a submission as it came: another version of the lab."""
    theirs, ours = _version(submitted, version_key), _version(source, version_key)
    if ours is None or theirs == ours:
        return []
    return [Remark("version", f"{theirs or 'no version'} instead of {ours}")]


def _version(notebook: NotebookNode, key: str | None) -> str | None:
    entry = notebook.metadata.get(key, {}) if key else {}
    version = entry.get("version") if isinstance(entry, dict) else None
    return None if version is None else str(version)[:MAX_NAME]


def troubles(autograded: NotebookNode) -> list[Remark]:
    """Remarks on a graded notebook: given cells that failed, cells that are not Python, cells that ran too long.

    Each names its cell as the feedback page does: by its grade id, or by the number of its prompt.
    """
    remarks = []
    for cell in autograded.cells:
        tag = cell.metadata.get("nbgrader", {})
        kind = _trouble(tag, {output.ename for output in errors(cell)})
        if kind:
            remarks.append(Remark(kind, str(tag.get("grade_id") or f"cell [{cell.execution_count}]")))
    return remarks


def _trouble(tag: dict[str, object], names: set[str]) -> str | None:
    if TOO_SLOW in names:
        return "slow"
    if names and tag.get("locked") and not tag.get("grade"):
        return "given"
    return "syntax" if names & NOT_PYTHON and not tag.get("locked") else None


def errors(cell: NotebookNode) -> list[NotebookNode]:
    return [output for output in cell.get("outputs", []) if output.output_type == "error"]
