"""Feedback pages, by nbgrader's own converter, in processes that can be stopped.

Rendering a stranger's text can take hours (20,000 open brackets are enough), so the process that writes the marks
makes no page, and a page that takes too long costs its process and nothing else.
"""

from __future__ import annotations

import multiprocessing
import os
import re
import signal
import time
import warnings
from collections.abc import Callable, Iterator
from contextlib import chdir, suppress
from copy import deepcopy
from multiprocessing.connection import Connection, wait
from pathlib import Path
from typing import NamedTuple, Self

import nbgrader
from nbconvert.writers.files import FilesWriter
from nbformat import NotebookNode
from nbgrader.converters import GenerateFeedback
from nbgrader.utils import capture_log
from traitlets.config import Config

from nbjudge.course import Course

SECONDS = 60.0  # for one page; most take a tenth of one
LONGEST = 20_000  # characters of a log
NO_COMMENT = (None, "", "No response.")  # nbgrader's own, on what a student left as it was
FORMULA = re.compile(r"\$[^$]+\$|\\\(|\\\[|\\begin\{")
TEMPLATES = [
    Path(__file__).parent / "templates",
    Path(nbgrader.__file__).parent / "server_extensions/formgrader/templates",
]
FORK = multiprocessing.get_context("fork")


def write_pages(
    course: Course,
    lab: str,
    students: list[str],
    jobs: int,
    progress: Callable[[int, int], None] = lambda done, total: None,
) -> dict[str, str]:
    """Make the students' pages; gives for each student an empty text, or why there is none."""
    waiting, told = list(reversed(students)), dict[str, str]()
    workers = [Worker(course, lab) for _ in range(min(jobs, len(students)))]
    try:
        while len(told) < len(students):
            for worker in workers:
                if worker.student is None and waiting:
                    worker.ask(waiting.pop())
            told |= dict(_answers([worker for worker in workers if worker.student is not None]))
            progress(len(told), len(students))
    finally:
        for worker in workers:
            worker.end()
    return told


def _answers(busy: list[Worker]) -> Iterator[tuple[str, str]]:
    """Wait until one at least has something to say or is late."""
    left = min(worker.deadline for worker in busy) - time.monotonic()
    ready = wait([worker.pipe for worker in busy], max(0.0, left))
    for worker in busy:
        student = str(worker.student)
        if worker.pipe in ready:
            yield student, worker.answer()
        elif worker.deadline <= time.monotonic():
            worker.renew()
            yield student, f"making the page took longer than {SECONDS:g} s"


class Worker:
    """A fork of this process that makes one page after another: what is imported here is imported there."""

    def __init__(self, course: Course, lab: str) -> None:
        self.course, self.lab = course, lab
        self._start()

    def _start(self) -> None:
        self.student: str | None = None
        self.deadline = 0.0
        self.pipe, theirs = FORK.Pipe()
        self.process = FORK.Process(target=_serve, args=(theirs, self.pipe, self.course, self.lab), daemon=True)
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", DeprecationWarning)  # of forks beside threads: none holds what we need
            self.process.start()
        theirs.close()

    def ask(self, student: str) -> None:
        self.student, self.deadline = student, time.monotonic() + SECONDS
        with suppress(BrokenPipeError):  # then the answer is that it ended
            self.pipe.send(student)

    def answer(self) -> str:
        try:
            self.student, told = None, str(self.pipe.recv())
        except (EOFError, ConnectionResetError):
            self.renew()
            return "the process that made the page ended"
        return told

    def renew(self) -> None:
        self.end()
        self._start()

    def end(self) -> None:
        self.pipe.close()
        self.process.kill()
        self.process.join()


def _serve(pipe: Connection, drivers: Connection, course: Course, lab: str) -> None:
    """In the fork: one page for each name that comes, until the driver is gone."""
    drivers.close()  # its end of the pipe: as long as anybody holds it, nobody here hears that it is gone
    signal.signal(signal.SIGALRM, signal.SIG_DFL)
    silence = os.open(os.devnull, os.O_RDWR)
    for stream in (1, 2):
        os.dup2(silence, stream)
    pages = Pages.of(course, lab)
    with suppress(EOFError):
        while True:
            student = pipe.recv()
            signal.alarm(2 * int(SECONDS))  # the driver stops it sooner, unless it was killed
            told = pages.write(student)
            signal.alarm(0)
            pipe.send(told)


class Pages(GenerateFeedback):
    """nbgrader's converter with an exporter that stays: its templates take longer to compile than a page to make."""

    @classmethod
    def of(cls, course: Course, lab: str) -> Self:
        config = deepcopy(course.config)
        use_template(config)
        course.directory.assignment_id = lab
        pages = cls(coursedir=course.directory, config=config, force=True)
        pages.writer = FilesWriter(parent=pages, config=pages.config)
        pages.exporter = pages.exporter_class(parent=pages, config=pages.config)
        for one in pages.preprocessors:
            pages.exporter.register_preprocessor(one)
        return pages

    def start(self) -> None:
        """One page, as nbgrader makes it."""
        with chdir(self.coursedir.root):
            self.init_notebooks()
            self.convert_notebooks()

    def write(self, student: str) -> str:
        """Write the student's page; why there is none, or an empty text."""
        self.coursedir.student_id = student
        done = capture_log(self)
        return "" if done["success"] else "\n".join(str(done.get(key) or "") for key in ("log", "error"))[-LONGEST:]


def use_template(config: Config) -> None:
    """Have feedback made by our template, templates/nbjudge/page.html.j2, instead of nbgrader's, which it extends."""
    exporter = config.GenerateFeedback.HTMLExporter
    exporter.template_name, exporter.template_file = "nbjudge", "page.html.j2"
    exporter.extra_template_basedirs = [str(folder) for folder in TEMPLATES]
    exporter.exclude_anchor_links = True
    exporter.filters = {"by_task": by_task, "has_formulas": has_formulas, "points": _points}


class Line(NamedTuple):
    """What the page's head says of a cell; one without points is there for its comment."""

    name: str
    score: float
    points: float | None
    comment: bool

    @property
    def lost(self) -> float:
        return max(0.0, (self.points or 0.0) - self.score)


class Task(NamedTuple):
    """The cells whose grade ids begin alike; no name if they do not."""

    name: str
    lines: list[Line]

    @property
    def score(self) -> float:
        return sum(line.score for line in self.lines)

    @property
    def points(self) -> float:
        return sum(line.points or 0.0 for line in self.lines)


def by_task(cells: list[NotebookNode]) -> list[Task]:
    """The cells that carry points or a comment, under what their grade ids begin with, up to the first hyphen."""
    tasks: dict[str, list[Line]] = {}
    for line in filter(None, map(_line, cells)):
        task = line.name.partition("-")[0]
        tasks.setdefault(line.name if task == "cell" else task, []).append(line)  # nbgrader makes up cell-0123abcd
    return [Task("" if {line.name for line in lines} == {task} else task, lines) for task, lines in tasks.items()]


def _line(cell: NotebookNode) -> Line | None:
    tag = cell.metadata.get("nbgrader", {})
    comment = tag.get("comment") not in NO_COMMENT
    if tag.get("grade") or tag.get("task"):
        return Line(tag.grade_id, float(tag.score), float(tag.points), comment)
    return Line(tag.grade_id, 0.0, None, True) if comment else None


def has_formulas(cells: list[NotebookNode]) -> bool:
    return any(FORMULA.search(cell.source) for cell in cells if cell.cell_type == "markdown")


def _points(value: float) -> str:
    return f"{round(value, 2):g}"
