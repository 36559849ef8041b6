"""The class that is attacked: a plain lab, a torch lab, honest students, and secrets that nobody may read."""

from __future__ import annotations

import json
import os
import re
import secrets
import shutil
import socket
import subprocess
import sys
from collections.abc import Mapping
from contextlib import closing
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path
from typing import Any

import nbformat
from nbformat.v4 import new_code_cell, new_markdown_cell, new_notebook
from nbgrader.api import Gradebook, MissingEntry

from .attack import Attack, Link
from .lab import Lab
from .labs import LABS

HONEST = ("aa-honest", "mm-honest", "zz-honest")  # before, among and after the attackers
CONFIG = """
c = get_config()
c.CourseDirectory.root = {root!r}
c.CourseDirectory.course_id = "victims"
c.Execute.timeout = {cell_seconds}
c.NbJudge.limits = {{"cell_seconds": 2, "seconds": 60, "memory_mb": 600, "disk_mb": 64}}
"""
SECRETS = ("class", "home", "gradebook", "neighbour", "solution", "hidden", "environment")
MARK = "CONTESTANT"  # in the environment of all that grading starts, so that what it leaves behind is found


@dataclass
class Class:
    """One class in a folder of its own; `secret` holds a word for each place that must not be read."""

    folder: Path
    cell_seconds: int = 20
    secret: dict[str, str] = field(default_factory=lambda: {place: secrets.token_hex(12) for place in SECRETS})

    @property
    def root(self) -> Path:
        return self.folder / "class"

    @cached_property
    def port(self) -> int:
        """Where we listen; nobody should call."""
        self.listeners = [socket.create_server(("127.0.0.1", 0)), socket.socket(socket.AF_UNIX)]
        port = int(self.listeners[0].getsockname()[1])
        self.listeners[1].bind(f"\0{port}")
        self.listeners[1].listen()
        return port

    @property
    def home(self) -> Path:
        return self.folder / "home"

    @property
    def environment(self) -> dict[str, str]:
        """HOME is a folder of ours, and the instructor's environment holds a secret."""
        kept = {name: value for name, value in os.environ.items() if not name.startswith(("JUPYTER", "IPYTHON"))}
        path = f"{Path(sys.executable).parent}{os.pathsep}{kept['PATH']}"  # nbgrader calls `alembic` by its name
        own = {
            "HOME": str(self.home),
            "PATH": path,
            "COURSE_SECRET": self.secret["environment"],
            MARK: str(self.folder),
        }
        return {**kept, **own, "OMP_NUM_THREADS": "1"}

    def build(self) -> Class:
        """Sources, releases and gradebook, as an instructor makes them."""
        for lab in LABS.values():
            place = self.root / "source" / lab.name / f"{lab.name}.ipynb"
            place.parent.mkdir(parents=True)
            nbformat.write(_source(lab, self.secret), place)
        (self.home / ".ssh").mkdir(parents=True)
        (self.home / ".ssh" / "id_rsa").write_text(self.secret["home"])
        (self.root / "secret.txt").write_text(self.secret["class"])
        self.configure()
        for lab in LABS:
            self.nbgrader("generate_assignment", lab, check=True)
        with closing(self.gradebook()) as book:
            book.add_student("kim", first_name=self.secret["gradebook"])
        return self

    def configure(self) -> None:
        text = CONFIG.format(root=str(self.root), cell_seconds=self.cell_seconds)
        (self.folder / "nbgrader_config.py").write_text(text)

    def plug_in(self) -> None:
        """Have nbgrader's own commands use the judge."""
        with (self.folder / "nbgrader_config.py").open("a") as config:
            config.write("import nbjudge.plugin\nnbjudge.plugin.configure(c)\n")

    def copy(self, folder: Path) -> Class:
        shutil.copytree(self.folder, folder, symlinks=True)
        other = Class(folder, self.cell_seconds, self.secret)
        other.configure()
        return other

    def run(self, module: str, *arguments: str, timeout: float | None = None, **options: Any) -> Any:
        command = [sys.executable, "-m", module, *arguments]
        return subprocess.run(
            command, cwd=self.folder, env=self.environment, text=True, capture_output=True, timeout=timeout, **options
        )

    def nbgrader(self, *arguments: str, **options: Any) -> Any:
        return self.run("nbgrader", *arguments, **options)

    def gradebook(self) -> Gradebook:
        return Gradebook(f"sqlite:///{self.root / 'gradebook.db'}", "victims")

    def hand_in(self, place: Path, attack: Attack) -> None:
        """Put what the attacker hands in into `place`."""
        place.mkdir(parents=True)
        notebook = place / (attack.filename or f"{attack.lab}.ipynb")
        notebook.parent.mkdir(exist_ok=True)
        notebook.write_bytes(self.submission(attack))
        for name, content in attack.files.items():
            path = place / name
            path.parent.mkdir(parents=True, exist_ok=True)
            if isinstance(content, Link):
                path.symlink_to(content.to.replace("<<class>>", str(self.root)))
            else:
                path.write_bytes(content)

    def hand_in_honestly(self, place: Path, lab: str) -> None:
        """Right answers, with a word in them that is this student's secret."""
        answers = {name: f"{source}\n# {self.secret['neighbour']}" for name, source in LABS[lab].answers.items()}
        place.mkdir(parents=True)
        (place / f"{lab}.ipynb").write_text(json.dumps(self.answered(lab, answers)))

    def submission(self, attack: Attack) -> bytes:
        if attack.content is not None:
            return attack.content
        answers = dict(LABS[attack.lab].answers)
        if attack.answer is not None:
            answers[attack.task] = self.filled_in(attack, attack.answer)
        notebook = self.answered(attack.lab, answers)
        if attack.change is not None:
            attack.change(notebook)
        return json.dumps(notebook).encode("utf-8", "surrogatepass")

    def filled_in(self, attack: Attack, text: str) -> str:
        places = {
            "<<class>>": str(self.root),
            "<<home>>": str(self.home),
            "<<token>>": attack.token,
            "<<port>>": str(self.port),
        }
        return re.sub("|".join(places), lambda found: places[found[0]], text)

    def answered(self, lab: str, answers: Mapping[str, str]) -> dict[str, Any]:
        """The release notebook with these answers, as plain JSON."""
        notebook = json.loads((self.root / "release" / lab / f"{lab}.ipynb").read_text())
        for cell in notebook["cells"]:
            name = cell["metadata"].get("nbgrader", {}).get("grade_id")
            cell["source"] = answers.get(name, cell["source"])
        return dict(notebook)

    def marks(self, student: str, lab: str) -> dict[str, float] | None:
        """Points by test as the gradebook has them; None for a student who was not graded."""
        with closing(self.gradebook()) as book:
            try:
                grades = book.find_submission_notebook(lab, lab, student).grades
            except MissingEntry:
                return None
            if any(grade.auto_score is None and grade.manual_score is None for grade in grades):
                return None
            return {grade.name: grade.score for grade in grades}


