"""Seconds a submission by the clock, from a folder of notebooks to marks in the gradebook, beside stock nbgrader.

The light lab shows what grading costs around the cells; the regularization lab shows, in CPU seconds, what judge and
wire add to the cells themselves. A class of 1,000 costs no more each than one of 100.
"""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
import threading
from collections.abc import Iterator
from contextlib import chdir
from functools import partial
from pathlib import Path
from tempfile import TemporaryDirectory
from time import perf_counter

import psutil
from nbformat import NotebookNode

from benchmarks import light_lab
from benchmarks.race import Benchmark
from nbjudge import judging, notebooks
from nbjudge.box.warm import HUGE_PAGES, ONE_THREAD
from nbjudge.course import Course, find_tools
from nbjudge.lab import Lab
from nbjudge.trial.job import Trial
from tools import labs, sample_class

TOPIC = "regularization"
STUDENTS = 40
BAR, FLAT, CELLS = 1 / 20, 1.1, 1.3
ROUNDS = 15  # of the regularization lab
GRADE = "from nbjudge.course import Course; from nbjudge.grade import grade; grade(Course.here(), {lab!r}, jobs={jobs})"
CONFIG = """
c = get_config()
load_subconfig({course!r})
c.CourseDirectory.root = {root!r}
"""
IN_ONE_PROCESS = """
import json, os, sys
from nbjudge.box.warm import warm
from IPython.core.interactiveshell import InteractiveShell
sources, imports = json.load(sys.stdin)
warm(imports)
shell = InteractiveShell.instance(history_manager=None)
if (pid := os.fork()) == 0:
    os.dup2(os.open(os.devnull, os.O_WRONLY), 1)
    for source in sources:
        shell.run_cell(source)
    os._exit(0)
used = os.wait4(pid, 0)[2]  # its end included, as in a contestant's
print(used.ru_utime + used.ru_stime)
"""


def benchmarks() -> Iterator[Benchmark]:
    with TemporaryDirectory() as name:
        place = Path(name)
        yield Benchmark(
            f"a light lab into the gradebook, {STUDENTS}, nbgrader",
            partial(with_nbjudge, a_class(place / "ours", STUDENTS, plugged=True), STUDENTS),
            partial(with_nbgrader, a_class(place / "stock", STUDENTS, plugged=False), STUDENTS),
            BAR,
            rounds=1,
            calls=1,
            items=STUDENTS,
            clock=perf_counter,  # the zygote's children are nobody's whose CPU time this process sees
        )
        yield from sizes(place)
        yield regularization(place / TOPIC)


def sizes(place: Path) -> Iterator[Benchmark]:
    """Each class takes its time; the larger by the smaller, each."""
    spent = Meter()
    folders = {size: a_class(place / str(size), size, plugged=True) for size in (10, 100, 1000)}
    for small, large in ((10, 100), (100, 1000)):
        yield Benchmark(
            f"a light lab, one of {large}, one of {small}",
            partial(spent.of_each, folders[large], large),
            partial(spent.of_each, folders[small], small),
            FLAT,
            rounds=1,
            calls=1,
            clock=spent.read,
        )


class Meter:
    """A clock that runs by what it is told."""

    def __init__(self) -> None:
        self.seconds = 0.0

    def read(self) -> float:
        return self.seconds

    def of_each(self, folder: Path, size: int) -> None:
        started = perf_counter()
        with_nbjudge(folder, size)
        self.seconds += (perf_counter() - started) / size


def a_class(folder: Path, students: int, *, plugged: bool) -> Path:
    """A course with the light lab released, and its submissions."""
    light_lab.write(folder, students, plugged=plugged)
    _run(folder, "-m", "nbgrader", "generate_assignment", light_lab.NAME)
    return folder


def with_nbjudge(folder: Path, students: int) -> None:
    for step in ("autograded", "verdicts"):
        shutil.rmtree(folder / step, ignore_errors=True)
    _run(folder, "-c", GRADE.format(lab=light_lab.NAME, jobs=os.cpu_count()))
    _check(folder, students)


def with_nbgrader(folder: Path, students: int) -> None:
    shutil.rmtree(folder / "autograded", ignore_errors=True)
    _run(folder, "-m", "nbgrader", "autograde", light_lab.NAME)
    _check(folder, students)


def _check(folder: Path, students: int) -> None:
    with chdir(folder), Course.here().gradebook() as gradebook:
        marks = {submission.student.id: submission.score for submission in gradebook.assignment_submissions("light")}
    if len(marks) != students or set(marks.values()) != {9.0, 10.0}:
        raise RuntimeError(f"{folder}: expected nine or ten points for each of {students}, got {marks}")


def _run(folder: Path, *command: str, stdin: str = "") -> str:
    find_tools()
    environment = {**os.environ, **ONE_THREAD, **HUGE_PAGES}
    done = subprocess.run(
        [sys.executable, *command], cwd=folder, env=environment, capture_output=True, text=True, input=stdin
    )
    if done.returncode:
        raise RuntimeError(f"{' '.join(command)} failed:\n{done.stdout}{done.stderr}")
    return done.stdout


def regularization(folder: Path) -> Benchmark:
    """CPU seconds of judge and contestant, beside those of the same cells in one process as warm as theirs."""
    folder.mkdir()
    config = CONFIG.format(course=str(labs.ROOT / "nbgrader_config.py"), root=str(folder))
    (folder / "nbgrader_config.py").write_text(config)
    labs.release(TOPIC, folder, folder / "labs")
    with chdir(folder):
        lab = Lab.load(Course.here(), TOPIC)
    answers = sample_class.students(TOPIC)[0].answers
    handed_in = json.dumps(labs.submission(TOPIC, answers, folder / "labs")).encode()
    aligned, _ = lab.aligned(notebooks.read(handed_in))
    setup, spent = lab.setup(), Meter()
    job = lab.job(aligned, setup.limits).pack()
    sources = [cell.source for cell in aligned.cells if cell.cell_type == "code" and _runs(cell)]
    cells = json.dumps([sources, setup.imports])
    print(f"memory of judge and contestant on {TOPIC}: {_memory(setup, job):.0f} MB")

    def ours() -> None:
        spent.seconds += Trial.unpack(judging.judge(setup, job).trial).cpu_seconds

    def peer() -> None:
        spent.seconds += float(_run(folder, "-c", IN_ONE_PROCESS, stdin=cells))

    name = f"the {TOPIC} lab, CPU, its cells in one process"
    return Benchmark(name, ours, peer, CELLS, rounds=ROUNDS, calls=1, clock=spent.read)


def _runs(cell: NotebookNode) -> bool:
    return "skip-execution" not in cell.metadata.get("tags", [])


def _memory(setup: judging.Setup, job: bytes) -> float:
    """The most that judge, contestant and the one that waits for the next held for themselves, beside the zygote."""
    zygotes = psutil.Process().children()
    judging.ready(setup)
    (zygote,) = set(psutil.Process().children()) - set(zygotes)
    most, done = 0.0, threading.Event()

    def watch() -> None:
        nonlocal most
        while not done.is_set():
            most = max(most, _own(zygote))

    watcher = threading.Thread(target=watch)
    watcher.start()
    for _ in range(ROUNDS):
        judging.judge(setup, job)
    done.set()
    watcher.join()
    return most


def _own(zygote: psutil.Process) -> float:
    found = 0.0
    for process in zygote.children(recursive=True):
        try:
            found += process.memory_full_info().uss / 2**20
        except psutil.Error:  # it ended meanwhile
            continue
    return found
