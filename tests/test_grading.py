"""The sample class of every lab, graded by the command that an instructor uses: every mark is as the class says."""

from __future__ import annotations

import os
import re
import subprocess
import sys
from collections import Counter
from pathlib import Path

import pytest
from nbgrader.api import Gradebook

from nbjudge.course import Course
from nbjudge.results import Results, results
from tools import labs, sample_class

TOPICS = sorted(path.parent.name for path in labs.ROOT.glob("solutions/*/variants.py"))
# The course's own settings, in another folder and with less patience for endless loops.
CONFIG = """
c = get_config()
load_subconfig({course!r})
c.CourseDirectory.root = {root!r}
c.Execute.timeout = 20
"""


def nbjudge(folder: Path, *arguments: str) -> str:
    command = [sys.executable, "-m", "nbjudge", *arguments]
    done = subprocess.run(
        command, cwd=folder, capture_output=True, text=True, env={**os.environ, "OMP_NUM_THREADS": "1"}
    )
    assert done.returncode == 0, done.stderr
    return done.stdout


class Graded:
    """A class folder with everything in it, graded."""

    def __init__(self, topic: str, folder: Path) -> None:
        self.topic, self.folder = topic, folder
        config = CONFIG.format(course=str(labs.ROOT / "nbgrader_config.py"), root=str(folder))
        (folder / "nbgrader_config.py").write_text(config)
        labs.release(topic, folder, folder / "labs")
        sample_class.write(topic, folder / "incoming", folder / "labs")
        self.printed = self.grade()

    def grade(self) -> str:
        return nbjudge(self.folder, "grade", self.topic, "--from", "incoming", "--jobs", "2", "--limit", "120")

    def results(self) -> Results:
        with pytest.MonkeyPatch.context() as patch:
            patch.chdir(self.folder)
            return results(Course.here(), self.topic)


@pytest.fixture(scope="module", params=TOPICS)
def graded(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Graded:
    return Graded(request.param, tmp_path_factory.mktemp(request.param))


def test_every_mark_and_reason_is_as_the_class_says(graded: Graded) -> None:
    found = {r.student: (r.final, sorted({remark.kind for remark in r.remarks})) for r in graded.results().students}
    wanted = {
        student.name: (sample_class.expected(graded.topic, student), [student.look] if student.look else [])
        for student in sample_class.students(graded.topic)
    }
    assert found == wanted


def test_nobody_hands_in_the_sources_own_markers(graded: Graded) -> None:
    texts = [path.read_text() for path in (graded.folder / "incoming").rglob("*.ipynb")]
    assert len(texts) > 15
    assert not [text for text in texts if "### BEGIN SOLUTION" in text or "### END SOLUTION" in text]


def test_the_mistakes_are_named_and_counted(graded: Graded) -> None:
    variants = labs.load_variants(graded.topic).wrong
    loses = {(task, version.mistake): version.loses for task, versions in variants.items() for version in versions}
    made = [
        (loses[task, mistake], mistake)
        for tasks in sample_class.MISTAKES[graded.topic].values()
        for task, (mistake, _) in tasks.items()
    ]
    counted = {(test, found.name): students for found in graded.results().mistakes() for test, students in found.tests}
    assert {key: counted.get(key) for key in made} == Counter(made)


def test_the_anonymous_report_names_nobody(graded: Graded) -> None:
    page = Path(
        nbjudge(graded.folder, "report", graded.topic, "--anonymous").rpartition("report: ")[2].strip()
    ).read_text()
    assert not re.search(r"\.example|" + re.escape(str(graded.folder)), page)


def test_releasing_and_grading_again_changes_nothing_and_keeps_marks_given_by_hand(graded: Graded) -> None:
    before = {result.student: result.final for result in graded.results().students}
    test = next(iter(graded.results().properties))
    with Gradebook(f"sqlite:///{graded.folder}/gradebook.db") as book:
        mark = book.find_grade(test.name, graded.topic, graded.topic, "ada.example")
        mark.manual_score = test.points + 1
        book.db.commit()
    labs.release(graded.topic, graded.folder, graded.folder / "labs")
    assert f"{len(before)} unchanged, 1 with new feedback" in graded.grade()
    after = {result.student: result.final for result in graded.results().students}
    assert after == before | {"ada.example": before["ada.example"] + 1}
