"""Values into forms and back: what both ends of the wire have in common, before any request."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from nbjudge.wire.extension import Extension
from nbjudge.wire.failures import Errors
from nbjudge.wire.frames import Caps, WireError
from nbjudge.wire.handles import Exports, StandIns
from nbjudge.wire.values import SCALARS, SIMPLE, Buffers, Form, Plain, is_form


class Codec:
    """Encodes and decodes values, within the caps, by the extensions and the tables of handles."""

    judging = False  # is this the judge's end?

    def __init__(self, caps: Caps) -> None:
        self.caps = caps
        self.extensions: list[Extension] = []
        self.encoders: dict[type, Callable[[Any, Any, Buffers], Form]] = {}
        self.kinds: dict[str, Callable[[Any, list[Form], Buffers], Any]] = {"handle": _handle, "yours": _yours}
        self.operations: dict[str, Callable[..., Any]] = {}
        self.exports = Exports()
        self.standins = StandIns(caps.handles)
        self._depth = self._items = 0
        self.extend(Plain())
        self.extend(Errors())

    def extend(self, extension: Extension) -> None:
        """Adds an extension, behind those that there are."""
        self.extensions.append(extension)
        self.encoders.update(extension.encoders)
        self.kinds.update(extension.kinds)
        self.operations.update(extension.operations)

    def encode(self, value: Any, buffers: Buffers) -> Form:
        """The form of a value; large contents go into the message's buffers.

        Raises:
            ValueError: If it is too large, too deep or holds itself.
            Refused: If it cannot be handed over (judge).
        """
        kind = type(value)
        if kind in SIMPLE or (kind in SCALARS and is_form(value)):
            return value
        if self._depth >= self.caps.depth:
            raise ValueError(f"a value nested deeper than {self.caps.depth} levels, or one that holds itself")
        self._depth += 1
        try:
            return self._encode(value, buffers)
        finally:
            self._depth -= 1

    def _encode(self, value: Any, buffers: Buffers) -> Form:
        encoder = self.encoders.get(type(value))
        if encoder and (form := encoder(self, value, buffers)) is not NotImplemented:
            return form
        if (number := self.standins.number(value)) is not None:
            return ["yours", number]
        for extension in self.extensions:
            form = extension.encode(self, value, buffers)
            if form is not NotImplemented:
                return form
        return self.hand_out(value)

    def encode_all(self, values: list[Any], buffers: Buffers) -> list[Form]:
        """The forms of a sequence's elements."""
        self.reckon(len(values))
        if SIMPLE.issuperset(map(type, values)):
            return values
        return [self.encode(value, buffers) for value in values]

    def reckon(self, elements: int) -> None:
        """Counts elements that are to be sent; well below what the other end takes."""
        self._items += elements
        if self._items > self.caps.items // 2:
            raise ValueError(f"a value of more than {self.caps.items // 2} elements")

    def decode(self, form: Form, buffers: Buffers) -> Any:
        """The value of a form; a `WireError` if it has none."""
        if type(form) in SCALARS:
            return form
        if type(form) is not list or not form or type(form[0]) is not str:
            raise WireError("a value without a kind")
        decoder = self.kinds.get(form[0])
        if decoder is None:
            raise WireError(f"a value of unknown kind {form[0][:40]!r}")
        self._depth += 1
        try:
            if self._depth > self.caps.depth:
                raise WireError(f"values nested deeper than {self.caps.depth} levels")
            return decoder(self, form[1:], buffers)
        finally:
            self._depth -= 1

    def decode_all(self, forms: Form, buffers: Buffers) -> list[Any]:
        """The values of a list of forms."""
        if type(forms) is not list:
            raise WireError("elements that are no list")
        self.count(len(forms))
        if SCALARS.issuperset(map(type, forms)):
            return forms
        return [self.decode(form, buffers) for form in forms]

    def count(self, elements: int) -> None:
        """Counts elements that a message brings; a `WireError` when they are too many."""
        self._items += elements
        if self._items > self.caps.items:
            raise WireError(f"more than {self.caps.items} elements")

    def export(self, value: Any) -> int:
        """A handle of an object that stays here, to be sent with the message that is being encoded."""
        if len(self.exports) > self.caps.handles // 2:
            raise ValueError(f"more than {self.caps.handles // 2} objects at a time")
        return self.exports.give(value)

    def object(self, handle: object) -> Any:
        """The object behind a handle of this end; a `WireError` if it was not handed out, or was freed."""
        return self.exports.get(handle)

    def adopt(self, handle: Any, standing: Any) -> Any:
        """Each time a handle came: what stands in for it, `standing` unless there is something already.

        It is held weakly; when it dies the other end is told to free the object.
        """
        return self.standins.take(handle, lambda: standing)

    def handle_of(self, value: Any) -> int | None:
        """The handle that a value of this end stands in for; None if it is no stand-in."""
        return self.standins.number(value)

    def hand_out(self, value: Any) -> Form:
        """The form of an object that no extension carries."""
        raise NotImplementedError

    def stand_in(self, number: int, name: str, can_call: bool) -> Any:
        """What stands in here for an object of the other end."""
        raise NotImplementedError


def _handle(peer: Codec, form: list[Form], buffers: Buffers) -> Any:
    if [type(part) for part in form] != [int, str, bool] or len(form[1]) > 100:
        raise WireError("a handle without its parts")
    return peer.standins.take(form[0], lambda: peer.stand_in(*form))


def _yours(peer: Codec, form: list[Form], buffers: Buffers) -> Any:
    return peer.exports.get(form[0] if len(form) == 1 else None)
