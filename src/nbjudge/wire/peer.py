"""Requests and replies: what both ends of the wire have in common.

A message is a map: a request `{"ask", "number", "with"}`, its reply `{"number", "value"}` or `{"number", "error"}`.
While an end waits for its reply it answers the other's requests. With any message ride along the handles that were
freed, what was printed, and what the extensions add.
"""

from __future__ import annotations

import functools
import importlib
import inspect
import os
import sys
import threading
from collections.abc import Callable, Iterable, Set
from typing import Any

from nbjudge.wire.codec import Codec
from nbjudge.wire.extension import Extension
from nbjudge.wire.failures import rebuilt, told
from nbjudge.wire.frames import Channel, WireError
from nbjudge.wire.values import LONG, Buffers, Form

NOTHING: Set[int] = frozenset()
ALONE = 3  # references to a value in a container that nothing else holds: the container's, a variable's, the call's
FREED = 4096  # handles that one message frees at most
CARRIERS = {"random": "seeds.Seeds", "numpy": "arrays.Arrays", "torch": "torch.Torch"}  # extensions for libraries


class Peer(Codec):
    """One end of the wire; `Judge` and `Contestant` differ in which requests they honour."""

    def __init__(self, channel: Channel) -> None:
        super().__init__(channel.caps)
        self.channel = channel
        self.carried: set[str] = set()  # libraries of `CARRIERS`
        self.broken: WireError | None = None  # what ended the talk for good
        self.passing: Set[int] = NOTHING  # the identities of values that are being encoded and that nothing else holds
        self.objection: Exception | None = None  # of an extension: raised instead of the reply that it came with
        self._before_send: list[Callable[[Peer, dict[str, Any], Buffers], None]] = []  # of those with anything to add
        self._after_receive: list[Callable[[Peer, dict[str, Any], Buffers], None]] = []
        self._open: list[int] = []  # own requests without a reply; the other end's, being served, are negative
        self._lock = threading.RLock()
        self._process = os.getpid()
        self._asked = self._served = 0

    def carry(self, library: str) -> None:
        """Adds the extension that carries a library's values."""
        module, name = CARRIERS[library].split(".")
        extension: Extension = getattr(importlib.import_module(f"nbjudge.wire.{module}"), name)(self, self.judging)
        self.extend(extension)
        self.carried.add(library)
        riding = [each for each in self.extensions if type(each).before_send is not Extension.before_send]
        self._before_send = [each.before_send for each in riding]
        self._after_receive = [each.after_receive for each in riding]

    def _agree(self) -> None:
        for extension in self.extensions:
            extension.agree()

    # requests

    def request(self, operation: str, *arguments: Any, deadline: float | None = None) -> Any:
        """Asks the other end and answers its requests until the reply has come; the reply's value.

        Raises:
            WireError: If the other end broke the protocol, now or before; `Closed` and `Late` are such.
            RecursionError: If requests within callbacks are nested too deep.
            Exception: What the request raised at the other end, as `failures` tells it.
        """
        if os.getpid() != self._process:
            raise RuntimeError(
                "the other end can be asked only by the process that started with it, by none forked off"
            )
        with self._lock:
            self._check()
            if len(self._open) >= 2 * self.caps.nesting:
                raise RecursionError(f"calls to and fro are nested more than {self.caps.nesting} deep")
            message, buffers = self._asking(operation, arguments)
            reply, buffers = self._exchange(message, buffers, deadline)
            return self._result(reply, buffers)

    def _check(self) -> None:
        if self.broken:
            raise type(self.broken)(*self.broken.args)

    def _asking(self, operation: str, arguments: tuple[Any, ...]) -> tuple[dict[str, Any], Buffers]:
        buffers: Buffers = []
        self._items = 0
        forms = [self.encode(argument, buffers) for argument in arguments]
        return {"ask": operation, "number": self._asked + 1, "with": forms}, buffers

    def _exchange(self, message: dict[str, Any], buffers: Buffers, deadline: float | None) -> tuple[Any, Buffers]:
        number = self._asked = message["number"]
        self._post(message, buffers, deadline)
        self._open.append(number)
        try:
            reply, buffers = self._reply(number, deadline)
        except BaseException as error:  # the ends no longer agree on what is being answered
            self.broken = error if isinstance(error, WireError) else WireError(f"given up: {type(error).__name__}")
            raise
        self._open.pop()
        return reply, buffers

    def _reply(self, number: int, deadline: float | None) -> tuple[dict[str, Any], Buffers]:
        while True:
            message, buffers = self._take(deadline)
            if "ask" in message:
                self._serve(message, buffers, deadline)
            elif type(message.get("number")) is int and message["number"] == number:
                return message, buffers
            else:
                raise WireError("a reply to another request")

    def _result(self, reply: dict[str, Any], buffers: Buffers) -> Any:
        """The value of a reply; raises its error."""
        try:
            error = None if "value" in reply else self._told(reply.get("error"), buffers)
            value = None if error else self.decode(reply["value"], buffers)
        except WireError as failed:
            self.broken = failed
            raise
        objection, self.objection = self.objection, None
        if objection or error:
            raise objection or error or AssertionError
        return value

    def _post(self, message: dict[str, Any], buffers: Buffers, deadline: float | None) -> None:
        for before_send in self._before_send:
            before_send(self, message, buffers)
        if freed := self.standins.dropped(FREED):
            message["free"] = freed
        try:
            self.channel.send(message, buffers, deadline)
        except WireError as error:
            self.broken = error
            raise

    def _take(self, deadline: float | None) -> tuple[dict[str, Any], Buffers]:
        message, buffers = self.channel.receive(deadline)
        if type(message) is not dict:
            raise WireError("a message that is no map")
        self._items = self._depth = 0
        if "free" in message:
            self._free(message["free"])
        self._prepare(message)
        for after_receive in self._after_receive:
            after_receive(self, message, buffers)
        return message, buffers

    def _free(self, freed: Form) -> None:
        if type(freed) is not list or len(freed) % 2:
            raise WireError("freed handles that are no pairs")
        for handle, times in zip(freed[::2], freed[1::2], strict=True):
            self.exports.free(handle, times)

    def _prepare(self, message: dict[str, Any]) -> None:
        """Before the extensions take what rode along."""

    # serving

    def _serve(self, message: dict[str, Any], buffers: Buffers, deadline: float | None) -> None:
        """Answers one request of the other end."""
        number = self._served = self._turn(message)
        perform = self._understood(message, buffers)
        self._open.append(-number)
        reply, buffers = self._answer(perform)
        with self._lock:  # a thread of the student's may be asking
            self._check()  # it may have broken within, and the error been swallowed
            self._open.pop()
            try:
                self._post(reply | {"number": number}, buffers, deadline)
            except WireError:
                raise
            except Exception as error:  # too large, or it cannot be sent; nothing was
                self._post({"error": self._telling(error), "number": number}, [], deadline)

    def _turn(self, message: dict[str, Any]) -> int:
        """The number of a request; every one is higher than those before."""
        number = message.get("number")
        if type(number) is not int or number <= self._served:
            raise WireError("a request out of turn")
        return number

    def _understood(self, message: dict[str, Any], buffers: Buffers) -> Callable[[], Any]:
        """What a request asks for, ready to be done."""
        operation = message["ask"]
        honoured = self.operations.get(operation) if type(operation) is str else None
        if honoured is None:
            raise WireError(f"a request that is not honoured: {str(operation)[:40]!r}")
        arguments = self.decode_all(message.get("with"), buffers)
        if len(arguments) != _arity(honoured):
            raise WireError(f"a request {operation!r} with {len(arguments)} arguments")
        return lambda: honoured(self, *arguments)

    def _answer(self, perform: Callable[[], Any]) -> tuple[dict[str, Any], Buffers]:
        buffers: Buffers = []
        try:
            value = [perform()]
            with LettingGo(self, value):
                self._items = 0
                return {"value": self.encode(value[0], buffers)}, buffers
        except WireError:
            raise
        except Exception as error:
            return {"error": self._telling(error)}, []

    def _telling(self, error: BaseException) -> Form:
        kind, arguments = told(error)
        return [self.encode(kind, []), arguments]

    def _told(self, form: Form, buffers: Buffers) -> BaseException:
        """The other end's error."""
        if type(form) is not list or len(form) < 2:
            raise WireError("a reply without value or error")
        return rebuilt(self.decode(form[0], buffers), form[1])


class LettingGo:
    """While these values are encoded `passing` tells which of them, and of their parts, nothing else holds."""

    __slots__ = ("peer",)

    def __init__(self, peer: Peer, values: Iterable[Any]) -> None:
        self.peer, peer.passing = peer, _alone(values, 2)

    def __enter__(self) -> None:
        pass

    def __exit__(self, kind: object, error: object, tb: object) -> None:
        self.peer.passing = NOTHING


def _alone(values: Iterable[Any], depth: int) -> set[int]:
    found = set()
    for value in values:
        if sys.getrefcount(value) == ALONE:
            found.add(id(value))
            if depth and type(value) in (tuple, list, dict) and len(value) < LONG:
                found |= _alone(value.values() if type(value) is dict else value, depth - 1)
    return found


@functools.cache
def _arity(operation: Callable[..., Any]) -> int:
    """How many arguments an operation takes besides the peer."""
    return len(inspect.signature(operation).parameters) - 1
