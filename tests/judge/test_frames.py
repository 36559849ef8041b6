"""Frames: what fits comes through, what does not is refused before it costs anything, and no wait is for ever."""

from __future__ import annotations

import itertools
import math
import socket
import struct
import threading
import time
import tracemalloc

import msgpack
import pytest
from wires import SOON, ends

from nbjudge.wire.frames import Caps, Channel, Closed, Late, WireError

MB = 1 << 20


def soon():
    return time.monotonic() + SOON


def frame(structure=b"\xc0", lengths=(), buffers=b"", size=None, count=None):
    """A frame as it stands on the wire; its numbers may lie."""
    head = struct.pack("<II", len(structure) if size is None else size, len(lengths) if count is None else count)
    return head + struct.pack(f"<{len(lengths)}Q", *lengths) + structure + buffers


@pytest.fixture
def pair():
    ours, theirs = socket.socketpair()
    with ours, theirs:
        yield Channel(ours), Channel(theirs)


@pytest.mark.parametrize(
    "message",
    [None, True, 2**63 - 1, -(2**63), 0.1, math.inf, "ü\ud800", b"\x00", [], [1, [2.0, ["x"]]], {"a": {"b": [None]}}],
)
def test_a_message_comes_through_as_it_was(pair, message):
    one, other = pair
    one.send(message)
    assert other.receive(soon()) == (message, [])


@pytest.mark.parametrize("sizes", [[0], [1, 0, 3], [70_000], [5 * MB, 1], [100] * 3000])
def test_buffers_come_through_as_they_were(pair, sizes):
    one, other = pair
    contents = [bytes([i % 251]) * size for i, size in enumerate(sizes)]
    sender = threading.Thread(target=one.send, args=("x", [memoryview(content) for content in contents]))
    sender.start()
    message, buffers = other.receive(soon())
    sender.join()
    assert message == "x"
    assert all(type(buffer) is bytearray for buffer in buffers)
    assert buffers == contents


def test_frames_that_come_together_are_told_apart(pair):
    one, other = pair
    for number in range(50):
        one.send([number], [memoryview(bytes([number]))])
    assert [other.receive(soon()) for _ in range(50)] == [([n], [bytes([n])]) for n in range(50)]


def test_a_frame_that_comes_byte_by_byte_is_a_frame():
    with ends() as (channel, other):
        content = frame(msgpack.packb(["a"]), [3], b"xyz")

        def trickle():
            for byte in content:
                other.send(bytes([byte]))

        thread = threading.Thread(target=trickle)
        thread.start()
        assert channel.receive(soon()) == (["a"], [b"xyz"])
        thread.join()


NESTED = b"\xdc\x40\x00" * 900 + b"\xc0"  # arrays of 16384 elements, each the first of the one around it
REFUSED = {
    "a structure of 4 GB": frame(size=2**32 - 1),
    "a structure above the cap": frame(size=Caps().structure + 1),
    "too many buffers": frame(count=2**32 - 1),
    "a buffer of 2^60 bytes": frame(lengths=[2**60]),
    "buffers of 2^64 bytes and more": frame(lengths=[2**64 - 1, 2**64 - 1]),
    "many buffers above the cap together": frame(lengths=[2**20] * 1025),
    "no msgpack": frame(b"\xc1"),
    "msgpack that breaks off": frame(b"\x92\x01"),
    "msgpack with something behind": frame(b"\xc0\xc0"),
    "no structure at all": frame(b""),
    "an array that says it is huge": frame(b"\xdd\xff\xff\xff\xff"),
    "a map that says it is huge": frame(b"\xdf\xff\xff\xff\xff"),
    "a text that says it is huge": frame(b"\xdb\xff\xff\xff\xff"),
    "arrays within arrays": frame(NESTED),
    "arrays too deep": frame(b"\x91" * 20_000 + b"\xc0"),
    "maps too deep": frame(b"\x81\xa1a" * 20_000 + b"\xc0"),
    "a map's key that is no text": frame(b"\x81\x01\x01"),
    "a map's key that cannot be hashed": frame(b"\x81\x90\x01"),
    "an extension type": frame(b"\xd4\x05\x01"),
    "a long extension type": frame(b"\xc7\x04\x05abcd"),
    "a time stamp of no time": frame(b"\xd7\xff" + b"\xff" * 8),
    "text that is no UTF-8": frame(b"\xa1\xff"),
}


