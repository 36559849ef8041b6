"""The contestant's end of the wire: it answers until the channel closes."""

from __future__ import annotations

import contextlib
import signal
import threading
import weakref
from collections.abc import Callable, Iterator
from typing import Any, Protocol

from nbjudge.wire.failures import TRACE, rebuilt
from nbjudge.wire.frames import Channel, Closed, WireError
from nbjudge.wire.peer import LettingGo, Peer
from nbjudge.wire.proxies import OPERATIONS
from nbjudge.wire.seeds import seed
from nbjudge.wire.values import LONG, Buffers, Form

MISSING = object()
CONVERSIONS: dict[str, Callable[[Any], Any]] = {"float": float, "int": int, "str": str, "repr": repr}


class Shell(Protocol):
    """Where the student's cells run."""

    namespace: dict[str, Any]  # the student's globals

    def run(self, source: str, number: int) -> dict[str, Any]:
        """Runs a cell; plain values that tell how it went."""

    def take(self) -> list[Any]:
        """What was printed and displayed since it was last asked, as plain values."""

    def render(self, error: BaseException) -> list[str]:
        """An error of the student's, for showing."""


class Contestant(Peer):
    """The contestant's end: it answers the judge, and calls what the judge lends it while it does."""

    def __init__(self, channel: Channel, shell: Shell) -> None:
        super().__init__(channel)
        self.shell = shell
        self.operations.update(REQUESTS)
        self.kinds["iterator"] = _iterator
        self.fetched: dict[str, Any] = {}  # globals, as the judge knows them
        self.removed: dict[str, Any] = {}  # globals that a test has taken away
        self.busy = False  # with the student's code, which an interrupt may reach; it never reaches the wire
        self._interrupted = False
        self._thread = threading.get_ident()

    def serve(self) -> None:
        """Answers the judge until it closes the channel."""
        if threading.current_thread() is threading.main_thread():
            signal.signal(signal.SIGINT, self.interrupt)
        with contextlib.suppress(Closed):
            while True:
                message, buffers = self._take(None)
                self._interrupted = False
                self._serve(message, buffers, None)

    def interrupt(self, *_: object) -> None:
        """Handles SIGINT: ends the student's code now, or as soon as it is its turn again."""
        self._interrupted = True
        self.check_interrupt()

    def request(self, operation: str, *arguments: Any, deadline: float | None = None) -> Any:
        """Asks the judge, which honours calls of what it lent; while it waits for student code."""
        with self._lock, _Turn(self, False):
            if not self._open:
                raise RuntimeError("what a test lends can be called only while it waits")
            return super().request(operation, *arguments, deadline=deadline)

    def hand_out(self, value: Any) -> Form:
        """The form of a handle: the object stays here."""
        name = value.__name__ if isinstance(value, type) else type(value).__name__
        return ["handle", self.export(value), str(name)[:100], callable(value)]

    def stand_in(self, number: int, name: str, can_call: bool) -> Any:
        """A function, as honest code expects one, that calls the judge's."""

        def callback(*arguments: Any, **named: Any) -> Any:
            with LettingGo(self, arguments):
                return self.request("call", itself(), list(arguments), named)

        itself = weakref.ref(callback)  # so that it goes, and its handle is freed, with its last user
        callback.__name__ = callback.__qualname__ = name
        return callback

    def _answer(self, perform: Callable[[], Any]) -> tuple[dict[str, Any], Buffers]:
        try:
            with _Turn(self, True):
                return super()._answer(perform)
        except WireError:
            raise
        except BaseException as error:  # SystemExit and the like
            return {"error": self._telling(error)}, []

    def _post(self, message: dict[str, Any], buffers: Buffers, deadline: float | None) -> None:
        if outputs := self.shell.take():
            message["outputs"] = self.encode(outputs, buffers)
        if rebound := self._rebound():
            message["rebound"] = rebound
        super()._post(message, buffers, deadline)

    def _rebound(self) -> list[str]:
        """Which globals that the judge fetched are others now."""
        current = self.shell.namespace.get
        names = [name for name, value in self.fetched.items() if current(name, MISSING) is not value]
        for name in names:
            del self.fetched[name]
        return [name for name in names if len(name) < LONG]

    def _prepare(self, message: dict[str, Any]) -> None:
        if "carry" in message:
            for library in set(message["carry"]) - self.carried:
                self.carry(library)
        if "seed" in message:
            seed(message["seed"])
            self._agree()

    def _telling(self, error: BaseException) -> Form:
        if (number := getattr(error, "_nbjudge_again", None)) is not None:
            return ["again", number]
        instead = getattr(error, "_render_traceback_", None)
        lines = capped(self.shell.render(error))
        return [*super()._telling(error), lines, None if instead is None else capped(instead())]

    def _told(self, form: Form, buffers: Buffers) -> BaseException:
        error = rebuilt(self.decode(form[0], buffers), form[1])
        error._nbjudge_again = form[2]  # type: ignore[attr-defined]  # so that the judge can raise its own
        return error

    def check_interrupt(self) -> None:
        """Ends the student's code if that is to be, and it is its turn."""
        if self._interrupted and self.busy and threading.get_ident() == self._thread:
            self._interrupted = False
            raise KeyboardInterrupt


