"""nbgrader's own commands with the judge plugged in: autograde, feedback, export, its Python interface."""

from __future__ import annotations

import html
import re
import shutil
import sqlite3
from pathlib import Path
from typing import Any

import nbformat
import pytest
from nbformat.v4 import new_code_cell, new_markdown_cell, new_raw_cell
from nbgrader.api import Gradebook
from tiny import ADD_VALUE, CONFIG, GOOD_ADD, GOOD_TOTAL, SUBTRACT, Tiny, source_notebook

from nbjudge.rehearsal import UNPASSED

PLUGGED = """
import nbjudge.plugin
nbjudge.plugin.configure(c)
"""
LATE = """
from nbgrader.plugins import BasePlugin
class TwoPoints(BasePlugin):
    def late_submission_penalty(self, student_id, score, total_seconds_late):
        return 2.0
c.AssignLatePenalties.plugin_class = TwoPoints
"""
PARTIAL = "points = 0.0\nif total([1, 2, 3]) == 6:\n    points += 1\nif total([-1]) == -1:\n    points += 1\npoints"
SUBMISSIONS = {
    "ada": {"add": GOOD_ADD, "total": GOOD_TOTAL},
    "ben": {"add": SUBTRACT, "total": "def total(xs):\n    return abs(sum(xs))"},
    "cleo": {"add": "def add(a, b):\n    return a +"},
    "dan": {},
}


def by_hand(name: str, points: float) -> nbformat.NotebookNode:
    """A written answer, which a person marks."""
    tag = {"schema_version": 3, "grade_id": name, "task": False, "grade": True, "solution": True, "locked": False}
    return new_markdown_cell("**YOUR ANSWER HERE**", id=name, metadata={"nbgrader": {**tag, "points": points}})


def fuller() -> nbformat.NotebookNode:
    """The tiny lab with partial credit and an answer that a person marks."""
    notebook = source_notebook()
    next(cell for cell in notebook.cells if cell.id == "total-value").source = PARTIAL
    notebook.cells.append(by_hand("why", 3))
    return notebook


@pytest.fixture(scope="session")
def fuller_class(tmp_path_factory: pytest.TempPathFactory) -> Tiny:
    """Submissions as nbgrader collects them, one of them late."""
    tiny = Tiny(tmp_path_factory.mktemp("fuller")).build(fuller())
    tiny.nbgrader("db", "assignment", "add", "sums", "--duedate=2026-01-10 12:00:00 UTC")
    for student, answers in SUBMISSIONS.items():
        submit(tiny, student, tiny.answer(**answers))
    (tiny.class_folder / "submitted" / "ben" / "sums" / "timestamp.txt").write_text("2026-01-11 13:00:00 UTC")
    notebook = nbformat.read(place := submitted(tiny, "ada"), as_version=4)
    notebook.cells[-1].source = "Because **addition** is associative."
    nbformat.write(notebook, place)
    return tiny


def submitted(tiny: Tiny, student: str) -> Path:
    return tiny.class_folder / "submitted" / student / "sums" / "sums.ipynb"


def submit(tiny: Tiny, student: str, notebook: nbformat.NotebookNode) -> None:
    submitted(tiny, student).parent.mkdir(parents=True, exist_ok=True)
    nbformat.write(notebook, submitted(tiny, student))


def another(tiny: Tiny, folder: Path, *additions: str) -> Tiny:
    """A copy of the class with more in its nbgrader_config.py."""
    shutil.copytree(tiny.folder, folder, dirs_exist_ok=True)
    copied = Tiny(folder)
    (folder / "nbgrader_config.py").write_text(CONFIG.format(root=str(copied.class_folder)) + "".join(additions))
    return copied


@pytest.fixture
def plugged(fuller_class: Tiny, tmp_path: Path) -> Tiny:
    return another(fuller_class, tmp_path / "plugged", LATE, PLUGGED)


@pytest.fixture(scope="session")
def autograded(fuller_class: Tiny, tmp_path_factory: pytest.TempPathFactory) -> Tiny:
    tiny = another(fuller_class, tmp_path_factory.mktemp("autograded"), LATE, PLUGGED)
    tiny.nbgrader("autograde", "sums")
    return tiny


