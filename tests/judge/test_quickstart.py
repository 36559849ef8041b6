"""nbgrader's own quickstart course, a stranger to this package: plugged in with one line, graded as under stock."""

from __future__ import annotations

import shutil
from pathlib import Path

import nbgrader
import pytest
from nbgrader.api import Gradebook
from tiny import Tiny

LINE = "\nimport nbjudge.plugin; nbjudge.plugin.configure(c)\n"


EXAMPLE = Path(nbgrader.__file__).parent / "docs" / "source" / "user_guide" / "source"
CONFIG = """
c = get_config()
c.CourseDirectory.course_id = "course101"
c.IncludeHeaderFooter.header = "source/header.ipynb"
"""


class Quickstart(Tiny):
    """What `nbgrader quickstart course101` sets up, which takes that command half a minute.

    One student hands in the solutions as they are, one the release.
    """

    def __init__(self, folder: Path) -> None:
        self.folder = self.class_folder = folder

    def start(self) -> Quickstart:
        shutil.copytree(EXAMPLE, self.folder / "source", ignore=shutil.ignore_patterns("*.html", "ps1_autotest"))
        (self.folder / "nbgrader_config.py").write_text(CONFIG)
        self.nbgrader("generate_assignment", "ps1")
        shutil.copytree(self.folder / "source" / "ps1", self.folder / "submitted" / "bitdiddle" / "ps1")
        shutil.copytree(self.folder / "release" / "ps1", self.folder / "submitted" / "hacker" / "ps1")
        return self

    def scores(self) -> dict[tuple[str, str], float | None]:
        with Gradebook(f"sqlite:///{self.folder / 'gradebook.db'}", "course101") as book:
            return {
                (submission.student.id, grade.name): grade.auto_score
                for submission in book.assignment_submissions("ps1")
                for notebook in submission.notebooks
                for grade in notebook.grades
            }


@pytest.fixture(scope="module")
def quickstart(tmp_path_factory: pytest.TempPathFactory) -> Quickstart:
    return Quickstart(tmp_path_factory.mktemp("quickstart") / "course101").start()


@pytest.fixture(scope="module")
def judged(quickstart: Quickstart, tmp_path_factory: pytest.TempPathFactory) -> Quickstart:
    course = Quickstart(shutil.copytree(quickstart.folder, tmp_path_factory.mktemp("judged") / "course101"))
    with (course.folder / "nbgrader_config.py").open("a") as config:
        config.write(LINE)
    course.nbgrader("autograde", "ps1")
    return course


TESTS = {
    "correct_squares": 1,
    "squares_invalid_input": 1,
    "correct_sum_of_squares": 0.5,
    "sum_of_squares_uses_squares": 0.5,
}


def test_its_solution_gets_full_marks_as_under_stock(quickstart: Quickstart, judged: Quickstart) -> None:
    quickstart.nbgrader("autograde", "ps1")
    assert judged.scores() == quickstart.scores()
    assert {name: judged.scores()["bitdiddle", name] for name in TESTS} == TESTS
    assert {judged.scores()["hacker", name] for name in TESTS} == {0}


def test_what_comes_with_the_lab_is_there(judged: Quickstart) -> None:
    assert (judged.folder / "autograded" / "bitdiddle" / "ps1" / "jupyter.png").is_file()


def test_its_feedback_is_made(judged: Quickstart) -> None:
    judged.nbgrader("generate_feedback", "ps1")
    pages = {path.name for path in judged.folder.glob("feedback/hacker/ps1/*.html")}
    assert pages == {"problem1.html", "problem2.html"}