@pytest.mark.parametrize("content", REFUSED.values(), ids=REFUSED)
def test_what_is_no_frame_is_refused_and_costs_nothing(content):
    with ends() as (channel, other):
        other.sendall(content)
        other.shutdown(socket.SHUT_WR)
        tracemalloc.start()
        with pytest.raises(WireError):
            channel.receive(soon())
        _, peak = tracemalloc.get_traced_memory()
        tracemalloc.stop()
        assert peak < 20 * len(content) + MB + 900 * 16384 * 8 * (content == REFUSED["arrays within arrays"])


def test_a_buffer_within_the_caps_takes_room_only_as_it_comes():
    with ends() as (channel, other):
        other.sendall(frame(lengths=[Caps().total], buffers=b"x" * 100))
        other.shutdown(socket.SHUT_WR)
        tracemalloc.start()
        with pytest.raises(Closed):
            channel.receive(soon())
        _, peak = tracemalloc.get_traced_memory()
        tracemalloc.stop()
        assert peak < 12 * MB


def test_a_frame_that_breaks_off_anywhere_is_the_end():
    content = frame(msgpack.packb({"a": "b"}), [5], b"12345")
    for length in range(len(content)):
        with ends() as (channel, other):
            other.sendall(content[:length])
            other.shutdown(socket.SHUT_WR)
            with pytest.raises(Closed):
                channel.receive(soon())


def test_after_a_broken_frame_nothing_is_taken_and_nothing_sent():
    with ends() as (channel, other):
        other.sendall(REFUSED["no msgpack"] + frame())
        for _ in range(2):
            with pytest.raises(WireError):
                channel.receive(soon())
        with pytest.raises(WireError):
            channel.send("x")


def test_nothing_in_time_is_late_and_may_still_come():
    with ends() as (channel, other):
        with pytest.raises(Late):
            channel.receive(time.monotonic() + 0.01)
        with pytest.raises(Late):
            channel.receive(time.monotonic() - 1)
        other.sendall(frame(msgpack.packb("after all")))
        assert channel.receive(soon()) == ("after all", [])


@pytest.mark.parametrize("start", [b"", frame(size=4 * MB), frame(lengths=[MB])], ids=["head", "structure", "buffer"])
def test_a_byte_now_and_then_does_not_put_off_the_deadline(start):
    with ends() as (channel, other):
        stop = threading.Event()

        def trickle():
            while not stop.wait(0.01):
                other.send(b"\x00")

        other.sendall(start or b"\xff\xff\x0f")
        thread = threading.Thread(target=trickle)
        thread.start()
        try:
            with pytest.raises(Late):
                channel.receive(time.monotonic() + 0.2)
        finally:
            stop.set()
            thread.join()
        with pytest.raises(Late):  # it broke off in the middle
            channel.receive(soon())


def test_sending_to_one_that_never_reads_ends_at_the_deadline():
    with ends() as (channel, _), pytest.raises(Late):
        channel.send("x", [memoryview(bytes(64 * MB))], time.monotonic() + 0.05)


def test_sending_to_one_that_is_gone():
    with ends() as (channel, other):
        other.close()
        with pytest.raises(Closed):
            channel.send("x")
        with pytest.raises(Closed):
            channel.receive(soon())


def test_what_is_too_large_is_not_sent_and_the_channel_stays_whole(pair):
    one, other = pair
    with pytest.raises(ValueError, match="structure"):
        one.send("x" * (Caps().structure + 1))
    with pytest.raises(ValueError, match="buffers"):
        one.send("x", [memoryview(b"")] * (Caps().buffers + 1))
    one.send("y")
    assert other.receive(soon()) == ("y", [])


def test_more_messages_than_the_cap_are_refused():
    with ends(Caps(messages=3)) as (channel, other):
        other.sendall(frame() * 4)
        for _ in range(3):
            channel.receive(soon())
        with pytest.raises(WireError, match="more than 3 messages"):
            channel.receive(soon())


def test_a_signal_s_exception_in_the_middle_of_a_frame_breaks_the_channel(pair, monkeypatch):
    one, other = pair
    calls = itertools.count()

    def poll(*_):
        if next(calls):
            raise KeyboardInterrupt
        return [1]

    one._socket.send(frame(size=100))
    monkeypatch.setattr(other, "_readable", type("Poll", (), {"poll": staticmethod(poll)}))
    with pytest.raises(KeyboardInterrupt):
        other.receive(soon())
    with pytest.raises(WireError, match="KeyboardInterrupt"):
        other.receive(soon())
