"""Malformed inputs to the judge's end of the wire: only a `WireError`, never a crash, a hang or growth."""

from __future__ import annotations

import contextlib
import gc
import random
import socket
import struct
import time
import traceback
from collections import Counter

import msgpack
import psutil
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from wires import contested, ends, run

from nbjudge.wire import Channel, Judge, Refused, WireError

MUTANTS = {"bytes": 4000, "structure": 6000}  # and 500 of hypothesis  # and a thousand of hypothesis
STUDENT = """
class Odd(ValueError):
    pass
class Point:
    def __init__(self, x):
        self.x = x
    def moved(self, by):
        return Point(self.x + by)
    def __float__(self):
        return 1.0
    def __len__(self):
        return 2
    def __iter__(self):
        return iter([1, Point(2)])
    def __add__(self, other):
        return Point(3)
def apply(f, *args):
    return f(*args)
def total(it):
    return sum(it)
def odd():
    raise Odd("odd")
data = {"a": [1, (2.5, None)], 5: {1, 2}, "long": "x" * 2000, "floats": [0.5] * 1100, "big": 1 << 80}
names = [len, ValueError, slice(1, None), range(3), 1j, ...]
"""
TESTS = [
    "p = Point(3)\np.moved(1).x, float(p), len(p), str(p), p + p\np.x = 4",
    "a, b = Point(3)\nb.x, [x for x in Point(4)]",
    "data, names\nprint('in a test')",
    "p = Point(2)\napply(lambda x, y: [x, y, p], p, [1]), apply(sorted, [2, 1]), total(i for i in range(3))",
    "def mine(): raise KeyError('mine')\ntry: apply(mine)\nexcept KeyError: pass",
    "try: odd()\nexcept Odd as error: str(error), error._nbjudge_traceback\nelse: odd()",
    "try: Point()\nexcept TypeError: pass\ndel odd\nodd = apply",
]


class Replay:
    """A channel that gives what a conversation gave, and takes whatever is sent."""

    def __init__(self, caps, messages):
        self.caps, self.messages = caps, iter(messages)

    def send(self, message, buffers=(), deadline=None):
        msgpack.packb(message, unicode_errors="surrogatepass")

    def receive(self, deadline):
        structure, buffers = next(self.messages, (None, ()))
        if structure is None:
            raise WireError("no more")
        return unpacked(structure), [bytearray(buffer) for buffer in buffers]


def unpacked(structure):
    return msgpack.unpackb(structure, unicode_errors="surrogatepass", strict_map_key=False)


@pytest.fixture(scope="module")
def conversations():
    """Tests, and what an honest contestant sent while each ran, message by message."""
    return [(source, said(source)) for source in TESTS]


def said(source):
    with contested(STUDENT) as judge:
        receive, messages = judge.channel.receive, []

        def recording(deadline):
            message, buffers = receive(deadline)
            messages.append((msgpack.packb(message, unicode_errors="surrogatepass"), [bytes(b) for b in buffers]))
            return message, buffers

        judge.channel.receive = recording
        run(judge, source)
    return messages


def harmless(error):
    """Is it the wire's error, the student's, a refusal, or one that Python raises in the test cell itself?"""
    if isinstance(error, WireError | Refused) or getattr(error, "_nbjudge_remote", False):
        return True
    last = traceback.extract_tb(error.__traceback__)[-1]
    told = {("exactly", TypeError), ("fetch", NameError), ("_result", KeyError)}  # the last: the test's own came back
    return last.filename == "<test cell>" or (last.name, type(error)) in told


def meets(judge, source, ended):
    """Runs a test whose contestant lies; whatever comes of it is harmless."""
    judge.deadline, error = time.monotonic() + 20, None
    try:
        run(judge, source)
    except Exception as caught:
        error = caught
    assert error is None or harmless(error), "".join(traceback.format_exception(error))
    assert judge.deadline > time.monotonic(), "it hung"
    ended[type(error).__name__] += 1


