"""Dropout and its relatives: noise in training, an average at test time."""

from __future__ import annotations

from collections.abc import Callable
from itertools import product

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from trainwell import data
from trainwell.regularization import (
    DropConnect,
    Dropout,
    FractionalMaxPool2d,
    InputNoise,
    StochasticDepth,
    input_noise,
    linear_rates,
    noisy_targets,
    weight_noise,
)
from trainwell.scores import accuracy
from trainwell.training import evaluating, predict, seed_everything

from ..measure import Claim, Size, Trial, arm, tune
from .common import descend, epochs, generator, mlp, scores, strokes, train, trial, unregularized


def dropout_clean(size: Size) -> Claim:
    """Dropout on clean labels."""
    return _dropout(size, noise=0.0)


def dropout_noisy(size: Size) -> Claim:
    """Dropout with 30% of the training labels wrong."""
    return _dropout(size, noise=0.3)


def _dropout(size: Size, noise: float) -> Claim:
    def run(seed: int, p: float, lr: float) -> Trial:
        sets = strokes(seed, size.train, noise)
        seed_everything(seed)
        model = mlp(after=lambda: Dropout(p))
        train(model, sets, seed, epochs(size, noise), lr=lr)
        return trial(model, sets)

    grid = [{"p": p, "lr": lr} for p, lr in ((0.5, 1e-3), (0.2, 1e-3), (0.7, 1e-3), (0.5, 3e-3))]
    return {"without": unregularized(size, noise), "with": tune(run, grid, size)}


def submodels(size: Size) -> Claim:
    """All 2^10 submodels of a small network averaged exactly, against one pass with all units and against sampling."""
    reports: dict[str, list[dict[str, float]]] = {}
    for seed in range(size.seeds):
        for name, estimates in {
            "": _estimates(seed, size, deep=False),
            "deep_": _estimates(seed, size, deep=True),
        }.items():
            y = strokes(seed, size.train).test.tensors[1]
            for kind, p in estimates.items():
                reports.setdefault(name + kind, []).append({
                    "accuracy": accuracy(p, y),
                    "loss": F.nll_loss(p.log(), y).item(),
                    "distance": (p - estimates["exact"]).abs().sum(1).mean().item() / 2,
                    "from_geometric": (p - estimates["geometric"]).abs().max().item(),
                })  # fmt: skip
    return {name: arm(rows, {"p": 0.5}) for name, rows in reports.items()}


def _estimates(seed: int, size: Size, deep: bool) -> dict[str, Tensor]:
    """Class probabilities of the test set, by all submodels and by what stands for them."""
    logits = _small_dropout_network(seed, size, deep)
    masks = torch.tensor(list(product([0.0, 1.0], repeat=10)))
    log_p = torch.stack([logits(mask).log_softmax(1) for mask in masks])
    return {
        "exact": log_p.exp().mean(0),
        "geometric": log_p.mean(0).softmax(1),
        "scaling": logits(torch.full((10,), 0.5)).softmax(1),
        "sampled10": _sample(log_p, 10, seed),
        "sampled100": _sample(log_p, 100, seed),
        "one": _sample(log_p, 1, seed),
    }


def _small_dropout_network(seed: int, size: Size, deep: bool) -> Callable[[Tensor], Tensor]:
    """Test logits, as a function of the mask, of a network trained with dropout on ten hidden units.

    They are the last ones before the softmax layer, or, in the deep form, another hidden layer follows.
    """
    sets = strokes(seed, size.train)
    seed_everything(seed)
    below = nn.Sequential(nn.Linear(40, 64), nn.ReLU(), nn.Linear(64, 10), nn.ReLU())
    above = nn.Sequential(nn.Linear(10, 64), nn.ReLU(), nn.Linear(64, 10)) if deep else nn.Linear(10, 10)
    train(nn.Sequential(below, Dropout(0.5), above), sets, seed, size.epochs, lr=3e-3)
    hidden = below.double()(sets.test.tensors[0].double()).detach()
    above = above.double()
    return lambda mask: above(hidden * mask / 0.5).detach()


def _sample(log_p: Tensor, passes: int, seed: int) -> Tensor:
    """Monte Carlo: the mean of a few submodels drawn at random."""
    return log_p[torch.randint(len(log_p), (passes,), generator=generator(seed))].exp().mean(0)


def co_adaptation(size: Size) -> Claim:
    """Units trained with dropout lean less on each other: accuracy lost when half of them are removed at test."""

    def once(seed: int, p: float) -> dict[str, float]:
        sets = strokes(seed, size.train)
        seed_everything(seed)
        model = mlp(after=lambda: Dropout(p))
        train(model, sets, seed, size.epochs)
        x, y = sets.test.tensors
        hidden = predict(model[:5], x)
        whole, half = scores(model, sets)["accuracy"], _without_half(model, x, y, seed)
        return {
            "accuracy": whole,
            "half_accuracy": half,
            "lost_accuracy": whole - half,
            "correlation": _correlation(hidden),
        }

    seeds = range(size.seeds)
    return {name: arm([once(s, p) for s in seeds], {"p": p}) for name, p in (("without", 0.0), ("with", 0.5))}


