"""Names that a task forbids, such as `torch.optim.Adam`, `F.dropout`, `.backward` or `sorted`.

Looked for twice: in the source of the student's cells and, for functions of torch, in the calls that the contestant
tells of while a test runs. The second can be switched off by who sets out to; both are advice to a person.
"""

from __future__ import annotations

import ast
import contextlib
import sys
from collections.abc import Callable, Sequence
from typing import Any

from nbjudge.trial.kinds import bound, parse


def in_source(names: Sequence[str], source: str, own: set[str]) -> list[str]:
    """Those of the names that a cell mentions; `own` are functions and classes that the student defined."""
    tree = parse(source)
    if tree is None:
        return []
    mentioned = [part for node in ast.walk(tree) for part in _mentioned(node, own)]
    return [name for name in names if any(_is(name, kind, found) for kind, found in mentioned)]


def _mentioned(node: ast.AST, own: set[str]) -> list[tuple[str, str]]:
    if isinstance(node, ast.Attribute):
        mine = isinstance(node.value, ast.Name) and node.value.id in {"self", "cls", *own}
        return [] if mine else [("attribute", node.attr)]
    if isinstance(node, ast.ImportFrom):
        return [("import", alias.name) for alias in node.names]
    if isinstance(node, ast.Name) and isinstance(node.ctx, ast.Load):
        return [] if node.id in own else [("name", node.id)]
    if isinstance(node, ast.Call) and isinstance(node.func, ast.Name) and node.func.id == "getattr":
        return [("attribute", str(arg.value)) for arg in node.args if isinstance(arg, ast.Constant)]
    return []


def _is(name: str, kind: str, found: str) -> bool:
    """A name with a dot is an attribute or imported; one without a dot may also stand by itself."""
    module, _, last = name.rpartition(".")
    if found != last:
        return False
    return kind == "attribute" or (kind == "import" and not name.startswith(".")) or (kind == "name" and not module)


def defined(sources: Sequence[str]) -> set[str]:
    """The functions and classes that cells define, not what they import."""
    trees = [tree for source in sources if (tree := parse(source))]
    kinds = (ast.FunctionDef, ast.AsyncFunctionDef, ast.ClassDef)
    return {node.name for tree in trees for node in ast.walk(tree) if isinstance(node, kinds)}


def cells_under(test: str, sources: Sequence[str]) -> list[str]:
    """Of the student's cells those that define a name which the test mentions."""
    tree = parse(test)
    names = {node.id for node in ast.walk(tree) if isinstance(node, ast.Name)} if tree else set()
    return [source for source in sources if bound(source) & names]


def watching(names: Sequence[str], tell: Callable[[str], None]) -> contextlib.AbstractContextManager[Any]:
    """While it is open, `tell` gets the forbidden functions of torch that the contestant called."""
    torch = sys.modules.get("torch")
    if not names or torch is None:
        return contextlib.nullcontext()
    last = {name.rpartition(".")[2]: name for name in names}

    class Watch(torch.overrides.TorchFunctionMode):  # type: ignore[name-defined]
        def __torch_function__(self, func: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
            called = getattr(func, "__name__", "")
            if called in last and getattr(func, "replayed", False):
                tell(last[called])
            return func(*args, **(kwargs or {}))

    return Watch()
