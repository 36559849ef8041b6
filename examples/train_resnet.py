"""Trains a small residual network by the lectures' recipe, on CIFAR-10 or, where that is missing, on 8×8 digits.

Crops (and mirror images, where they keep the label), stochastic gradient descent with momentum, a schedule with
warmup, weight decay that spares biases, smoothed labels. Under torchrun each process takes its share of every batch.

    python examples/train_resnet.py
    torchrun --nproc-per-node 2 examples/train_resnet.py
"""

from __future__ import annotations

import argparse
import time
from functools import partial
from typing import Any

import torch
from common import Team, find, positive, run
from torch import Tensor, nn
from torch.nn.parallel import DistributedDataParallel
from torch.optim.lr_scheduler import LambdaLR
from torch.utils.data import DataLoader, Dataset, DistributedSampler, Subset

from trainwell import data, plots, schedules, training
from trainwell.augmentation import RandomCrop, RandomHorizontalFlip
from trainwell.networks import SmallResNet
from trainwell.normalization import Normalize
from trainwell.optimizers import SGD
from trainwell.regularization import decay_groups, label_smoothing

CIFAR_MEAN, CIFAR_STD = (0.4914, 0.4822, 0.4465), (0.2470, 0.2435, 0.2616)


class Transformed(Dataset[tuple[Tensor, Any]]):
    """A data set whose images are changed each time they are looked at."""

    def __init__(self, dataset: Dataset[Any], transform: nn.Module) -> None:
        self.dataset, self.transform = dataset, transform

    def __len__(self) -> int:
        return len(self.dataset)  # type: ignore[arg-type]

    def __getitem__(self, index: int) -> tuple[Tensor, Any]:
        image, label = self.dataset[index]
        return self.transform(image), label


def load(options: argparse.Namespace) -> tuple[str, list[Dataset[Any]], nn.Module, int]:
    """The data's name, the training, validation and test sets, and a network and a batch size that suit them."""
    if (folder := find(options.data, "cifar-10-batches-py")) is None:
        train, validation, test = data.digits(seed=options.seed)
        crops = RandomCrop(8, padding=1)  # not mirrored: a mirrored digit is none
        return "8×8 digits", [Transformed(train, crops), validation, test], SmallResNet(n=1, in_channels=1), 32
    images, test = data.cifar10(folder), data.cifar10(folder, train=False)
    order = torch.randperm(len(images), generator=torch.Generator().manual_seed(options.seed)).tolist()  # type: ignore
    seen = nn.Sequential(RandomCrop(32, padding=4), RandomHorizontalFlip())
    held_back = len(order) // 10
    parts = [Transformed(Subset(images, order[held_back:]), seen), Subset(images, order[:held_back]), test]
    return "CIFAR-10", parts, nn.Sequential(Normalize(CIFAR_MEAN, CIFAR_STD), SmallResNet(n=3)), 128


def recipe(model: nn.Module, steps: int, options: argparse.Namespace) -> tuple[SGD, LambdaLR]:
    """The optimizer and its schedule: up during the first tenth, then down along a cosine or in steps."""
    optimizer = SGD(decay_groups(model, 5e-4), lr=options.lr, momentum=0.9)
    up = steps // 10
    down = steps - up
    curve = schedules.cosine(down)
    if options.schedule == "step":
        curve = schedules.multi_step([down // 2, 3 * down // 4], gamma=0.1)
    return optimizer, LambdaLR(optimizer, schedules.warmup(curve, up, start=1 / max(up, 1)))


def main(team: Team, options: argparse.Namespace) -> None:
    torch.manual_seed(options.seed)  # the same weights everywhere
    name, (train, validation, test), model, batch = load(options)
    torch.manual_seed(options.seed + team.rank)  # other crops everywhere
    sampler: Any = DistributedSampler(train, team.size, team.rank, seed=options.seed)
    loader = DataLoader(train, max(batch // team.size, 1), sampler=sampler)
    epochs = 2 if options.quick else options.epochs
    team.say(f"{name}: {len(sampler.dataset)} images to learn from, {epochs} epochs, {team.size} process(es)")
    model.to(team.device)
    optimizer, schedule = recipe(model, epochs * len(loader), options)
    start = time.perf_counter()
    history = training.fit(
        model if team.size == 1 else DistributedDataParallel(model),
        loader,
        epochs=epochs,
        optimizer=optimizer,
        schedule=schedule,
        loss=partial(label_smoothing, smoothing=0.1),
        validation=validation,
        callbacks=[training.TensorBoard(options.out / "tensorboard")] if team.first else [],
        device=team.device,
        progress=team.first,
    )
    if team.first:
        plots.learning_curves(history).savefig(options.out / "curves.png", dpi=150)
        torch.save(model.state_dict(), options.out / "model.pt")
        _, accuracy = training.evaluate(model, test)
        team.say(f"test accuracy {accuracy:.3f} after {time.perf_counter() - start:.0f} s")
        team.say(f"the curves: {options.out}/curves.png, or tensorboard --logdir {options.out}/tensorboard")


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description="Train a small residual network by the lectures' recipe.")
    parser.add_argument("--epochs", type=positive, default=15)
    parser.add_argument("--lr", type=float, default=0.1)
    parser.add_argument("--schedule", choices=["cosine", "step"], default="cosine")
    run(main, parser)
