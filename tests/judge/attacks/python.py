"""Marks from Python itself: what a student's code can do to tests that run beside it."""

from __future__ import annotations

from .attack import attack
from .lab_sums import SUMS

WRONG = "\n\ndef add(a, b):\n    return 0"

attack(
    "ast-transformer",
    "strips every assert and every raise from what runs later",
    """import ast

class Strip(ast.NodeTransformer):
    def visit_Assert(self, node): return ast.Pass()
    visit_Raise = visit_Assert

get_ipython().ast_transformers.append(Strip())"""
    + WRONG,
)
attack(
    "input-transformer",
    "rewrites the text of every later cell",
    """def strip(lines):
    return [line for line in lines if not line.startswith("assert")]

get_ipython().input_transformers_post.append(strip)"""
    + WRONG,
)
attack(
    "patched-kernel",
    "makes its shell and its kernel say that every later cell went well",
    """import asyncio, types
shell = get_ipython()
kernel = getattr(shell, "kernel", None)
if kernel is not None:
    async def do_execute(self, *arguments, **options):
        return {"status": "ok", "execution_count": 1, "payload": [], "user_expressions": {}}
    kernel.do_execute = types.MethodType(do_execute, kernel)
shell.run_cell = lambda *arguments, **options: types.SimpleNamespace(success=True, error_in_exec=None, result=2.0)"""
    + WRONG,
    expects={},  # its own later cells are not run, either
)
attack(
    "caller-frame",
    "reads the expected value from the caller's frame",
    """import sys

def add(a, b):
    frame = sys._getframe(1)
    while frame is not None:
        if "right" in frame.f_globals:
            return frame.f_globals["right"]
        for value in frame.f_code.co_consts:
            if type(value) is int and value not in (a, b, 0, 1):
                return value
        frame = frame.f_back
    return 0""",
)
attack(
    "input-history",
    "reads the expected value from the text of the running cell, in IPython's history",
    """import re

def add(a, b):
    cell = get_ipython().user_ns["In"][-1]
    found = re.findall(rf"add\\({a}, {b}\\) == (\\d+)", cell) + re.findall(r"right = .*, (\\d+)", cell)
    found += ["0"]
    return int(found[0])""",
)
attack(
    "patched-builtins",
    "puts its own len, sum, abs and float where all code of the process finds them",
    """import builtins
builtins.sum = lambda *xs: 0
builtins.abs = lambda x: 0
sum = abs = len = float = type = lambda *xs: 0

def total(xs):
    return 6 if len(xs) == 3 else 0""",
    task="total",
)
attack(
    "patched-helper",
    "puts its own functions in the place of the ones that the lab's locked cell defines",
    """import random, yaml
expect = lambda *arguments: None
yaml.safe_load = lambda text: 6
random.random = lambda: 0.0
assert_ = Mistake = type("Mistake", (Exception,), {})

def total(xs):
    return 0""",
    task="total",
)
attack(
    "patched-bound-helper",
    "replaces a helper that a locked cell defines beside a line which uses the student's own function",
    """agrees = lambda actual, right: None

class Counter:
    value = 99
    def more(self): pass""",
    task="Counter",
)
attack(
    "garbage-patched-helper",
    "looks for the tests' helper among all objects of the process and replaces its code",
    """import gc, types

for found in gc.get_objects():
    if isinstance(found, types.FunctionType) and found.__name__ in ("expect", "assertEqual"):
        found.__code__ = (lambda actual, right: None).__code__

def total(xs):
    return 0""",
    task="total",
)
attack(
    "tracing",
    "sets a trace function that jumps over the lines that fail",
    """import sys, threading

def trace(frame, event, argument):
    if event == "line" and frame.f_code.co_name == "<module>":
        try: frame.f_lineno = frame.f_lineno + 1
        except Exception: pass
    return trace

def add(a, b):
    sys.settrace(trace)
    frame = sys._getframe(1)
    while frame is not None:
        frame.f_trace = trace
        frame = frame.f_back
    return 0""",
)
attack(
    "grading-variable",
    "behaves otherwise when a variable of the environment says that it is being graded",
    """import os
graded = [name for name in os.environ if "GRADE" in name or "JUDGE" in name or "CONTESTANT" in name]
print("LEAK" + "ED", graded) if graded else None

def add(a, b):
    return 0""",
    absent=("LEAKED",),
)
attack(
    "shadowed-before-setup",
    "redefines, above the locked cell, every name that the locked cell uses, so that it counts as the student's",
    change=lambda notebook: notebook["cells"].insert(
        1,
        {
            "cell_type": "code",
            "id": "above",
            "metadata": {},
            "outputs": [],
            "execution_count": None,
            "source": "class yaml:\n    safe_load = staticmethod(lambda text: 0)\nrandom = expect = lambda *xs: None\n"
            "AssertionError = Mistake = f = ValueError\n",
        },
    ),
    expects=SUMS.full,  # all that honest work earns
)
attack(
    "interned-constants",
    "changes the value of small integers in memory, for all code of the process",
    """import ctypes

def add(a, b):
    ctypes.c_int64.from_address(id(250) + 24).value = 0
    return 0""",
    stock="not run: the kernel and nbgrader's own arithmetic break in ways that depend on the Python",
)
attack(
    "exit-hooks",
    "leaves code behind that runs when the process ends, and finalizers that run at any time",
    """import atexit, sys, threading, weakref

class Late:
    def __del__(self):
        import os
        os._exit(0)

atexit.register(lambda: print("LEAK" + "ED at exit"))
threading.Timer(0.05, lambda: None).start()
late = Late()
sys.excepthook = sys.unraisablehook = lambda *arguments: None

def add(a, b):
    global late
    late = None
    return 0""",
)
