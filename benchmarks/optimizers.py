"""One step on the parameters of ResNet-18: each rule against torch's default, compiled AdamW against torch's fused."""

from __future__ import annotations

import os
import shutil
from collections.abc import Iterator
from functools import partial

import torch
from torch import Tensor

from benchmarks.race import Benchmark
from trainwell import optimizers
from trainwell._torchvision import declare_missing_operators

EAGER_BAR, COMPILED_BAR, NOISE_BAR = 1.0, 1.2, 1.1
ROUNDS = 51  # ties are close: medians of many interleaved rounds

RULES = {
    "SGD": partial(dict, lr=1e-3),
    "SGD momentum": partial(dict, lr=1e-3, momentum=0.9),
    "SGD Nesterov": partial(dict, lr=1e-3, momentum=0.9, nesterov=True),
    "SGD momentum, decay": partial(dict, lr=1e-3, momentum=0.9, weight_decay=1e-4),
    "Adagrad": dict,
    "Adadelta": dict,
    "RMSprop": partial(dict, lr=1e-4),
    "Adam": dict,
    "AdamW": dict,
    "NAdam": dict,
    "RAdam": dict,
}


def benchmarks() -> Iterator[Benchmark]:
    print(f"memory allocator: {allocator()}")
    for name, arguments in RULES.items():
        rule = name.split()[0]
        steps = [getattr(library, rule)(parameters(), **arguments()).step for library in (optimizers, torch.optim)]
        yield Benchmark(f"{name}, torch default", *steps, EAGER_BAR, rounds=ROUNDS)
    yield from compiled()


def parameters() -> list[Tensor]:
    """ResNet-18: 62 tensors, 11.7 million weights, with gradients."""
    declare_missing_operators()
    from torchvision.models import resnet18

    torch.manual_seed(0)
    weights = list(resnet18().parameters())
    for weight in weights:
        weight.grad = torch.randn_like(weight)
    return weights


def compiled() -> Iterator[Benchmark]:
    if not shutil.which("g++") and not shutil.which("clang++"):
        print("COMPILED OPTIMIZERS WERE NOT MEASURED: no C++ compiler here")
        return
    fused = [torch.optim.AdamW(parameters(), fused=True).step for _ in range(2)]
    yield Benchmark("AdamW, torch fused against itself", *fused, NOISE_BAR, rounds=ROUNDS)
    ours = torch.compile(optimizers.AdamW(parameters()).step)
    ours()
    yield Benchmark("AdamW compiled, torch fused", ours, fused[0], COMPILED_BAR, rounds=ROUNDS)


def allocator() -> str:
    """What serves memory: large tensors' temporaries cost page faults with some, and nothing with others."""
    tuned = {name: value for name, value in os.environ.items() if name == "LD_PRELOAD" or name.startswith("MALLOC_")}
    return " ".join(f"{name}={value}" for name, value in tuned.items()) or "the system's default"
