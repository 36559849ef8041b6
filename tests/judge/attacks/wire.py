# ruff: noqa: E501 (cells stand here as they are handed in)
"""Against this design: student code that finds its end of the wire and speaks on it itself."""

from __future__ import annotations

from .attack import attack

STOCK = "not applicable: there is no wire"
FIND = """import gc, socket, struct, threading, time
import msgpack

peer = next(found for found in gc.get_objects() if type(found).__module__ == "nbjudge.wire.contestant")
channel, wire = peer.channel, peer.channel._socket
print("at the wire")

def raw(data):
    wire.setblocking(True)
    wire.sendall(data)

def say(message, *buffers):
    structure = msgpack.packb(message)
    lengths = b"".join(struct.pack("<Q", len(buffer)) for buffer in buffers)
    raw(struct.pack("<II", len(structure), len(buffers)) + lengths + structure + b"".join(buffers))

def reply(value, *buffers, **more):
    say({"number": peer._served, "value": value, **more}, *buffers)
    channel.send = lambda *arguments, **named: channel.__dict__.pop("send")  # what our own end would say now

"""


def hostile(name: str, tries: str, answer: str, *, lab: str = "sums", task: str = "", **more: object) -> None:
    """An attack whose cell begins by finding the wire; what breaks the protocol may cost the tests below, too."""
    attack(name, tries, FIND + answer, lab=lab, task=task, stock=STOCK, shows=("at the wire",), **more)  # type: ignore[arg-type]


