"""Finds hyperparameters by successive halving, on FashionMNIST or, where that is missing, on made-up strokes.

Many configurations run for one epoch, the best third of them for three, and so on. Every trial goes into a study of
Optuna in an SQLite file at once, so a search that was killed (try it: Ctrl-C, or kill -9) goes on where it was when
the same command is given again. Under torchrun the trials of a round are shared out and meet in that file.

    python examples/find_hyperparameters.py
    torchrun --nproc-per-node 2 examples/find_hyperparameters.py
"""

from __future__ import annotations

import argparse
from collections.abc import Callable
from pathlib import Path

import torch
from common import Team, flat_images, positive, run
from torch import nn
from tqdm import tqdm

from trainwell import data, plots, training
from trainwell.hyperparameters import (
    Choice,
    LogUniform,
    Trial,
    Uniform,
    best,
    halving_schedule,
    open_study,
    sample,
    stored,
)
from trainwell.hyperparameters.spaces import Config
from trainwell.optimizers import AdamW

SPACE = {
    "lr": LogUniform(1e-5, 1e-1),
    "weight_decay": LogUniform(1e-4, 10.0),
    "dropout": Uniform(0.0, 0.6),
    "width": Choice([32, 64, 128, 256]),
}
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


def search(objective: Objective, team: Team, candidates: int, epochs: int, seed: int) -> list[list[Trial]]:
    """What `successive_halving` does, each round's trials shared out to the processes."""
    generator = torch.Generator().manual_seed(seed)
    configs = [sample(SPACE, generator=generator) for _ in range(candidates)]
    rounds: list[list[Trial]] = []
    for survivors, budget in halving_schedule(candidates, 1, epochs):
        if rounds:
            configs = [trial.config for trial in best(rounds[-1], survivors)]
        mine = tqdm(team.share(configs), desc=f"{survivors} for {budget} epochs", unit="trial", disable=not team.first)
        scores = team.gather([objective(config, budget) for config in mine])
        rounds.append([Trial(config, score) for config, score in zip(configs, scores, strict=True)])
    return rounds


def main(team: Team, options: argparse.Namespace) -> None:
    candidates, epochs = (9, 3) if options.quick else (options.candidates, options.epochs)
    source, sets = flat_images(options.data, options.seed)
    if team.first:  # makes the file before the others open it
        study = open_study(f"sqlite:///{options.out}/search.db", f"{source}, seed {options.seed}")
        print(f"{source}: {candidates} configurations; {len(study.trials)} trials are in {options.out}/search.db")
    team.wait()
    study = open_study(f"sqlite:///{options.out}/search.db", f"{source}, seed {options.seed}")

    def objective(config: Config, budget: int) -> float:
        log = options.out / "tensorboard" / f"lr {config['lr']:.2g}, {budget} epochs"
        return train(config, budget, sets, options.seed, log)[1]

    rounds = search(stored(objective, study, SPACE), team, candidates, epochs, options.seed)
    if team.first:
        winner, budget = best(rounds[-1])[0], halving_schedule(candidates, 1, epochs)[-1][1]
        model, _ = train(winner.config, budget, sets, options.seed, None)
        print(f"the best: {winner}, on the test set {training.evaluate(model, sets.test)[1]:.3f}")
        draw(rounds, options.out / "search.png")
        print(f"the picture: {options.out}/search.png; the runs: tensorboard --logdir {options.out}/tensorboard")


def draw(rounds: list[list[Trial]], path: Path) -> None:
    """Every trial's score over the two rates, round by round."""
    with plots.style():
        figure, (left, right) = plots.panels(2, height=3.6)
        for axes, name in ((left, "lr"), (right, "weight_decay")):
            for k, trials in enumerate(rounds):
                x, y = [t.config[name] for t in trials], [t.score for t in trials]
                axes.scatter(
                    x, y, 20 * 2**k, plots.COLOURS[k % 6], marker=plots.MARKS[k], label=f"round {k + 1}", alpha=0.8
                )
            axes.set(xscale="log", xlabel=name)
        left.set_ylabel("validation accuracy")
        left.legend(frameon=False)
        figure.savefig(path, dpi=150)


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description="Find hyperparameters by successive halving.")
    parser.add_argument("--candidates", type=positive, default=27, help="configurations in the first round")
    parser.add_argument("--epochs", type=positive, default=27, help="what no trial exceeds")
    run(main, parser)
