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
from nbjudge.trial.plan import python
from nbjudge.wire.proxies import StudentObject

IGNORED = {tokenize.ENDMARKER, tokenize.NL, tokenize.NEWLINE, tokenize.COMMENT}


@dataclass(frozen=True)
class Property:
    """What one test cell grades. Raises `SyntaxError` when it is run and is not Python."""

    grade_id: str
    source: str
    points: float
    delimiters: tuple[str, str]
    kind: str = "test"

    @cached_property
    def hidden(self) -> frozenset[int]:
        """The numbers of its hidden lines."""
        return hidden_lines(self.source, self.delimiters)

    @property
    def filename(self) -> str:
        return f"<{self.kind} {self.grade_id}>"

    def run(self, namespace: dict[str, Any]) -> Any:
        """Run it; the value of its last statement if that is an expression, else None."""
        body, last = self._code
        exec(body, namespace)
        return eval(last, namespace) if last else None

    @cached_property
    def _code(self) -> tuple[CodeType, CodeType | None]:
        tree = python(self.source, self.filename)
        last = tree.body[-1] if tree.body else None
        if not isinstance(last, ast.Expr):
            return compile(tree, self.filename, "exec"), None
        del tree.body[-1]
        value = ast.Expression(last.value)
        return compile(tree, self.filename, "exec"), compile(value, self.filename, "eval")

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

        A number is partial credit, also in an array or a tensor of one element; nothing, a truth value, a string and
        the like are full credit. An object of the student's, which could be a number or not, is none.
        """
        number = _number(value)
        if number is None or self.quiet:
            return self.points, ""
        if type(number) in (int, float) and 0 <= number <= self.points:
            return float(number), ""
        return 0.0, f"{self.grade_id}: {_shown(number)} of {self.points:g} points"


def _number(value: Any) -> Any:
    """The number that a value is or holds; itself if it is one that cannot be points; None if it is nothing of these.

    Its type is asked first: a student's object answers no questions here.
    """
    kind = type(value)
    if issubclass(kind, bool):
        return None
    if kind in (int, float) or issubclass(kind, StudentObject):
        return value
    if issubclass(kind, Decimal | Fraction | int | float):
        return float(value)
    if hasattr(kind, "dtype"):  # of numpy or torch
        return _number(value.item()) if math.prod(value.shape) == 1 else value
    return value if issubclass(kind, complex) else None


def _shown(value: Any) -> str:
    return repr(value)[:100] if type(value) in (int, float, complex) else f"a {type(value).__name__}"
