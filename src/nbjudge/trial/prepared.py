"""What of a lab is the same for every submission: what its cells are, and those that the judge runs compiled.

It is made once for a class and read as Python reads its own `.pyc` files: by the Python that made it, or not at all.
"""

from __future__ import annotations

import ast
import marshal
from importlib.util import MAGIC_NUMBER
from types import CodeType
from typing import Any

from nbjudge.trial.job import Job, Notebook
from nbjudge.trial.kinds import NOT_PYTHON, Kind, kinds, python, tag_of

Code = tuple[CodeType, CodeType | None]  # all statements but the last, and that one if it is an expression
Known = tuple[str, Code | None]  # the kind, and what the judge runs if that is Python


def prepare(source: Notebook) -> bytes:
    """For `Job.prepared`."""
    return MAGIC_NUMBER + marshal.dumps(_known(source))


def prepared(job: Job) -> dict[str, Known]:
    """Of each of the instructor's marked cells, by grade id."""
    magic, content = job.prepared[: len(MAGIC_NUMBER)], job.prepared[len(MAGIC_NUMBER) :]
    found: dict[str, Known] = marshal.loads(content) if magic == MAGIC_NUMBER else _known(job.source)
    return found


def filename(kind: Kind, grade_id: str) -> str:
    """Under which tracebacks name a cell of the judge's."""
    return f"<{kind.value} {grade_id}>"


def compiled(source: str, name: str, beside: frozenset[int] = frozenset()) -> Code:
    """A cell's code, without the top-level statements `beside`. Raises one of `NOT_PYTHON`."""
    tree = python(source, name)
    tree.body = [statement for number, statement in enumerate(tree.body) if number not in beside]
    last = tree.body.pop() if tree.body and isinstance(tree.body[-1], ast.Expr) else None
    value = compile(ast.Expression(last.value), name, "eval") if isinstance(last, ast.Expr) else None
    return compile(tree, name, "exec"), value


def _known(source: Notebook) -> dict[str, Known]:
    cells = {name: cell for cell in source["cells"] if (name := tag_of(cell).get("grade_id"))}
    found = kinds(source["cells"])
    return {name: (kind.value, _code(cells[name], kind, beside)) for name, (kind, beside) in found}


def _code(cell: dict[str, Any], kind: Kind, beside: frozenset[int]) -> Code | None:
    if kind is Kind.STUDENT:
        return None
    try:
        return compiled(str(cell["source"]), filename(kind, tag_of(cell)["grade_id"]), beside)
    except NOT_PYTHON:
        return None