QUERY = """
select student.id, base_cell.name, grade.auto_score, grade.manual_score, grade.extra_credit, grade.needs_manual_grade,
       submitted_notebook.late_submission_penalty, submitted_assignment.timestamp
from grade join base_cell on base_cell.id = grade.cell_id
join submitted_notebook on submitted_notebook.id = grade.notebook_id
join submitted_assignment on submitted_assignment.id = submitted_notebook.assignment_id
join student on student.id = submitted_assignment.student_id order by 1, 2
"""
COMMENTS = QUERY.replace(
    "grade.auto_score, grade.manual_score, grade.extra_credit, grade.needs_manual_grade",
    "grade.auto_comment, grade.manual_comment",
).replace("from grade", "from comment as grade")


def rows(tiny: Tiny) -> dict[str, list[tuple[Any, ...]]]:
    """All that the gradebook holds of the class, without the random names of its rows."""
    with sqlite3.connect(tiny.class_folder / "gradebook.db") as connection:
        return {"grades": [*connection.execute(QUERY)], "comments": [*connection.execute(COMMENTS)]}


def files(folder: Path) -> dict[str, tuple[int, bytes]]:
    found = sorted(path for path in folder.rglob("*") if path.is_file())
    return {str(path.relative_to(folder)): (path.stat().st_mode, path.read_bytes()) for path in found}


@pytest.fixture(scope="session")
def stock(fuller_class: Tiny, tmp_path_factory: pytest.TempPathFactory) -> Tiny:
    """Graded by nbgrader alone."""
    tiny = another(fuller_class, tmp_path_factory.mktemp("stock"), LATE)
    tiny.nbgrader("autograde", "sums")
    return tiny


def test_feedback_on_what_stock_nbgrader_graded_shows_no_hidden_line(stock: Tiny, tmp_path: Path) -> None:
    later = another(stock, tmp_path / "later", LATE, PLUGGED)
    assert "assert add(3, 2) == 5" in (later.class_folder / "autograded/dan/sums/sums.ipynb").read_text()
    later.nbgrader("generate_feedback", "sums")
    for page in later.class_folder.glob("feedback/*/sums/sums.html"):
        text = html.unescape(re.sub("<[^>]*>", "", page.read_text()))
        assert "add(3, 2)" not in text
        assert "subtracts" not in text


def test_honest_work_has_the_marks_that_stock_nbgrader_gives(stock: Tiny, autograded: Tiny) -> None:
    assert rows(autograded) == rows(stock)
    scores = {(student, name): score for student, name, score, *_ in rows(autograded)["grades"]}
    assert scores["ben", "total-value"] == 1, "partial credit"
    assert scores["ada", "why"] is None, "a person marks it"
    assert scores["dan", "why"] == 0, "nothing was written"


def test_the_batch_writes_what_autograde_writes(fuller_class: Tiny, autograded: Tiny, tmp_path: Path) -> None:
    batch = another(fuller_class, tmp_path / "batch", LATE)
    batch.done("grade", "sums", "--jobs", "2")
    assert rows(batch) == rows(autograded)
    assert files(batch.class_folder / "autograded") == files(autograded.class_folder / "autograded")


def test_late_work_loses_what_the_courses_own_plugin_says(autograded: Tiny) -> None:
    penalties = {student: penalty for student, *_, penalty, _ in rows(autograded)["grades"]}
    assert penalties == {"ada": None, "ben": 2.0, "cleo": None, "dan": None}


def test_feedback_names_what_failed_and_shows_nothing_hidden(autograded: Tiny) -> None:
    autograded.nbgrader("generate_feedback", "sums")
    page = (autograded.class_folder / "feedback" / "ben" / "sums" / "sums.html").read_text()
    assert "A hidden check of this property failed" in page
    assert "instead&lt;/b&gt; of adding" in page
    assert "see the section" not in page
    for path in autograded.class_folder.rglob("*"):
        if path.is_file() and path.relative_to(autograded.class_folder).parts[0] in {"feedback", "autograded"}:
            text = path.read_text()
            assert "HIDDEN" not in text
            assert "add(3, 2)" not in text
    assert "add(3, 2)" in ADD_VALUE


def test_export_knows_the_marks(autograded: Tiny) -> None:
    autograded.nbgrader("export", "--to", str(autograded.folder / "out.csv"))
    lines = (autograded.folder / "out.csv").read_text().splitlines()
    heads = lines[0].split(",")
    found = {(row := line.split(","))[heads.index("student_id")]: row[heads.index("score")] for line in lines[1:]}
    assert found == {"ada": "6.0", "ben": "0.0", "cleo": "0.0", "dan": "0.0"}


