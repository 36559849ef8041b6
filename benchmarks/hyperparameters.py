"""The learning-rate range test against the plain loop of the same steps."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from functools import partial

import torch
from torch import nn
from torch.nn import functional as F
from torch.optim import SGD, Adam, Optimizer
from torch.utils.data import TensorDataset

from benchmarks.race import Benchmark
from trainwell._torchvision import declare_missing_operators
from trainwell.hyperparameters import range_test
from trainwell.training import batches

BAR = 1.03
BATCH = 64
LOW, HIGH = 1e-6, 1e-3  # so that neither side ends early


def benchmarks() -> Iterator[Benchmark]:
    torch.manual_seed(0)
    images = TensorDataset(torch.randn(512, 3, 32, 32), torch.randint(10, (512,)))
    yield benchmark("MLP, Adam, 100 steps", mlp(), images, Adam, 100, rounds=25)
    yield benchmark("convolutions, SGD, 10 steps", convolutions(), images, partial(SGD, momentum=0.9), 10, rounds=15)


def benchmark(
    name: str, model: nn.Module, data: TensorDataset, rule: Callable[..., Optimizer], steps: int, rounds: int
) -> Benchmark:
    optimizer = rule(model.parameters(), lr=LOW)
    ours = partial(range_test, model, optimizer, data, low=LOW, high=HIGH, steps=steps, batch_size=BATCH)
    return Benchmark(f"range test, {name}", ours, partial(plain, model, optimizer, data, steps), BAR, rounds, calls=1)


def mlp() -> nn.Module:
    layers = nn.Linear(3072, 256), nn.ReLU(), nn.Linear(256, 256), nn.ReLU(), nn.Linear(256, 10)
    return nn.Sequential(nn.Flatten(), *layers)


def convolutions() -> nn.Module:
    """A ResNet-18's first stage and a head."""
    declare_missing_operators()
    from torchvision.models import resnet18

    whole = resnet18(num_classes=10)
    body = whole.conv1, whole.bn1, whole.relu, whole.layer1, whole.avgpool
    return nn.Sequential(*body, nn.Flatten(), nn.Linear(64, 10))


def plain(model: nn.Module, optimizer: Optimizer, data: TensorDataset, steps: int) -> list[float]:
    model.train()
    losses: list[float] = []
    while True:
        for x, y in batches(data, BATCH, "cpu", shuffle=True):
            loss = F.cross_entropy(model(x), y)
            losses.append(loss.item())
            optimizer.zero_grad()
            loss.backward()
            optimizer.step()
            if len(losses) == steps:
                return losses
