"""Exceptions that cross: the nearest builtin class, the class's own name, a capped text; never an object."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from nbjudge.wire.extension import Extension
from nbjudge.wire.frames import WireError
from nbjudge.wire.values import ERRORS, SCALARS, Buffers, Form, is_form

if TYPE_CHECKING:
    from nbjudge.wire.peer import Peer

LONGEST = 2000  # characters of a message
TRACE = 20_000  # characters of a traceback
NAME = 100  # characters of a class's name
ODD = {
    "UnicodeDecodeError",
    "UnicodeEncodeError",
    "UnicodeTranslateError",
    "ExceptionGroup",
}  # not made of a text alone
BASES = {name: kind for name, kind in ERRORS.items() if name not in ODD and kind.__name__ == name}


class Ended(RuntimeError):  # noqa: N818  (what it did)
    """Student code raised StopIteration: as itself it would end a loop of the test's (`zip(map(f, xs), right)`)."""


def base(kind: type) -> str:
    """The name of the nearest builtin exception that a class inherits from."""
    return next((c.__name__ for c in kind.__mro__ if BASES.get(c.__name__) is c), "RuntimeError")


def told(error: BaseException, secret: bool = False) -> tuple[type, list[Any]]:
    """The class of an exception and the arguments that tell it; of a secret one no text."""
    kind = type(error)
    if not isinstance(error, Exception):  # SystemExit and the like would end the judge
        return RuntimeError, [f"your code raised {kind.__name__}"]
    if kind.__name__ in ODD:
        kind = BASES[base(kind)]
    if secret:
        return kind, []
    plain = BASES.get(kind.__name__) is kind and all(map(is_form, error.args))
    if plain and sum(len(str(part)) for part in error.args) < LONGEST:
        return kind, list(error.args)
    try:
        text = str(error)
    except Exception as failed:
        text = f"(its text failed: {type(failed).__name__})"
    return kind, [text if len(text) <= LONGEST else text[:LONGEST] + " …"]


def rebuilt(kind: Any, arguments: Any) -> Exception:
    """The exception that was told; marked as one from the other end.

    Raises:
        WireError: If it is no exception's class, or its arguments are not plain.
    """
    if not (isinstance(kind, type) and issubclass(kind, Exception) and type(arguments) is list):
        raise WireError("an error that is none")
    if not all(type(part) in SCALARS for part in arguments):
        raise WireError("an error with arguments that are not plain")
    try:
        error = kind(*arguments)
    except Exception:
        error = RuntimeError(f"{kind.__name__}: {arguments}"[:LONGEST])
    error._nbjudge_remote = True  # type: ignore[attr-defined]
    return error


class Errors(Extension):
    """The extension that carries exception classes of the other end's own making."""

    def __init__(self) -> None:
        self.kinds: dict[str, Any] = {"error": _kind}

    def encode(self, peer: Peer, value: Any, buffers: Buffers) -> Form:
        """The form of an exception's class, else NotImplemented."""
        if isinstance(value, type) and issubclass(value, Exception):
            parent = base(value)
            return ["error", peer.export(value), value.__name__ if _is_name(value.__name__) else parent, parent]
        return NotImplemented


def _is_name(name: str) -> bool:
    return len(name) <= NAME and name.isidentifier()


def _kind(peer: Peer, form: list[Form], buffers: Buffers) -> type[Exception]:
    """The class that stands in for one of the other end: caught as its builtin base, named as there."""
    if [type(part) for part in form] != [int, str, str] or form[2] not in BASES or not _is_name(form[1]):
        raise WireError("an error's class that is none")
    number, name, parent = form
    space = {"_nbjudge_remote": True, "__str__": lambda error: str(error.args[0]) if error.args else ""}
    return peer.standins.take(number, lambda: type(name, (BASES[parent],), space))
