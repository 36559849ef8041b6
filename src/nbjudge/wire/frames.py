"""Frames on a socket: a short head, a structure in msgpack, and raw buffers; all capped, every wait with a deadline.

A frame is two numbers of 32 bits (the structure's length, how many buffers), the buffers' lengths with 64 bits each,
the structure, and the buffers. Nothing is allocated because a frame announces it, only because it has come.
"""

from __future__ import annotations

import contextlib
import math
import select
import socket
import struct
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

import msgpack

HEAD = struct.Struct("<II")
READ_AHEAD = 1 << 15  # bytes; small frames come with one call (and glibc tidies up whenever 64 KB are freed)
CHUNK = 1 << 22  # bytes by which a buffer grows while it comes
SMALL = 1 << 16  # bytes; buffers up to here are sent together with the structure
MOMENT = 200  # milliseconds
ZEROS = bytes(CHUNK)


class WireError(Exception):
    """The other end broke the protocol: a verdict on this submission and nothing else."""


class Closed(WireError):  # noqa: N818  (what is said of the wire)
    """The other end is gone."""


class Late(WireError):  # noqa: N818
    """No answer before the deadline."""


@dataclass(frozen=True)
class Caps:
    """How much one end takes from the other before it calls it a broken protocol."""

    structure: int = 4 << 20  # bytes of msgpack in a frame
    buffers: int = 1 << 16  # how many in a frame
    total: int = 1 << 30  # bytes of all buffers of a frame
    array: int = 1 << 14  # elements of one msgpack array; longer sequences come in parts
    items: int = 1_000_000  # elements of all sequences of a frame
    depth: int = 64  # of nested values
    text: int = 1 << 26  # bytes of one
    digits: int = 1 << 16  # hexadecimal, of one number
    handles: int = 100_000  # that one end holds of the other's
    messages: int = 10_000_000  # in the life of a channel
    callbacks: int = 100_000  # while one request of the judge is answered
    nesting: int = 16  # requests within callbacks within requests
    printed: int = 100_000  # characters that ride along with one message
    seconds: float = 30.0  # for a request that was given no deadline


