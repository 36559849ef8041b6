"""What a lab's test cell may not do, because the student's values reach it as copies from another process."""

from __future__ import annotations

import ast
from collections.abc import Iterator

REFUSED_ATTRIBUTES = {"data_ptr", "storage", "untyped_storage"}
REFUSED_MODULES = {"copy", "gc", "inspect", "sys", "traceback"}


def problems(source: str, students: set[str], given: set[str]) -> Iterator[str]:
    """Names what a test cell does that it may not do.

    Args:
        source: The cell.
        students: The names that the student's cells define.
        given: The names that the locked cells define; a test that binds them anew spoils them for later cells.
    """
    for node in ast.walk(ast.parse(source)):
        if isinstance(node, ast.Compare) and any(isinstance(op, ast.Is | ast.IsNot) for op in node.ops):
            yield f"line {node.lineno}: `is` compares identities, and a value from another process is a copy"
        if isinstance(node, ast.Attribute) and node.attr in REFUSED_ATTRIBUTES:
            yield f"line {node.lineno}: `{node.attr}` looks at memory that another process holds"
        if isinstance(node, ast.Import | ast.ImportFrom):
            for module in {_module(node), *(alias.name for alias in node.names)} & REFUSED_MODULES:
                yield f"line {node.lineno}: `{module}` cannot see into another process"
        if isinstance(node, ast.ClassDef) and {ast.unparse(base) for base in node.bases} & students:
            yield f"line {node.lineno}: a student's class cannot be subclassed from another process"
        if isinstance(node, ast.Name) and isinstance(node.ctx, ast.Store) and node.id in students | given:
            yield f"line {node.lineno}: `{node.id}` is bound anew, and later cells need the old one"


def _module(node: ast.Import | ast.ImportFrom) -> str:
    return (node.module or "") if isinstance(node, ast.ImportFrom) else ""


def bound(source: str) -> set[str]:
    """The names that a cell's own statements define."""
    names = set()
    for node in ast.parse(source).body:
        if isinstance(node, ast.FunctionDef | ast.ClassDef):
            names.add(node.name)
        elif isinstance(node, ast.Import | ast.ImportFrom):
            names |= {(alias.asname or alias.name).split(".")[0] for alias in node.names}
        elif isinstance(node, ast.Assign):
            names |= {part.id for target in node.targets for part in ast.walk(target) if isinstance(part, ast.Name)}
    return names