@contextlib.contextmanager
def flat():
    """The process does not grow; the first inputs may warm it up."""
    gc.collect()
    process, objects = psutil.Process(), len(gc.get_objects())
    before = process.memory_info().rss
    yield
    gc.collect()
    assert process.memory_info().rss - before < 24 << 20
    assert len(gc.get_objects()) - objects < 2000


ATOMS = [None, True, 0, 1, 2, 3, -1, 2**63, 2**64 - 1, 0.5, float("nan"), "", "x", "ValueError", "again", b"", [], {}]
ATOMS += ["\ud800", "a\0b", "x" * 300, [[]], ["list", []], {"a": 1}, [None] * 50, ["yours", 1], ["yours", 2]]
ATOMS += [
    ["handle", 1, "E", True],
    ["handle", 9, "E", False],
    ["named", "len"],
    ["bytes", 0],
    ["error", 1, "E", "OSError"],
]


def nodes(value, path=()):
    """The paths of all parts of a structure."""
    yield path
    items = value.items() if type(value) is dict else enumerate(value) if type(value) is list else ()
    for key, part in items:
        yield from nodes(part, (*path, key))


def mutated(value, rng, kinds):
    """A structure with one part replaced, left out, doubled or moved."""
    path = rng.choice(list(nodes(value)))
    if not path:
        return rng.choice(ATOMS)
    *way, key = path
    parent = value
    for step in way:
        parent = parent[step]
    deed = rng.randrange(6)
    if deed == 0:
        parent[key] = rng.choice(ATOMS)
    elif deed == 1:
        del parent[key]
    elif deed == 2 and type(parent) is list:
        parent.insert(key, parent[rng.randrange(len(parent))])
    elif deed == 3:
        parent[key] = [rng.choice(kinds), *(rng.choice(ATOMS) for _ in range(rng.randrange(4)))]
    elif deed == 4 and type(parent) is dict:
        parent[rng.choice(["ask", "value", "error", "free", "outputs", "with", "number"])] = rng.choice(ATOMS)
    else:
        parent[key] = [parent[key]] * rng.randrange(1, 4)
    return value


def lie(conversation, rng, kinds):
    """The conversation with some messages changed, left out, repeated or out of order."""
    messages = list(conversation)
    for _ in range(rng.choice([1, 1, 1, 2, 5])):
        place = rng.randrange(len(messages))
        structure, buffers = messages[place]
        deed = rng.randrange(10)
        if deed == 0:
            messages.insert(place, rng.choice(messages))
        elif deed == 1 and len(messages) > 1:
            del messages[place]
        elif deed == 2:
            messages[place] = (structure, [b"\xff" * len(buffer) for buffer in buffers][: rng.randrange(2)])
        elif deed == 3:
            calls = [
                {"ask": "call", "number": n, "with": [["yours", n % 3 + 1], ["list"], ["dict"]]} for n in range(1, 30)
            ]
            messages[place:place] = [(msgpack.packb(call), []) for call in calls[: rng.randrange(1, 30)]]
        else:
            changed = mutated(unpacked(structure), rng, kinds)
            messages[place] = (msgpack.packb(changed, unicode_errors="surrogatepass"), buffers)
    return messages


def test_the_conversations_themselves_are_understood(conversations):
    for source, messages in conversations:
        with ends() as (channel, _):
            judge = Judge(channel)
            judge.channel = Replay(channel.caps, messages)
            judge.deadline = time.monotonic() + 20
            run(judge, source)


