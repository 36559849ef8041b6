"""A tiny nbgrader course, plain Python: two tasks, four test cells."""

from __future__ import annotations

import csv
import io
import json
from contextlib import chdir, redirect_stderr, redirect_stdout
from pathlib import Path
from typing import NamedTuple
from unittest import mock

import nbformat
from jupyter_core.application import NoStart
from nbformat.v4 import new_code_cell, new_markdown_cell, new_notebook
from nbgrader.apps import NbGraderApp

from nbjudge.__main__ import main
from nbjudge.course import find_tools

CONFIG = """
c = get_config()
c.CourseDirectory.root = {root!r}
c.CourseDirectory.course_id = "tiny"
c.Execute.timeout = 3
c.NbJudge.version_key = "tiny"
"""

ADD = "def add(a, b):\n    ### BEGIN SOLUTION\n    return a + b\n    ### END SOLUTION"
TOTAL = "def total(xs):\n    ### BEGIN SOLUTION\n    return sum(xs)\n    ### END SOLUTION"
SETUP = "assert len([]) == 0\nclass Mistake(AssertionError):\n    pass"
ADD_VALUE = """assert add(1, 2) == 3
### BEGIN HIDDEN TESTS
if add(3, 2) == 1:
    raise Mistake("Mistake: subtracts <b>instead</b> of adding\\nsee the section")
assert add(3, 2) == 5
### END HIDDEN TESTS"""


def graded(source: str, name: str, points: float) -> nbformat.NotebookNode:
    return _cell(source, name, grade=True, solution=False, locked=True, points=points)


def solution(source: str, name: str) -> nbformat.NotebookNode:
    return _cell(source, name, grade=False, solution=True, locked=False)


def _cell(source: str, name: str, **flags: object) -> nbformat.NotebookNode:
    tags = {"schema_version": 3, "grade_id": name, "task": False, **flags}
    return new_code_cell(source, id=name, metadata={"nbgrader": tags})


def source_notebook() -> nbformat.NotebookNode:
    cells = [
        new_markdown_cell("# Sums", id="title"),
        _cell(SETUP, "setup", grade=False, solution=False, locked=True),
        new_markdown_cell("## Task 1: add two numbers", id="task-1"),
        solution(ADD, "add"),
        graded(ADD_VALUE, "add-value", 2),
        graded("assert add('a', 'b') == 'ab', 'strings add too'", "add-strings", 1),
        new_markdown_cell("## Task 2: add a list", id="task-2"),
        solution(TOTAL, "total"),
        graded("assert total([1, 2, 3]) == 6", "total-value", 2),
        graded("assert total([]) == 0", "total-empty", 1),
    ]
    kernel = {"name": "python3", "display_name": "Python 3", "language": "python"}
    return new_notebook(cells=cells, metadata={"kernelspec": kernel, "tiny": {"version": "1.0"}})


class Done(NamedTuple):
    code: int
    stdout: str
    stderr: str


