"""Plain Python values cross by copy: what is sent, and what is taken, by exact type.

On the wire a value is a *form*: None, a bool, an int of 64 bits, a float, a short str or bytes as themselves,
everything else an array `[kind, ...]`. The elements of a sequence come in parts that the frame's caps allow.
"""

from __future__ import annotations

import builtins
import contextlib
import math
from array import array
from collections import OrderedDict
from collections.abc import Callable, Iterable, Iterator
from typing import TYPE_CHECKING, Any

from nbjudge.wire.extension import Extension
from nbjudge.wire.frames import WireError

if TYPE_CHECKING:
    from nbjudge.wire.peer import Peer

Buffers = list[Any]  # memoryviews on the way out, bytearrays on the way in; None where one was taken
Form = Any
SCALARS = {type(None), bool, int, float, str, bytes}
SIMPLE = SCALARS - {int, str, bytes}  # they are their own form whatever their size
LOW, HIGH = -(2**63), 2**63 - 1
LONG = 1024  # characters or bytes of a text, or numbers of a list, from which on it travels as a buffer

TYPES: list[Any] = [bool, bytes, complex, dict, float, frozenset, int, list, object, range, set, slice, str, tuple]
TOOLS: list[Any] = [abs, all, any, chr, divmod, len, max, min, ord, pow, repr, round, sorted, sum]
STEPS: list[Any] = [enumerate, filter, map, reversed, zip]
ERRORS = {name: kind for name, kind in vars(builtins).items() if isinstance(kind, type) and issubclass(kind, Exception)}
NAMED: dict[str, Any] = {
    **{value.__name__: value for value in [*TYPES, *TOOLS, *STEPS]},
    **{f"math.{name}": value for name, value in vars(math).items() if callable(value) and name[0] != "_"},
    **ERRORS,
}
NAMES = {id(value): name for name, value in NAMED.items()}  # by identity: a student's `==` has no say


class Plain(Extension):
    """The extension of every peer that carries plain Python values."""

    def __init__(self) -> None:
        self.kinds: dict[str, Callable[[Peer, list[Form], Buffers], Any]] = {
            "int": _big,
            "text": lambda peer, form, buffers: _text(peer, taken(buffers, *form)),
            "bytes": lambda peer, form, buffers: bytes(taken(buffers, *form)),
            "floats": lambda peer, form, buffers: _numbers(peer, "d", taken(buffers, *form)),
            "ints": lambda peer, form, buffers: _numbers(peer, "q", taken(buffers, *form)),
            "complex": _complex,
            "ellipsis": lambda peer, form, buffers: Ellipsis,
            "range": _range,
            "slice": lambda peer, form, buffers: slice(*_bounds(peer, form, buffers, {int, float, type(None)})),
            "named": _named,
            "list": _elements,
            "tuple": lambda peer, form, buffers: tuple(_elements(peer, form, buffers)),
            "set": lambda peer, form, buffers: set(map(_key, _elements(peer, form, buffers))),
            "frozenset": lambda peer, form, buffers: frozenset(map(_key, _elements(peer, form, buffers))),
            "dict": lambda peer, form, buffers: dict(_pairs(peer, form, buffers)),
            "OrderedDict": lambda peer, form, buffers: OrderedDict(_pairs(peer, form, buffers)),
        }
        self.encoders: dict[type, Callable[[Peer, Any, Buffers], Form]] = {
            int: _hexadecimal,
            str: _long,
            bytes: lambda peer, value, buffers: ["bytes", given(buffers, value)],
            complex: lambda peer, value, buffers: ["complex", value.real, value.imag],
            type(Ellipsis): lambda peer, value, buffers: ["ellipsis"],
            range: lambda peer, value, buffers: (
                _ends(peer, value, buffers) if peer.judging or _short(peer, value) else NotImplemented
            ),
            slice: _ends,
            list: _sequence,
            tuple: _parts,
            **dict.fromkeys((set, frozenset), _unordered),
            **dict.fromkeys((dict, OrderedDict), _table),
        }

    def encode(self, peer: Peer, value: Any, buffers: Buffers) -> Form:
        """The form of a builtin function, class or constant, else NotImplemented."""
        name = NAMES.get(id(value))
        return NotImplemented if name is None else ["named", name]


def is_form(value: Any) -> bool:
    """Is a value its own form?"""
    kind = type(value)
    if kind is int:
        return LOW <= value <= HIGH
    return kind in SIMPLE or (kind in SCALARS and len(value) < LONG)


def given(buffers: Buffers, content: Any) -> int:
    """Puts bytes among a message's buffers; the number under which the other end takes them."""
    buffers.append(memoryview(content))
    return len(buffers) - 1


def taken(buffers: Buffers, number: Form = None, *more: Form) -> bytearray:
    """One of a message's buffers, which can be taken once: two values never share memory.

    Raises:
        WireError: If there is no buffer of that number, or it was taken before.
    """
    if more or type(number) is not int or not 0 <= number < len(buffers) or buffers[number] is None:
        raise WireError("a buffer that is not there")
    buffer, buffers[number] = buffers[number], None
    return buffer


