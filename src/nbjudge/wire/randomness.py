"""Random numbers: the global state goes to the contestant and never comes back; generators come back."""

from __future__ import annotations

import ctypes
import weakref
from typing import Any

import torch
from torch import Generator

from nbjudge.wire.frames import WireError
from nbjudge.wire.tensors import parts
from nbjudge.wire.values import Buffers, taken

MOST = 10_000  # generators that are held at a time


def state_of(generator: Generator) -> bytes:
    """A generator's state as bytes."""
    state = generator.get_state()
    return ctypes.string_at(state.data_ptr(), state.nbytes)


def set_state(generator: Generator, state: bytearray) -> None:
    """Gives a generator a state that came; WireError where it is none."""
    try:
        generator.set_state(torch.frombuffer(state, dtype=torch.uint8) if state else torch.empty(0, dtype=torch.uint8))
    except (RuntimeError, TypeError) as error:
        raise WireError(f"no state of a generator: {error}"[:200]) from None


class Generators:
    """The generators that both ends hold, each under a number: the judge's are positive, the contestant's negative."""

    def __init__(self, sign: int) -> None:
        self.sign = sign
        self._count = 0
        self._known: dict[int, tuple[weakref.ref[Generator], bytes]] = {}
        self._names: weakref.WeakKeyDictionary[Generator, int] = weakref.WeakKeyDictionary()

    def encode(self, generator: Generator, buffers: Buffers) -> list[Any]:
        """The form of a generator, with its state."""
        if generator.device.type != "cpu":
            raise TypeError(f"a generator on {generator.device} cannot be handed over")
        name = self._names.get(generator)
        if name is None:
            self._count += 1
            name = self.sign * self._count
        state = state_of(generator)
        self._bind(name, generator, state)
        buffers.append(memoryview(state))
        return ["generator", name, len(buffers) - 1]

    def decode(self, form: list[Any], buffers: Buffers) -> Generator:
        """The generator of a form: the one of that number, or a new one."""
        name, number = parts(form, 2)
        if type(name) is not int or not name:
            raise WireError("generators are numbered by whole numbers")
        state = taken(buffers, number)
        known = self._known.get(name)
        generator = known[0]() if known else None
        if generator is None:
            generator = Generator()
        set_state(generator, state)
        self._bind(name, generator, bytes(state))
        return generator

    def _bind(self, name: int, generator: Generator, state: bytes) -> None:
        if len(self._known) >= MOST:
            self._known = {key: entry for key, entry in self._known.items() if entry[0]() is not None}
        if len(self._known) >= MOST:
            raise WireError(f"more than {MOST} generators are held")
        self._known[name] = weakref.ref(generator), state
        self._names[generator] = name

    def changed(self, buffers: Buffers) -> list[Any]:
        """The numbers and states of those that moved since both ends last agreed."""
        news = []
        for name, (ref, before) in list(self._known.items()):
            generator = ref()
            if generator is None:
                del self._known[name]
            elif (state := state_of(generator)) != before:
                self._known[name] = ref, state
                buffers.append(memoryview(state))
                news.append([name, len(buffers) - 1])
        return news

    def update(self, news: list[Any], buffers: Buffers) -> None:
        """Takes what the other end's `changed` says; of generators that are gone, nothing."""
        for name, number in (parts(item, 2) for item in news):
            if type(name) is not int:
                raise WireError("generators are numbered by whole numbers")
            generator = self._known[name][0]() if name in self._known else None
            if generator is not None:
                set_state(generator, taken(buffers, number))
                self._known[name] = self._known[name][0], state_of(generator)


class Globals:
    """The state of torch's own random numbers, as this end last told or was told."""

    def __init__(self) -> None:
        self.seen = b""

    def news(self) -> bytes | None:
        """The state, if it moved since it was last told."""
        state = state_of(torch.default_generator)
        if state == self.seen:
            return None
        self.seen = state
        return state

    def take(self, state: bytearray) -> None:
        """Sets the state that the judge told."""
        set_state(torch.default_generator, state)
        self.seen = bytes(state)

    def step(self) -> None:
        """The judge's answer when the contestant drew numbers: go on elsewhere, and leave the contestant where it is.

        Numbers that were drawn can be told by the state, as in one process, and none is drawn again on the other side.
        """
        seed = int(torch.empty((), dtype=torch.int64).random_())
        torch.default_generator.set_state(Generator().manual_seed(seed).get_state())
        self.seen = state_of(torch.default_generator)
