"""Both ends talk in one process, before it is forked: Python adapts code to what it meets, and each fork inherits that.

A judge's first trial in a process took a fifth longer than its second.
"""

from __future__ import annotations

import socket
import sys
from typing import Any

from nbjudge.wire.contestant import Contestant
from nbjudge.wire.frames import Channel
from nbjudge.wire.judge import Judge
from nbjudge.wire.peer import Peer

ROUNDS = 20  # Python looks at code that has run eight times
STUDENT = """
def echo(*values, **named): return values[0]
def call(function, value): return function(value)
def fill_(values): values.append(1)
def fail(): raise ValueError("no")
class Thing:
    size = 3
"""
TEST = """
echo(1, 2.0, "three", None, [1, 2.0], (3, "four"), {"five": 6}, key={7})
call(lambda value: [value], 8), call(echo, 9), list(echo(iter([1, 2]))), fill_([0])
thing = Thing()
thing.size, thing.__name__ if hasattr(thing, "__name__") else None
try:
    fail()
except ValueError as error:
    str(error)
try:
    call(lambda value: [][value], 0)
except IndexError:
    pass
"""
NUMPY = """
import numpy
echo(numpy.ones(3)), echo(numpy.float64(1)), call(lambda values: values + 1, numpy.ones(2)), numpy.random.rand()
"""
TORCH = """
import torch
x, w = torch.ones(2, 3), torch.ones(3, requires_grad=True)
echo(x), echo(x, torch.float32, rate=0.5), echo((x, x.long(), x > 0)), call(lambda value: value * 2, x), torch.rand(1)
call(lambda value: value * w, x).sum().backward()
call(lambda value: value.exp(), echo(x) * w).sum().backward()
scaled(x, w).sum().backward()
echo(w).sum().backward()
add_(torch.zeros(2))
echo(torch.nn.Linear(3, 2)), echo(torch.Generator())
net = Net()
net(x).sum().backward()
net.eval(), net.train(), list(net.parameters())
steps = SGD([torch.nn.Parameter(torch.ones(2))])
steps.step()
with torch.no_grad():
    echo(x)
"""
TORCHES_STUDENT = """
import torch
def scaled(x, w): return x * w
def add_(x): x.add_(1)
class Net(torch.nn.Module):
    def __init__(self):
        super().__init__()
        self.inner = torch.nn.Linear(3, 2)
    def forward(self, x): return self.inner(x)
class SGD(torch.optim.Optimizer):
    def __init__(self, parameters): super().__init__(parameters, {"lr": 0.1})
    def step(self):
        for parameter in self.param_groups[0]["params"]: parameter.data.sub_(1)
"""


class InTurn(Channel):
    """A channel whose other end is served by whoever waits here."""

    other: Peer

    def _wait(self, ready: Any, deadline: float | None) -> None:
        if not ready.poll(0):
            message, buffers = self.other._take(None)
            self.other._serve(message, buffers, None)


class Shell:
    """Runs the student's cell in a namespace of its own."""

    def __init__(self) -> None:
        self.namespace: dict[str, Any] = {"__name__": "__main__"}

    def run(self, source: str, number: int) -> dict[str, Any]:
        exec(source, self.namespace)
        return {}

    def take(self) -> list[Any]:
        return []

    def render(self, error: BaseException) -> list[str]:
        return []


def warm() -> None:
    """Let them talk, in what is imported."""
    ours, theirs = (InTurn(end) for end in socket.socketpair())
    judge, contestant = Judge(ours), Contestant(theirs, Shell())
    ours.other, theirs.other = contestant, judge
    torch = "torch" in sys.modules
    judge.run_cell(STUDENT + (TORCHES_STUDENT if torch else ""), 1)
    test = compile(TEST + (NUMPY if "numpy" in sys.modules else "") + (TORCH if torch else ""), "<warm-up>", "exec")
    for _ in range(ROUNDS):
        exec(test, judge.namespace)
        judge.retire(lambda lent: False)
    judge.namespace.clear()
    ours.close()
    theirs.close()
