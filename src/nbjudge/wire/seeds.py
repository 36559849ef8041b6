"""Python's and numpy's own random numbers: the judge's state goes to the contestant, and never comes back.

So `random.seed(0)` in a test seeds the student's code as well. When the contestant drew numbers it says so, and the
judge goes on elsewhere: numbers that were drawn can be told by the state, and none is drawn on both sides.
"""

from __future__ import annotations

import ctypes
import random
import sys
from array import array
from typing import Any

from nbjudge.wire.extension import Extension
from nbjudge.wire.frames import WireError
from nbjudge.wire.values import Buffers, given, taken

WORDS = 625  # of a Mersenne twister's state, its position among them
LAST = 624  # the position after which it makes new words
GLANCE = 64  # bytes of a state, its position among them, that are never again the same after a draw
STATE = id(random._inst) + object.__basicsize__  # where CPython keeps that of `random`


def seed(number: int) -> None:
    """Set the global random state of every library that this process has imported."""
    random.seed(number)
    if numpy := sys.modules.get("numpy"):
        numpy.random.seed(number % 2**32)
    if torch := sys.modules.get("torch"):
        torch.random.default_generator.manual_seed(number)  # torch.manual_seed looks at the stack for each device
        if torch.cuda.is_initialized():
            torch.cuda.manual_seed_all(number)


class Python:
    """The state of `random`. It is read where it lies, its position first: a copy takes many times as long."""

    name = "random"

    def get(self) -> bytes:
        return ctypes.string_at(STATE, 4 * WORDS)

    def glance(self) -> bytes:
        return ctypes.string_at(STATE, GLANCE)

    def set(self, state: bytes) -> None:
        position, *words = array("I", state)
        if position <= LAST:
            random.setstate((3, (*words, position), None))

    def step(self) -> None:
        random.seed(random.getrandbits(64))


class Numpy:
    """The state of `numpy.random`, as far as its functions share one.

    It is read where it lies, its position last: numpy's own copy takes eighty times as long, and each message asks. The
    second normal number of a pair, which numpy keeps beside it, moves nothing.
    """

    name = "numpy"

    def get(self) -> bytes:
        return ctypes.string_at(where, 4 * WORDS) if (where := self._address()) else b""

    def glance(self) -> bytes:
        return ctypes.string_at(where + 4 * WORDS - GLANCE, GLANCE) if (where := self._address()) else b""

    def _address(self) -> int:
        """0 until it is imported, for nobody draws, and where another generator is in its place: nobody follows."""
        if (random := sys.modules.get("numpy.random")) is None:
            return 0
        generator = random.get_bit_generator()
        return int(generator.ctypes.state_address) if type(generator) is random.MT19937 else 0

    def set(self, state: bytes) -> None:
        numpy = sys.modules["numpy"]
        words = numpy.frombuffer(state, numpy.uint32)
        if words[-1] <= LAST:
            numpy.random.set_state(("MT19937", words[:-1], int(words[-1]), 0, 0.0))

    def step(self) -> None:
        numpy = sys.modules["numpy"]
        numpy.random.seed(numpy.random.randint(0, 2**32, size=4, dtype=numpy.uint32))


class Seeds(Extension):
    """The extension of every peer that carries these states."""

    def __init__(self, peer: Any, judging: bool) -> None:
        self._judging = judging
        self._sources: dict[str, Python | Numpy] = {source.name: source for source in (Python(), Numpy())}
        self._seen: dict[str, bytes] = {}  # at a glance

    def agree(self) -> None:
        self._seen = {name: source.glance() for name, source in self._sources.items()}

    def before_send(self, peer: Any, message: dict[str, Any], buffers: Buffers) -> None:
        """Adds the states that changed (judge), or which did (contestant)."""
        if message.get("ask") == "global":  # runs nothing that draws
            return
        moved = [name for name, source in self._sources.items() if self._moved(name, source)]
        if moved and self._judging:
            message["seeds"] = [[name, given(buffers, self._sources[name].get())] for name in moved]
        elif moved:
            message["seeds"] = moved

    def after_receive(self, peer: Any, message: dict[str, Any], buffers: Buffers) -> None:
        """Takes the judge's states (contestant), or steps aside (judge)."""
        if "seeds" not in message:
            return
        news = message["seeds"]
        if type(news) is not list or len(news) > len(self._sources):
            raise WireError("states of random numbers that are none")
        for item in news:
            if self._judging:
                self._step(item)
            else:
                self._take(*item, buffers=buffers)

    def _moved(self, name: str, source: Python | Numpy) -> bool:
        """Did the state change since it was last looked at? The judge tells what it sees first, too."""
        before, state = self._seen.get(name), source.glance()
        if state == before or not state:
            return False
        self._seen[name] = state
        return self._judging or before is not None

    def _take(self, name: str, number: int, *, buffers: Buffers) -> None:
        state = bytes(taken(buffers, number))
        if name in sys.modules and len(state) == 4 * WORDS:
            self._sources[name].set(state)
            self._seen[name] = self._sources[name].glance()

    def _step(self, name: Any) -> None:
        if type(name) is not str or name not in self._sources:
            raise WireError("random numbers of no source")
        if self._sources[name].glance():
            self._sources[name].step()
            self._seen[name] = self._sources[name].glance()
