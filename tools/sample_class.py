"""A sample class: invented students, some of whom cheat. `python -m tools.sample_class classes/sample`

The submissions are made from the release notebook, the solution and the lab's variants, and written to
`<class>/incoming/<lab>/` as they would arrive: a folder a student. Nobody here exists.
"""

from __future__ import annotations

import re
import shutil
import sys
from collections.abc import Callable
from pathlib import Path
from typing import NamedTuple

import nbformat
from nbformat import NotebookNode

from tools import labs

MARKERS = re.compile(r"^ *### (?:BEGIN|END) SOLUTION\n?", re.MULTILINE)  # of the source; nobody's own
LOOP = "while True:\n    pass"
NOT_PYTHON = "def answer(:"


EXITS = "import os\n\nos._exit(0)"
# Hostile ones: an answer that is equal to everything, tests that are made to pass, the hunt for the solution.
AGREES = """
class Agrees:
    def __eq__(self, other):
        return True

    def __call__(self, *arguments, **named):
        return self

    def __getattr__(self, name):
        return self


{names} = Agrees()
"""
PATCHES = """
import builtins

from trainwell import checks

for name in ("expect", "rule_out", "unchanged", "raises", "draws", "batched", "on_meta"):
    setattr(checks, name, lambda *arguments, **named: None)
builtins.AssertionError = Warning
"""
HUNTS = """
import pathlib

for place in pathlib.Path("/").rglob("*{topic}*"):
    if place.suffix in (".ipynb", ".md") and "SOLUTION" in place.read_text():
        print(place.read_text())
        for cell in place.read_text().split("```"):
            exec(cell, globals())
"""


class Student(NamedTuple):
    """What somebody handed in, which tests it loses (a task stands for all of its tests), what needs a look."""

    name: str
    answers: dict[str, str]  # task: its cell
    loses: list[str]
    look: str = ""
    file: str = "{lab}.ipynb"
    mangle: Callable[[NotebookNode], str] = nbformat.writes


class Made(NamedTuple):
    """A mistake of a task's variants, and the properties of that task that it loses."""

    mistake: str
    loses: list[str]


SCALE = Made("scales by the drop probability", ["forward", "backward", "errors"])
LAST = Made("keeps the last weights, not the best", ["restores"])
COUPLED = Made("adds the decay to the gradient", ["decoupled", "steps"])

# In each lab: who makes which mistake in which task.
MISTAKES: dict[str, dict[str, dict[str, Made]]] = {
    "regularization": {
        "dan.example": {
            "soft_threshold": Made("hard threshold", ["value", "tensor"]),
            "dropout": SCALE,
            "stochastic_depth": Made("counts the blocks from 0", ["rates"]),
        },
        "eve.example": {
            "elastic_net": Made("forgets the half", ["gradient", "zero", "step", "scikit", "no_penalty"]),
            "early_stopping": LAST,
            "label_smoothing": Made("wrong sign", ["gradient", "large"]),
            "dropout": SCALE,
        },
        "finn.example": {
            "weight_decay": COUPLED,
            "early_stopping": LAST,
            "dropconnect": Made("one mask for the whole batch", ["masks"]),
        },
        "gina.example": {
            "lasso": Made("subgradient step", ["step", "zeros"]),
            "weight_decay": COUPLED,
        },
    },
}


def students(topic: str) -> list[Student]:
    """The class, for any lab that has variants."""
    solved, variants = labs.solutions(topic), labs.load_variants(topic)
    tasks = list(solved)
    other = {task: versions[0] for task, versions in variants.right.items()}
    half = tasks[: len(tasks) // 2]
    tests = [name for name in labs.cells(labs.read(topic), "grade") if labs.task_of(name) == tasks[0]]
    agrees = AGREES.format(names=_names(solved[tasks[0]]))  # a function that does nothing leaves its input unchanged
    return [
        Student("ada.example", solved, []),
        Student("ben.example", solved | other, []),
        Student("cleo.example", {task: solved[task] for task in half}, [task for task in tasks if task not in half]),
        *(_wrong(topic, name, made) for name, made in MISTAKES.get(topic, {}).items()),
        Student("hugo.example", {}, tasks),
        Student("ivo.example", solved | {tasks[0]: NOT_PYTHON}, [tasks[0]], "syntax"),
        Student("june.example", solved | {tasks[1]: LOOP}, [tasks[1]], "slow"),
        Student("quin.example", solved | {tasks[-1]: EXITS}, [tasks[-1]], "died"),
        Student("rhea.example", solved | {tasks[0]: agrees}, [name for name in tests if name[-6:] != "-input"], "test"),
        Student("sam.example", {tasks[0]: PATCHES}, tasks),
        Student("tess.example", {tasks[0]: HUNTS.format(topic=topic)}, tasks),
        Student("kai.example", solved, [], "renamed", "Copy of {lab} (1).ipynb"),
        Student("lea.example", solved, [], "version", mangle=_older),
        Student("max.example", solved, tasks, "unreadable", mangle=_cut_short),
        Student("noa.example", solved, tasks, "unreadable", mangle=lambda notebook: ""),
        Student("otto.example", solved, tasks, "absent", "notes.txt"),
    ]


def _names(answer: str) -> str:
    """The functions that an answer defines, as the targets of an assignment."""
    return " = ".join(re.findall(r"^def (\w+)", answer, re.MULTILINE))


def _wrong(topic: str, name: str, made: dict[str, Made]) -> Student:
    """Right everywhere but in these tasks."""
    variants = labs.load_variants(topic).wrong
    cells = {task: {version.mistake: version.source for version in variants[task]} for task in made}
    answers = {task: cells[task][mistake] for task, (mistake, _) in made.items()}
    loses = [f"{task}-{test}" for task, (_, tests) in made.items() for test in tests]
    return Student(name, labs.solutions(topic) | answers, loses)


def _older(notebook: NotebookNode) -> str:
    notebook.metadata.trainwell.version = "0.0.1"
    return nbformat.writes(notebook)


def _cut_short(notebook: NotebookNode) -> str:
    return nbformat.writes(notebook)[:-1000]


def expected(topic: str, student: Student) -> float:
    """The mark: all points but those of the tests that are lost."""
    points = {name: cell.metadata.nbgrader.points for name, cell in labs.cells(labs.read(topic), "grade").items()}
    known = set(points) | {labs.task_of(test) for test in points}
    if unknown := set(student.loses) - known:
        raise ValueError(f"{student.name} loses tests that {topic} does not have: {', '.join(sorted(unknown))}")
    return sum(value for test, value in points.items() if not {test, labs.task_of(test)} & set(student.loses))


def write(topic: str, incoming: Path, release: Path = labs.LABS) -> None:
    """One folder a student, with what they handed in."""
    shutil.rmtree(incoming, ignore_errors=True)
    for student in students(topic):
        path = incoming / student.name / student.file.format(lab=topic)
        path.parent.mkdir(parents=True)
        answers = {task: MARKERS.sub("", answer).rstrip() for task, answer in student.answers.items()}
        path.write_text(student.mangle(labs.submission(topic, answers, release)))


def main(folder: str) -> None:
    for variants in sorted(labs.ROOT.glob("solutions/*/variants.py")):
        topic = variants.parent.name
        place = Path(folder, "incoming", topic)
        write(topic, place)
        print(f"{len(students(topic))} submissions in {place}")


if __name__ == "__main__":
    main(*sys.argv[1:])
