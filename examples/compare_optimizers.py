"""Compares five optimizers at equal budgets, on FashionMNIST or, where that is missing, on made-up strokes.

Each optimizer gets the same number of learning rates to try, each for the same number of epochs. Its best one by
the validation loss then trains with several seeds, and the test set is asked once, at the end of each of these runs.
Under torchrun the runs are shared out.

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
from common import Team, arguments, flat_images, new_run, number, positive, run, save
from torch import nn

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


TOP = 2.5  # where the axis of the losses ends; guessing among ten classes costs log 10 = 2.3
Result = tuple[training.History, float]


def train(name: str, lr: float, sets: data.Split, seed: int, epochs: int, log: Path | None = None) -> Result:
    """One run, from weights and with batches that depend on the seed alone; with a log, its test accuracy too."""
    with torch.random.fork_rng():
        torch.manual_seed(seed)
        model = nn.Sequential(nn.Linear(sets.train.tensors[0].shape[1], 128), nn.ReLU(), nn.Linear(128, 10))
    history = training.fit(
        model,
        sets.train,
        epochs=epochs,
        optimizer=OPTIMIZERS[name](model.parameters(), lr=lr),
        validation=sets.validation,
        generator=torch.Generator().manual_seed(seed),
        callbacks=[training.TensorBoard(log)] if log else [],
        device="cpu",  # the networks are too small for anything else to be faster
        progress=False,
    )
    return history, training.evaluate(model, sets.test)[1] if log else math.nan


def tune(name: str, lr: float, sets: data.Split, seed: int, epochs: int) -> float:
    """The score of a learning rate: minus the last validation loss, NaN where it is no number."""
    loss = train(name, lr, sets, seed, epochs)[0].validation_loss[-1]
    return -loss if math.isfinite(loss) else math.nan


def main(team: Team, options: argparse.Namespace) -> None:
    """Tries the learning rates on the validation set, then trains with each optimizer's best one on new seeds."""
    trials, seeds, epochs = options.trials, options.seeds, options.epochs
    source, sets = flat_images(options.data, options.seed, options.quick)
    options.out.mkdir(parents=True, exist_ok=True)
    logs = new_run(team, options.out / "tensorboard")
    rate = number(trials, "learning rate")
    team.say(f"{source}: {rate} for each of {len(OPTIMIZERS)} optimizers, then {number(seeds, 'seed')}")

    tries = [(name, lr) for lr in RATES.grid(trials) for name in OPTIMIZERS]
    mine = team.working(tries, "learning rates", "run")
    scores = team.gather([tune(name, lr, sets, options.seed, epochs) for name, lr in mine])
    found: dict[str, list[Trial]] = {name: [] for name in OPTIMIZERS}
    for (name, lr), score in zip(tries, scores, strict=True):
        found[name].append(Trial({"lr": lr}, score))
    rates = {name: best(tried)[0].config["lr"] for name, tried in found.items()}

    runs = [(name, seed) for seed in range(options.seed + 1, options.seed + 1 + seeds) for name in OPTIMIZERS]
    mine = team.working(runs, "seeds", "run")
    measured = [train(name, rates[name], sets, seed, epochs, logs / f"{name}-seed-{seed}") for name, seed in mine]
    results = dict(zip(runs, team.gather(measured), strict=True))
    if team.first:
        grouped = {name: [results[name, seed] for n, seed in runs if n == name] for name in OPTIMIZERS}
        report(rates, grouped)
        draw(source, found, grouped, options.out / "optimizers.png")
        team.say(f"the picture: {options.out}/optimizers.png; the runs: tensorboard --logdir {logs}")


def report(rates: dict[str, float], results: dict[str, list[Result]]) -> None:
    """A line for each optimizer; a run that diverged is said."""
    print(f"{'':10}{'learning rate':>14}{'test accuracy, mean':>21}{'least':>7}{'most':>7}")
    for name, runs in results.items():
        reached = [accuracy for _, accuracy in runs]
        lost = sum(not math.isfinite(history.validation_loss[-1]) for history, _ in runs)
        line = f"{name:10}{rates[name]:14.2g}{sum(reached) / len(reached):21.3f}{min(reached):7.3f}{max(reached):7.3f}"
        print(line + (f"  {lost} diverged" if lost else ""))
    print("differences smaller than the spread over the seeds mean nothing")


def draw(source: str, found: dict[str, list[Trial]], results: dict[str, list[Result]], path: Path) -> None:
    """How much each optimizer's result depends on the learning rate, and its validation loss epoch by epoch."""
    with plots.style():
        figure, (left, right) = plots.panels(2, height=3.9)
        tuned = {n: ([t.config["lr"] for t in tried], [shown(-t.score) for t in tried]) for n, tried in found.items()}
        plots.curves(tuned, axes=left, xscale="log", xlabel="learning rate", ylabel="validation loss", ylim=(0, TOP))
        for k, (lrs, losses) in enumerate(tuned.values()):  # lower and lower, so that none hides another
            gone = [lr for lr, loss in zip(lrs, losses, strict=True) if math.isnan(loss)]
            left.plot(gone, [TOP * (0.98 - 0.04 * k)] * len(gone), "x", color=plots.COLOURS[k])
        means = {n: torch.tensor([h.validation_loss for h, _ in runs]).mean(0).tolist() for n, runs in results.items()}
        plots.curves(means, axes=right, xlabel="epoch", ylabel="validation loss, mean over seeds")
        epochs, seeds = number(len(means["SGD"]), "epoch"), number(len(results["SGD"]), "seed")
        caption = f"""Left: one run of {epochs} for each point; a cross is a run that diverged or ended above {TOP}.
Right: {seeds} at each optimizer's best learning rate; no line where a run diverged. Nothing is smoothed."""
        save(figure, path, f"{source}: five optimizers at equal budgets", caption)


def shown(loss: float) -> float:
    """A loss that fits on the axis; NaN, which is not drawn, for any other."""
    return loss if loss <= TOP else math.nan


if __name__ == "__main__":
    parser = arguments("Compare five optimizers at equal budgets.")
    parser.add_argument("--trials", type=positive, default=9, help="learning rates for each optimizer")
    parser.add_argument("--seeds", type=positive, default=5, help="runs of each with its best one")
    parser.add_argument("--epochs", type=positive, default=10, help="how often each run goes through the data")
    run(main, parser, quick={"trials": 3, "seeds": 2, "epochs": 2})
