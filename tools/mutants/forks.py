"""Work in forks of a process that has imported everything heavy once, each with its own copy of the sources.

A fork costs milliseconds, an import of torch a second. The parent must have a single thread: a library that has
started threads and is forked hangs on their locks, which would be reported as time-outs. So the parent only
imports, with OMP_NUM_THREADS=1, and its threads are counted.
"""

from __future__ import annotations

import ast
import contextlib
import importlib
import os
import resource
import shutil
import signal
import sys
import tempfile
import time
import traceback
import warnings
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from itertools import count
from pathlib import Path
from typing import Any

MEMORY = 32 << 30  # bytes of address space: a mutant may ask for all there is
versions = count(1)  # stand for times: Python compiles a source again when its time has changed


@dataclass
class Job:
    """One piece of work, for one fork."""

    key: Any
    work: Callable[[Path], str]  # from the folder of its sources to its answer
    seconds: float  # the processor time that it may take; a busy machine takes nothing away from it
    edits: Mapping[str, str] = field(default_factory=dict)  # files of the sources, and what they hold instead


@dataclass
class Running:
    job: Job
    tree: Path
    end: float  # by the clock: the limit of what waits instead of working


def warm(names: Iterable[str]) -> None:
    """Imports these modules, so that no fork needs to."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        for name in names:
            with contextlib.suppress(Exception):  # a fork finds out what it means
                importlib.import_module(name)
    tasks = Path("/proc/self/task")
    if tasks.exists() and (threads := len(list(tasks.iterdir()))) > 1:
        raise RuntimeError(f"a process that forks needs a single thread, got {threads}")


def imported(file: Path) -> set[str]:
    """The modules that a file names in its imports, relative ones left out."""
    nodes = list(ast.walk(ast.parse(file.read_text())))
    names = {alias.name for node in nodes if isinstance(node, ast.Import) for alias in node.names}
    return names | {str(node.module) for node in nodes if isinstance(node, ast.ImportFrom) and not node.level}


def run(jobs: Iterable[Job], root: Path, at_once: int) -> Iterator[tuple[Job, str | None]]:
    """Yields each job as it ends with its answer: empty if it died without one, None if its time ran out."""
    waiting, running = iter(jobs), dict[int, Running]()
    scratch = Path(tempfile.mkdtemp())
    free = [_copy(root, scratch / str(n)) for n in range(at_once)]
    try:
        while True:
            while free and (job := next(waiting, None)):
                tree = free.pop()
                running[_start(job, tree)] = Running(job, tree, time.monotonic() + 60 + 10 * job.seconds)
            if not running:
                return
            for pid, in_time in _ended(running):
                done = running.pop(pid)
                for file in done.job.edits:
                    _write(done.tree / file, (root / "src" / file).read_text())
                free.append(done.tree)
                yield done.job, _answer(done.tree).read_text() if in_time else None
            time.sleep(0.01)
    finally:
        for pid in running:
            _kill(pid)
        shutil.rmtree(scratch, ignore_errors=True)


def _copy(root: Path, to: Path) -> Path:
    """A copy of the sources, among links to all that stands beside them."""
    to.mkdir()
    for entry in root.iterdir():
        if entry.name != "src":
            (to / entry.name).symlink_to(entry)
    return Path(shutil.copytree(root / "src", to / "src", ignore=shutil.ignore_patterns("__pycache__")))


def _write(file: Path, text: str) -> None:
    file.write_text(text)
    os.utime(file, (version := next(versions), version))


def _answer(tree: Path) -> Path:
    return tree.with_suffix(".answer")


def _start(job: Job, tree: Path) -> int:
    _answer(tree).write_text("")
    for file, text in job.edits.items():
        _write(tree / file, text)
    if pid := os.fork():
        return pid
    try:
        _settle(job, tree)
        _answer(tree).write_text(job.work(tree))
    except BaseException:
        traceback.print_exc()
    finally:
        sys.stdout.flush()
        sys.stderr.flush()
        os._exit(0)


def _settle(job: Job, tree: Path) -> None:
    """Limits, a log beside the tree, and the tree before everything else on the path, for its own processes too."""
    os.setsid()  # so that what it starts can be ended with it
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
    resource.setrlimit(resource.RLIMIT_AS, (MEMORY, MEMORY))
    resource.setrlimit(resource.RLIMIT_CPU, (round(job.seconds), round(job.seconds) + 5))
    log = os.open(tree.with_suffix(".log"), os.O_WRONLY | os.O_CREAT | os.O_TRUNC)
    os.dup2(log, 1)
    os.dup2(log, 2)
    sys.path.insert(0, str(tree))
    os.environ["PYTHONPATH"] = str(tree)


def _ended(running: Mapping[int, Running]) -> list[tuple[int, bool]]:
    """The processes that have ended, and whether in time."""
    ended = []
    for pid, process in running.items():
        if late := time.monotonic() > process.end:
            _kill(pid)
        done, status = os.waitpid(pid, 0 if late else os.WNOHANG)
        if done:
            _kill(pid)  # what it started and left behind
            ended.append((pid, not late and os.waitstatus_to_exitcode(status) != -signal.SIGXCPU))
    return ended


def _kill(group: int) -> None:
    with contextlib.suppress(ProcessLookupError, PermissionError):
        os.killpg(group, signal.SIGKILL)
