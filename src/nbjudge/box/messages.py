"""What driver, zygote, judge and contestant tell each other: small JSON messages with descriptors, and two long texts.

The driver and a judge send each other one byte string each way: the job and the answer.
"""

from __future__ import annotations

import json
import select
import socket
import struct
import time
from typing import Any, NamedTuple

_LARGEST = 1 << 20  # of a message; also of a list of imports
_HEAD = struct.Struct("!Q")


class Ending(NamedTuple):
    """How a process ended; `why` completes the sentence "the process …"."""

    code: int | None  # what it gave to exit, or
    signal: int | None  # the number of the signal that ended it
    why: str
    cpu_seconds: float
    peak_mb: float


class Stopped(Exception):  # noqa: N818 (what became of a submission)
    """The submission took longer than `limits.seconds`; its judge was killed."""


class Crashed(Exception):  # noqa: N818
    """The judge, the zygote or a contestant ended without an answer: says which and why."""


def send(sock: socket.socket, message: object, *descriptors: int) -> None:
    """One message of a SOCK_SEQPACKET socket."""
    socket.send_fds(sock, [json.dumps(message).encode()], list(descriptors))


def receive(sock: socket.socket, descriptors: int = 0) -> tuple[Any, list[int]]:
    """The next message and its descriptors; `(None, [])` when the other end is gone."""
    try:
        text, received, _, _ = socket.recv_fds(sock, _LARGEST, descriptors)
    except ConnectionResetError:
        return None, []
    return (json.loads(text), received) if text else (None, [])


def ready(what: socket.socket | int, deadline: float | None) -> bool:
    """Wait until there is something to read or the deadline (of `time.monotonic`) is over."""
    poll = select.poll()
    poll.register(what, select.POLLIN)
    left = None if deadline is None else max(0.0, deadline - time.monotonic()) * 1000
    return bool(poll.poll(left))


def write_bytes(sock: socket.socket, data: bytes) -> None:
    sock.sendall(_HEAD.pack(len(data)))
    sock.sendall(data)


def read_bytes(sock: socket.socket, deadline: float | None = None) -> bytes:
    """What `write_bytes` sent. Raises `EOFError` when the other end closed first, `TimeoutError` at the deadline."""
    (size,) = _HEAD.unpack(_read(sock, _HEAD.size, deadline))
    return _read(sock, size, deadline)


def _read(sock: socket.socket, size: int, deadline: float | None) -> bytes:
    data = bytearray()
    while len(data) < size:
        if not ready(sock, deadline):
            raise TimeoutError
        try:
            part = sock.recv(min(size - len(data), 1 << 20))
        except ConnectionResetError:
            part = b""
        if not part:
            raise EOFError
        data += part
    return bytes(data)
