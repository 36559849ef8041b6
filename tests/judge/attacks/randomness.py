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
    expects={"add-value": 2, "add-partial": 2, "total-value": 2, "total-random": 1, "apply-value": 1},
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
    "changing-answers",
    "gives an attribute another value each time that it is read",
    """import itertools

class Counter:
    values = itertools.cycle([1, 1, 5, 2, 3, 4])
    @property
    def value(self):
        class Any(int):
            __eq__ = __gt__ = lambda self, other: True
            __hash__ = int.__hash__
        return Any(next(self.values))
    def more(self): pass""",
    task="Counter",
)
attack(
    "changing-list",
    "answers with a list that it goes on changing in a thread, and changes the list that it was lent",
    """import threading, time

class Counter:
    def __init__(self):
        self.list = [0]
        threading.Thread(target=self.turn, daemon=True).start()
    def turn(self):
        while True:
            self.list[0] += 1
            time.sleep(0.0001)
    def more(self): return self.list
    @property
    def value(self): return self.list""",
    task="Counter",
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
    "timing-oracle",
    "measures how long the test takes between calls, to tell from it which answer was right",
    """import time

last, answers = [time.perf_counter()], []

def add(a, b):
    now = time.perf_counter()
    answers.append(now - last[0])
    last[0] = now
    return 3 if len(answers) % 2 else int(1e9 * answers[-1]) % 50""",
)
attack(
    "endless-iterator",
    "answers with a generator, a range and a list that never end",
    """class Endless(list):
    def __len__(self): return 10**18
    def __iter__(self):
        while True: yield 1

def apply(f, xs):
    if len(xs) == 2: return Endless()
    return (f(x) for x in iter(int, 1))""",
    task="apply",
)
attack(
    "nested-answer",
    "answers with a list nested a million deep, which contains itself",
    """def add(a, b):
    answer = []
    for _ in range(1_000_000): answer = [answer]
    loop = [answer]
    loop.append(loop)
    return loop""",
)
attack(
    "enormous-answer",
    "answers with numbers of a million digits and a gigabyte of text",
    """def add(a, b):
    if a == 1: return 10 ** 1_000_000
    return "x" * 1_000_000_000""",
)
