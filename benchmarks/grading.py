"""Seconds a submission by the clock, one at a time, on some of the sample class: nbjudge beside plain nbgrader.

Both grade and write the feedback; nbjudge also writes the marks and the class report.
"""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from collections.abc import Iterator
from functools import partial
from pathlib import Path
from tempfile import TemporaryDirectory
from time import perf_counter

from benchmarks.race import Benchmark
from tools import labs, sample_class

TOPIC = "regularization"
STUDENTS = 3  # the first ones: right, right in another way, half done
BAR = 1.2
CONFIG = """
c = get_config()
load_subconfig({course!r})
c.CourseDirectory.root = {root!r}
"""


def benchmarks() -> Iterator[Benchmark]:
    with TemporaryDirectory() as name:
        ours, peer = (a_class(Path(name, side)) for side in ("nbjudge", "nbgrader"))
        yield Benchmark(
            "grading a submission, plain nbgrader",
            partial(with_nbjudge, ours),
            partial(with_nbgrader, peer),
            BAR,
            rounds=2,
            calls=1,
            items=STUDENTS,
            clock=perf_counter,  # nbjudge's workers are children of a server, whose CPU time no parent sees
        )


def a_class(folder: Path) -> Path:
    """A class folder with its release and its submissions."""
    folder.mkdir()
    config = CONFIG.format(course=str(labs.ROOT / "nbgrader_config.py"), root=str(folder))
    (folder / "nbgrader_config.py").write_text(config)
    labs.release(TOPIC, folder, folder / "labs")
    for student in sample_class.students(TOPIC)[:STUDENTS]:
        path = folder / "submitted" / student.name / TOPIC / f"{TOPIC}.ipynb"
        path.parent.mkdir(parents=True)
        path.write_text(student.mangle(labs.submission(TOPIC, student.answers, folder / "labs")))
    return folder


def with_nbjudge(folder: Path) -> None:
    _run(folder, "nbjudge", "grade", TOPIC, "--jobs", "1", "--again")


def with_nbgrader(folder: Path) -> None:
    shutil.rmtree(folder / "autograded", ignore_errors=True)
    _run(folder, "nbgrader", "autograde", TOPIC)
    _run(folder, "nbgrader", "generate_feedback", TOPIC, "--force")


def _run(folder: Path, *command: str) -> None:
    environment = {**os.environ, "OMP_NUM_THREADS": "1"}
    done = subprocess.run([sys.executable, "-m", *command], cwd=folder, env=environment, capture_output=True, text=True)
    if done.returncode:
        raise RuntimeError(f"{' '.join(command)} failed:\n{done.stdout}{done.stderr}")
    if not len(list(folder.glob(f"autograded/*/{TOPIC}/{TOPIC}.ipynb"))) == STUDENTS:
        raise RuntimeError(f"{' '.join(command)} did not grade everybody:\n{done.stdout}{done.stderr}")
