"""The two labs that are attacked. Their tests are ordinary ones, no more careful than an instructor's."""

from __future__ import annotations

from typing import NamedTuple


class Test(NamedTuple):
    """A test cell of a task."""

    name: str
    task: str
    points: float
    source: str

    __test__ = False  # not pytest's


class Lab(NamedTuple):
    """A locked cell, the right answers by task, and what tests them; a task's tests stand below its answer.

    `given` are more locked cells, by the task above whose answer they stand.
    """

    name: str
    setup: str
    answers: dict[str, str]
    tests: list[Test]
    given: dict[str, str] = {}  # noqa: RUF012 (never changed)

    @property
    def full(self) -> dict[str, float]:
        return {test.name: test.points for test in self.tests}


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
a, b, right = 20, 22, 42
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

TENSORS = Lab(
    "tensors",
    """from pathlib import Path

import torch
from torch.testing import assert_close


class Mistake(AssertionError):
    pass


if Path("weights.pt").exists():  # from an earlier lab
    weights = torch.load("weights.pt", weights_only=False)""",
    {
        "double": "def double(x):\n    return 2 * x",
        "noise": "def noise(shape, generator):\n    return torch.randn(shape, generator=generator)",
        "minimum": """def minimum(f, x):
    for _ in range(60):
        x = x.detach().requires_grad_()
        (slope,) = torch.autograd.grad(f(x), x)
        x = x - 0.25 * slope
    return x.detach()""",
        "Descent": """class Descent(torch.optim.Optimizer):
    def __init__(self, parameters, lr):
        super().__init__(parameters, {"lr": lr})

    @torch.no_grad()
    def step(self):
        for group in self.param_groups:
            for p in group["params"]:
                p.sub_(group["lr"] * p.grad)""",
        "count": "def count(x):\n    return int((x > 0).sum())",
    },
    [
        Test(
            "double-value",
            "double",
            2,
            """assert_close(double(torch.tensor([1.0, -2.0])), torch.tensor([2.0, -4.0]))
### BEGIN HIDDEN TESTS
x = torch.randn(3, 4, generator=torch.Generator().manual_seed(77))
assert_close(double(x), x + x)
### END HIDDEN TESTS""",
        ),
        Test(
            "double-gradient",
            "double",
            1,
            """x = torch.tensor([1.0, 3.0], requires_grad=True)
double(x).sum().backward()
assert_close(x.grad, torch.tensor([2.0, 2.0]))
### BEGIN HIDDEN TESTS
x, g = torch.randn(2, 5, generator=torch.Generator().manual_seed(78))
x.requires_grad_()
double(x).backward(g)
assert_close(x.grad, 2 * g)
### END HIDDEN TESTS""",
        ),
        Test(
            "noise-value",
            "noise",
            1,
            """assert noise((2, 3), torch.Generator().manual_seed(1)).shape == (2, 3)
### BEGIN HIDDEN TESTS
before = torch.get_rng_state()
drawn = noise((4,), torch.Generator().manual_seed(79))
assert_close(drawn, torch.randn(4, generator=torch.Generator().manual_seed(79)))
assert torch.equal(before, torch.get_rng_state()), "the global numbers must stay as they were"
### END HIDDEN TESTS""",
        ),
        Test(
            "minimum-value",
            "minimum",
            2,
            """found = minimum(lambda x: ((x - 3) ** 2).sum(), torch.zeros(2))
assert_close(found, torch.tensor([3.0, 3.0]))
### BEGIN HIDDEN TESTS
goal = torch.randn(3, generator=torch.Generator().manual_seed(80))
assert_close(minimum(lambda x: ((x - goal) ** 2).sum(), torch.zeros(3)), goal)
### END HIDDEN TESTS""",
        ),
        Test(
            "Descent-step",
            "Descent",
            2,
            """w = torch.nn.Parameter(torch.tensor([1.0, 2.0]))
optimizer = Descent([w], lr=0.5)
(3 * w).sum().backward()
optimizer.step()
assert_close(w.data, torch.tensor([-0.5, 0.5]))
### BEGIN HIDDEN TESTS
right = w.detach() - 0.5 * torch.tensor([8.0, 8.0])
optimizer.zero_grad()
(8 * w).sum().backward()
optimizer.step()
assert_close(w.data, right)
### END HIDDEN TESTS""",
        ),
        Test(
            "count-partial",
            "count",
            1,
            """points = 0.0
points += 0.5 * (count(torch.tensor([1.0, -1.0])) == 1)
### BEGIN HIDDEN TESTS
points += 0.5 * (count(torch.tensor([3.0, 2.0, -1.0])) == 2)
### END HIDDEN TESTS
points""",
        ),
    ],
)

LABS = {lab.name: lab for lab in (SUMS, TENSORS)}
