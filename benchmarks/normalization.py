"""Batch norm and layer norm against torch's native kernels, forward and backward in training, compiled and eager."""

from __future__ import annotations

import shutil
from collections.abc import Callable, Iterator
from functools import partial

import torch
from torch import Tensor, nn

from benchmarks.race import Benchmark
from trainwell import normalization

COMPILED_BARS = {"BatchNorm2d": 1.0, "LayerNorm": 1.5}
EAGER_BARS = {"BatchNorm2d": 4.0, "LayerNorm": 10.0}  # every step of the formula is a pass over memory
SHAPES = {  # maps of a residual network's first and last stage; the tokens of a small vision transformer
    "BatchNorm2d": ((64, 64, 28, 28), (64, 512, 7, 7)),
    "LayerNorm": ((32, 197, 384), (64, 65, 192)),
}


def benchmarks() -> Iterator[Benchmark]:
    torch.manual_seed(0)
    yield from compiled()
    yield from eager()


def forward_and_backward(f: Callable[[Tensor], Tensor], x: Tensor, upstream: Tensor) -> None:
    f(x).backward(upstream)


def step(f: Callable[[Tensor], Tensor], shape: tuple[int, ...]) -> Callable[[], None]:
    return partial(forward_and_backward, f, torch.randn(shape, requires_grad=True), torch.randn(shape))


def layers(name: str, shape: tuple[int, ...]) -> Iterator[nn.Module]:
    """Ours and torch's."""
    for library in (normalization, nn):
        yield getattr(library, name)(shape[-1] if name == "LayerNorm" else shape[1])


def compiled() -> Iterator[Benchmark]:
    if not shutil.which("g++") and not shutil.which("clang++"):
        print("COMPILED NORMS WERE NOT MEASURED: no C++ compiler here")
        return
    for name, bar in COMPILED_BARS.items():
        for shape in SHAPES[name]:
            ours, native = layers(name, shape)
            fast = step(torch.compile(ours, fullgraph=True, dynamic=False), shape)
            fast()  # compiles
            yield Benchmark(f"{name} {words(shape)}, compiled", fast, step(native, shape), bar)


def eager() -> Iterator[Benchmark]:
    for name, bar in EAGER_BARS.items():
        for shape in SHAPES[name]:
            ours, native = layers(name, shape)
            yield Benchmark(f"{name} {words(shape)}", step(ours, shape), step(native, shape), bar)


def words(shape: tuple[int, ...]) -> str:
    return "x".join(map(str, shape))