class _Turn:
    """Whose turn it is for a while: the student's code's, which may be busy, or the wire's."""

    __slots__ = ("before", "busy", "contestant")

    def __init__(self, contestant: Contestant, busy: bool) -> None:
        self.contestant, self.busy, self.before = contestant, busy, contestant.busy

    def __enter__(self) -> None:
        self.contestant.busy = self.busy
        try:
            self.contestant.check_interrupt()
        except BaseException:
            self.contestant.busy = self.before
            raise

    def __exit__(self, kind: object, error: object, tb: object) -> None:
        self.contestant.busy = self.before
        if kind is None:
            self.contestant.check_interrupt()


def capped(lines: list[str]) -> list[str]:
    """A traceback's lines, so that they fit into any message."""
    return "\n".join(lines)[:TRACE].splitlines()


def _iterator(contestant: Contestant, form: list[Form], buffers: Buffers) -> Iterator[Any]:
    """The elements of an iterator of the judge's, asked for one by one."""
    step = contestant.decode(["handle", *form, "next", True], buffers)
    while element := step():  # a list of one, or an empty one at the end
        yield element[0]


def _global(contestant: Contestant, name: str) -> Any:
    value = contestant.fetched[name] = contestant.shell.namespace[name]
    return value


def _remove(contestant: Contestant, name: str) -> None:
    contestant.removed[name] = contestant.shell.namespace.pop(name)


def _assign(contestant: Contestant, name: str, value: Any) -> None:
    contestant.shell.namespace[name] = value


def _restore(contestant: Contestant, name: str) -> None:
    contestant.shell.namespace[name] = contestant.removed.pop(name)


def _set_item(contestant: Contestant, target: Any, key: Any, value: Any) -> None:
    target[key] = value


REQUESTS: dict[str, Callable[..., Any]] = {
    "run": lambda contestant, source, number: contestant.shell.run(source, number),
    "global": _global,
    "remove": _remove,
    "assign": _assign,
    "restore": _restore,
    "get": lambda contestant, target, name: getattr(target, name),
    "set": lambda contestant, target, name, value: setattr(target, name, value),
    "call": lambda contestant, function, arguments, named: function(*arguments, **named),
    "changing call": lambda contestant, function, arguments, named: [
        function(*arguments, **named),
        arguments,
        named,
    ],
    "item": lambda contestant, target, key: target[key],
    "set_item": _set_item,
    "len": lambda contestant, target: len(target),
    "iter": lambda contestant, target: iter(target),
    "next": lambda contestant, iterator: next(iterator),
    "convert": lambda contestant, kind, target: CONVERSIONS[kind](target),
    "operate": lambda contestant, name, operands: OPERATIONS[name](*operands),
}
