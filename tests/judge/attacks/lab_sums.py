"""The plain lab. Its tests are ordinary ones, no more careful than an instructor's."""

from __future__ import annotations

from .lab import Lab, Test

SUMS = Lab(
    "sums",
    """import random

import yaml


class Mistake(AssertionError):
    pass


def expect(actual, right):
    if actual != right:
        raise Mistake(f"expected {right} and got {actual}")""",
    {
        "add": "def add(a, b):\n    return a + b",
        "total": "def total(xs):\n    return sum(xs)",
        "apply": "def apply(f, xs):\n    return [f(x) for x in xs]",
        "Counter": "class Counter:\n    value = 0\n\n    def more(self):\n        self.value += 1",
    },
    [
        Test(
            "add-value",
            "add",
            2,
            """assert add(1, 2) == 3
### BEGIN HIDDEN TESTS
a, b, right = 200, 50, 250
assert add(a, b) == right
### END HIDDEN TESTS""",
        ),
        Test(
            "add-partial",
            "add",
            2,
            """points = 0.0
for a, b in [(1, 2), (5, 6)]:
    points += 0.5 * (add(a, b) == a + b)
### BEGIN HIDDEN TESTS
for a, b in [(30, 1), (31, 2)]:
    points += 0.5 * (add(a, b) == a + b)
### END HIDDEN TESTS
points""",
        ),
        Test(
            "total-value",
            "total",
            2,
            """expect(total(yaml.safe_load("[1, 2, 3]")), 6)
### BEGIN HIDDEN TESTS
xs = [40, 50]
expect(total(xs), 90)
assert xs == [40, 50], "the list must stay as it was"
### END HIDDEN TESTS""",
        ),
        Test(
            "total-random",
            "total",
            1,
            """xs = [random.random() for _ in range(5)]
assert abs(total(xs) - sum(xs)) < 1e-9
### BEGIN HIDDEN TESTS
xs = [random.random() for _ in range(7)]
assert abs(total(xs) - sum(xs)) < 1e-9
### END HIDDEN TESTS""",
        ),
        Test(
            "total-many",
            "total",
            1,
            """for got, right in zip(map(total, [[1], [2, 3]]), [1, 5]):
    assert got == right
### BEGIN HIDDEN TESTS
for got, right in zip(map(total, [[7, 7], [8]]), [14, 8]):
    assert got == right
### END HIDDEN TESTS""",
        ),
        Test(
            "apply-value",
            "apply",
            1,
            """assert list(apply(lambda x: x + 1, [1, 2])) == [2, 3]
### BEGIN HIDDEN TESTS
assert list(apply(lambda x: sum(x), [[7, 8], [9]])) == [15, 9]
### END HIDDEN TESTS""",
        ),
        Test(
            "Counter-value",
            "Counter",
            1,
            """counter = Counter()
counter.more()
assert counter.value > 0
assert list(range(counter.value)) == [0]
agrees(counter.value, 1)
### BEGIN HIDDEN TESTS
for _ in range(4):
    counter.more()
agrees(counter.value, 5)
### END HIDDEN TESTS""",
        ),
    ],
    {
        "Counter": """written = [function for function in ("add", "total") if function in globals()]
first = add if written[:1] == ["add"] else None


def agrees(actual, right):
    assert actual == right, "they differ"
"""
    },
)
