"""Labs from their one source: `python -m tools.labs stage|release TOPIC`.

A lab is written as MyST in solutions/<topic>/<topic>.md. Its code cells say what nbgrader should do with
them in one line, which staging expands:

    :nbgrader: solution dropout            the student's cell of the task `dropout`
    :nbgrader: test dropout-backward 2     a property of that task, worth two points
    :nbgrader: locked dropout-rule         given, and put back if a student changes it

A task's name holds no hyphen, so a test's task is what stands before its first one.
"""

from __future__ import annotations

import hmac
import os
import re
import runpy
import sys
from pathlib import Path
from typing import Any, NamedTuple

import jupytext
import nbformat
from nbformat import NotebookNode
from nbgrader.apps import NbGraderAPI
from traitlets.config import Config, PyFileConfigLoader

import trainwell
from nbjudge.course import find_tools
from tools.settings import SettingsError, settings

ROOT = Path(__file__).resolve().parents[1]
LABS = ROOT / "labs"
PUBLIC_SECRET = "public"  # when the offering has none of its own: its hidden tests can be foretold
HIDDEN = re.compile(r"### BEGIN HIDDEN TESTS.*?### END HIDDEN TESTS", re.DOTALL)


def class_folder() -> Path:
    """The folder of this offering's source, submissions and gradebook."""
    return ROOT / os.environ.get("TRAINWELL_CLASS", f"classes/{settings()['offering']['name']}")


def task_of(grade_id: str) -> str:
    """The task that a grade id belongs to."""
    return grade_id.partition("-")[0]


def cells(notebook: NotebookNode, kind: str) -> dict[str, NotebookNode]:
    """The notebook's `solution` or `grade` (test) cells by grade id."""
    marked = [cell for cell in notebook.cells if cell.metadata.get("nbgrader", {}).get(kind)]
    return {cell.metadata.nbgrader.grade_id: cell for cell in marked}


def read(topic: str) -> NotebookNode:
    """The lab as an nbgrader source notebook, solutions and hidden tests included; the same bytes every time."""
    course = settings()
    notebook = jupytext.read(ROOT / f"solutions/{topic}/{topic}.md")
    notebook.nbformat_minor = 5  # the first with cell ids
    notebook.metadata = _metadata(topic)
    words = {key: str(value) for key, value in course.items()} | {"topic": topic, "version": trainwell.__version__}
    for position, cell in enumerate(notebook.cells):
        cell.source = re.sub(r"{{ (\w+) }}", lambda match: words[match[1]], cell.source)
        cell.id = f"cell-{position:03}"
        if "nbgrader" in cell.metadata:
            _expand(cell, course.get("points", {}))
    _refuse_unknown(course.get("points", {}))
    _bake_seeds(notebook, _secret(course))
    return notebook


def _metadata(topic: str) -> NotebookNode:
    return nbformat.from_dict(
        {
            "accelerator": "GPU",  # asks Colab for one; the lab does without where there is none
            "colab": {"provenance": [], "toc_visible": True},
            "kernelspec": {"display_name": "Python 3", "language": "python", "name": "python3"},
            "language_info": {"name": "python"},
            "trainwell": {"lab": topic, "version": trainwell.__version__},
        }
    )


def _refuse_unknown(points: dict[str, float]) -> None:
    """A misspelt override would otherwise change nothing and say nothing."""
    sources = [path.read_text() for path in ROOT.glob("solutions/*/*.md")]
    known = {grade_id for text in sources for grade_id in re.findall(r"^:nbgrader: test (\S+)", text, re.MULTILINE)}
    if unknown := sorted(set(points) - known):
        raise SettingsError(f"course.toml: points for grade ids that no lab has: {', '.join(unknown)}")


def _expand(cell: NotebookNode, overrides: dict[str, float]) -> None:
    """Writes out the one line that the source holds for nbgrader."""
    kind, grade_id, *points = cell.metadata.nbgrader.split()
    if kind not in {"solution", "test", "locked"} or len(points) != (kind == "test"):
        raise ValueError(f"expected 'solution ID', 'test ID POINTS' or 'locked ID', got {cell.metadata.nbgrader!r}")
    marks = {"grade": kind == "test", "solution": kind == "solution", "locked": kind != "solution", "task": False}
    if kind == "test":
        marks["points"] = float(overrides.get(grade_id, points[0]))
        cell.source += f'\n\nprint("{grade_id}: holds")'
    cell.metadata.nbgrader = {"grade_id": grade_id, "schema_version": 3} | marks
    cell.id = grade_id


