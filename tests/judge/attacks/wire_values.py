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
        socket.send_fds(wire, [bytes([byte])], [0] * 10)""",
)
hostile(
    "reads-nothing",
    "answers and never reads, so that the judge's next message has nowhere to go",
    """def apply(f, xs):
    for number in range(peer._served + 1, peer._served + 20_000):
        say({"ask": "call", "number": number, "with": [["yours", peer.standins.number(f)], ["list", [["int", "f" * 60_000]]], ["dict"]]})
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
    reply(["set", *parts(complexes if a == 1 else tuples)])""",
)
hostile(
    "wrong-numbers",
    "answers with numbers that are none: ranges without end, hexadecimal of a million digits, booleans and NaN",
    """forms = iter([["range", 0, 2**63 - 1, 1], ["range", 0, 1, 0], ["int", "f" * 10**6], ["int", "0x_"], ["complex", 1, 2],
    ["slice", [], [], []], ["floats", 0], ["ints", 7], float("nan"), float("inf"), True, ["list", ["x"], 5], ["dict", [1]],
    ["set", [["list", []]]], ["text", 0], ["bytes", -1], ["unknown"], [], [[]], ["handle", 0, "x", True], ["handle", 1, 2, 3]] * 9)

def add(a, b):
    reply(next(forms), b"\\xff" * 9)""",
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
    """from nbjudge.box.server import Server
from nbjudge.trial.judge import Run
from nbjudge.wire.judge import Judge

def add(a, b):
    return Judge(channel).request("global", "right", deadline=time.monotonic() + 0.5)""",
)
hostile(
    "impossible-tensors",
    "answers with tensors whose shape, dtype and bytes do not fit: negative, enormous, of types that are none",
    """forms = [[[-1], "float32", "cpu", 0], [[2**61, 8], "float32", "cpu", 0], [[2], "object", "cpu", 0], [[2], "float32", "cuda:0", 0],
    [[2], "float32", "cpu", -1], [[10**9] * 3, "float64", "meta", -1], [[1] * 65, "float32", "cpu", 0], [[2.0], "float32", "cpu", 0],
    [["2"], "float32", "cpu", 0], [[True, 2], "float32", "cpu", 0], [[0, -1], "float32", "cpu", 0], [[2], "qint8", "cpu", 0], None]

def double(x):
    reply(["tensor", -99, 7, forms[int(time.time() * 1000) % len(forms)], None], bytes(8))""",
    lab="tensors",
)
hostile(
    "forged-changes",
    "says that the test's own tensors changed, to values for which its answer is right",
    """def double(x):
    zeros = bytes(4 * x.numel())
    changed = [[number, [list(x.shape), "float32", "cpu", number - 1], 0, False, True] for number in range(1, 60)]
    reply(["tensor", -99, 0, [list(x.shape), "float32", "cpu", 59], None], *[zeros] * 60, torch={"changed": changed})""",
    lab="tensors",
)
hostile(
    "forged-randomness",
    "sets the judge's random numbers, its gradients and its modes along with a reply, and every generator's state",
    """import torch

def noise(shape, generator):
    state = bytes(torch.Generator().manual_seed(1).get_state().numpy())
    ride = {"random": 0, "grad": False, "in place": True, "record": True, "generators": [[n, n] for n in range(1, 40)]}
    size = 4
    for count in shape: size *= count
    reply(["tensor", -99, 0, [list(shape), "float32", "cpu", 40], None], *[state] * 40, bytes(size), torch=ride)""",
    lab="tensors",
    task="noise",
)
hostile(
    "forged-graphs",
    "answers with results that depend on leaves which are not theirs, and with gradients that do not fit",
    """leaves = [[[1], [2], [3]], [[-5, [10**6, 10**6], "float32", "cpu", True]], [[-6, [2], "int64", "cpu", False]], [[0]], [["x"]], 7]

def double(x):
    peer.operations["vjp"] = lambda peer, *asked: reply(["gradients", [[7], "float32", "cpu", 0], None], bytes(28))
    form = [[list(x.shape), "float32", "cpu", 0]]
    reply(["graph", 0], bytes(4 * x.numel()), torch={"graph": [-7, leaves[int(time.time() * 1000) % 6], form]})""",
    lab="tensors",
)
hostile(
    "forged-modules",
    "answers with modules and optimizers that are none: classes that are not on the list, parts of other kinds, loops",
    """state = [True, [], [], [], []]
forms = [["module", 5, "x", "os.system", state, []], ["module", 6, "x", "nn.Linear", [True, [["weight", 5]], [], [], []], []],
    ["module", 7, "x", None, [True, [], [], [["me", ["module", 7, "x", None, state, []]]], []], ["__class__", "forward"]],
    ["optimizer", 8, "x", [[["list"], {"params": []}]], []], ["recipe", 9, "nn.Linear", state, ["dict"]], ["torch", "load"],
    ["torch", "optim.Optimizer"], ["size", -1, 2**70], ["device", "cuda:99"], ["twin", 1], ["twin", "1"], ["graph", 9]]

def double(x):
    reply(forms[int(time.time() * 1000) % len(forms)], torch={"modules": [[False, n, state] for n in range(50)]})""",
    lab="tensors",
)
hostile(
    "forged-calls",
    "says that it called a hundred thousand functions of torch, with arguments that upset whoever replays them",
    """def double(x):
    named = {"dict": {"public_api": ["cpu", 1], "relevant_args": None, "self": ["cpu", 64]}}
    kinds = [["zero_", {"tuple": [["cpu", 1]]}, named], ["x" * 80, {"tuple": [["xla", 64]] * 64}, None]]
    values = [[2], "float32", "cpu", 1]
    calls = struct.pack("<100000I", *[0, 1] * 50_000)
    reply(["tensor", -99, 0, values, None], calls, bytes(8), torch={"calls": [kinds, 0], "moved": True})""",
    lab="tensors",
)