class Channel:
    """Sends and receives frames; after a frame that broke off or broke a rule it takes no more."""

    def __init__(self, sock: socket.socket, caps: Caps = Caps()) -> None:
        self.caps = caps
        self.more_time: Callable[[], bool] = lambda: False  # past a deadline: may the wait go on for a moment?
        self._socket = sock
        self._packer = msgpack.Packer(unicode_errors="surrogatepass")
        self._ahead, self._at = b"", 0  # what came of the next frame begins there
        self._count = 0
        self.failed: WireError | None = None  # since when it takes no more
        self._begun = False  # has part of a frame crossed?
        sock.setblocking(False)
        for side in (socket.SO_SNDBUF, socket.SO_RCVBUF):
            with contextlib.suppress(OSError):
                sock.setsockopt(socket.SOL_SOCKET, side, CHUNK)
        self._readable, self._writable = select.poll(), select.poll()
        self._readable.register(sock, select.POLLIN)
        self._writable.register(sock, select.POLLOUT)

    def send(self, message: object, buffers: Sequence[memoryview] = (), deadline: float | None = None) -> None:
        """Sends one frame; the buffers are contiguous.

        Raises:
            ValueError: If the frame is above the caps; nothing was sent.
            Closed: If the other end is gone.
            Late: If it does not read before the deadline (of `time.monotonic`); None waits for ever.
        """
        self._check()
        structure = self._packer.pack(message)
        lengths = [buffer.nbytes for buffer in buffers]
        count, total = len(lengths), sum(lengths)
        if excess := self._excess(len(structure), count, total):
            raise ValueError(f"too large for the wire: {excess}")
        head = HEAD.pack(len(structure), count) + (struct.pack(f"<{count}Q", *lengths) if count else b"") + structure
        together = total <= SMALL
        self._begun = False
        try:
            self._send(b"".join([head, *buffers]) if together else head, deadline)
            for buffer in () if together else buffers:
                self._send(memoryview(buffer).cast("B"), deadline)
        except BaseException as error:
            self._fail(error)
            raise

    def receive(self, deadline: float | None) -> tuple[object, list[bytearray]]:
        """The next frame: its structure, of msgpack's types alone, and its buffers.

        Raises:
            WireError: If what came is no frame within the caps.
            Closed: If the other end is gone.
            Late: If it has not come whole before the deadline (of `time.monotonic`); None waits for ever.
        """
        self._check()
        if self._at == len(self._ahead):
            self._wait(self._readable, deadline)  # a Late from here leaves the channel whole: nothing has come
        self._begun = False
        try:
            if self._at == len(self._ahead):
                self._ahead, self._at = self._receive(self._socket.recv, READ_AHEAD, deadline), 0
            return self._frame(deadline)
        except BaseException as error:
            self._fail(error)
            raise

    def close(self) -> None:
        """Closes the socket; the other end sees `Closed`."""
        self._socket.close()

    def _frame(self, deadline: float | None) -> tuple[object, list[bytearray]]:
        self._count += 1
        if self._count > self.caps.messages:
            raise WireError(f"more than {self.caps.messages} messages")
        length, count = HEAD.unpack(self._take(HEAD.size, deadline))
        announced = count and count <= self.caps.buffers
        lengths = struct.unpack(f"<{count}Q", self._take(8 * count, deadline)) if announced else ()
        if excess := self._excess(length, count, sum(lengths)):
            raise WireError(f"a frame too large: {excess}")
        structure = self._unpack(self._take(length, deadline))
        return structure, [self._buffer(size, deadline) for size in lengths]

    def _excess(self, structure: int, count: int, total: int = 0) -> str:
        caps = self.caps
        if structure > caps.structure:
            return f"a structure of {structure} bytes, at most {caps.structure}"
        if count > caps.buffers:
            return f"{count} buffers, at most {caps.buffers}"
        return f"buffers of {total} bytes, at most {caps.total}" if total > caps.total else ""

    def _unpack(self, structure: bytes) -> object:
        size = self.caps.array
        try:
            return msgpack.unpackb(
                structure, unicode_errors="surrogatepass", max_array_len=size, max_map_len=size, max_ext_len=0
            )
        except (ValueError, TypeError, MemoryError, msgpack.UnpackException) as error:
            raise WireError(f"a frame that is no msgpack: {type(error).__name__}") from None

    def _check(self) -> None:
        if self.failed:
            raise self.failed

    def _fail(self, error: BaseException) -> None:
        """What comes after a frame that broke off cannot be understood."""
        kind = type(error) if isinstance(error, WireError) else WireError
        self.failed = kind(f"the wire broke: {str(error) or type(error).__name__}")

    def _wait(self, ready: select.poll, deadline: float | None) -> None:
        left = None if deadline is None else max(0, math.ceil((deadline - time.monotonic()) * 1000))
        while not ready.poll(left):
            if not self.more_time():
                raise Late("no answer in time")
            left = MOMENT

    def _try(self, call: Callable[..., Any], what: Any, ready: select.poll, deadline: float | None) -> Any:
        """What a call of the socket gives, once it can be made and as long as there is time.

        The first of a frame is made in any case: given up between two frames, the channel would be of no more use.
        """
        while True:
            if self._begun and deadline is not None and time.monotonic() > deadline and not self.more_time():
                raise Late("no whole message in time")
            try:
                done = call(what)
                self._begun = True
                return done
            except BlockingIOError:
                self._wait(ready, deadline)
            except OSError as error:
                raise Closed(f"the other end is gone: {error.strerror}") from None

    def _send(self, part: bytes | memoryview, deadline: float | None) -> None:
        sent, size = 0, len(part)
        while sent < size:
            rest = memoryview(part)[sent : sent + CHUNK] if sent or size > CHUNK else part
            sent += self._try(self._socket.send, rest, self._writable, deadline)

    def _receive(self, call: Callable[..., Any], what: Any, deadline: float | None) -> Any:
        got = self._try(call, what, self._readable, deadline)
        if not got:
            raise Closed("the other end is gone")
        return got

    def _take(self, size: int, deadline: float | None) -> bytes:
        """The next bytes of the head or the structure; reads ahead."""
        taken = self._ahead[self._at : self._at + size]
        self._at += size
        if len(taken) < size:
            content = bytearray(taken)
            while len(content) < size:
                content += self._receive(self._socket.recv, READ_AHEAD, deadline)
            taken, self._ahead, self._at = bytes(content[:size]), bytes(content[size:]), 0
        return taken

    def _buffer(self, size: int, deadline: float | None) -> bytearray:
        """The next buffer; it grows as it comes."""
        buffer = bytearray(self._ahead[self._at : self._at + size])
        self._at += len(buffer)
        while (filled := len(buffer)) < size:
            buffer += memoryview(ZEROS)[: min(size - filled, CHUNK)]
            with memoryview(buffer) as view:
                while filled < len(view):
                    filled += self._receive(self._socket.recv_into, view[filled:], deadline)
        return buffer
