"""One test cell in the judge: run it, know where it stands, give its points."""

from __future__ import annotations

import ast
import math
import sys
import tokenize
from dataclasses import dataclass
from decimal import Decimal
from fractions import Fraction
from functools import cached_property
from io import StringIO
from types import CodeType, TracebackType
from typing import Any

from nbjudge.trial.hidden import hidden_lines
from nbjudge.trial.kinds import Kind, names, python
from nbjudge.trial.prepared import Code, compiled, filename
from nbjudge.wire.proxies import StudentObject

IGNORED = {tokenize.ENDMARKER, tokenize.NL, tokenize.NEWLINE, tokenize.COMMENT}


@dataclass(frozen=True)
class Property:
    """What one test cell grades. Raises `SyntaxError` when it is run and is not Python."""

    grade_id: str
    source: str
    points: float
    delimiters: tuple[str, str]
    kind: Kind = Kind.TEST
    code: Code | None = None  # if it was compiled before

    @cached_property
    def hidden(self) -> frozenset[int]:
        """The numbers of its hidden lines."""
        return hidden_lines(self.source, self.delimiters)

    @property
    def filename(self) -> str:
        return filename(self.kind, self.grade_id)

    def run(self, namespace: dict[str, Any]) -> Any:
        """Run it; the value of its last statement if that is an expression, else None."""
        body, last = self.code or compiled(self.source, self.filename)
        exec(body, namespace)
        return eval(last, namespace) if last else None

    @cached_property
    def _tree(self) -> tuple[ast.Module, ast.expr | None]:
        """Its statements, and apart from them the last one if that is an expression."""
        tree = python(self.source, self.filename)
        last = tree.body.pop() if tree.body and isinstance(tree.body[-1], ast.Expr) else None
        return tree, last.value if isinstance(last, ast.Expr) else None

    def stands_hidden(self) -> bool:
        """Whether it runs a hidden line just now."""
        frame = sys._getframe(1)
        while frame is not None:
            if self._outermost(frame.f_code):
                return frame.f_lineno in self.hidden
            frame = frame.f_back  # type: ignore[assignment]
        return False

    def lines(self, tb: TracebackType | None) -> list[int]:
        """The cell's own lines on an error's way, the outermost first."""
        found = []
        while tb is not None:
            if tb.tb_frame.f_code.co_filename == self.filename:
                found.append(tb.tb_lineno)
            tb = tb.tb_next
        return found

    def _outermost(self, code: CodeType) -> bool:
        return code.co_filename == self.filename and code.co_name == "<module>"

    @cached_property
    def quiet(self) -> bool:
        """Whether its last statement ends with a semicolon, which keeps the value from counting."""
        try:
            tokens = list(tokenize.generate_tokens(StringIO(self.source).readline))
        except (tokenize.TokenError, SyntaxError):
            return False
        last = [token for token in tokens if token.type not in IGNORED]
        return bool(last) and last[-1].string == ";"

    def credit(self, value: object) -> tuple[float, str]:
        """The points for a run without an error, and what is strange about the value that should say them.

        A number on the last line is partial credit; whatever else stands there, or nothing, is full credit. Where the
        line is arithmetic, though, what a student's code returned may have made an array of its number.
        """
        if value is not None and type(value) not in (int, float) and self._reckons:
            value = _number(value)
        if value is None or self.quiet or type(value) not in (int, float, Odd):
            return self.points, ""
        if type(value) is not Odd and 0 <= value <= self.points:  # type: ignore[operator]
            return float(value), ""  # type: ignore[arg-type]
        return 0.0, f"{self.grade_id}: {str(value)[:100]} of {self.points:g} points"

    @cached_property
    def _reckons(self) -> bool:
        """Whether the last line is arithmetic, or a name that stands for a number reckoned in this cell."""
        tree, last = self._tree
        if not isinstance(last, ast.Name):
            return last is not None and _arithmetic(last)
        assigned = [node for node in ast.walk(tree) if isinstance(node, ast.Assign | ast.AugAssign)]
        named = [node for node in assigned if last.id in names(node)]
        return any(isinstance(node, ast.AugAssign) or _arithmetic(node.value) for node in named)


class Odd(str):
    """What stands where points should, in words."""


def _arithmetic(node: ast.AST) -> bool:
    if isinstance(node, ast.Call):
        return isinstance(node.func, ast.Name) and node.func.id in {"abs", "float", "int", "max", "min", "round", "sum"}
    return isinstance(node, ast.BinOp | ast.UnaryOp | ast.Constant)


def _number(value: Any) -> Any:
    """The number that a value is or holds; None for what holds none; `Odd` for what cannot be one number.

    Its type is asked first: a student's object answers no questions here.
    """
    kind = type(value)
    if issubclass(kind, bool | str):
        return None
    if issubclass(kind, Decimal | Fraction | int | float):
        return float(value)
    if hasattr(kind, "dtype") and math.prod(value.shape) == 1:  # of numpy or torch
        return _number(value.item())
    return Odd(f"a {kind.__name__}") if hasattr(kind, "dtype") or issubclass(kind, complex | StudentObject) else None
