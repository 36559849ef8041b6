"""Trains a small residual network by the lectures' recipe, on CIFAR-10 or, where that is missing, on 8×8 digits.

Crops (and mirror images, where they keep the label), stochastic gradient descent with momentum, a schedule with
warmup, weight decay that spares biases, smoothed labels. Under torchrun each process takes its share of every batch.

    python examples/train_resnet.py
    torchrun --nproc-per-node 2 examples/train_resnet.py
"""

from __future__ import annotations

import argparse
import math
import time
from functools import partial
from typing import Any

import torch
from common import QUICK, Team, arguments, find, new_run, number, positive, run, save
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

CIFAR = [
    f"cifar-10-batches-py/{part}" for part in ("batches.meta", *map("data_batch_{}".format, range(1, 6)), "test_batch")
]
CIFAR_MEAN, CIFAR_STD = (0.4914, 0.4822, 0.4465), (0.2470, 0.2435, 0.2616)

CAPTION = """Training: mean over the epoch while the network learns, in training mode, on randomly cropped images.
Validation: after the epoch, in evaluation mode, on images as they are. Both losses have smoothed labels."""


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
    if (folder := find(options.data, CIFAR)) is None:
        digits = data.digits(seed=options.seed)
        crops = RandomCrop(8, padding=1)  # not mirrored: a mirrored digit is none
        return "8×8 digits", [Transformed(digits.train, crops), *digits[1:]], SmallResNet(n=1, in_channels=1), 32
    images, test = (data.cifar10(folder, train=part) for part in (True, False))  # type: Any, Any
    order = torch.randperm(len(images), generator=torch.Generator().manual_seed(options.seed)).tolist()
    seen = nn.Sequential(RandomCrop(32, padding=4), RandomHorizontalFlip())
    held_back = len(order) // 10
    most = QUICK if options.quick else None
    train, validation = Subset(images, order[held_back:][:most]), Subset(images, order[:held_back][:most])
    parts = [Transformed(train, seen), validation, Subset(test, range(len(test))[:most])]
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
    options.out.mkdir(parents=True, exist_ok=True)
    logs = new_run(team, options.out / "tensorboard")
    torch.manual_seed(options.seed + team.rank)  # other crops everywhere
    sampler: Any = DistributedSampler(train, team.size, team.rank, seed=options.seed)
    loader = DataLoader(train, max(batch // team.size, 1), sampler=sampler)
    size, epochs = number(len(sampler.dataset), "image"), number(options.epochs, "epoch")
    team.say(f"{name}: {size} to learn from, {epochs}, {team.size} process{'es' * (team.size > 1)}")
    model.to(team.device)
    optimizer, schedule = recipe(model, options.epochs * len(loader), options)
    start = time.perf_counter()
    history = training.fit(
        model if team.size == 1 else DistributedDataParallel(model),
        loader,
        epochs=options.epochs,
        optimizer=optimizer,
        schedule=schedule,
        loss=partial(label_smoothing, smoothing=0.1),
        validation=validation,
        callbacks=[training.TensorBoard(logs)] if team.first else [],
        device=team.device,
        progress=team.first,
    )
    if not team.first:
        return
    save(plots.learning_curves(history), options.out / "curves.png", f"{name}: a small residual network", CAPTION)
    if not history.train_loss[-1] < 3 * math.log(10):  # guessing costs log 10; NaN is not less than anything
        lost = f"the run diverged, to a training loss of {history.train_loss[-1]:.3g}"
        raise ValueError(f"{lost}: try a smaller --lr than {options.lr:g}; the curves are in {options.out}/curves.png")
    torch.save(model.state_dict(), options.out / "model.pt")
    _, accuracy = training.evaluate(model, test)
    team.say(f"test accuracy {accuracy:.3f} after {time.perf_counter() - start:.0f} s")
    team.say(f"the curves: {options.out}/curves.png, or tensorboard --logdir {options.out}/tensorboard")


if __name__ == "__main__":
    parser = arguments("Train a small residual network by the lectures' recipe.")
    parser.add_argument("--epochs", type=positive, default=15, help="how often to go through the data")
    parser.add_argument("--lr", type=float, default=0.1, help="the highest learning rate")
    parser.add_argument("--schedule", choices=["cosine", "step"], default="cosine", help="how it falls")
    run(main, parser, quick={"epochs": 2})