def test_the_python_interface(plugged: Tiny, monkeypatch: pytest.MonkeyPatch) -> None:
    from nbjudge.course import Course

    monkeypatch.chdir(plugged.folder)
    api = Course.here().api()
    assert api.autograde("sums", "ada")["success"]
    assert api.generate_feedback("sums", "ada")["success"]
    found = api.get_submission("sums", "ada")
    assert (found["score"], found["autograded"], found["needs_manual_grade"]) == (6.0, True, True)


def test_marks_and_extra_credit_by_hand_stay_when_it_is_graded_again(plugged: Tiny) -> None:
    plugged.nbgrader("autograde", "sums", "--student", "ada")
    with Gradebook(f"sqlite:///{plugged.class_folder / 'gradebook.db'}", "tiny") as book:
        book.find_grade("why", "sums", "sums", "ada").manual_score = 2.5
        book.find_grade("add-value", "sums", "sums", "ada").extra_credit = 0.5
        book.find_comment("add", "sums", "sums", "ada").manual_comment = "neat"
        book.db.commit()
    plugged.nbgrader("autograde", "sums", "--student", "ada", "--force")
    with Gradebook(f"sqlite:///{plugged.class_folder / 'gradebook.db'}", "tiny") as book:
        assert book.find_submission("sums", "ada").score == 9.0
        assert book.find_grade("why", "sums", "sums", "ada").needs_manual_grade
        assert book.find_comment("add", "sums", "sums", "ada").comment == "neat"


def test_one_broken_file_stops_nobody(plugged: Tiny) -> None:
    submitted(plugged, "cleo").write_text("{ not json")
    assert "error processing assignment 'sums' for student 'cleo'" in plugged.nbgrader("autograde", "sums", code=1)
    assert {student for student, *_ in rows(plugged)["grades"]} == set(SUBMISSIONS)
    assert [path.parent.parent.name for path in sorted(plugged.class_folder.glob("autograded/*/*/*.ipynb"))] == [
        "ada",
        "ben",
        "dan",
    ]


def test_of_a_submission_only_the_notebook_is_taken(plugged: Tiny) -> None:
    folder = submitted(plugged, "ada").parent
    (folder / "torch.py").write_text("raise SystemExit")
    (folder / "gradebook.txt").symlink_to(plugged.class_folder / "gradebook.db")
    (folder / "timestamp.txt").write_text("2026-01-09 12:00:00 UTC")
    submitted(plugged, "ben").unlink()
    submitted(plugged, "ben").symlink_to(plugged.class_folder / "source" / "sums" / "sums.ipynb")
    assert "is a link: a submission is a file" in plugged.nbgrader("autograde", "sums", code=1)
    taken = {path.name for path in (plugged.class_folder / "autograded" / "ada" / "sums").iterdir()}
    assert taken == {"sums.ipynb", "timestamp.txt"}
    assert not (plugged.class_folder / "autograded" / "ben" / "sums").exists()


NASTY = "<script>alert(1)</script><img src=x onerror=alert(2)> a < b [x](javascript:alert(3)) <!-- <iframe"


def test_no_markup_of_the_students_reaches_a_page(plugged: Tiny) -> None:
    notebook = plugged.answer(**SUBMISSIONS["ada"])
    notebook.cells[-1].source = NASTY
    notebook.cells.insert(
        2, new_markdown_cell(NASTY, attachments={"x.svg": {"image/svg+xml": "<svg onload=alert(4)>"}})
    )
    notebook.cells.insert(3, new_raw_cell(NASTY, metadata={"raw_mimetype": "text/html"}))
    notebook.metadata.title = notebook.metadata.widgets = NASTY
    submit(plugged, "ada", notebook)
    plugged.nbgrader("autograde", "sums", "--student", "ada")
    plugged.nbgrader("generate_feedback", "sums", "--student", "ada")
    page = (plugged.class_folder / "feedback" / "ada" / "sums" / "sums.html").read_text()
    for planted in ("<script>alert", "<img src=x", "<svg", "<iframe", 'href="javascript'):
        assert planted not in page
    assert "alert(1)" in page, "it is shown as text"


def test_a_zygote_serves_a_whole_run(plugged: Tiny, monkeypatch: pytest.MonkeyPatch) -> None:
    from nbjudge import judging

    started = []
    monkeypatch.setattr(
        judging, "_started", lambda setup, start=judging._started: started.append(setup) or start(setup)
    )
    judging.close()
    plugged.nbgrader("autograde", "sums")
    assert len(started) == 1