def test_conversations_with_lies_in_them(conversations, capsys):
    rng, ended = random.Random(5), Counter()
    with ends() as (channel, _):

        def some(count):
            for _ in range(count):
                source, messages = rng.choice(conversations)
                judge = Judge(channel)
                judge.channel = Replay(channel.caps, lie(messages, rng, [*sorted(judge.kinds), "no kind"]))
                meets(judge, source, ended)

        some(MUTANTS["structure"] // 4)
        with flat():
            some(MUTANTS["structure"] * 3 // 4)
    assert ended["WireError"] > MUTANTS["structure"] // 3, ended
    with capsys.disabled():
        print(f"\n{MUTANTS['structure']} conversations with lies in them: held ({dict(ended.most_common())})")


def framed(structure, buffers):
    head = struct.pack("<II", len(structure), len(buffers))
    return head + struct.pack(f"<{len(buffers)}Q", *map(len, buffers)) + structure + b"".join(buffers)


def damaged(content, rng):
    """Bytes with some changed, left out, added, or set to what a length should not be."""
    content = bytearray(content)
    for _ in range(rng.choice([1, 1, 2, 8])):
        place = rng.randrange(len(content))
        deed = rng.randrange(5)
        if deed == 0:
            content[place] = rng.randrange(256)
        elif deed == 1:
            content[place : place + rng.randrange(1, 9)] = b""
        elif deed == 2:
            content[place:place] = rng.randbytes(rng.randrange(1, 9))
        elif deed == 3:
            content[place : place + 8] = rng.choice(
                [b"\xff" * 8, b"\x00" * 8, struct.pack("<Q", 2**60), b"\xdd\xff\xff\xff\xff"]
            )
        else:
            content[place] ^= 1 << rng.randrange(8)
        content = content or bytearray(1)
    return bytes(content)


def test_frames_with_damaged_bytes(conversations, capsys):
    rng, ended = random.Random(6), Counter()

    def some(count):
        for _ in range(count):
            ours, theirs = socket.socketpair()
            with ours, theirs:
                source, messages = rng.choice(conversations)
                theirs.sendall(damaged(b"".join(framed(*message) for message in messages[:8]), rng))
                theirs.shutdown(socket.SHUT_WR)
                meets(Judge(Channel(ours)), source, ended)

    some(MUTANTS["bytes"] // 4)
    with flat():
        some(MUTANTS["bytes"] * 3 // 4)
    with capsys.disabled():
        print(f"\n{MUTANTS['bytes']} streams with damaged bytes: held ({dict(ended.most_common())})")


atoms = st.sampled_from(ATOMS) | st.integers(-(2**63), 2**64 - 1) | st.text(max_size=5) | st.binary(max_size=5)
kinds = st.sampled_from(
    ["list", "tuple", "set", "dict", "named", "int", "text", "ints", "range", "slice", "handle", "yours", "error", "x"]
)
forms = st.recursive(
    atoms,
    lambda inner: (
        st.lists(inner, max_size=4)
        | st.tuples(kinds, st.lists(inner, max_size=3)).map(lambda pair: [pair[0], *pair[1]])
    ),
    max_leaves=12,
)
keys = st.sampled_from(["ask", "number", "with", "value", "error", "free", "outputs"])
messages = st.dictionaries(keys, forms | st.just(1) | st.just("call"), max_size=5) | forms
replies = forms.map(lambda form: {"number": 1, "value": form})
asks = st.tuples(forms, forms, forms).map(
    lambda parts: {"ask": "call", "number": 1, "with": [["yours", 1], *parts[1:]]}
)


@settings(derandomize=True, max_examples=500, deadline=None, suppress_health_check=list(HealthCheck))
@given(st.lists(messages | replies | asks, min_size=1, max_size=3))
def test_messages_of_any_form(script):
    ours, theirs = socket.socketpair()
    with ours, theirs:
        judge = Judge(Channel(ours))
        packed = [(msgpack.packb(message, unicode_errors="surrogatepass"), [b"abcdefgh"]) for message in script]
        judge.channel = Replay(judge.caps, packed)
        judge.namespace["mine"] = lambda *arguments, **named: arguments
        judge.deadline = time.monotonic() + 20
        error = None
        try:
            judge.request("call", judge.namespace["mine"], [1], {})
        except Exception as caught:
            error = caught
        assert error is None or harmless(error), "".join(traceback.format_exception(error))