def _hexadecimal(peer: Peer, value: int, buffers: Buffers) -> Form:
    if value.bit_length() > 4 * peer.caps.digits - 16:
        raise ValueError(f"an int of {value.bit_length()} bits, at most {4 * peer.caps.digits - 16}")
    return ["int", hex(value)]


def _long(peer: Peer, value: str, buffers: Buffers) -> Form:
    content = value.encode(errors="surrogatepass")
    if len(content) > peer.caps.text:
        raise ValueError(f"a text of {len(content)} bytes, at most {peer.caps.text}")
    return ["text", given(buffers, content)]


def _sequence(peer: Peer, value: list[Any], buffers: Buffers) -> Form:
    kinds = set(map(type, value)) if len(value) >= LONG else set()
    if kinds in ({float}, {int}):
        with contextlib.suppress(OverflowError):  # an int of more than 64 bits
            content = array("d" if kinds == {float} else "q", value).tobytes()
            peer.reckon(len(value))
            return ["floats" if kinds == {float} else "ints", given(buffers, content)]
    return _parts(peer, value, buffers)


def _unordered(peer: Peer, value: Any, buffers: Buffers) -> Form:
    return _parts(peer, value, buffers) if _has_keys(value) else NotImplemented


def _parts(peer: Peer, value: Iterable[Any], buffers: Buffers) -> Form:
    forms = peer.encode_all(list(value), buffers)
    size = peer.caps.array
    return [type(value).__name__, *(forms[start : start + size] for start in range(0, len(forms), size))]


def _table(peer: Peer, value: dict[Any, Any], buffers: Buffers) -> Form:
    if not value:
        return [type(value).__name__]
    if not _has_keys(value):
        return NotImplemented
    flat = peer.encode_all([part for pair in value.items() for part in pair], buffers)
    size = peer.caps.array
    return [type(value).__name__, *(flat[start : start + size] for start in range(0, len(flat), size))]


def _ends(peer: Peer, value: Any, buffers: Buffers) -> Form:
    return [type(value).__name__, *peer.encode_all([value.start, value.stop, value.step], buffers)]


def _elements(peer: Peer, form: list[Form], buffers: Buffers) -> list[Any]:
    elements: list[Any] = []
    for part in form:
        elements += peer.decode_all(part, buffers)
    return elements


def _pairs(peer: Peer, form: list[Form], buffers: Buffers) -> Iterator[tuple[Any, Any]]:
    flat = _elements(peer, form, buffers)
    if len(flat) % 2:
        raise WireError("a dict with a key that has no value")
    return zip(map(_key, flat[::2]), flat[1::2], strict=True)


def _key(value: Any) -> Any:
    """A key whose hash and equality are Python's own; large ints are none, for theirs can be made to collide."""
    if type(value) is tuple:
        for part in value:
            _key(part)
    elif not (is_form(value) or type(value) in {str, bytes, complex, frozenset} or id(value) in NAMES):
        raise WireError(f"a key of type {type(value).__name__}")
    return value


def _has_keys(values: Iterable[Any]) -> bool:
    """May these values be keys at the other end?"""
    try:
        return all(_key(value) is value for value in values)
    except WireError:
        return False


def _range(peer: Peer, form: list[Form], buffers: Buffers) -> range:
    value = range(*_bounds(peer, form, buffers, {int}))
    if peer.judging and not _short(peer, value):
        raise WireError(f"a range of more than {peer.caps.items} numbers")
    return value


def _short(peer: Peer, value: range) -> bool:
    """May a range of the student's cross by value? As a list, a longer one would take the judge's memory."""
    return value[: peer.caps.items] == value


def _bounds(peer: Peer, form: list[Form], buffers: Buffers, kinds: set[type]) -> list[Any]:
    bounds = peer.decode_all(form, buffers)
    if len(bounds) != 3 or not {type(bound) for bound in bounds} <= kinds or (int in kinds == {int} and not bounds[2]):
        raise WireError("a range or slice with wrong bounds")
    return bounds


def _big(peer: Peer, form: list[Form], buffers: Buffers) -> int:
    text = form[0] if len(form) == 1 else None
    if type(text) is not str or len(text) > peer.caps.digits:
        raise WireError("a large int that is no text within the caps")
    try:
        return int(text, 16)
    except ValueError:
        raise WireError("a large int that is no number") from None


def _text(peer: Peer, content: bytearray) -> str:
    if len(content) > peer.caps.text:
        raise WireError(f"a text of {len(content)} bytes, at most {peer.caps.text}")
    try:
        return content.decode(errors="surrogatepass")
    except UnicodeDecodeError:
        raise WireError("a text that is no UTF-8") from None


def _numbers(peer: Peer, code: str, content: bytearray) -> list[Any]:
    if len(content) % 8:
        raise WireError("numbers that are not of 64 bits")
    peer.count(len(content) // 8)
    return array(code, bytes(content)).tolist()


def _complex(peer: Peer, form: list[Form], buffers: Buffers) -> complex:
    if [type(part) for part in form] != [float, float]:
        raise WireError("a complex number that is not two floats")
    return complex(*form)


def _named(peer: Peer, form: list[Form], buffers: Buffers) -> Any:
    if len(form) != 1 or type(form[0]) is not str or form[0] not in NAMED:
        raise WireError("a name that is not on the list")
    return NAMED[form[0]]
