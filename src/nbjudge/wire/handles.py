"""Two tables behind opaque handles: the objects that this end handed out, and what stands in for the other end's.

A handle is a number that is never used twice. How often it was sent is counted at both ends, and whoever drops its
stand-in says how often it had come: so a handle that is sent again while it is being freed stays alive.
"""

from __future__ import annotations

import weakref
from collections.abc import Callable
from typing import Any

from nbjudge.wire.frames import WireError

Given = list[int]  # [how often it was sent]


class Exports:
    """The objects that this end handed out; they live until the other end has freed them."""

    def __init__(self) -> None:
        self._numbers: dict[int, int] = {}  # by the object's id, which is its own as long as it is held here
        self._objects: dict[int, tuple[Any, Given]] = {}
        self._last = 0

    def __len__(self) -> int:
        return len(self._objects)

    def give(self, value: Any) -> int:
        """The handle of an object, which is about to be sent."""
        number = self._numbers.get(id(value))
        if number is None:
            self._last = number = self._last + 1
            self._numbers[id(value)] = number
            self._objects[number] = (value, [0])
        self._objects[number][1][0] += 1
        return number

    def get(self, number: object) -> Any:
        """The object that was handed out under this number; a `WireError` if there is none, or none any more."""
        return self._entry(number)[0]

    def _entry(self, number: object) -> tuple[Any, Given]:
        if type(number) is not int or number not in self._objects:
            raise WireError("a handle that was not handed out, or was freed")
        return self._objects[number]

    @property
    def last(self) -> int:
        """The highest handle so far."""
        return self._last

    def items(self) -> list[tuple[int, Any]]:
        """The handles and objects that are handed out."""
        return [(number, value) for number, (value, _) in self._objects.items()]

    def number(self, value: Any) -> int | None:
        """The handle under which this very object was handed out; None if it was not."""
        return self._numbers.get(id(value))

    def __contains__(self, value: Any) -> bool:
        """Was this very object handed out?"""
        return id(value) in self._numbers

    def free(self, number: object, times: object) -> None:
        """Forgets that a handle was sent so often; a `WireError` if it was not."""
        value, given = self._entry(number)
        if type(times) is not int or not 0 < times <= given[0]:
            raise WireError("a handle freed more often than it was handed out")
        given[0] -= times
        if not given[0]:
            del self._objects[int(number)], self._numbers[id(value)]  # type: ignore[call-overload]


class _Reference(weakref.ref[Any]):
    """To a stand-in, with its handle and how often that came."""

    number: int
    key: int
    times: int


class StandIns:
    """What stands in at this end for objects of the other; held weakly, so that it can be dropped."""

    def __init__(self, most: int) -> None:
        self._most = most
        self._references: dict[int, _Reference] = {}
        self._numbers: dict[int, int] = {}  # by the stand-in's id
        self._dropped: list[tuple[int, int]] = []

    def __len__(self) -> int:
        return len(self._references)

    def take(self, number: object, make: Callable[[], Any]) -> Any:
        """The stand-in for a handle that came: the one that there is, or a new one."""
        if type(number) is not int or number < 1:
            raise WireError("a handle that is no number")
        reference = self._references.get(number)
        standing = None if reference is None else reference()
        if reference is None or standing is None:
            standing = make()
            reference = self._add(number, standing)
        reference.times += 1
        return standing

    def _add(self, number: int, standing: Any) -> _Reference:
        if len(self._references) >= self._most:
            raise WireError(f"more than {self._most} objects at a time")
        reference = _Reference(standing, self._gone)
        reference.number, reference.key, reference.times = number, id(standing), 0
        self._references[number], self._numbers[id(standing)] = reference, number
        return reference

    def _gone(self, reference: Any) -> None:
        del self._references[reference.number], self._numbers[reference.key]
        self._dropped.append((reference.number, reference.times))

    def number(self, value: Any) -> int | None:
        """The handle that a value stands in for; None if it is no stand-in."""
        return self._numbers.get(id(value))

    def dropped(self, most: int) -> list[int]:
        """Handles whose stand-ins are gone, each followed by how often it came; each is told once."""
        told, self._dropped = self._dropped[:most], self._dropped[most:]
        return [part for pair in told for part in pair]