def _without_half(model: nn.Module, x: Tensor, y: Tensor, seed: int) -> float:
    """Mean accuracy over 20 random removals of half of the last hidden units, the others doubled."""
    hidden, g = predict(model[:5], x), generator(seed)
    removed = []
    for _ in range(20):
        mask = torch.zeros(hidden.shape[1])
        mask[torch.randperm(len(mask), generator=g)[: len(mask) // 2]] = 2.0
        removed.append(accuracy(predict(model[6], hidden * mask), y))
    return sum(removed) / len(removed)


def _correlation(hidden: Tensor) -> float:
    """The mean absolute correlation between two of the units that vary at all."""
    alive = hidden[:, hidden.std(0) > 1e-6]
    c = torch.corrcoef(alive.T).abs()
    n = len(c)
    return ((c.sum() - n) / (n * (n - 1))).item()


class Residual(nn.Module):
    """A block that adds what its branch computes, with the branch dropped at random."""

    def __init__(self, width: int, p: float) -> None:
        super().__init__()
        self.branch = nn.Sequential(nn.Linear(width, width), nn.ReLU(), nn.Linear(width, width), StochasticDepth(p))

    def forward(self, x: Tensor) -> Tensor:
        return x + self.branch(x)


def random_average(size: Size) -> Claim:
    """Noise in training, its average at test: one noisy pass, the mean of 30, and one pass without noise."""
    claim: dict[str, list[dict[str, float]]] = {}
    for seed in range(size.seeds):
        for name, make in NOISY.items():
            sets = digits(seed, size.train) if name == "pooling" else strokes(seed, size.train)
            seed_everything(seed)
            model = make()
            train(model, sets, seed, size.epochs // (2 if name in ("pooling", "dropconnect") else 1))
            claim.setdefault(name, []).append(_three_ways(model, *sets.test.tensors))
    return {name: arm(rows) for name, rows in claim.items()}


def digits(seed: int, train: int) -> data.Split:
    sets = data.digits(seed=seed)
    return sets._replace(train=torch.utils.data.TensorDataset(*sets.train[:train]))


def _three_ways(model: nn.Module, x: Tensor, y: Tensor, passes: int = 30) -> dict[str, float]:
    with evaluating(model):
        quiet = model(x)
        model.train()
        noisy = torch.stack([model(x).softmax(1) for _ in range(passes)])
    one, average = sum(accuracy(p, y) for p in noisy) / passes, accuracy(noisy.mean(0), y)
    return {
        "one_accuracy": one,
        "average_accuracy": average,
        "quiet_accuracy": accuracy(quiet, y),
        "regained_accuracy": average - one,
        "short_accuracy": average - accuracy(quiet, y),
    }


def _residual_network() -> nn.Module:
    blocks = [Residual(64, p) for p in linear_rates(6, last=0.5)]
    return nn.Sequential(nn.Linear(40, 64), *blocks, nn.ReLU(), nn.Linear(64, 10))


def _pooling_network() -> nn.Module:
    return nn.Sequential(
        nn.Conv2d(1, 16, 3, padding=1), nn.ReLU(), FractionalMaxPool2d(2, 0.7),
        nn.Conv2d(16, 32, 3, padding=1), nn.ReLU(), FractionalMaxPool2d(2, 0.7),
        nn.Flatten(), nn.Linear(32 * 3 * 3, 10),
    )  # fmt: skip


def _dropconnect_network() -> nn.Module:
    return nn.Sequential(nn.Linear(40, 64), nn.ReLU(), DropConnect(64, 32, p=0.5), nn.ReLU(), nn.Linear(32, 10))


NOISY: dict[str, Callable[[], nn.Module]] = {
    "dropout": lambda: mlp(after=lambda: Dropout(0.5)),
    "dropconnect": _dropconnect_network,
    "depth": _residual_network,
    "pooling": _pooling_network,
    "input": lambda: mlp(before=[InputNoise(0.5)]),
}


def noise_places(size: Size) -> Claim:
    """Noise on the inputs, on the weights and on the targets, each tuned, against none."""

    def run(kind: str) -> Callable[..., Trial]:
        def once(seed: int, std: float) -> Trial:
            sets = strokes(seed, size.train)
            seed_everything(seed)
            model = mlp()
            descend(model, sets, seed, size.epochs, 1e-3, lambda x, y: BACKWARD[kind](model, x, y, std))
            return trial(model, sets)

        return once

    grids = {"input": (0.3, 0.1, 0.5, 1.0), "weight": (0.03, 0.01, 0.1, 0.003), "output": (0.1, 0.3, 0.03, 0.5)}
    noisy = {name: tune(run(name), [{"std": s} for s in stds], size) for name, stds in grids.items()}
    return {"none": unregularized(size), **noisy}


def _noisy_input(model: nn.Module, x: Tensor, y: Tensor, std: float) -> None:
    F.cross_entropy(model(input_noise(x, std)), y).backward()


def _noisy_weights(model: nn.Module, x: Tensor, y: Tensor, std: float) -> None:
    with weight_noise(model, std):
        F.cross_entropy(model(x), y).backward()


def _noisy_output(model: nn.Module, x: Tensor, y: Tensor, std: float) -> None:
    F.cross_entropy(model(x), noisy_targets(y, 10, std)).backward()


BACKWARD = {"input": _noisy_input, "weight": _noisy_weights, "output": _noisy_output}

CLAIMS = [dropout_clean, dropout_noisy, submodels, co_adaptation, random_average, noise_places]