hostile(
    "replies-forged",
    "answers the requests to come before they are asked, and its own call twice",
    """def add(a, b):
    for number in range(peer._served, peer._served + 50):
        say({"number": number, "value": 250})
    return 250""",
    expects={},  # what it said in advance is taken for its answers to what is asked next
)
hostile(
    "replies-flooded",
    "sends replies without end, from a thread, whether anybody asks or not",
    """def flood():
    while True:
        say({"number": peer._served, "value": 0})

def add(a, b):
    threading.Thread(target=flood, daemon=True).start()
    time.sleep(1)
    return 0""",
)
hostile(
    "frame-announced",
    "announces a frame of 2^60 bytes",
    """def add(a, b):
    raw(struct.pack("<IIQ", 2**32 - 1, 2**32 - 1, 2**60))
    time.sleep(60)""",
)
hostile(
    "buffers-announced",
    "announces within the caps and sends nothing, in many small buffers and one large",
    """def add(a, b):
    raw(struct.pack("<II", 10, 3) + struct.pack("<QQQ", 0, 2**30 - 1, 0))
    time.sleep(60)""",
)
hostile(
    "half-frame",
    "sends a byte a second, so that it is never late and never done",
    """def add(a, b):
    structure = msgpack.packb({"number": peer._served, "value": 3})
    for byte in struct.pack("<II", len(structure), 0) + structure:
        raw(bytes([byte]))
        time.sleep(1)""",
)
hostile(
    "deep-nesting",
    "sends lists in lists in lists, in the structure and as values",
    """def add(a, b):
    depth = 10**6 if a == 1 else 3000
    value = bytes([0x92, 0xA4]) + b"list" + bytes([0x91])
    structure = msgpack.packb({"number": peer._served})
    structure = b"\\x82" + structure[1:] + msgpack.packb("value") + value * depth + b"\\xc0"
    raw(struct.pack("<II", len(structure), 0) + structure)
    time.sleep(60)""",
)
hostile(
    "no-msgpack",
    "sends random bytes, extension types, maps with odd keys and text that is no text",
    """import random

def add(a, b):
    for structure in (random.randbytes(50), b"\\xc7\\x05\\x01hello", b"\\x81\\x90\\xc0", b"\\xa3\\xff\\xfe\\xfd", b"\\xc1"):
        raw(struct.pack("<II", len(structure), 0) + structure)
    time.sleep(1)
    return 0""",
)
hostile(
    "handles-guessed",
    "answers with handles of the judge's own objects that were never handed out, were freed, or are no numbers",
    """tried = []

def add(a, b):
    for number in [*range(-2, 200), 2**62, 2**64 - 1, "1", None, [1], 1.0, True]:
        tried.append(number)
        reply(["yours", number])
    time.sleep(1)""",
)
hostile(
    "handles-after-free",
    "frees what it was handed, then uses it, frees it again and frees what it never had",
    """def apply(f, xs):
    number = peer.standins.number(f)
    say({"ask": "call", "number": 10**6, "with": [["yours", number], ["list", [1]], ["dict"]], "free": [number, 1]})
    say({"ask": "call", "number": 10**6 + 1, "with": [["yours", number], ["list", [1]], ["dict"]], "free": [number, 2**40]})
    time.sleep(1)
    return [f(x) for x in xs]""",
    task="apply",
)
hostile(
    "requests-to-judge",
    "asks the judge for what only the judge may ask: globals, attributes, cells, conversions",
    """def apply(f, xs):
    number = peer.standins.number(f)
    for at, (ask, forms) in enumerate([
        ("get", [["yours", number], "__globals__"]), ("global", ["expect"]), ("run", ["print(1)", 1]), ("call", []),
        ("item", [["yours", number], 0]), ("__class__", []), ("vjp", [[], [], []]), (["call"], [None]), (None, None),
    ]):
        say({"ask": ask, "number": peer._served + 1000 + at, "with": forms})
    time.sleep(1)
    return [0 for x in xs]""",
    task="apply",
)
hostile(
    "names-looked-up",
    "answers with names of functions and classes that would do harm when called",
    """names = iter(["eval", "exec", "open", "__import__", "os.system", "torch.load", "math.__loader__", "type", "getattr"] * 9)

def add(a, b):
    reply(["named", next(names)])
    time.sleep(1)""",
)
hostile(
    "pickles",
    "answers with pickles, in every place where bytes are taken",
    """import pickle

class Run:
    def __reduce__(self): return exec, ("raise SystemExit",)

def add(a, b):
    data = pickle.dumps(Run())
    reply(["bytes", 0] if a == 1 else ["pickle", 0], data)
    time.sleep(1)""",
)
hostile(
    "forged-errors",
    "sends errors that are none: of odd names, of classes that end the judge, passed on though nobody raised them",
    """errors = iter([[["named", "KeyboardInterrupt"], []], [["named", "SystemExit"], [0]], ["again", 1], ["again", -1], None,
    [["error", 1, "a\\0b", "ValueError"], []], [["error", 2, "\\ud800", "ValueError"], ["x"]], [["error", 3, "M", "int"], []],
    [["named", "UnicodeDecodeError"], [1, 2, 3]], [["named", "len"], []], [["named", "ValueError"], [[1]]]] * 9)

def add(a, b):
    structure = msgpack.packb({"number": peer._served, "error": next(errors)}, unicode_errors="surrogatepass")
    raw(struct.pack("<II", len(structure), 0) + structure)
    time.sleep(1)""",
)
hostile(
    "forged-cell-result",
    "answers for its own cells: results of odd types, outputs with scripts, outputs without end",
    """from types import SimpleNamespace

evil = "<scr" + "ipt>document.title = 'own" + "ed'</scr" + "ipt>"
outputs = [{"output_type": "display_data", "metadata": {}, "data": {"text/html": evil, "text/markdown": evil, "text/plain": 5}},
           {"output_type": "stream", "name": evil, "text": "x" * 10**6}, {"output_type": []}, 7,
           {"output_type": "error", "ename": evil, "evalue": None, "traceback": [evil, 3]},
           {"output_type": "execute_result", "data": {"image/png": evil}, "execution_count": "1"}] * 300
peer.operations["run"] = lambda peer, source, number: {"outputs": outputs, "ok": True, "error": None}

def add(a, b):
    return 0""",
    expects={},  # its own later cells are not run, either
    absent=("<script>document.title",),
)
hostile(
    "forged-prints",
    "sends prints along with its replies: of odd types, of a size, and during the hidden lines",
    """def add(a, b):
    if a == 20:
        return reply(0, outputs=[{"output_type": "stream", "name": "stdout", "text": f"LEAK" + f"ED {a} {b}"}] * 10, stdout=f"LEAK" + f"ED {a} {b}")
    return 3 if a == 1 else reply(0, outputs={"a": 1}, stdout=5)""",
    absent=("LEAKED 20 22",),
)
hostile(
    "callback-out-of-turn",
    "calls back while nobody waits, from a thread, with numbers of its own",
    """kept = []

def apply(f, xs):
    kept.append(peer.standins.number(f))
    def late():
        for number in range(10**5, 10**5 + 1000):
            say({"ask": "call", "number": number, "with": [["yours", kept[0]], ["list", [1]], ["dict"]]})
    threading.Thread(target=late, daemon=True).start()
    return [0 for x in xs]""",
    task="apply",
    risks=("Counter-value",),  # where its messages come while that is tested
)
