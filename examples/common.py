"""What the three programs share: command lines, processes under torchrun, data that is there or is made, pictures."""

from __future__ import annotations

import argparse
import os
import sys
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from itertools import count
from pathlib import Path
from typing import Any

import torch
from matplotlib.figure import Figure
from matplotlib.ticker import MaxNLocator
from torch import Tensor
from torch import distributed as dist
from torch.utils.data import TensorDataset
from tqdm import tqdm

from trainwell import data, plots, training
from trainwell.hyperparameters import open_study

QUICK = 1000  # examples of each set at most, under --quick
FASHION_MNIST = [
    f"FashionMNIST/raw/{part}-ubyte"
    for part in ("train-images-idx3", "train-labels-idx1", "t10k-images-idx3", "t10k-labels-idx1")
]


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

    def working(self, work: Sequence[Any], name: str, unit: str) -> Any:
        """This process's part of some work, under a bar; the only bar is the first process's, for its own part."""
        name += f" (process 1 of {self.size})" if self.size > 1 else ""
        return tqdm(self.share(work), desc=name, unit=unit, disable=not self.first)

    def gather(self, results: Sequence[Any]) -> list[Any]:
        """Everybody's results, in the order of the work that was shared out."""
        if self.size == 1:
            return list(results)
        parts: list[Any] = [None] * self.size
        dist.all_gather_object(parts, list(results))
        # `share` deals like cards: with 2 processes, process 0 has the results 0, 2, 4, ... and process 1 has 1, 3, ...
        # So the k-th result is with process k % size, and is the (k // size)-th of its own.
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


def arguments(description: str) -> argparse.ArgumentParser:
    """A parser with the options that the programs share."""
    parser = argparse.ArgumentParser(description=description, formatter_class=argparse.ArgumentDefaultsHelpFormatter)
    out = Path("build/examples") / Path(sys.argv[0]).stem
    here = "where torchvision's data are (default: data, if they are there, or else data that are made)"
    parser.add_argument("--data", type=Path, default=argparse.SUPPRESS, help=here)
    parser.add_argument("--out", type=Path, default=out, help="where results go")
    parser.add_argument("--seed", type=int, default=0, help="what all that is random depends on")
    return parser


def run(
    program: Callable[[Team, argparse.Namespace], None],
    parser: argparse.ArgumentParser,
    quick: dict[str, int],
    stopped: str = "stopped",
) -> None:
    """Reads the command line and runs the program; what is wrong is said in one line, and Ctrl-C is answered."""
    name = Path(sys.argv[0]).stem
    values = ", ".join(f"--{option} {value}" for option, value in quick.items())
    told = f"seconds, to see that it runs: {values} where you do not give them, {QUICK} examples a set at most"
    parser.add_argument("--quick", action="store_true", help=told)
    if parser.parse_args().quick:
        parser.set_defaults(**quick)  # what was given still wins
    options = parser.parse_args(namespace=argparse.Namespace(data=None))
    try:
        with team() as processes:
            program(processes, options)
        return
    except KeyboardInterrupt:
        pass  # the bars close when this is left
    except (ImportError, OSError, ValueError) as error:
        sys.exit(f"{name}: {error}")
    print(f"{name}: {stopped}", file=sys.stderr)
    sys.exit(130)  # as shells have it


def positive(text: str) -> int:
    """The type of an argument that counts something."""
    if not text.isdigit() or int(text) == 0:
        raise argparse.ArgumentTypeError(f"expected a whole number above 0, got {text!r}")
    return int(text)


def number(n: int, noun: str) -> str:
    """One epoch, two epochs."""
    return f"{n} {noun}" if n == 1 else f"{n} {noun}s"


def new_run(team: Team, folder: Path) -> Path:
    """The first of run-1, run-2, ... that is not there yet: one folder a run, the same for all its processes."""
    n = next(n for n in count(1) if not (folder / f"run-{n}").exists())
    return folder / f"run-{team.gather([n])[0]}"  # nobody writes before all have looked


def find(folder: Path | None, files: Sequence[str]) -> Path | None:
    """The folder of torchvision's data, if they are there; asked for and missing they are an error."""
    missing = [file for file in files if not ((folder or Path("data")) / file).is_file()]
    if folder is not None and missing:
        raise FileNotFoundError(f"--data {folder}: expected {missing[0]} in it; examples/README.md says how to get it")
    return None if missing else folder or Path("data")


def flat_images(folder: Path | None, seed: int, quick: bool = False) -> tuple[str, data.Split]:
    """FashionMNIST as rows of pixels if it is there, or else the made-up strokes of `mnist1d`."""
    found = find(folder, FASHION_MNIST)
    most = QUICK if quick else None
    if found is None:
        return "mnist1d", data.Split(*(TensorDataset(*part[:most]) for part in data.mnist1d(seed=seed)))
    train, test = (data.fashion_mnist(found, train=part) for part in (True, False))  # type: Any, Any
    order = torch.randperm(len(train), generator=torch.Generator().manual_seed(seed))
    held_back = len(order) // 6
    parts = (train, order[held_back:][:most]), (train, order[:held_back][:most]), (test, slice(most))
    return "FashionMNIST", data.Split(*(_flat(*part) for part in parts))


def _flat(dataset: Any, part: Tensor | slice) -> TensorDataset:
    return TensorDataset(dataset.data[part].flatten(1) / 255, dataset.targets[part])


def study(path: Path, name: str) -> Any:
    """The study of Optuna in a file; what its database says of a file that will not do fills a page."""
    try:
        return open_study(f"sqlite:///{path}", name)
    except ImportError:
        raise
    except Exception as error:
        raise OSError(f"{path}: cannot be written, or is not a file of Optuna's ({type(error).__name__})") from error


def save(figure: Figure, path: Path, title: str, caption: str) -> None:
    """Marks the points on the lines, puts the legend beside them, and says what there is to see."""
    figure.set_figwidth(8.5)
    for axes in figure.axes:
        for k, line in enumerate(line for line in axes.lines if line.get_marker() == "None"):
            line.set(marker=plots.MARKS[k], markersize=5, markerfacecolor="none")
        if axes.get_xlabel() == "epoch":
            axes.xaxis.set_major_locator(MaxNLocator(integer=True, min_n_ticks=1))
        if legend := axes.get_legend():
            legend.remove()
    figure.legend(*figure.axes[0].get_legend_handles_labels(), loc="outside right center", frameon=False)
    figure.suptitle(title, fontsize=11)
    figure.supxlabel(caption, fontsize=8)
    figure.savefig(path, dpi=150)
