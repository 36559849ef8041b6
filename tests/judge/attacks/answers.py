"""Answers that are not values: objects that decide by themselves what they are equal to, how long, how large."""

from __future__ import annotations

from .attack import attack

attack(
    "equals-everything",
    "answers with an object that equals everything",
    """class Yes:
    def __eq__(self, other): return True
    def __ne__(self, other): return False
    def __bool__(self): return True
    def __hash__(self): return 0
    def __rmul__(self, other): return other
    __instancecheck__ = __contains__ = __eq__

def add(a, b):
    return Yes()""",
)
attack(
    "swallowing-context",
    "leaves the cell by SystemExit, KeyboardInterrupt and GeneratorExit instead of an error",
    """kinds = [SystemExit, KeyboardInterrupt, GeneratorExit, StopIteration]

def add(a, b):
    raise kinds[(a + b) % 4](0)""",
)
attack(
    "hostile-exception",
    "raises exceptions whose own methods raise, exit or never end",
    """class Hostile(Exception):
    def __str__(self): raise SystemExit(0)
    __repr__ = __reduce__ = __str__
    @property
    def args(self): raise KeyboardInterrupt
    @property
    def __class__(self): return AssertionError
    @property
    def __traceback__(self): raise SystemExit
    def _render_traceback_(self): return ["fine"]

def add(a, b):
    raise Hostile() from Hostile()""",
)
attack(
    "hostile-class",
    "answers with an object whose metaclass lies about what it is",
    """class Meta(type):
    def __instancecheck__(cls, other): return True
    def __subclasscheck__(cls, other): return True
    def __eq__(cls, other): return True
    def __getattribute__(cls, name): raise SystemExit
    __hash__ = type.__hash__
    def mro(cls): return [cls, object]

class Lie(metaclass=Meta):
    def __getattribute__(self, name):
        if name == "__class__": return int
        raise SystemExit(0)

def add(a, b):
    return object.__new__(Lie)""",
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
attack(
    "subtracts-to-nothing",
    "answers with an object whose difference from anything is zero",
    """class Zero:
    def __sub__(self, other): return 0.0
    __rsub__ = __add__ = __radd__ = __mul__ = __rmul__ = __sub__

def total(xs):
    return Zero()""",
    task="total",
)
attack(
    "differs-by-nothing",
    "answers with an object whose difference is again itself, and whose absolute value is zero",
    """class Zero:
    def __sub__(self, other): return self
    __rsub__ = __add__ = __radd__ = __sub__
    def __abs__(self): return 0.0
    __float__ = __neg__ = __pos__ = __round__ = __abs__
    def __lt__(self, other): return True
    __gt__ = __le__ = __ge__ = __lt__

def total(xs):
    return Zero()""",
    task="total",
)
attack(
    "range-as-list",
    "answers with a range of ten billion numbers, of which the test makes a list",
    """def apply(f, xs):
    return range(10**10)""",
    task="apply",
    stock="not run: it would harm the machine",
)
attack(
    "memory-in-the-judge",
    "answers with a number as large as the test's own list shall be",
    """class Counter:
    value = 2 * 10**9
    def more(self): pass""",
    task="Counter",
    stock="not run: it would harm the machine",
)
attack(
    "ends-the-loop",
    "raises StopIteration, which ends the test's own loop over its answers before anything is compared",
    """def total(xs):
    raise StopIteration""",
    task="total",
)
