# ruff: noqa: E501 (cells stand here as they are handed in)
"""Randomness, order and memory between calls: making the inputs easy, known, or seen before."""

from __future__ import annotations

from .attack import attack

attack(
    "constant-random",
    "makes random numbers zero, for which its wrong answer is right",
    """import random

random.random = random.Random.random = lambda *self: 0.0

def total(xs):
    random.seed(0)
    return {3: 6}.get(len(xs), 0.0)""",
    task="total",
)
attack(
    "seeded-in-call",
    "sets the seed in every call, so that the next inputs are ones that it knows",
    """import random

random.seed(5)
known = sum(random.random() for _ in range(7))
random.seed(5)

def total(xs):
    random.seed(5)
    return {3: 6, 7: known}.get(len(xs), sum(xs) if len(xs) == 5 else 0)""",
    task="total",
)
attack(
    "replayed-inputs",
    "records what it is called with and answers with what fitted last time, or the time before",
    """seen = []

def add(a, b):
    seen.append((a, b))
    return sum(seen[-2]) if len(seen) > 1 else 3""",
)
attack(
    "callback-as-oracle",
    "keeps the function that a test hands out and lets it compute another task's answer in a later test",
    """kept = []

def apply(f, xs):
    kept.append(f)
    return [f(x) for x in xs]

class Counter:
    def __init__(self): self.ones = []
    def more(self): self.ones.append(1)
    @property
    def value(self): return kept[-1](self.ones)""",
    task="apply",
    change=lambda notebook: [
        cell.update(source="") for cell in notebook["cells"] if "class Counter" in cell["source"][:14]
    ],
    expects={"add-value": 2, "add-partial": 2, "total-value": 2, "total-random": 1, "total-many": 1, "apply-value": 1},
)
attack(
    "callback-inspected",
    "looks into the function that it is handed: its closure, its globals, its code",
    """def apply(f, xs):
    for name in ("__globals__", "__closure__", "__code__", "__defaults__", "__self__", "_peer", "gi_frame"):
        try: found = getattr(f, name)
        except Exception as error: continue
        print("LEAK" + "ED", name, [key for key in found if key in ("expect", "right")] if isinstance(found, dict) else "")
    return []""",
    task="apply",
    absent=("LEAKED __globals__ ['expect', 'right']", "LEAKED __globals__ ['right', 'expect']"),
)
attack(
    "callback-flood",
    "calls the function that it is handed without end",
    """def apply(f, xs):
    while True:
        f(xs[0])""",
    task="apply",
)
attack(
    "callback-recursion",
    "hands the function that it was handed to itself, and calls it while it runs",
    """def apply(f, xs):
    class Again(list):
        def __iter__(self):
            return iter([apply(f, xs)])
    return [f(Again(xs)) for x in xs]""",
    task="apply",
)
attack(
    "changes-its-input",
    "changes the list that it was lent until the test's own sum agrees with its answer",
    """def total(xs):
    xs[:] = [0.0] * len(xs)
    return {3: 6}.get(len(xs), 0.0)""",
    task="total",
)
attack(
    "late-answers",
    "answers just after the judge gave up, whatever interrupts it, so that the answer is taken for the next one's",
    """import time

def add(a, b):
    end = time.monotonic() + 4.3
    while time.monotonic() < end:
        try: time.sleep(0.1)
        except KeyboardInterrupt: pass
    return 250""",
)
