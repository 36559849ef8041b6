"""What the instructor's cells are, by their tags and by the names that they define and use."""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator
from enum import Enum
from typing import Any

SCOPES = (ast.Lambda, ast.ListComp, ast.SetComp, ast.DictComp, ast.GeneratorExp)  # what they bind is no global name
MAGIC = re.compile(r"^([ \t]*)(%|!).*$", re.MULTILINE)
NOT_PYTHON = (SyntaxError, ValueError, RecursionError, MemoryError)  # what ast.parse raises on strange texts


class Kind(Enum):
    STUDENT = "student"  # runs in the contestant
    LOCKED = "locked"  # given with the lab: runs in both
    TEST = "test"  # runs in the judge


def kinds(cells: list[dict[str, Any]]) -> Iterator[tuple[str, tuple[Kind, frozenset[int]]]]:
    """Of each of the instructor's marked cells the kind, and what of it the judge leaves out, by grade id.

    A statement of a locked cell that uses, at its top level, a name that only the student's cells define runs in the
    contestant only, and what it defines counts as the student's. One that mentions such a name in the body of a
    function runs in both: the name is looked up when the function is called, and then leads to the contestant.
    """
    theirs: set[str] = set()
    ours: set[str] = set()
    for cell in cells:
        tag, kind, beside = tag_of(cell), Kind.STUDENT, frozenset[int]()
        if cell["cell_type"] != "code":
            continue
        if is_test(cell):
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


def tag_of(cell: dict[str, Any]) -> dict[str, Any]:
    tag = cell.get("metadata", {}).get("nbgrader")
    return tag if isinstance(tag, dict) else {}


def is_test(cell: dict[str, Any]) -> bool:
    tag = tag_of(cell)
    return cell["cell_type"] == "code" and bool(tag.get("grade")) and not tag.get("solution")
