"""Where a source can be mutated, and a seeded sample of its mutants; the operators are cosmic-ray's."""

from __future__ import annotations

import ast
import difflib
import math
import random
from collections import defaultdict
from collections.abc import Iterator, Mapping
from typing import Any, NamedTuple

from cosmic_ray.ast import ast_nodes, get_ast
from cosmic_ray.mutating import mutate_code
from cosmic_ray.plugins import get_operator, operator_names

Position = tuple[int, int]  # line, column
OPERATORS = {name: get_operator(name)() for name in operator_names() if not get_operator(name).arguments()}
SAME_FOR_SINGLETONS = ("Is_Eq", "IsNot_NotEq", "Eq_Is", "NotEq_IsNot")
NEVER = {"name", "string", "newline", "endmarker", "fstring_string", *"()[]{},.:="}  # touched by no operator
LEAST = 2  # mutants of each file, where it has as many


class Mutant(NamedTuple):
    file: str  # below the folder of the sources
    operator: str
    occurrence: int
    line: int

    def apply(self, source: str) -> str | None:
        """The source with this mistake in it; none if it is no Python any more."""
        mutated = mutate_code(source, OPERATORS[self.operator], self.occurrence)
        try:
            changed = ast.dump(ast.parse(mutated)) != ast.dump(ast.parse(source))
        except SyntaxError:
            return None
        return mutated if changed else None

    def diff(self, source: str) -> list[str]:
        lines = difflib.unified_diff(source.splitlines(), (self.apply(source) or "").splitlines(), n=0, lineterm="")
        return [line for line in lines if line[:2] not in ("--", "++", "@@")]


def sample(sources: Mapping[str, str], size: int, seed: int) -> list[Mutant]:
    """At least `size` mutants, shared out to the files by their number of places; a larger sample holds a smaller one.

    No place gives a second mutant before every place of its file has given one: a plus has eleven mutants,
    nearly all of them noticed by anything, and would drown the rest.
    """
    found = {file: places(source) for file, source in sources.items()}
    total = max(1, sum(map(len, found.values())))
    drawn = []
    for file, source in sources.items():
        quota = max(LEAST, math.ceil(size * len(found[file]) / total))
        candidates = _shuffled(found[file], random.Random(f"{seed} {file}"))
        mutants = (Mutant(file, operator, nth, start[0]) for start, operator, nth in candidates)
        valid = (mutant for mutant in mutants if mutant.apply(source) is not None)
        drawn += [mutant for _, mutant in zip(range(quota), valid, strict=False)]
    return drawn


def _shuffled(found: Mapping[Any, list[tuple[str, int]]], rng: random.Random) -> Iterator[tuple[Position, str, int]]:
    """First one mutant of every place, then a second one of each that has two, and so on."""
    shuffled = [(place, rng.sample(ways, len(ways))) for place, ways in found.items()]
    rng.shuffle(shuffled)
    for rank in range(max((len(ways) for _, ways in shuffled), default=0)):
        for (start, _), ways in shuffled:
            if rank < len(ways):
                yield start, *ways[rank]


def places(source: str) -> dict[tuple[Position, Position], list[tuple[str, int]]]:
    """Each place's ways to mutate it, as operators and occurrences; without those that could change nothing."""
    tree = ast.parse(source)
    lines = source.splitlines()
    silent = [_span(node, lines) for node in _silent(tree)]
    singletons = [_span(node, lines) for node in ast.walk(tree) if _compares_singleton(node)]
    found = defaultdict(list)
    nodes = [node for node in ast_nodes(get_ast(source)) if not NEVER & {node.type, getattr(node, "value", "")}]
    for name, operator in OPERATORS.items():
        positions = (position for node in nodes for position in operator.mutation_positions(node))
        for occurrence, (start, end) in enumerate(positions):
            same = name.endswith(SAME_FOR_SINGLETONS) and _inside(start, singletons)
            if not same and not _inside(start, silent):
                found[start, end].append((name, occurrence))
    return dict(found)


def _silent(tree: ast.Module) -> Iterator[ast.AST]:
    """What says something to people and type checkers only: hints, aliases of types, texts of errors.

    Docstrings, `__all__` and imports from `__future__` need no mention: no operator touches them.
    """
    yield from (node for node in tree.body if isinstance(node, ast.Assign) and _is_alias(node.value))
    for node in ast.walk(tree):
        if isinstance(node, ast.FunctionDef):
            yield from filter(None, [node.returns])
            if any(isinstance(mark, ast.Name) and mark.id == "overload" for mark in node.decorator_list):
                yield from [node, *node.decorator_list]
        elif isinstance(node, ast.arg | ast.AnnAssign):
            yield from filter(None, [node.annotation])
        elif isinstance(node, ast.Raise):
            yield from (part for part in ast.walk(node) if isinstance(part, ast.JoinedStr))
        elif isinstance(node, ast.If) and ast.unparse(node.test) == "TYPE_CHECKING":
            yield node


def _is_alias(value: ast.expr) -> bool:
    """`Callable[[Tensor], Tensor]`, `Tensor | None`, and no arithmetic."""
    kinds = {type(node) for node in ast.walk(value)}
    typing = {ast.Name, ast.Attribute, ast.Subscript, ast.Tuple, ast.List, ast.Constant, ast.BinOp, ast.BitOr, ast.Load}
    return kinds <= typing and bool(kinds & {ast.Subscript, ast.BitOr})


def _compares_singleton(node: ast.AST) -> bool:
    """`is` and `==` say the same of None, of a small number and of a short string."""
    if not isinstance(node, ast.Compare):
        return False
    constants = [part.value for part in (node.left, *node.comparators) if isinstance(part, ast.Constant)]
    return any(value is None or isinstance(value, bool | int | str) for value in constants)


def _span(node: Any, lines: list[str]) -> tuple[Position, Position]:
    """Where a node stands, in characters (Python counts bytes)."""
    start = len(lines[node.lineno - 1].encode()[: node.col_offset].decode())
    end = len(lines[node.end_lineno - 1].encode()[: node.end_col_offset].decode())
    return (node.lineno, start), (node.end_lineno, end)


def _inside(position: Position, spans: list[tuple[Position, Position]]) -> bool:
    return any(start <= position < end for start, end in spans)