def test_tests_that_cost_the_labs_own_solution_points_are_in_the_log(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """As `nbjudge grade` says it, of each notebook of the lab; judged once as long as they stay the same."""
    from nbjudge import judging

    judged = []
    judge = judging.judge
    monkeypatch.setattr(judging, "judge", lambda setup, job: judged.append(job) or judge(setup, job))
    wrong = source_notebook()
    next(cell for cell in wrong.cells if cell.id == "add-value").source = "assert add(1, 2) == 4"
    built = Tiny(tmp_path / "built").build(wrong)
    nbformat.write(source_notebook(), built.class_folder / "source" / "sums" / "more.ipynb")
    built.nbgrader("generate_assignment", "sums", "--force")
    tiny = another(built, tmp_path / "plugged", PLUGGED)
    for student in ("ada", "ben"):
        submit(tiny, student, notebook := tiny.answer(**SUBMISSIONS["ada"]))
        nbformat.write(notebook, submitted(tiny, student).with_name("more.ipynb"))
    said = UNPASSED.format("add-value")
    assert tiny.nbgrader("autograde", "sums").count(said) == 2, "with each student's marks"
    assert len(judged) == 6, "two notebooks of two students, and two solutions"
    assert said in tiny.nbgrader("autograde", "sums", "--student", "ada", "--force")
    assert len(judged) == 8


def test_files_that_come_with_the_lab_are_there_and_can_be_imported(tmp_path: Path) -> None:
    notebook = source_notebook()
    notebook.cells[1].source = "import helper\nassert open('numbers.txt').read() == '1 2'"
    test = "assert helper.double(total([int(one) for one in open('numbers.txt').read().split()])) == 6"
    next(cell for cell in notebook.cells if cell.id == "total-value").source = test
    tiny = Tiny(tmp_path / "with-files").build(notebook)
    for place in (tiny.class_folder / "source" / "sums", tiny.class_folder / "submitted" / "ada" / "sums"):
        place.mkdir(parents=True, exist_ok=True)
        (place / "helper.py").write_text("def double(x):\n    return 2 * x\n" if "source" in str(place) else "raise")
        (place / "numbers.txt").write_text("1 2" if "source" in str(place) else "3 3")
    total = "import helper\ndef total(xs):\n    return helper.double(sum(xs)) // 2"
    submit(tiny, "ada", tiny.answer(add=GOOD_ADD, total=total))
    tiny.done("grade", "sums")
    assert tiny.marks()["ada"]["final mark"] == "6"
    assert (tiny.class_folder / "autograded" / "ada" / "sums" / "numbers.txt").read_text() == "1 2"


def test_cells_that_are_left_out_are_left_out(tmp_path: Path) -> None:
    """By nbclient's tag, on a cell that comes with the lab and carries no marks; also where the upload lost the tag."""
    source = source_notebook()
    source.cells.append(new_code_cell("raise SystemExit('heavy')", metadata={"tags": ["skip-execution"]}))
    tiny = Tiny(tmp_path / "heavy").build(source)
    bare = tiny.answer(**SUBMISSIONS["ada"])
    bare.cells[-1].metadata = {}
    for student, notebook in {"ada": tiny.answer(**SUBMISSIONS["ada"]), "ben": bare}.items():
        submit(tiny, student, notebook)
    tiny.done("grade", "sums")
    for student in ("ada", "ben"):
        place = tiny.class_folder / "autograded" / student / "sums" / "sums.ipynb"
        assert nbformat.read(place, as_version=4).cells[-1].execution_count is None


def test_a_due_date_that_is_set_later_counts_for_all(tiny: Tiny, tmp_path: Path) -> None:
    late = another(tiny, tmp_path / "late", LATE)
    for student in ("ada", "ben"):
        submit(late, student, late.answer(add=GOOD_ADD, total=GOOD_TOTAL))
        submitted(late, student).with_name("timestamp.txt").write_text("2026-01-11 13:00:00 UTC")
    late.done("grade", "sums")
    assert {row["final mark"] for row in late.marks().values()} == {"6"}
    late.nbgrader("db", "assignment", "add", "sums", "--duedate=2026-01-10 12:00:00 UTC")
    assert "2 unchanged, 2 with new feedback" in late.done("grade", "sums")
    assert {row["final mark"] for row in late.marks().values()} == {"4"}
    assert "2 unchanged" in late.done("grade", "sums")
