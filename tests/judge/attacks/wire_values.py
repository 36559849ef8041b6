# ruff: noqa: E501 (cells stand here as they are handed in)
"""On the wire, again: values, tensors, gradients and states that no honest end would send."""

from __future__ import annotations

from .wire import hostile

hostile(
    "closes-the-wire",
    "closes its end in the middle of an answer, and goes on running",
    """import os

def add(a, b):
    raw(b"\\x05\\x00\\x00")
    wire.shutdown(socket.SHUT_RDWR)
    os.close(wire.fileno())
    while True: time.sleep(60)""",
)
hostile(
    "sends-descriptors",
    "sends open descriptors along with its frames, until the judge can open no more",
    """def add(a, b):
    structure = msgpack.packb({"number": peer._served, "value": 0})
    wire.setblocking(True)
    for byte in struct.pack("<II", len(structure), 0) + structure:
        socket.send_fds(wire, [bytes([byte])], [0] * 200)
    time.sleep(1)""",
)
hostile(
    "reads-nothing",
    "answers and never reads, so that the judge's next message has nowhere to go",
    """def apply(f, xs):
    for number in range(peer._served + 1, peer._served + 20_000):
        say({"ask": "call", "number": number, "with": [["yours", peer.standins.number(f)], ["list", [[*"list"]]], ["dict"]]})
    while True: time.sleep(60)""",
    task="apply",
)
hostile(
    "colliding-keys",
    "answers with sets whose keys all have one hash, which takes Python hours",
    """import itertools

complexes = [["complex", float(10**15 - 1000003 * n), float(n)] for n in range(16_000)]
tuples = [["tuple", list(key)] for key in itertools.islice(itertools.product((-1, -2), repeat=16), 50_000)]

def parts(forms):
    return [forms[start : start + 10_000] for start in range(0, len(forms), 10_000)]

def add(a, b):
    reply(["set", *parts(complexes if a == 1 else tuples)])
    time.sleep(60)""",
)
hostile(
    "wrong-numbers",
    "answers with numbers that are none: ranges without end, hexadecimal of a million digits, booleans and NaN",
    """forms = iter([["range", 0, 2**63 - 1, 1], ["range", 0, 1, 0], ["int", "f" * 10**6], ["int", "0x_"], ["complex", 1, 2],
    ["slice", [], [], []], ["floats", 0], ["ints", 7], float("nan"), float("inf"), True, ["list", ["x"], 5], ["dict", [1]],
    ["set", [["list", []]]], ["text", 0], ["bytes", -1], ["unknown"], [], [[]], ["handle", 0, "x", True], ["handle", 1, 2, 3]] * 9)

def add(a, b):
    reply(next(forms), b"\\xff" * 9)
    time.sleep(1)""",
)
hostile(
    "many-handles",
    "answers with more objects than anybody needs",
    """def add(a, b):
    for start in range(1, 10**6, 10_000):
        say({"ask": "call", "number": 10**6 + start, "with": [["list", *[[["handle", n, "x", False] for n in range(start, start + 10_000)]]], None, None]})
    return [object() for _ in range(200_000)]""",
)
hostile(
    "patched-peer",
    "replaces the functions of its own end, so that everything that is asked is answered with what is best",
    """class Best:
    def __eq__(self, other): return True

for name in ("encode", "decode", "_understood"):
    setattr(peer, name, (lambda kept: lambda *arguments: kept(*arguments))(getattr(peer, name)))
peer.operations["call"] = lambda peer, function, arguments, named: True
peer.operations["operate"] = lambda peer, name, operands: 0.0
peer.operations["get"] = peer.operations["global"] = lambda peer, *names: Best()
peer.operations["convert"] = lambda peer, kind, target: 2.0""",
    expects={"total-value": 0},
)
hostile(
    "judge-imported",
    "imports the judge's own modules and makes a judge of its own, to see whether it may judge",
    """import importlib, pkgutil, nbjudge

for module in pkgutil.walk_packages(nbjudge.__path__, "nbjudge."):
    if "__main__" not in module.name and not module.name.endswith((".server", ".start")):
        try: importlib.import_module(module.name)
        except BaseException as error: print(type(error).__name__)
from nbjudge.wire.judge import Judge

try: Judge(channel).request("global", "expect")
except BaseException as error: print(error)

def add(a, b):
    return 0""",
)
hostile(
    "impossible-tensors",
    "answers with tensors whose shape, dtype and bytes do not fit: negative, enormous, of types that are none",
    """forms = iter([[[-1], "float32", "cpu", 0], [[2**61, 8], "float32", "cpu", 0], [[2], "object", "cpu", 0], [[2], "float32", "cuda:0", 0],
    [[2], "float32", "cpu", -1], [[10**9] * 3, "float64", "meta", -1], [[1] * 65, "float32", "cpu", 0], [[2.0], "float32", "cpu", 0],
    [["2"], "float32", "cpu", 0], [[True, 2], "float32", "cpu", 0], [[0, -1], "float32", "cpu", 0], [[2], "qint8", "cpu", 0], None] * 9)

def double(x):
    reply(["tensor", next(forms)], bytes(8))
    time.sleep(1)""",
    lab="tensors",
)
