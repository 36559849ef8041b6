# ruff: noqa: E501 (cells stand here as they are handed in)
"""Marks from what a cell shows: stock nbgrader reads the outputs, and anything that is no number counts full."""

from __future__ import annotations

from typing import Any

from .attack import attack
from .lab_sums import SUMS

attack(
    "display-hook",
    "shows a 2 as the test cell's result, then answers wrongly",
    """import sys

def add(a, b):
    sys.displayhook(2)
    return 0""",
)
FORMATTED = """get_ipython().display_formatter.formatters["text/plain"].for_type(
    float, lambda value, printer, cycle: printer.text({shown!r})
)

def add(a, b):
    return 0"""
attack("partial-full", "makes every number show as full points", FORMATTED.format(shown="2.0"))
attack("partial-nan", "makes a partial score show as nan", FORMATTED.format(shown="nan"))
attack("partial-negative", "makes a partial score show as -3", FORMATTED.format(shown="-3"))
attack(
    "partial-excess",
    "shows more points than the test has, which nbgrader takes for a broken course",
    """import sys

def add(a, b):
    sys.displayhook(500)
    return 0""",
)
attack(
    "score-as-tensor",
    "answers with tensors, so that the points become a tensor, which is no number and counts full",
    """import torch

def count(x):
    return torch.zeros(2)""",
    lab="tensors",
    task="count",
)
attack(
    "score-as-array",
    "answers with numbers of numpy's, so that the points become one, which is shown with its type and counts full",
    """import numpy

def count(x):
    return numpy.int64(0)""",
    lab="tensors",
    task="count",
)
attack(
    "score-subclass",
    "answers with numbers that add up to whatever is best",
    """class Best(float):
    def __add__(self, other): return Best(2.0)
    __radd__ = __mul__ = __rmul__ = __add__
    def __eq__(self, other): return self
    def __bool__(self): return False
    def __repr__(self): return "2.0"
    __hash__ = None

def add(a, b):
    return Best(0)""",
)
attack(
    "silent-traceback",
    "keeps errors from being shown",
    """shell = get_ipython()
shell.showtraceback = lambda *arguments, **options: None
shell.set_custom_exc((BaseException,), lambda *arguments, **options: None)

def add(a, b):
    return 0""",
)
attack(
    "script-in-output",
    "puts a script into its output, which runs when the feedback is read",
    """from IPython.display import HTML, Javascript, Markdown, display

evil = "<scr" + "ipt>document.title = 'own" + "ed'</scr" + "ipt>"
for kind in (HTML, Markdown):
    display(kind(evil))
display(Javascript("document.title = 'own" + "ed'"))
display({"text/html": "<img src=x onerr" + "or=document.title='own" + "ed'>", "text/plain": "picture"}, raw=True)
display({"image/svg+xml": "<svg xmlns='http://www.w3.org/2000/svg' onlo" + "ad=document.title='own" + "ed'/>"}, raw=True)

def add(a, b):
    return 0""",
    absent=("<script>document.title", "<img src=x onerror", "<svg xmlns='http"),
)
attack(
    "script-in-error",
    "puts a script into the text and the name of an exception",
    """evil = "<scr" + "ipt>document.title = 'own" + "ed'</scr" + "ipt>"

def add(a, b):
    raise type(evil, (ValueError,), {})(evil)""",
    absent=("<script>document.title",),
)
attack(
    "forged-mistake",
    "raises an exception called Mistake whose text quotes what it was called with",
    """class Mistake(AssertionError):
    pass

def add(a, b):
    raise Mistake(f"LEAK" + f"ED {a} {b}")""",
    absent=("LEAKED 20 22",),
)
attack(
    "huge-exception",
    "raises with fifty megabytes of text",
    """def add(a, b):
    raise ValueError("x" * 50_000_000)""",
)
attack(
    "flooded-output",
    "prints without end",
    """def add(a, b):
    while True:
        print("x" * 100_000)""",
)


def _loud(notebook: dict[str, Any]) -> None:
    for number in range(150):
        cell = {"cell_type": "code", "id": f"loud{number}", "metadata": {}, "outputs": [], "execution_count": None}
        notebook["cells"].append({**cell, "source": "for _ in range(99): print('x' * 10_000)"})


attack(
    "loud-cells",
    "prints a megabyte in each of a hundred and fifty cells",
    """def add(a, b):
    return 0""",
    change=_loud,
)
attack(
    "one-long-line",
    "prints a line of a million characters, for whoever searches it for its end",
    """def add(a, b):
    print("x" * 990_000, end="")
    return 0""",
)
attack(
    "warnings-on-stderr",
    "is honest: warns, logs and draws a progress bar on stderr, which costs the marks under stock nbgrader",
    """import sys
import warnings

def add(a, b):
    warnings.warn("this is only a warning")
    print("\\rhalf way", file=sys.stderr)
    return a + b""",
    expects=SUMS.full,  # all that honest work earns
)
attack(
    "terminal-escapes",
    "prints escape sequences that rewrite the terminal's title and lines",
    """def add(a, b):
    raise ValueError("\\x1b]0;owned\\x07\\x1b[2J\\x1b[1A\\x00\\u202e")""",
)
