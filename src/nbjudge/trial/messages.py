"""What a student sees of a test that failed.

In a visible line: the line, the error with its whole text. In a hidden line: that a hidden check failed, the name of
the mistake if the test names one, and which kind of error the student's code raised; never the text of an error,
which can hold the hidden values. What the judge refused is written for the test's author, who finds it in the report.
"""

from __future__ import annotations

import builtins
from typing import NamedTuple

from nbjudge.trial.hidden import visible_number
from nbjudge.trial.outputs import Output, line, text
from nbjudge.trial.shell import safe_text
from nbjudge.trial.testcell import Property
from nbjudge.wire.proxies import Refused

HIDDEN = "A hidden check of this property failed."
REFUSED = (
    "This test asks something that the judge cannot do with what your code gave it. If your code gives what the task "
    "asks for, it is not your mistake: tell your instructor."
)
NAME = 160  # characters of a mistake's name


class Reason(NamedTuple):
    """Why a cell could not be run to its end, other than by an error of its own."""

    kind: str
    text: str


def failure(error: BaseException, test: Property) -> Output:
    """The output of a test cell that an error ended."""
    lines = test.lines(error.__traceback__)
    if isinstance(error, Refused):
        return _error("Refused", REFUSED, [*_way(lines, test), REFUSED])
    if test.hidden.intersection(lines):  # also where a visible line calls a function that stands in hidden ones
        return _hidden(error, _way(lines, test))
    said = text(safe_text(error))
    own = _own_way(error)
    return _error(type(error).__name__, said, own or [*_way(lines, test), *_traceback(error, said)])


def stopped(reason: Reason) -> Output:
    """The output of a cell that was stopped, or whose contestant ended."""
    return _error(reason.kind, reason.text, [f"{reason.kind}: {reason.text}"])


def broken(error: SyntaxError, test: Property) -> Output:
    """The output of a test cell that is no Python; its source may be hidden."""
    return _error("SyntaxError", "this test cannot be run; it is not your fault", ["This test cannot be run."])


def mistake(error: BaseException) -> str | None:
    """The name of the known mistake, if the judge's own test raised one."""
    if type(error).__name__ != "Mistake" or is_remote(error):
        return None
    return line(_first_line(safe_text(error)).removeprefix("Mistake:"), NAME)


def is_remote(error: BaseException) -> bool:
    """Whether the student's code raised it."""
    return bool(getattr(error, "_nbjudge_remote", False))


def _hidden(error: BaseException, way: list[str]) -> Output:
    if name := mistake(error):
        return _error("Mistake", f"{name}\n{HIDDEN}", [*way, f"{HIDDEN} {name}"])
    if is_remote(error):
        kind = _builtin(error)  # the student's own class may be named after what it saw
        return _error(kind, HIDDEN, [*way, f"{HIDDEN} Your code raised {kind}."])
    return _error(type(error).__name__, HIDDEN, [*way, HIDDEN])


def _way(lines: list[int], test: Property) -> list[str]:
    """The visible lines of the test that led to the error."""
    source = test.source.splitlines()
    shown = [number for number in lines if number not in test.hidden]
    numbered = [(visible_number(number, test.hidden), source[number - 1].strip()) for number in shown]
    return [f"line {number} of this test:  {statement}" for number, statement in numbered]


def _own_way(error: BaseException) -> list[str]:
    """How the error's class says that it is shown, as IPython asks it."""
    try:
        return [text(part) for part in error._render_traceback_()]  # type: ignore[attr-defined]
    except Exception:
        return []


def _traceback(error: BaseException, said: str) -> list[str]:
    """The student's own lines, as the contestant tells them, and the message."""
    lines = getattr(error, "_nbjudge_traceback", ()) if is_remote(error) else ()
    return [*map(text, lines), f"{type(error).__name__}: {said}"]


def _builtin(error: BaseException) -> str:
    known = vars(builtins).values()
    return next((cls.__name__ for cls in type(error).__mro__ if cls in known), "an error")


def _first_line(message: str) -> str:
    return next(iter(message.splitlines()), "")


def _error(kind: str, said: str, traceback: list[str]) -> Output:
    return {"output_type": "error", "ename": kind, "evalue": said, "traceback": traceback}
