"""Initialisers against torch's, on the weights of a ResNet-18: the tensors of two and more dimensions."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from functools import partial

import torch
from torch import Tensor
from torch.nn import init

from benchmarks.race import Benchmark
from trainwell import initialization
from trainwell._torchvision import declare_missing_operators

BAR = 1.1
NAMES = ("normal_", "uniform_", "xavier_normal_", "xavier_uniform_", "kaiming_normal_", "kaiming_uniform_")


def benchmarks() -> Iterator[Benchmark]:
    declare_missing_operators()
    from torchvision.models import resnet18

    torch.manual_seed(0)
    weights = [w.detach() for w in resnet18().parameters() if w.ndim > 1]
    for name in NAMES:
        yield benchmark(name, weights)
    yield benchmark("orthogonal_", weights[:10])  # the QR decompositions of all of them take seconds


def benchmark(name: str, weights: list[Tensor]) -> Benchmark:
    ours, peer = (partial(fill, getattr(module, name), weights) for module in (initialization, init))
    return Benchmark(f"{name}, ResNet-18", ours, peer, BAR, rounds=11)


def fill(initialiser: Callable[[Tensor], Tensor], weights: list[Tensor]) -> None:
    for w in weights:
        initialiser(w)
