"""Compares five optimizers at equal budgets, on FashionMNIST or, where that is missing, on made-up strokes.

Each optimizer gets the same number of learning rates to try, each for the same number of epochs. What its best one
reaches is then measured on the test set with several seeds. Under torchrun the runs are shared out.

    python examples/compare_optimizers.py
    torchrun --nproc-per-node 2 examples/compare_optimizers.py
"""

from __future__ import annotations

import argparse
import math
from functools import partial
from pathlib import Path
from typing import Any

import torch
from common import Team, flat_images, positive, run
from torch import nn
from tqdm import tqdm

from trainwell import data, plots, training
from trainwell.hyperparameters import LogUniform, Trial, best
from trainwell.optimizers import SGD, Adam, AdamW, RMSprop

OPTIMIZERS: dict[str, Any] = {
    "SGD": SGD,
    "momentum": partial(SGD, momentum=0.9),
    "RMSprop": RMSprop,
    "Adam": Adam,
    "AdamW": partial(AdamW, weight_decay=0.1),
}
RATES = LogUniform(1e-4, 1.0)  # the same for all: nobody's defaults are favoured


def train(name: str, lr: float, sets: data.Split, seed: int, epochs: int, log: Path | None = None) -> training.History:
    """One run, from weights and with batches that depend on the seed alone."""
    with torch.random.fork_rng():
        torch.manual_seed(seed)
        model = nn.Sequential(nn.Linear(sets.train.tensors[0].shape[1], 128), nn.ReLU(), nn.Linear(128, 10))
    return training.fit(
        model,
        sets.train,
        epochs=epochs,
        optimizer=OPTIMIZERS[name](model.parameters(), lr=lr),
        validation=sets.validation if log is None else sets.test,
        generator=torch.Generator().manual_seed(seed),
        callbacks=[training.TensorBoard(log)] if log else [],
        device="cpu",  # the networks are too small for anything else to be faster
        progress=False,
    )


def tune(name: str, lr: float, sets: data.Split, seed: int, epochs: int) -> float:
    """The score of a learning rate: minus the last validation loss, NaN where it is no number."""
    loss = train(name, lr, sets, seed, epochs).validation_loss[-1]
    return -loss if math.isfinite(loss) else math.nan


def main(team: Team, options: argparse.Namespace) -> None:
    trials, seeds, epochs = (3, 2, 1) if options.quick else (options.trials, options.seeds, options.epochs)
    source, sets = flat_images(options.data, options.seed)
    team.say(f"{source}: {trials} learning rates for each of {len(OPTIMIZERS)} optimizers, then {seeds} seeds")

    tries = [(name, lr) for lr in RATES.grid(trials) for name in OPTIMIZERS]
    mine = tqdm(team.share(tries), desc="learning rates", unit="run", disable=not team.first)
    scores = team.gather([tune(name, lr, sets, options.seed, epochs) for name, lr in mine])
    found: dict[str, list[Trial]] = {name: [] for name in OPTIMIZERS}
    for (name, lr), score in zip(tries, scores, strict=True):
        found[name].append(Trial({"lr": lr}, score))
    rates = {name: best(tried)[0].config["lr"] for name, tried in found.items()}

    runs = [(name, seed) for seed in range(options.seed + 1, options.seed + 1 + seeds) for name in OPTIMIZERS]
    mine = tqdm(team.share(runs), desc="seeds", unit="run", disable=not team.first)
    logs = options.out / "tensorboard"
    measured = [train(name, rates[name], sets, seed, epochs, logs / f"{name}-{seed}") for name, seed in mine]
    histories = dict(zip(runs, team.gather(measured), strict=True))
    if team.first:
        curves = {name: [histories[name, seed] for n, seed in runs if n == name] for name in OPTIMIZERS}
        report(rates, curves)
        draw(found, curves, options.out / "optimizers.png")
        team.say(f"the picture: {options.out}/optimizers.png; the runs: tensorboard --logdir {logs}")


def report(rates: dict[str, float], curves: dict[str, list[training.History]]) -> None:
    print(f"{'':10}{'learning rate':>14}{'test accuracy, mean':>21}{'least':>7}{'most':>7}")
    for name, histories in curves.items():
        reached = [history.validation_accuracy[-1] for history in histories]
        mean = sum(reached) / len(reached)
        print(f"{name:10}{rates[name]:14.2g}{mean:21.3f}{min(reached):7.3f}{max(reached):7.3f}")
    print("differences smaller than the spread over the seeds mean nothing")


def draw(found: dict[str, list[Trial]], curves: dict[str, list[training.History]], path: Path) -> None:
    """How much each optimizer's result depends on the learning rate, and its test loss epoch by epoch."""
    with plots.style():
        figure, (left, right) = plots.panels(2, height=3.6)
        tuned = {n: ([t.config["lr"] for t in tried], [-t.score for t in tried]) for n, tried in found.items()}
        plots.curves(tuned, axes=left, xscale="log", xlabel="learning rate", ylabel="validation loss", ylim=(0, 2.5))
        left.get_legend().remove()  # the right one's is enough
        means = {
            name: torch.tensor([history.validation_loss for history in histories]).mean(0).tolist()
            for name, histories in curves.items()
        }
        plots.curves(means, axes=right, xlabel="epoch", ylabel="test loss, mean over seeds")
        figure.savefig(path, dpi=150)


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description="Compare five optimizers at equal budgets.")
    parser.add_argument("--trials", type=positive, default=9, help="learning rates for each optimizer")
    parser.add_argument("--seeds", type=positive, default=5, help="runs of each with its best one")
    parser.add_argument("--epochs", type=positive, default=10)
    run(main, parser)
