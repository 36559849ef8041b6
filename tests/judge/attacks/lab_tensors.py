"""The torch lab: values, gradients, generators, callbacks, an optimizer, a function that makes functions."""

from __future__ import annotations

from .lab import Lab, Test

TENSORS = Lab(
    "tensors",
    """from pathlib import Path

import torch
from torch.testing import assert_close


class Mistake(AssertionError):
    pass


class forbid(torch.overrides.TorchFunctionMode):
    def __init__(self, name):
        super().__init__()
        self.name = name

    def __torch_function__(self, func, types, args=(), kwargs=None):
        if getattr(func, "__name__", "") == self.name:
            raise Mistake(f"calls {self.name}")
        return func(*args, **(kwargs or {}))


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
        "compose": "def compose(f, g):\n    return lambda x: g(f(x))",
    },
    [
        Test(
            "double-value",
            "double",
            2,
            """with forbid("add"):
    y = double(torch.tensor([1.0, -2.0]))
assert_close(y, torch.tensor([2.0, -4.0]))
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
        Test(
            "compose-value",
            "compose",
            1,
            """x = torch.tensor([1.0, -2.0])
y = compose(torch.abs, torch.neg)(x)
assert_close(y, -torch.abs(x))
### BEGIN HIDDEN TESTS
x = torch.tensor([3.0, -4.0, 5.0])
y = compose(torch.abs, torch.neg)(x)
assert_close(y, -torch.abs(x))
### END HIDDEN TESTS""",
        ),
    ],
)
