"""A tiny nbgrader course, plain Python: two tasks, four test cells."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

import nbformat
from nbformat.v4 import new_code_cell, new_markdown_cell, new_notebook

CONFIG = """
c = get_config()
c.CourseDirectory.root = {root!r}
c.CourseDirectory.course_id = "tiny"
c.Execute.timeout = 3
c.NbJudge.version_key = "tiny"
"""

BIN = str(Path(sys.executable).parent)  # nbgrader calls `alembic` by name
ENVIRONMENT = {**os.environ, "PATH": BIN + os.pathsep + os.environ["PATH"]}

ADD = "def add(a, b):\n    ### BEGIN SOLUTION\n    return a + b\n    ### END SOLUTION"
TOTAL = "def total(xs):\n    ### BEGIN SOLUTION\n    return sum(xs)\n    ### END SOLUTION"
SETUP = "class Mistake(AssertionError):\n    pass"
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


class Tiny:
    """The course's folder, its release notebook, and how submissions get in."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.class_folder = folder / "class"
        self.incoming = folder / "incoming"
        self.incoming.mkdir()

    def build(self) -> Tiny:
        (self.class_folder / "source" / "sums").mkdir(parents=True)
        nbformat.write(source_notebook(), self.class_folder / "source" / "sums" / "sums.ipynb")
        (self.folder / "nbgrader_config.py").write_text(CONFIG.format(root=str(self.class_folder)))
        subprocess.run(
            [sys.executable, "-m", "nbgrader", "generate_assignment", "sums"],
            cwd=self.folder,
            check=True,
            capture_output=True,
            env=ENVIRONMENT,
        )
        return self

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

    def judge(self, *arguments: str, **options: object) -> subprocess.CompletedProcess[str]:
        command = [sys.executable, "-m", "nbjudge", *arguments]
        return subprocess.run(command, cwd=self.folder, capture_output=True, text=True, **options)
