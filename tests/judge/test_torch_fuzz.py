"""Malformed values and rides of torch: the judge makes something of them or calls them a wire error, and never more."""

from __future__ import annotations

import random
from typing import Any

import pytest
import torch
from pairs import pair

from nbjudge.wire import WireError

KINDS = [
    *("tensor", "twin", "graph", "gradients", "generator", "size", "dtype", "device", "torch", "module", "recipe"),
    *("optimizer", "array", "number", "array type", "list", "tuple", "dict", "handle", "yours"),
]
WORDS = ["float32", "float64", "int64", "bool", "cpu", "meta", "w", "nn.Linear", "lr", "params", b"", b"12345678"]
NUMBERS = [0, 1, -1, 2, -2, 3, -3, 7, 2**31, 2**62, -(2**63), 0.5, float("nan"), True, False, None]
STUDENT = """
    import torch
    from torch import nn
    class Net(nn.Module):
        def __init__(self):
            super().__init__()
            self.w = nn.Parameter(torch.ones(2))
    def f(*values): return values
"""


class Maker:
    """Makes values that are nearly right."""

    def __init__(self, seed: int) -> None:
        self.pick = random.Random(seed)

    def value(self, depth: int = 0) -> Any:
        makers = [self.number, self.word, self.tensor_form, self.tensor]
        deep = [self.form, self.form, self.state, self.table, self.values]
        return self.pick.choice(makers if depth > 3 else makers + deep)(depth + 1)

    def number(self, depth: int) -> Any:
        return self.pick.choice(NUMBERS)

    def word(self, depth: int) -> Any:
        return self.pick.choice(WORDS)

    def tensor_form(self, depth: int = 0) -> Any:
        shape = [self.pick.choice([0, 1, 2, 4]) for _ in range(self.pick.randrange(3))]
        dtype = self.pick.choice(["float32", "bool", "int8", "complex64"])
        return [shape, dtype, self.pick.choice(["cpu", "cpu", "meta"]), self.pick.choice([0, 1, -1])]

    def tensor(self, depth: int = 0) -> Any:
        gradient = self.pick.choice([None, self.tensor_form()])
        return ["tensor", self.pick.randrange(-3, 4), self.pick.randrange(9), self.tensor_form(), gradient]

    def form(self, depth: int) -> Any:
        return [self.pick.choice(KINDS), *self.values(depth)]

    def values(self, depth: int) -> Any:
        return [self.value(depth) for _ in range(self.pick.randrange(6))]

    def state(self, depth: int) -> Any:
        return [True, *([[name, self.value(depth)]] for name in "wbm"), ["b"]]

    def table(self, depth: int) -> Any:
        return {self.pick.choice(["lr", "params", "tuple", "list", "dict"]): self.value(depth)}

    def ride(self) -> Any:
        number, value = self.pick.randrange, self.value
        parts = {
            "changed": [[number(-3, 4), value(), value(), value(), value()]],
            "dropped": self.pick.choice([b"", b"\1" + 7 * b"\0", 8 * b"\xff", b"123", 5]),
            "lent": [[number(-9, 2), number(-9, 2), self.tensor_form()]],
            "graph": [number(-9, 2), [[number(-9, 4), [2], "float32", "cpu", True]], [self.tensor_form()]],
            "generators": [[number(-2, 3), number(3)]],
            "modules": [[bool(number(2)), number(4), value()]],
            "calls": [[["add", {"tuple": [value()]}, value()]], number(2)],
            **{name: value() for name in ("moved", "grad", "random", "record", "in place")},
        }
        return {name: part if number(5) else value() for name, part in parts.items() if not number(4)}


@pytest.mark.parametrize("count", [2_000, pytest.param(20_000, marks=pytest.mark.slow)])
def test_malformed_messages_are_wire_errors_and_nothing_else(count):
    with pair(STUDENT) as both:
        both.run("""
            import torch
            from torch import nn
            x, net, layer = torch.ones(2, requires_grad=True), Net(), nn.Linear(2, 2)
            f(x, layer, torch.ones(3), torch.Generator())
        """)
        judge = both.judge
        torches: Any = next(extension for extension in judge.extensions if hasattr(extension, "twins"))
        refused = 0
        for seed in range(count):
            make = Maker(seed)
            buffers = [bytearray(8), bytearray(make.pick.choice([4, 8, 16, 5056]))]
            message = {"number": 1, "torch": make.ride(), **({"ask": "call"} if seed % 10 == 0 else {})}
            try:
                if seed % 2:
                    judge.decode(make.value(), buffers)
                else:
                    torches.after_receive(judge, message, buffers)
            except WireError:
                refused += 1
            while torches.frames:
                torches.frames.pop().close()
        assert count / 4 < refused < count
        assert len(torches.twins) < 50
        assert torch.is_grad_enabled()
        both.run("assert torch.equal(f(torch.ones(2))[0], torch.ones(2))")