def expected(attack: Attack) -> dict[str, float]:
    """What the attack's submission is worth: its other tasks are answered rightly."""
    lab = LABS[attack.lab]
    default = {test.name: 0.0 if test.task == attack.task else test.points for test in lab.tests}
    return default if attack.expects is None else {**dict.fromkeys(default, 0.0), **attack.expects}


def _source(lab: Lab, secret: Mapping[str, str]) -> nbformat.NotebookNode:
    cells = [new_markdown_cell(f"# {lab.name}", id="title"), _cell("setup", lab.setup, locked=True)]
    for task, answer in lab.answers.items():
        if task in lab.given:
            cells.append(_cell(f"above-{task}", lab.given[task], locked=True))
        head, body = answer.split("\n", 1)
        solved = f"{head}\n    ### BEGIN SOLUTION\n{body}\n    # {secret['solution']}\n    ### END SOLUTION"
        cells.append(_cell(task, solved, solution=True))
        for test in lab.tests:
            if test.task == task:
                source = test.source.replace("### BEGIN HIDDEN TESTS", f"### BEGIN HIDDEN TESTS\n# {secret['hidden']}")
                cells.append(_cell(test.name, source, grade=True, locked=True, points=test.points))
    kernel = {"name": "python3", "display_name": "Python 3", "language": "python"}
    return new_notebook(cells=cells, metadata={"kernelspec": kernel})


def _cell(name: str, source: str, **flags: object) -> nbformat.NotebookNode:
    usual = {"schema_version": 3, "grade_id": name, "grade": False, "solution": False, "locked": False, "task": False}
    return new_code_cell(source, id=name, metadata={"nbgrader": {**usual, **flags}})
