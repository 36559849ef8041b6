"""CPU seconds of `make book`: from nothing, with nothing changed, with one page's prose changed."""

from __future__ import annotations

import shutil
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from functools import partial
from pathlib import Path
from tempfile import TemporaryDirectory

from benchmarks.race import Benchmark

ROOT = Path(__file__).parents[1]
CLEAN_BAR, AGAIN_BAR = 90.0, 10.0  # two processes share them, so it takes less by the clock
seconds = partial(Benchmark, peer=None, calls=1)


def benchmarks() -> Iterator[Benchmark]:
    with copy_of_the_course() as folder:
        again = partial(build, folder)
        changed = partial(change_and_build, folder, folder / "book" / "index.md")
        yield seconds("book, clean", again, bar=CLEAN_BAR, rounds=1)
        yield seconds("book, nothing changed", again, bar=AGAIN_BAR, rounds=3)
        yield seconds("book, one page's prose changed", changed, bar=AGAIN_BAR, rounds=3)


def build(folder: Path) -> None:
    """What is installed is not made again: the clock is for the book."""
    command = ["make", "--silent", "--old-file=.venv/ready", "--old-file=node_modules", "book"]
    made = subprocess.run(command, cwd=folder, capture_output=True, text=True)
    if made.returncode:
        raise RuntimeError(f"make book failed:\n{made.stdout}{made.stderr}")


def change_and_build(folder: Path, page: Path) -> None:
    page.write_text(page.read_text() + "\nOne more sentence.\n")
    build(folder)


@contextmanager
def copy_of_the_course() -> Iterator[Path]:
    """The files under version control as they are now, so that the reader's own build stays as it is."""
    listed = subprocess.run(["git", "ls-files", "-z"], cwd=ROOT, capture_output=True, text=True, check=True)
    with TemporaryDirectory() as name:
        folder = Path(name)
        for file in filter(None, listed.stdout.split("\0")):
            (folder / file).parent.mkdir(parents=True, exist_ok=True)
            shutil.copy(ROOT / file, folder / file)
        for installed in (".venv", "node_modules"):
            (folder / installed).symlink_to(ROOT / installed)
        yield folder
