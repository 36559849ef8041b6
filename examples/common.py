"""What the three programs share: command lines, the processes that torchrun starts, data that is there or is made."""

from __future__ import annotations

import argparse
import os
import sys
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch
from torch import Tensor
from torch import distributed as dist
from torch.utils.data import TensorDataset

from trainwell import data, training


@dataclass(frozen=True)
class Team:
    """The processes of one run; without torchrun there is one."""

    rank: int
    size: int
    device: torch.device

    @property
    def first(self) -> bool:
        """Whether this is the process that prints, draws and writes."""
        return self.rank == 0

    def share(self, work: Sequence[Any]) -> Sequence[Any]:
        """This process's part of some work."""
        return work[self.rank :: self.size]

    def gather(self, results: Sequence[Any]) -> list[Any]:
        """Everybody's results, in the order of the work that was shared out."""
        if self.size == 1:
            return list(results)
        parts: list[Any] = [None] * self.size
        dist.all_gather_object(parts, list(results))
        return [parts[k % self.size][k // self.size] for k in range(sum(map(len, parts)))]

    def wait(self) -> None:
        """Until all have come this far."""
        if self.size > 1:
            dist.barrier()

    def say(self, text: str) -> None:
        if self.first:
            print(text, flush=True)


@contextmanager
def team() -> Iterator[Team]:
    """Joins the other processes, if torchrun has started some: a GPU each if there are enough, or else the CPU."""
    rank, size = (int(os.environ.get(name, default)) for name, default in (("RANK", 0), ("WORLD_SIZE", 1)))
    if size == 1:
        yield Team(0, 1, training.pick_device())
        return
    here = int(os.environ["LOCAL_RANK"])
    gpus = torch.cuda.is_available() and torch.cuda.device_count() >= int(os.environ["LOCAL_WORLD_SIZE"])
    dist.init_process_group("cpu:gloo,cuda:nccl" if gpus else "gloo")
    try:
        yield Team(rank, size, torch.device("cuda", here) if gpus else torch.device("cpu"))
    finally:
        dist.destroy_process_group()


def run(program: Callable[[Team, argparse.Namespace], None], parser: argparse.ArgumentParser) -> None:
    """Reads the command line and runs the program; what is wrong is said in one line."""
    name = Path(sys.argv[0]).stem
    parser.add_argument("--data", type=Path, help="where torchvision's data lie (default: data, or made-up data)")
    parser.add_argument("--out", type=Path, default=Path("build/examples") / name, help="where results go")
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--quick", action="store_true", help="a few seconds, to see that it runs")
    options = parser.parse_args()
    try:
        options.out.mkdir(parents=True, exist_ok=True)
        with team() as processes:
            program(processes, options)
    except (ImportError, OSError, ValueError) as error:
        sys.exit(f"{name}: {error}")


def positive(text: str) -> int:
    """The type of an argument that counts something."""
    if not text.isdigit() or int(text) == 0:
        raise argparse.ArgumentTypeError(f"expected a whole number above 0, got {text!r}")
    return int(text)


def find(folder: Path | None, inside: str) -> Path | None:
    """The folder of torchvision's data, if they are there; asked for and missing they are an error."""
    there = ((folder or Path("data")) / inside).is_dir()
    if folder is not None and not there:
        raise FileNotFoundError(f"--data {folder}: expected a folder that holds {inside}")
    return (folder or Path("data")) if there else None


def flat_images(folder: Path | None, seed: int) -> tuple[str, data.Split]:
    """FashionMNIST as rows of pixels if it is there, or else the made-up strokes of `mnist1d`."""
    found = find(folder, "FashionMNIST")
    if found is None:
        return "mnist1d", data.mnist1d(seed=seed)
    train, test = (data.fashion_mnist(found, train=part) for part in (True, False))  # type: Any, Any
    order = torch.randperm(len(train), generator=torch.Generator().manual_seed(seed))
    held_back = len(order) // 6
    return "FashionMNIST", data.Split(_flat(train, order[held_back:]), _flat(train, order[:held_back]), _flat(test))


def _flat(dataset: Any, part: Tensor | slice = slice(None)) -> TensorDataset:
    return TensorDataset(dataset.data[part].flatten(1) / 255, dataset.targets[part])
