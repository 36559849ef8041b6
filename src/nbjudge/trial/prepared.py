"""What of a lab is the same for every submission: what its cells are, and those that the judge runs compiled.

It is made once for a class and read as Python reads its own `.pyc` files: by the Python that made it, or not at all.
"""

from __future__ import annotations

import ast
import hashlib
import marshal
from importlib.util import MAGIC_NUMBER
from types import CodeType
from typing import Any, NamedTuple

from nbjudge.trial.job import Job, Notebook
from nbjudge.trial.kinds import NOT_PYTHON, Kind, kinds, python, tag_of

Code = tuple[CodeType, CodeType | None]  # all statements but the last, and that one if it is an expression


class Known(NamedTuple):
    """What a judge knows of one of the instructor's cells."""

    kind: str
    code: Code | None = None  # what the judge runs, if that is Python
    seed: int = 0  # of a test's random numbers


def prepare(source: Notebook) -> bytes:
    """For `Job.prepared`."""
    return MAGIC_NUMBER + marshal.dumps(_known(source))


def prepared(job: Job) -> dict[str, Known]:
    """Of each of the instructor's marked cells, by grade id."""
    magic, content = job.prepared[: len(MAGIC_NUMBER)], job.prepared[len(MAGIC_NUMBER) :]
    found = marshal.loads(content) if magic == MAGIC_NUMBER else _known(job.source)
    return {name: Known(*known) for name, known in found.items()}


def seed_of(grade_id: str, source: str) -> int:
    """Always the same, and not to be foretold without the hidden lines."""
    return int.from_bytes(hashlib.sha256(f"{grade_id}\n{source}".encode("utf-8", "replace")).digest()[:6])


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


def _known(source: Notebook) -> dict[str, tuple[Any, ...]]:
    texts = {name: str(cell["source"]) for cell in source["cells"] if (name := tag_of(cell).get("grade_id"))}
    return {
        name: (kind.value, _code(name, texts[name], kind, beside), seed_of(name, texts[name]))
        for name, (kind, beside) in kinds(source["cells"])
    }


def _code(name: str, source: str, kind: Kind, beside: frozenset[int]) -> Code | None:
    if kind is Kind.STUDENT:
        return None
    try:
        return compiled(source, filename(kind, name), beside)
    except NOT_PYTHON:
        return None