def secret_file(course: dict[str, Any]) -> Path:
    return Path(course["offering"]["secret_file"]).expanduser()


def _secret(course: dict[str, Any]) -> bytes:
    path = secret_file(course)
    if not path.exists():
        return PUBLIC_SECRET.encode()
    if not (secret := path.read_bytes().strip()):
        raise SettingsError(f"the secret file {path} is empty: write a secret into it, or delete it")
    return secret


def _bake_seeds(notebook: NotebookNode, secret: bytes) -> None:
    """Replaces HIDDEN_SEED in hidden tests by a number of this offering's and this cell's own."""
    for grade_id, cell in cells(notebook, "grade").items():
        seed = int.from_bytes(hmac.digest(secret, grade_id.encode(), "sha256")[:4])
        cell.source = HIDDEN.sub(lambda match, seed=seed: match[0].replace("HIDDEN_SEED", str(seed)), cell.source)
        if "HIDDEN_SEED" in cell.source:
            raise ValueError(f"{grade_id} uses HIDDEN_SEED outside its hidden tests")


def stage(topic: str, folder: Path) -> Path:
    """Writes the source notebook to where nbgrader looks for it, with nothing beside it."""
    path = folder / "source" / topic / f"{topic}.ipynb"
    path.parent.mkdir(parents=True, exist_ok=True)
    nbformat.write(read(topic), path)
    return path


def nbgrader(folder: Path, labs: Path = LABS) -> NbGraderAPI:
    """nbgrader on one class folder, configured by nbgrader_config.py."""
    find_tools()
    config = Config(PyFileConfigLoader("nbgrader_config.py", str(ROOT)).load_config())
    config.CourseDirectory.root = str(folder.resolve())
    config.CourseDirectory.release_directory = str(labs.resolve())
    return NbGraderAPI(config=config)


def release(topic: str, folder: Path, labs: Path = LABS) -> Path:
    """Stages the lab, registers it in the class's gradebook and writes the notebook that students open."""
    stage(topic, folder)
    result = nbgrader(folder, labs).generate_assignment(topic, force=True)
    if not result["success"]:
        raise RuntimeError(f"nbgrader could not release {topic}:\n{result['log']}")
    return labs / topic / f"{topic}.ipynb"


def submission(topic: str, answers: dict[str, str], labs: Path = LABS) -> NotebookNode:
    """What a student would hand in: the release notebook with the cells of some tasks filled in."""
    notebook = nbformat.read(labs / topic / f"{topic}.ipynb", as_version=4)
    empty = cells(notebook, "solution")
    for task, answer in answers.items():
        empty[task].source = answer
    return notebook


def solutions(topic: str) -> dict[str, str]:
    """The source's own answer to every task."""
    return {task: cell.source for task, cell in cells(read(topic), "solution").items()}


class Wrong(NamedTuple):
    """A wrong version of a task's cell: what the mistake is called, the tests that say so, the whole cell."""

    mistake: str
    tests: list[str]  # grade ids
    source: str

    @property
    def loses(self) -> str:
        """The test that is about this mistake."""
        return self.tests[0]


class Variants(NamedTuple):
    """The versions of each task's cell that the gate tries: wrong ones and other right ones."""

    wrong: dict[str, list[Wrong]]
    right: dict[str, list[str]]


def load_variants(topic: str) -> Variants:
    """Reads solutions/<topic>/variants.py, where a wrong version is the solution with some of its text replaced."""
    listed = runpy.run_path(str(ROOT / f"solutions/{topic}/variants.py"))
    solved = solutions(topic)
    wrong = {
        task: [
            Wrong(mistake, [f"{task}-{test}" for test in tests.split()], _edited(solved[task], edits))
            for mistake, tests, edits in versions
        ]
        for task, versions in listed["WRONG"].items()
    }
    return Variants(wrong, {task: [source.strip() for source in sources] for task, sources in listed["RIGHT"].items()})


def _edited(source: str, edits: dict[str, str]) -> str:
    for old, new in edits.items():
        if old not in source:
            raise ValueError(f"a variant replaces text that the solution does not hold: {old!r}")
        source = source.replace(old, new)
    return source


def main(command: str, topic: str) -> int:
    actions = {"stage": stage, "release": release}
    try:
        if not (path := secret_file(settings())).exists():
            print(f"no secret at {path}: the hidden tests use the public value", file=sys.stderr)
        print(actions[command](topic, class_folder()))
    except SettingsError as error:
        print(error, file=sys.stderr)
        return 2
    return 0


if __name__ == "__main__":
    sys.exit(main(*sys.argv[1:]))
