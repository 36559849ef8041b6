"""The judge's end of the wire."""

from __future__ import annotations

import sys
import time
from collections.abc import Callable, Iterator
from itertools import islice
from typing import Any

from nbjudge.wire.failures import TRACE, Ended, rebuilt, told
from nbjudge.wire.frames import Channel, Late, WireError
from nbjudge.wire.namespace import Namespace
from nbjudge.wire.peer import CARRIERS, Peer
from nbjudge.wire.proxies import Refused, StudentCallable, StudentObject, labelled, refusal, where
from nbjudge.wire.putback import can_change, put_back
from nbjudge.wire.seeds import seed
from nbjudge.wire.values import Buffers, Form


class Judge(Peer):
    """The judge's end: it asks; the contestant may only call what it was handed to call.

    Attributes:
        namespace: For `exec` of test cells; that of an earlier judge is taken over and asks this one from now on.
        deadline: Of requests that are given none (of `time.monotonic`); None for `Caps.seconds` from their start.
        trouble: The last `WireError`, which a test cell may have swallowed.
        on_late: Called when a request is late: interrupts the contestant and says until when to wait for its reply.
        on_outputs: Takes what student code printed and displayed, which rides along with messages.
        changes_inputs: Does this test say that student code changes what it is given?
        in_place: Does the request that is being sent say so, by it or by the function's name?
    """

    judging = True

    def __init__(self, channel: Channel, namespace: Namespace | None = None) -> None:
        super().__init__(channel)
        self.operations["call"] = _call
        self.namespace = Namespace() if namespace is None else namespace
        self.namespace.judge = self
        self.deadline: float | None = None
        self.trouble: WireError | None = None
        self.on_late: Callable[[], float | None] = lambda: None
        self.on_outputs: Callable[[list[Any]], object] = lambda outputs: None
        self.changes_inputs = self.in_place = False
        self._fetched: dict[str, StudentCallable] = {}  # the contestant tells of those that it rebinds
        self._raised: list[BaseException] = []  # by callbacks, while the outermost request is answered
        self._seed: int | None = None  # that the contestant has still to set
        self._callbacks = 0
        self._retired = 0  # callbacks with handles up to here are not lent any more
        self._lasting: set[int] = set()  # but these are

    def seed(self, number: int) -> None:
        """Sets the random states here and, before anything else, there; a number is quicker told than all states."""
        seed(number)
        self._seed = number
        self._agree()

    def fetch(self, name: str) -> Any:
        """A global of the contestant's, as a value or a proxy; NameError if there is none."""
        if name in self._fetched:
            return labelled(self._fetched[name], name)
        try:
            value = self.request("global", name)
        except KeyError:
            raise NameError(f"name {name!r} is not defined", name=name) from None
        if type(value) is StudentCallable:
            self._fetched[name] = value
        if type(value) is StudentObject and value._nbjudge_name == "module":
            raise Refused(refusal(value, f"the module {name!r}", "import it in a locked cell or in the test cell"))
        return labelled(value, name)

    def run_cell(self, source: str, number: int, deadline: float | None = None) -> Any:
        """Has the contestant run a cell in its shell; what that says of it, which is to be checked before use.

        Raises:
            WireError: As `request` does.
        """
        return self.request("run", source, number, deadline=deadline)

    def call(self, function: StudentCallable, arguments: list[Any], named: dict[str, Any]) -> Any:
        """Calls a function of the student's; what it did to its arguments is done to them here, if it may."""
        if not self._may_change(function) or not any(map(can_change, (*arguments, *named.values()))):
            return self.request("call", function, arguments, named)
        answer = self.request("changing call", function, arguments, named)
        if type(answer) is not list or list(map(type, answer[1:])) != [list, dict]:
            raise WireError("a call without its arguments")
        put_back(arguments, answer[1])
        put_back(named, answer[2])
        return answer[0]

    def _may_change(self, function: Any) -> bool:
        label = function._nbjudge_label if type(function) is StudentCallable else ""
        return self.changes_inputs or (label.endswith("_") and not label.endswith("__"))

    def exactly(self, kind: type, operation: str, *arguments: Any) -> Any:
        """What a request gives, if it is of this very type; else a TypeError, as Python itself raises it."""
        value = self.request(operation, *arguments)
        if type(value) is not kind:
            raise TypeError(f"{self.where()}expected {kind.__name__} and got {type(value).__name__}")
        return value

    def where(self) -> str:
        """Which line of a test cell is running, as the start of a message."""
        return where(self.namespace)

    def retire(self, lasting: Callable[[Any], bool]) -> None:
        """After a test: what it lent can no longer be called, but for the callbacks that are to last."""
        self._retired, items = self.exports.last, self.exports.items()
        self._lasting = {handle for handle, value in items if lasting(value)}

    def request(self, operation: str, *arguments: Any, deadline: float | None = None) -> Any:
        """As a peer's; every request has a deadline, and after a late one the ends agree again where they can."""
        now, outermost = time.monotonic(), not self._open
        deadline = deadline or self.deadline or now + self.caps.seconds
        try:
            if deadline <= now and not self.channel.more_time():
                raise Late("no time is left")
            return super().request(operation, *arguments, deadline=deadline)
        except WireError as error:
            self.trouble = error
            if outermost and isinstance(self.broken, Late):
                self._recover(self.on_late())
            raise
        finally:
            if outermost:
                self._callbacks = 0
                self._raised.clear()

    def _recover(self, deadline: float | None) -> None:
        """Waits for the replies still owed, and drops them."""
        try:
            while self._open and deadline is not None:
                self._give_up(self._open.pop(), deadline)
        except WireError as error:
            self.broken = error
        else:
            self.broken = self.broken if deadline is None else self.channel.failed

    def _give_up(self, number: int, deadline: float) -> None:
        """Ends one request that was left open: one's own by its reply, the contestant's by an error."""
        error = self._telling(TimeoutError("the test waits no longer"))
        if number < 0:
            return self._post({"number": -number, "error": error}, [], deadline)
        while "ask" in (message := self._take(deadline)[0]):
            self._served = self._turn(message)
            self._post({"number": self._served, "error": error}, [], deadline)
        if message.get("number") != number:
            raise WireError("a reply to another request")
        return None

    def hand_out(self, value: Any) -> Form:
        """A callback's form; an iterator is a callback too. Nothing else of the judge's is handed out."""
        if isinstance(value, Iterator):
            return ["iterator", self.export(lambda: list(islice(value, 1)))]
        if not callable(value):
            kind = type(value).__name__
            raise Refused(
                f"{self.where()}an object of class {kind!r} cannot be handed to the student's code; hand over its "
                "values, or make it there, by a class that a locked cell defines."
            )
        return ["handle", self.export(value), str(getattr(value, "__name__", type(value).__name__))[:100], True]

    def stand_in(self, number: int, name: str, can_call: bool) -> Any:
        """A proxy."""
        return (StudentCallable if can_call else StudentObject)(self, name)

    def lent(self, value: Any) -> bool:
        """Was this object handed out to be called, by this test or to last?"""
        handle = self.exports.number(value)
        return handle is not None and callable(value) and (handle > self._retired or handle in self._lasting)

    def _asking(self, operation: str, arguments: tuple[Any, ...]) -> tuple[dict[str, Any], Buffers]:
        self.in_place = self._may_change(arguments[0] if operation in ("call", "changing call") else None)
        return super()._asking(operation, arguments)

    def _post(self, message: dict[str, Any], buffers: Buffers, deadline: float | None) -> None:
        if len(self.carried) < len(CARRIERS):
            for library in CARRIERS:
                if library in sys.modules and library not in self.carried:
                    self.carry(library)
                    message["carry"] = sorted(self.carried)
        if self._seed is not None:
            message["seed"] = self._seed
        super()._post(message, buffers, deadline)
        self._seed = None

    def _take(self, deadline: float | None) -> tuple[dict[str, Any], Buffers]:
        message, buffers = super()._take(deadline)
        if "outputs" in message:
            outputs = self.decode(message["outputs"], buffers)
            if type(outputs) is not list:
                raise WireError("outputs that are no list")
            self.on_outputs(outputs)
        if "rebound" in message:
            for name in self.decode_all(message["rebound"], buffers):
                self._fetched.pop(name if type(name) is str else "", None)
        return message, buffers

    def _serve(self, message: dict[str, Any], buffers: Buffers, deadline: float | None) -> None:
        self._callbacks += 1
        if self._callbacks > self.caps.callbacks:
            raise WireError(f"more than {self.caps.callbacks} calls back during one request")
        super()._serve(message, buffers, deadline)

    def _telling(self, error: BaseException) -> Form:
        """The error of a callback; the judge's own findings keep their text to themselves."""
        self._raised.append(error)
        kind, arguments = told(error, secret=isinstance(error, AssertionError | Refused))
        return [self.encode(kind, []), arguments, len(self._raised) - 1]

    def _told(self, form: Form, buffers: Buffers) -> BaseException:
        """The contestant's error; where it passes on one that a callback raised, that very one."""
        if type(form) is not list or len(form) != 2 or form[0] != "again":
            error = super()._told(form, buffers)
            if isinstance(error, StopIteration | StopAsyncIteration):
                error = rebuilt(Ended, [f"your code raised {type(error).__name__}"])
            show(error, form)
            return error
        if type(form[1]) is not int or not 0 <= form[1] < len(self._raised):
            raise WireError("an error passed on that was not raised")
        return self._raised[form[1]]


def show(error: Any, form: list[Form]) -> None:
    """Gives an error what came with it for showing: a traceback, and lines to show in its stead, if it had some."""
    if len(form) != 4:
        raise WireError("an error without its parts")
    lines, instead = form[2:]
    for part in (lines, instead or []):
        if type(part) is not list or {type(line) for line in part} - {str} or sum(map(len, part)) > TRACE:
            raise WireError("a traceback that is no text within the caps")
    error._nbjudge_traceback = lines
    if instead is not None:
        error._render_traceback_ = lambda: instead  # read by IPython


def _call(judge: Judge, function: Any, arguments: Any, named: Any) -> Any:
    """A call of a callback, by the contestant."""
    if function not in judge.exports:
        raise WireError("a call of what was not handed out")
    if type(arguments) is not list or type(named) is not dict or {type(name) for name in named} - {str}:
        raise WireError("a call without its arguments")
    if not judge.lent(function):
        raise RuntimeError("this function was lent by another test")
    return function(*arguments, **named)
