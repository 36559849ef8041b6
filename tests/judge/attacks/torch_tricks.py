# ruff: noqa: E501 (cells stand here as they are handed in)
"""Tensors that are not what they seem, gradients that lie, modes that are switched off."""

from __future__ import annotations

from .attack import attack
from .labs import TENSORS

FULL = TENSORS.full
attack("stride-zero", "answers with a tensor that says to have a trillion elements and holds one", """import torch

def double(x):
    return torch.zeros(1).expand(10**6, 10**6)""", lab="tensors")  # fmt: skip
attack("meta-tensor", "answers with a tensor that has a shape and no data", """import torch

def double(x):
    return torch.empty(10**9, 10**9, device="meta") if x.numel() > 3 else (2 * x).to("meta")""", lab="tensors")  # fmt: skip
attack("nan-tensor", "answers with NaN and infinity, which no comparison finds wrong", """import torch

def double(x):
    return x * float("nan") if x.numel() > 3 else x / 0""", lab="tensors")  # fmt: skip
attack("tensor-subclass", "answers with a tensor whose class says that all torch functions find it equal", """import torch

class Close(torch.Tensor):
    @classmethod
    def __torch_function__(cls, func, types, args=(), kwargs=None):
        name = getattr(func, "__name__", "")
        if name in ("isclose", "eq", "equal", "allclose", "all"):
            return torch.tensor(True) if name != "equal" else True
        return super().__torch_function__(func, types, args, kwargs or {})

def double(x):
    return (x * 3).as_subclass(Close)""", lab="tensors")  # fmt: skip
attack("parameter-subclass", "answers with a parameter of a class of its own that unpickles into anything", """import torch

class Evil(torch.nn.Parameter):
    def __reduce_ex__(self, protocol): return exec, ("print('LEAK' + 'ED')",)
    __eq__ = lambda self, other: True
    __hash__ = object.__hash__

def double(x):
    return Evil(torch.zeros(2, requires_grad=True))""", lab="tensors", absent=("LEAKED",))  # fmt: skip
attack("odd-layouts", "answers with sparse, quantized, complex, conjugate, nested and zero-dimensional tensors", """import torch

kinds = [lambda x: (2 * x.detach()).to_sparse(), lambda x: torch.quantize_per_tensor(x.detach(), 0.1, 0, torch.qint8),
         lambda x: torch.complex(x, x).conj(), lambda x: torch.nested.nested_tensor([x.detach()]),
         lambda x: torch.tensor(float("inf"))]

def double(x):
    return kinds[int(x.numel() + x.requires_grad) % len(kinds)](x)""", lab="tensors")  # fmt: skip
attack("patched-torch", "replaces torch's own functions, for all code of the process", """import torch

torch.testing.assert_close = torch.equal = torch.allclose = lambda *xs, **options: True
torch.isclose = torch.Tensor.isclose = lambda a, b, *xs, **options: torch.ones_like(a, dtype=torch.bool)
for module in list(__import__("sys").modules.values()):
    if hasattr(module, "assert_close"): module.assert_close = lambda *xs, **options: None
assert_close = lambda *xs, **options: None

def double(x):
    return x""", lab="tensors")  # fmt: skip
attack("changes-input-tensor", "doubles the input itself, so that twice the input is never reached",
       """def double(x):
    x.data.zero_()
    return x.clone()""", lab="tensors")  # fmt: skip
attack("in-place-by-name", "answers with a function of torch's own that writes zeros over its input", """import torch

def compose(f, g):
    return torch.zero_""", lab="tensors", task="compose")  # fmt: skip
attack("changes-target", "writes zeros over every tensor of the process, the test's expected ones too", """import gc, torch

def double(x):
    for found in gc.get_objects():
        if type(found) is torch.Tensor and found.device.type == "cpu" and found.is_floating_point():
            with torch.no_grad(): found.data.zero_()
    return torch.zeros_like(x, requires_grad=x.requires_grad)""", lab="tensors")  # fmt: skip
attack("lying-gradient", "answers the value rightly and the gradient wrongly, the loss of the test's own included", """import torch

class Lie(torch.autograd.Function):
    @staticmethod
    def forward(context, x): return 2 * x
    @staticmethod
    def backward(context, g):
        raise SystemExit if g.numel() == 5 else ValueError

def double(x):
    return Lie.apply(x)""", lab="tensors", expects={**FULL, "double-gradient": 0})  # fmt: skip
attack("hooked-gradient", "hangs hooks on the tensors that it is lent, which change every gradient", """import torch

def double(x):
    if x.requires_grad:
        x.register_hook(lambda g: torch.full_like(g, 2.0))
        torch.autograd.graph.set_warn_always if False else None
    return 5 * x if x.requires_grad else 2 * x""", lab="tensors", expects={**FULL, "double-gradient": 0})  # fmt: skip
attack("resized-parameter", "lets its optimizer resize, retype and replace the parameters that it was handed", """import torch

class Descent(torch.optim.Optimizer):
    def __init__(self, parameters, lr):
        super().__init__(parameters, {"lr": lr})

    @torch.no_grad()
    def step(self):
        for group in self.param_groups:
            for p in group["params"]:
                p.data = torch.zeros(10**5, dtype=torch.float64)
                p.grad = torch.zeros(7)
                p.__class__ = torch.Tensor""", lab="tensors", task="Descent")  # fmt: skip
attack("seeded-generator", "sets the test's generator and the global one to states that it knows", """import torch

def noise(shape, generator):
    generator.set_state(torch.Generator().manual_seed(1).get_state())
    torch.manual_seed(1)
    torch.set_rng_state(torch.get_rng_state()[:10]) if len(shape) == 3 else None
    return torch.zeros(shape)""", lab="tensors", task="noise")  # fmt: skip
attack("global-noise", "draws from the global generator, which the test forbids, and sets it back", """import torch

def noise(shape, generator):
    state = torch.get_rng_state()
    drawn = torch.randn(shape, generator=generator)
    torch.randn(3)
    return drawn""", lab="tensors", task="noise")  # fmt: skip
attack("forbidden-call", "calls what the test forbids while it runs", """import torch

def double(x):
    return torch.add(x, x)""", lab="tensors", expects={**FULL, "double-value": 0})  # fmt: skip
attack("oracle-minimum", "asks the function that it minimises for everything but a minimum", """import torch

def minimum(f, x):
    for wrong in ("text", None, [x], torch.zeros(10**6), torch.zeros(2, device="meta"), f, object(), x.to_sparse()):
        try: f(wrong)
        except Exception as error: print(type(error).__name__, str(error)[:80])
    return x""", lab="tensors", task="minimum")  # fmt: skip
attack("thread-pools", "is honest: uses threads, workers and shared memory, as torch programs do", """import torch
from torch.utils.data import DataLoader, TensorDataset

torch.set_num_threads(2)

def double(x):
    loaded = list(DataLoader(TensorDataset(torch.arange(4.0)), batch_size=2, num_workers=2))
    assert torch.cat([batch for (batch,) in loaded]).tolist() == [0, 1, 2, 3]
    return 2 * x""", lab="tensors", expects=FULL)  # fmt: skip
