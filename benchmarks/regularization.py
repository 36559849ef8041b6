"""Dropout and label smoothing against torch, the moving average of weights against timm and torch."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from functools import partial

import torch
from torch import Tensor
from torch.nn import functional as F
from torch.optim.swa_utils import AveragedModel, get_ema_multi_avg_fn

from benchmarks.race import Benchmark
from trainwell._torchvision import declare_missing_operators
from trainwell.regularization import EMA, dropout, label_smoothing

DROPOUT_BAR, LABELS_BAR, EMA_BAR = 1.1, 1.5, 1.1
DECAY = 0.995


def benchmarks() -> Iterator[Benchmark]:
    torch.manual_seed(0)
    yield from dropouts()
    yield from labels()
    yield from averages()


def forward_and_backward(f: Callable[[Tensor], Tensor], x: Tensor) -> None:
    y = f(x)
    torch.autograd.grad(y, x, torch.ones_like(y))


def dropouts() -> Iterator[Benchmark]:
    for shape in ((64, 128), (256, 4096)):
        x = torch.randn(shape)
        ours, peer = (partial(f, p=0.3) for f in (dropout, F.dropout))
        yield Benchmark(f"dropout {shape[0]}x{shape[1]}", partial(ours, x), partial(peer, x), DROPOUT_BAR)
        x = x.clone().requires_grad_()
        yield Benchmark(
            f"dropout {shape[0]}x{shape[1]}, with backward",
            partial(forward_and_backward, ours, x),
            partial(forward_and_backward, peer, x),
            DROPOUT_BAR,
        )


def labels() -> Iterator[Benchmark]:
    for n, classes in ((128, 10), (256, 1000)):
        logits, targets = torch.randn(n, classes, requires_grad=True), torch.randint(classes, (n,))
        ours = partial(label_smoothing, targets=targets, smoothing=0.1)
        peer = partial(F.cross_entropy, target=targets, label_smoothing=0.1)
        yield Benchmark(
            f"label smoothing {n}x{classes}, with backward",
            partial(forward_and_backward, ours, logits),
            partial(forward_and_backward, peer, logits),
            LABELS_BAR,
        )


def averages() -> Iterator[Benchmark]:
    """ResNet-18: 62 tensors, 11.7 million weights."""
    declare_missing_operators()
    from timm import create_model
    from timm.utils import ModelEmaV3

    model = create_model("resnet18")
    ours, timms = EMA(model, DECAY), ModelEmaV3(model, decay=DECAY)
    torchs = AveragedModel(model, multi_avg_fn=get_ema_multi_avg_fn(DECAY))
    torchs.update_parameters(model)  # the first only copies
    peers = {"timm ModelEmaV3": timms.update, "torch AveragedModel": torchs.update_parameters}
    for name, update in peers.items():
        yield Benchmark(f"EMA of ResNet-18, {name}", partial(ours.update, model), partial(update, model), EMA_BAR)
