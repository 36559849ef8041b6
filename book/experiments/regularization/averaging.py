"""Averages of predictions and of weights."""

from __future__ import annotations

import copy
from collections.abc import Callable

import torch
from torch import nn
from torch.nn import functional as F
from torch.optim.lr_scheduler import LambdaLR

from trainwell.regularization import (
    EMA,
    SWA,
    Ensemble,
    PolyakAverage,
    Snapshots,
    average_models,
    cyclic_cosine,
    weight_noise,
)
from trainwell.training import evaluate, seed_everything

from ..measure import Claim, Size, Trial, arm, tune
from .common import generator, mlp, scores, strokes, train, trial

RATES = [{"lr": lr} for lr in (0.1, 0.3, 0.03, 0.01)]  # of SGD with momentum 0.9


def sgd(model: nn.Module, lr: float) -> torch.optim.Optimizer:
    return torch.optim.SGD(model.parameters(), lr, momentum=0.9)


def ensembles(size: Size) -> Claim:
    """At equal total epochs: one model, snapshots of one run, an ensemble; and a fifth of the cost, and five times."""
    steps = size.epochs * -(-size.train // 100)

    def cosine(seed: int, lr: float, share: int, cycles: int = 1) -> tuple[nn.Module, Snapshots]:
        """A run of a share of the epochs, its rate falling to zero in each cycle."""
        model = mlp()
        optimizer, cycle = sgd(model, lr), steps // share // cycles
        keep = Snapshots(cycle)
        schedule = LambdaLR(optimizer, cyclic_cosine(cycle))
        sets = strokes(seed, size.train)
        train(model, sets, seed, size.epochs // share, optimizer=optimizer, schedule=schedule, callbacks=[keep])
        return model, keep

    def member(seed: int, lr: float, share: int) -> nn.Module:
        return cosine(seed, lr, share)[0]

    def several(seed: int, lr: float, share: int) -> nn.Module:
        return Ensemble([member(seed, lr, share) for _ in range(5)])

    makers: dict[str, Callable[[int, float], nn.Module]] = {
        "single": lambda seed, lr: member(seed, lr, 1),
        "snapshots": lambda seed, lr: Ensemble(cosine(seed, lr, 1, cycles=5)[1].models),
        "short": lambda seed, lr: member(seed, lr, 5),
        "equal": lambda seed, lr: several(seed, lr, 5),
        "full": lambda seed, lr: several(seed, lr, 1),
    }

    def run(make: Callable[[int, float], nn.Module]) -> Callable[..., Trial]:
        def once(seed: int, lr: float) -> Trial:
            seed_everything(seed)
            return trial(make(seed, lr), strokes(seed, size.train))

        return once

    return {name: tune(run(make), RATES, size) for name, make in makers.items()}


def weight_averages(size: Size) -> Claim:
    """After a short run of SGD on small batches: the last weights, their averages, and a rate that falls to zero."""
    few = size.epochs // 4
    runs: dict[tuple[int, float], dict[str, nn.Module]] = {}

    def models(seed: int, lr: float) -> dict[str, nn.Module]:
        """One run at a constant rate gives the last weights and all the averages."""
        if (seed, lr) not in runs:
            seed_everything(seed)
            model = mlp()
            watch = {
                "ema99": EMA(model, 0.99), "ema995": EMA(model, 0.995),
                "polyak": PolyakAverage(model), "swa": SWA(model, start=few // 2 + 1),
            }  # fmt: skip
            optimizer = torch.optim.SGD(model.parameters(), lr)
            sets = strokes(seed, size.train)
            train(model, sets, seed, few, optimizer=optimizer, batch_size=20, callbacks=list(watch.values()))
            runs[seed, lr] = {"last": model} | {name: average.model for name, average in watch.items()}
        return runs[seed, lr]

    def falling(seed: int, lr: float) -> nn.Module:
        seed_everything(seed)
        model = mlp()
        optimizer = torch.optim.SGD(model.parameters(), lr)
        schedule = LambdaLR(optimizer, cyclic_cosine(few * -(-size.train // 20) + 1))
        train(model, strokes(seed, size.train), seed, few, optimizer=optimizer, batch_size=20, schedule=schedule)
        return model

    def run(name: str) -> Callable[..., Trial]:
        def once(seed: int, lr: float) -> Trial:
            model = falling(seed, lr) if name == "falling" else models(seed, lr)[name]
            sets = strokes(seed, size.train)
            return trial(model, sets, rise=sharpness(model, sets.train, seed))

        return once

    grid = [{"lr": lr} for lr in (0.3, 0.1, 0.5, 0.03)]
    return {name: tune(run(name), grid, size) for name in ("last", "ema99", "ema995", "polyak", "swa", "falling")}


def sharpness(model: nn.Module, dataset: torch.utils.data.TensorDataset, seed: int, std: float = 0.05) -> float:
    """How much the training loss rises when noise is added to the weights: the mean over ten draws."""
    base, g = evaluate(model, dataset)[0], generator(seed)
    rises = []
    for _ in range(10):
        with weight_noise(model, std, generator=g):
            rises.append(evaluate(model, dataset)[0] - base)
    return sum(rises) / len(rises)


def soups(size: Size) -> Claim:
    """The average of five models fine-tuned from one root works; that of five models from five roots does not."""
    reports: dict[str, list[dict[str, float]]] = {}
    for seed in range(size.seeds):
        sets = strokes(seed, size.train)
        roots = [_root(seed, k, size) for k in range(5)]
        groups = {
            "one_root": [_finetuned(roots[0], seed, k, size) for k in range(5)],
            "five_roots": [_finetuned(root, seed, k, size) for k, root in enumerate(roots)],
        }
        for name, models in groups.items():
            members = [scores(model, sets)["accuracy"] for model in models]
            reports.setdefault(name, []).append({
                "member_accuracy": sum(members) / 5,
                "average_accuracy": scores(average_models(models), sets)["accuracy"],
                "ensemble_accuracy": scores(Ensemble(models), sets)["accuracy"],
            })  # fmt: skip
    return {name: arm(rows) for name, rows in reports.items()}


def _root(seed: int, k: int, size: Size) -> nn.Module:
    """A model trained on half of the data."""
    sets = strokes(seed, size.train)
    half = torch.utils.data.TensorDataset(*sets.train[: size.train // 2])
    seed_everything(100 * seed + k)
    model = mlp()
    train(model, sets._replace(train=half), 100 * seed + k, size.epochs // 2)
    return model


def _finetuned(root: nn.Module, seed: int, k: int, size: Size) -> nn.Module:
    """The root trained further on all data, in an order of its own, with a label-smoothing of its own."""
    model = copy.deepcopy(root)
    smooth = [0.0, 0.05, 0.1, 0.15, 0.2][k]
    train(
        model, strokes(seed, size.train), 1000 + 100 * seed + k, size.epochs // 2,
        loss=lambda z, y: F.cross_entropy(z, y, label_smoothing=smooth),
    )  # fmt: skip
    return model


CLAIMS = [ensembles, weight_averages, soups]
