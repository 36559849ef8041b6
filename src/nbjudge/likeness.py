"""How alike two cells are, and what a cell defines. Linear in the text's length: the texts come from strangers."""

from __future__ import annotations

import re
from itertools import pairwise

MARKED = re.compile(r"^.*BEGIN (SOLUTION|HIDDEN TESTS|MARK SCHEME).*\n(?:.*\n)*?.*END \1.*$\n?", re.MULTILINE)
DEFINED = re.compile(r"^(?:async )?(?:def|class)\s+(\w+)|^(\w+)[ \t]*(?::[^=\n]+)?=(?!=)", re.MULTILINE)
WORD = re.compile(r"\w+|[^\w\s]")
UNWRITTEN = re.compile(r"YOUR (CODE|ANSWER) HERE")  # as nbgrader writes it
ENOUGH = 20_000  # characters that are looked at: longer cells are alike or not by then


def visible(text: str) -> str:
    """What the release shows of a source's cell: nothing between nbgrader's delimiters.

    >>> visible("def f():\\n    ### BEGIN SOLUTION\\n    return 1\\n    ### END SOLUTION\\n")
    'def f():\\n'
    """
    return MARKED.sub("", text)


def defined(text: str) -> frozenset[str]:
    """Names bound at the top level; by their look, since a student's cell need not be valid Python.

    >>> sorted(defined("x: int = 1\\ndef f(a=2):\\n    y = 3\\nx == f"))
    ['f', 'x']
    """
    return frozenset(function or name for function, name in DEFINED.findall(text[:ENOUGH]))


def flat(text: str) -> str:
    """Without what editors change: line ends, indentation, blank lines."""
    return " ".join(text[:ENOUGH].split())


def words(text: str) -> frozenset[str]:
    """The text's words and signs, alone and each with the one before it, so that order counts."""
    found = WORD.findall(text[:ENOUGH])
    return frozenset(found).union(map(" ".join, pairwise(found)))


def likeness(one: frozenset[str], other: frozenset[str]) -> float:
    """From 0, nothing in common, to 1, the same words (Dice's coefficient)."""
    return 2 * len(one & other) / (len(one) + len(other)) if one or other else 1.0
