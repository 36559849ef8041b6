"""Finds hyperparameters by successive halving, on FashionMNIST or, where that is missing, on made-up strokes.

Many configurations run for one epoch, the best third of them for three, and so on. Every trial goes into a study of
Optuna in an SQLite file at once, so a search that was killed (try it: Ctrl-C, or kill -9) goes on where it was when
the same command is given again. Under torchrun the trials of a round are shared out and meet in that file.

    python examples/find_hyperparameters.py
    torchrun --nproc-per-node 2 examples/find_hyperparameters.py
"""

from __future__ import annotations

import argparse
import logging
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import torch
from common import Team, arguments, flat_images, number, positive, run, save, study
from torch import nn

from trainwell import data, plots, training
from trainwell.hyperparameters import Choice, LogUniform, Trial, Uniform, best, halving_schedule, sample, stored
from trainwell.hyperparameters.spaces import Config, Space
from trainwell.optimizers import AdamW

SPACE: Space = {
    "lr": LogUniform(1e-5, 1e-1),
    "weight_decay": LogUniform(1e-4, 10.0),
    "dropout": Uniform(0.0, 0.6),
    "width": Choice([32, 64, 128, 256]),
}
VERSION = 1  # raise it when you change the network, its training or SPACE: old scores are then not taken for new ones
Objective = Callable[[Config, int], float]


def train(config: Config, epochs: int, sets: data.Split, seed: int, log: Path | None) -> tuple[nn.Module, float]:
    """A network and its validation accuracy, from the arguments alone, so that a resumed search is the same."""
    with torch.random.fork_rng():
        torch.manual_seed(seed)
        inputs, width = sets.train.tensors[0].shape[1], config["width"]
        model = nn.Sequential(nn.Linear(inputs, width), nn.ReLU(), nn.Dropout(config["dropout"]), nn.Linear(width, 10))
        history = training.fit(
            model,
            sets.train,
            epochs=epochs,
            optimizer=AdamW(model.parameters(), lr=config["lr"], weight_decay=config["weight_decay"]),
            validation=sets.validation,
            callbacks=[training.TensorBoard(log)] if log else [],
            device="cpu",  # the networks are too small for anything else to be faster
            progress=False,
        )
    return model, history.validation_accuracy[-1]


def search(objective: Objective, team: Team, configs: list[Config], epochs: int) -> list[list[Trial]]:
    """What `successive_halving` does, each round's trials shared out to the processes."""
    rounds: list[list[Trial]] = []
    for survivors, budget in halving_schedule(len(configs), 1, epochs):
        if rounds:
            configs = [trial.config for trial in best(rounds[-1], survivors)]
        mine = team.working(configs, describe(survivors, budget), "trial")
        scores = team.gather([objective(config, budget) for config in mine])
        rounds.append([Trial(config, score) for config, score in zip(configs, scores, strict=True)])
    return rounds


def describe(trials: int, epochs: int) -> str:
    return f"{number(trials, 'trial')} of {number(epochs, 'epoch')}"


def main(team: Team, options: argparse.Namespace) -> None:
    """Draws the candidates, halves them round by round, and measures the best one on the test set, once."""
    logging.disable(logging.INFO)  # Optuna's messages
    source, sets = flat_images(options.data, options.seed, options.quick)
    options.out.mkdir(parents=True, exist_ok=True)
    # All that a score depends on besides the trial: a larger search of the same name may use the trials of a smaller.
    name, file = f"{source}-{len(sets.train)}-seed-{options.seed}-version-{VERSION}", options.out / "search.db"
    if team.first:  # makes the file before the others open it
        finished = number(len(study(file, name).trials), "finished trial")
        print(f"{source}: {number(options.candidates, 'configuration')}; {finished} in {file}", flush=True)
    team.wait()
    generator = torch.Generator().manual_seed(options.seed)
    configs = [sample(SPACE, generator=generator) for _ in range(options.candidates)]
    logs = options.out / "tensorboard" / name

    def objective(config: Config, budget: int) -> float:
        log = logs / f"candidate-{configs.index(config) + 1}-epochs-{budget}"
        shutil.rmtree(log, ignore_errors=True)  # of a trial that was killed
        return train(config, budget, sets, options.seed, log)[1]

    rounds = search(stored(objective, study(file, name), SPACE), team, configs, options.epochs)
    if team.first:
        winner, budget = best(rounds[-1])[0], halving_schedule(len(configs), 1, options.epochs)[-1][1]
        model, _ = train(winner.config, budget, sets, options.seed, None)
        print(f"the best: {winner}, on the test set {training.evaluate(model, sets.test)[1]:.3f}")
        draw(source, rounds, options.epochs, options.out / "search.png")
        print(f"the picture: {options.out}/search.png; the runs: tensorboard --logdir {logs}")


def draw(source: str, rounds: list[list[Trial]], epochs: int, path: Path) -> None:
    """Every trial's score over the two rates, round by round."""
    budgets = [budget for _, budget in halving_schedule(len(rounds[0]), 1, epochs)]
    with plots.style():
        figure, (left, right) = plots.panels(2, height=3.9)
        for axes, name in ((left, "lr"), (right, "weight_decay")):
            for k, (trials, budget) in enumerate(zip(rounds, budgets, strict=True)):
                x, y = [trial.config[name] for trial in trials], [trial.score for trial in trials]
                look: Any = {"marker": plots.MARKS[k % 10], "facecolors": "none", "edgecolors": plots.COLOURS[k % 6]}
                label = f"round {k + 1}:\n{describe(len(trials), budget)}"
                axes.scatter(x, y, 25 * 1.6**k, label=label, **look)  # hollow: the smaller ones show through
        left.set(xscale="log", xlabel="learning rate", ylabel="validation accuracy")
        right.set(xscale="log", xlabel="weight decay")
        caption = """One mark a trial, measured after its last epoch. Each round trains the best third anew, for longer.
Dropout and width vary too, and are not shown. A network that diverged has the accuracy of guessing, 0.1."""
        save(figure, path, f"{source}: successive halving", caption)


if __name__ == "__main__":
    parser = arguments("Find hyperparameters by successive halving.")
    parser.add_argument("--candidates", type=positive, default=27, help="configurations in the first round")
    parser.add_argument("--epochs", type=positive, default=27, help="what no trial exceeds")
    quick = {"candidates": 9, "epochs": 3}
    run(main, parser, quick, stopped="stopped; give the same command to go on")
