"""What an instructor may set in nbgrader_config.py. Nothing has to be set.

c.NbJudge.version_key = "mycourse"        # where in a notebook's metadata the course's {"version": ...} stands
c.NbJudge.limits = {"memory_mb": 2048}    # fields of nbjudge.limits.Limits, for each submission
c.NbJudge.readable = ["/srv/datasets"]    # what students' code may read besides Python and its packages
c.NbJudge.imports = ["numpy"]             # imported once for all, instead of what the lab's source imports
c.Execute.timeout = 60                    # nbgrader's own: seconds that one cell may take
"""

from __future__ import annotations

import ast
import importlib.util
from collections.abc import Iterator, Set
from dataclasses import dataclass, field, fields
from importlib.machinery import PathFinder
from pathlib import Path
from typing import Any

from traitlets.config import Config

from nbjudge.limits import Limits

KNOWN = ("version_key", "limits", "readable", "imports")


class CourseError(Exception):
    """What an instructor can mend: the message says what came and what was expected."""


@dataclass(frozen=True)
class Settings:
    """`c.NbJudge`, and what of nbgrader's own settings concerns the judge."""

    version_key: str | None = None
    limits: Limits = field(default_factory=Limits)
    readable: tuple[Path, ...] = ()
    imports: tuple[str, ...] | None = None
    delimiters: tuple[str, str] = ("BEGIN HIDDEN TESTS", "END HIDDEN TESTS")

    @classmethod
    def of(cls, config: Config) -> Settings:
        """Raises `CourseError` for a name or a value that makes no sense."""
        given = dict(config.NbJudge)
        if unknown := set(given) - set(KNOWN):
            raise CourseError(f"c.NbJudge.{min(unknown)}: no such setting; there are {', '.join(KNOWN)}")
        imports = given.get("imports")
        return cls(
            version_key=given.get("version_key"),
            limits=_limits(config, given.get("limits", {})),
            readable=tuple(map(Path, given.get("readable", ()))),
            imports=None if imports is None else tuple(imports),
            delimiters=_delimiters(config),
        )


def _limits(config: Config, given: dict[str, Any]) -> Limits:
    known = [one.name for one in fields(Limits)]
    if unknown := set(given) - set(known):
        raise CourseError(f"c.NbJudge.limits: no such limit {min(unknown)!r}; there are {', '.join(known)}")
    seconds = config.Execute.get("timeout")
    own = {"cell_seconds": float(seconds)} if isinstance(seconds, int | float) and seconds > 0 else {}
    try:
        return Limits(**own | given)
    except (TypeError, ValueError) as error:
        raise CourseError(f"c.NbJudge.limits: {error}") from None


def _delimiters(config: Config) -> tuple[str, str]:
    """nbgrader's own, in nbgrader's spelling."""
    given, usual = config.ClearHiddenTests, Settings.delimiters
    begin, end = given.get("begin_test_delimeter"), given.get("end_test_delimeter")
    return begin if isinstance(begin, str) else usual[0], end if isinstance(end, str) else usual[1]


def imported(trees: list[ast.Module], local: Set[str]) -> tuple[str, ...]:
    """The installed modules that code imports, without importing any; `local` are names that lie beside a notebook."""
    names = {name for tree in trees for node in ast.walk(tree) for name in _names(node)}
    return tuple(sorted(name for name in names if name.partition(".")[0] not in local and _installed(name)))


def _names(node: ast.AST) -> Iterator[str]:
    if isinstance(node, ast.Import):
        yield from (alias.name for alias in node.names)
    if isinstance(node, ast.ImportFrom) and node.module and not node.level:
        yield node.module
        yield from (f"{node.module}.{alias.name}" for alias in node.names)


def _installed(name: str) -> bool:
    """Whether it is a module: `from a import b` may mean a module or anything else that `a` holds."""
    top, *rest = name.split(".")
    try:
        spec = importlib.util.find_spec(top)
    except (ImportError, ValueError):
        return False
    for length in range(1, len(rest) + 1):
        if spec is None or spec.submodule_search_locations is None:
            return False
        spec = PathFinder.find_spec(".".join([top, *rest[:length]]), list(spec.submodule_search_locations))
    return spec is not None