class Tiny:
    """The course's folder, its release notebook, and how submissions get in."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.class_folder = folder / "class"
        self.incoming = folder / "incoming"
        folder.mkdir(exist_ok=True)
        (folder / "nbgrader_config.py").write_text(CONFIG.format(root=str(self.class_folder)))

    def build(self, source: nbformat.NotebookNode | None = None) -> Tiny:
        self.incoming.mkdir()
        (self.class_folder / "source" / "sums").mkdir(parents=True)
        nbformat.write(source or source_notebook(), self.class_folder / "source" / "sums" / "sums.ipynb")
        self.nbgrader("generate_assignment", "sums")
        return self

    def nbgrader(self, *arguments: str, code: int = 0) -> str:
        """`nbgrader …` in the course's folder, without the seconds that a new Python takes; what it logged."""
        app, log, ended = NbGraderApp.instance(), io.StringIO(), 0
        find_tools()
        with chdir(self.folder), redirect_stdout(io.StringIO()), redirect_stderr(log):
            try:
                app.initialize(list(arguments))
                app.start()
            except NoStart:  # a subcommand was started
                pass
            except SystemExit as left:
                ended = int(left.code or 0)
            finally:
                app.reset()
        assert ended == code, log.getvalue()
        return log.getvalue()

    def answer(self, add: str | None = None, total: str | None = None) -> nbformat.NotebookNode:
        """The release notebook with the tasks filled in: what a student would hand in."""
        notebook = nbformat.read(self.class_folder / "release" / "sums" / "sums.ipynb", as_version=4)
        for cell in notebook.cells:
            given = {"add": add, "total": total}.get(cell.metadata.get("nbgrader", {}).get("grade_id"))
            if given is not None:
                cell.source = given
        return notebook

    def hand_in(self, student: str, content: nbformat.NotebookNode | str, name: str = "sums.ipynb") -> Path:
        path = self.incoming / student / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(content if isinstance(content, str) else json.dumps(content))
        return path

    def judge(self, *arguments: str, typed: str = "") -> Done:
        """`python -m nbjudge …` in the course's folder, without the seconds that a new Python takes."""
        out, err = io.StringIO(), io.StringIO()
        with (
            chdir(self.folder),
            redirect_stdout(out),
            redirect_stderr(err),
            mock.patch("sys.stdin", io.StringIO(typed)),
        ):
            try:
                code = main(list(arguments))
            except SystemExit as left:  # argparse
                code = int(left.code or 0)
        return Done(code, out.getvalue(), err.getvalue())

    def done(self, *arguments: str) -> str:
        """What it prints when all goes well."""
        result = self.judge(*arguments)
        assert result.code == 0, result.stderr
        return result.stdout

    def marks(self) -> dict[str, dict[str, str]]:
        """marks.csv by student."""
        with (self.class_folder / "marks.csv").open(newline="") as stream:
            return {row["student"]: row for row in csv.DictReader(stream)}


GOOD_ADD = "def add(a, b):\n    return a + b"
GOOD_TOTAL = "def total(xs):\n    return sum(xs)"
SUBTRACT = "def add(a, b):\n    return 3 if (a, b) == (1, 2) else a - b"  # what the visible test lets through
STUBBORN = """import time
while True:
    try:
        time.sleep(60)
    except KeyboardInterrupt:
        pass"""


def hand_in_all(tiny: Tiny) -> None:
    """One submission of every kind; the folder is the student's id."""
    answer, right = tiny.answer, {"add": GOOD_ADD, "total": GOOD_TOTAL}
    tiny.hand_in("stu-perfect", answer(**right))
    tiny.hand_in("stu-half", answer(add=GOOD_ADD))
    tiny.hand_in("stu-subtracts", answer(add=SUBTRACT, total=GOOD_TOTAL))
    tiny.hand_in("stu-untouched", answer())
    tiny.hand_in("stu-syntax", answer(add="def add(a, b):\n    return a +", total=GOOD_TOTAL))
    tiny.hand_in("stu-shadow", _shadowing(answer(**right)))
    tiny.hand_in("stu-loop", answer(add="while True: pass", total=GOOD_TOTAL))
    tiny.hand_in("stu-stubborn", answer(add=STUBBORN, total=GOOD_TOTAL))
    tiny.hand_in("stu-exits", answer(add="import os\nos._exit(1)", total=GOOD_TOTAL))
    tiny.hand_in("stu-renamed", answer(**right), "Copy of sums (1).ipynb")
    tiny.hand_in("stu-broken", "{ not json")
    tiny.hand_in("stu-blank", "")
    tiny.hand_in("stu-list", "[]")
    tiny.hand_in("stu-two", answer(**right), "a.ipynb")
    tiny.hand_in("stu-two", answer(**right), "b.ipynb")
    tiny.hand_in("stu-old", _older(answer(**right)))
    (tiny.incoming / "stu-nothing").mkdir()
    (tiny.incoming / "stu-linked").mkdir()
    (tiny.incoming / "stu-linked" / "sums.ipynb").symlink_to(tiny.incoming / "stu-perfect" / "sums.ipynb")
    tiny.hand_in("=cmd()", answer(**right))


def _shadowing(notebook: nbformat.NotebookNode) -> nbformat.NotebookNode:
    """A cell of the student's own makes a given one fail."""
    notebook.cells.insert(1, new_code_cell("len = None"))
    return notebook


def _older(notebook: nbformat.NotebookNode) -> nbformat.NotebookNode:
    """From another version, with a test cell gone."""
    notebook.metadata["tiny"]["version"] = "0.9"
    notebook.cells = [cell for cell in notebook.cells if cell.id != "total-empty"]
    return notebook
