"""A class with every kind of submission: nobody stops anybody, and each gets the marks and the reason it should."""

from __future__ import annotations

import re
import sqlite3
import threading
from contextlib import chdir

import nbformat
import psutil
import pytest
from nbgrader.api import Gradebook
from tiny import GOOD_ADD, GOOD_TOTAL, STUBBORN, Tiny, source_notebook

from nbjudge.course import Course
from nbjudge.lab import CHANGED

EXPECTED = {  # student: final mark, what needs a look; an endless loop and os._exit cost their own points only
    "stu-perfect": (6, ""),
    "stu-half": (3, ""),
    "stu-subtracts": (3, ""),
    "stu-untouched": (0, ""),
    "stu-syntax": (3, "syntax"),
    "stu-shadow": (6, "given"),
    "stu-loop": (3, "slow"),
    "stu-stubborn": (3, "slow"),
    "stu-exits": (3, "died"),
    "stu-renamed": (6, "renamed"),
    "stu-broken": (0, "unreadable"),
    "stu-blank": (0, "unreadable"),
    "stu-list": (0, "unreadable"),
    "stu-two": (0, "ambiguous"),
    "stu-old": (6, "version"),
    "stu-nothing": (0, "absent"),
    "stu-linked": (0, "refused"),
}


def gradebook(tiny: Tiny) -> Gradebook:
    return Gradebook(f"sqlite:///{tiny.class_folder / 'gradebook.db'}", "tiny")


@pytest.mark.parametrize("student", EXPECTED)
def test_marks_and_reasons(graded_class: Tiny, student: str) -> None:
    row = graded_class.marks()[student]
    assert (float(row["final mark"]), row["needs a look"]) == EXPECTED[student]


def test_nobody_is_left_out_or_invented(graded_class: Tiny) -> None:
    assert set(graded_class.marks()) == set(EXPECTED)
    assert "left out: '=cmd()'" in (graded_class.folder / "printed").read_text()
    assert "11 graded, 6 counted as zero, 11 with new feedback" in (graded_class.folder / "printed").read_text()


def test_feedback_is_written_for_what_was_graded(graded_class: Tiny) -> None:
    pages = {path.parent.parent.name for path in graded_class.class_folder.glob("feedback/*/sums/sums.html")}
    assert pages == {student for student, (_, trouble) in EXPECTED.items() if EXPECTED[student][0] or not trouble}


def test_unchanged_submissions_are_not_graded_again(copied: Tiny) -> None:
    copied.hand_in("stu-half", copied.answer(add=GOOD_ADD, total=GOOD_TOTAL))
    again = copied.done("grade", "sums", "--from", "incoming")
    assert "1 graded" in again
    assert "16 unchanged" in again
    assert copied.marks()["stu-half"]["final mark"] == "6"


def test_without_a_place_to_collect_from_the_earlier_reasons_stay(copied: Tiny) -> None:
    before = copied.marks()
    copied.done("grade", "sums")
    after = copied.marks()
    for student in ("stu-two", "stu-linked", "stu-nothing", "stu-broken", "stu-perfect"):
        assert after[student] == before[student]


def test_a_worse_file_takes_the_place_of_a_good_one(copied: Tiny) -> None:
    copied.hand_in("stu-perfect", "{ not json any more")
    copied.done("grade", "sums", "--from", "incoming")
    assert copied.marks()["stu-perfect"]["final mark"] == "0"
    assert not (copied.class_folder / "feedback" / "stu-perfect" / "sums").exists(), "the old feedback would mislead"


def test_marks_that_a_person_gave_stay(tiny: Tiny) -> None:
    tiny.hand_in("ada", tiny.answer(add=GOOD_ADD))
    tiny.done("grade", "sums", "--from", "incoming")
    with gradebook(tiny) as book:
        book.find_grade("total-value", "sums", "sums", "ada").manual_score = 1.5
        book.find_comment("total", "sums", "sums", "ada").manual_comment = "nearly"
        book.db.commit()
    for change in (tiny.answer(add=GOOD_ADD, total=GOOD_TOTAL), "{ broken"):
        tiny.hand_in("ada", change)
        tiny.done("grade", "sums", "--from", "incoming")
        with gradebook(tiny) as book:
            assert book.find_grade("total-value", "sums", "sums", "ada").score == 1.5
            assert book.find_comment("total", "sums", "sums", "ada").comment == "nearly"
        assert "review" in tiny.marks()["ada"]["needs a look"]
    assert tiny.marks()["ada"]["final mark"] == "1.5"


def test_a_mark_given_by_hand_makes_the_feedback_anew(tiny: Tiny) -> None:
    tiny.hand_in("ada", tiny.answer(add=GOOD_ADD))
    tiny.done("grade", "sums", "--from", "incoming")
    page = tiny.class_folder / "feedback" / "ada" / "sums" / "sums.html"
    assert "3 of 6 points" in page.read_text()
    for change in ({"manual_score": 1.5}, {"manual_comment": "nearly there"}):
        with gradebook(tiny) as book:
            find = book.find_grade if "manual_score" in change else book.find_comment
            row = find("total-value" if "manual_score" in change else "total", "sums", "sums", "ada")
            for name, value in change.items():
                setattr(row, name, value)
            book.db.commit()
        assert "1 unchanged, 1 with new feedback" in tiny.done("grade", "sums")
        assert "with new feedback" not in tiny.done("grade", "sums")
    assert "4.5 of 6 points" in page.read_text()
    assert "nearly there" in page.read_text()
    assert tiny.marks()["ada"]["final mark"] == "4.5"


def test_grades_what_nbgrader_collected(tiny: Tiny) -> None:
    place = tiny.class_folder / "submitted" / "ada" / "sums"
    place.mkdir(parents=True)
    nbformat.write(tiny.answer(add=GOOD_ADD), place / "sums(2).ipynb")
    tiny.done("grade", "sums")
    assert tiny.marks()["ada"]["final mark"] == "3"
    assert tiny.marks()["ada"]["needs a look"] == "renamed"


def test_over_the_limit_everything_it_started_is_ended(tiny: Tiny) -> None:
    config = tiny.folder / "nbgrader_config.py"
    config.write_text(config.read_text() + "c.Execute.timeout = 600\n")
    start = "import os, subprocess\nchild = subprocess.Popen(['sleep', '612.03125'])\n"
    tiny.hand_in("stu-stubborn", tiny.answer(add=start + STUBBORN, total=GOOD_TOTAL))
    tiny.done("grade", "sums", "--from", "incoming", "--limit", "8")
    assert tiny.marks()["stu-stubborn"]["needs a look"] in {"stopped", "limit", "limit slow"}
    running = [process.info["cmdline"] or () for process in psutil.process_iter(["cmdline"])]  # None of a zombie
    assert not [command for command in running if "612.03125" in command]


def test_trouble_with_one_folder_is_one_students(tiny: Tiny) -> None:
    (tiny.class_folder / "submitted").mkdir()
    (tiny.class_folder / "submitted" / "stu-1").write_text("a file where a folder should be")
    for student in ("stu-1", "stu-2"):
        tiny.hand_in(student, tiny.answer(add=GOOD_ADD, total=GOOD_TOTAL))
    assert "1 graded, 1 counted as zero" in tiny.done("grade", "sums", "--from", "incoming")
    assert tiny.marks()["stu-1"]["needs a look"] == "failed"
    assert tiny.marks()["stu-2"]["final mark"] == "6"


def test_a_writer_waits_for_another(tiny: Tiny) -> None:
    """Another program holds the gradebook for longer than the five seconds after which SQLite gives up by default."""
    with chdir(tiny.folder):
        course = Course.here()
    other = sqlite3.connect(tiny.class_folder / "gradebook.db", isolation_level=None, check_same_thread=False)
    other.execute("BEGIN IMMEDIATE")
    threading.Timer(6.5, other.execute, ["COMMIT"]).start()
    with course.gradebook() as book:
        book.update_or_create_student("ada")
    assert not other.in_transaction, "it should have waited"


def test_many_at_once(tiny: Tiny) -> None:
    students = [f"stu-{number}" for number in range(8)]
    for student in students:
        tiny.hand_in(student, tiny.answer(add=GOOD_ADD, total=GOOD_TOTAL))
    tiny.done("grade", "sums", "--from", "incoming", "--jobs", "8")
    assert {student: row["final mark"] for student, row in tiny.marks().items()} == dict.fromkeys(students, "6")


def test_tests_that_cost_the_labs_own_solution_points_are_named(tiny: Tiny) -> None:
    source = source_notebook()
    next(cell for cell in source.cells if cell.id == "add").source = "def add(a, b):\n    a += b\n    return a"
    test = next(cell for cell in source.cells if cell.id == "add-value")
    test.source = "xs = [1]\nadd(xs, [2])\nassert xs == [1, 2]"
    nbformat.write(source, tiny.class_folder / "source" / "sums" / "sums.ipynb")
    tiny.nbgrader("generate_assignment", "sums", "--force")
    tiny.hand_in("ada", tiny.answer(total=GOOD_TOTAL))
    for _ in range(2):
        printed = " ".join(tiny.done("grade", "sums", "--from", "incoming").split())
        assert "The lab's own solution has not all points here in add-value. Right answers lose them, too" in printed
    report = (tiny.class_folder / "report" / "sums.html").read_text()
    assert re.search(r"own solution points</h2>\s*<p class=.lost.><code>add-value</code></p>", report)
    assert "own solution" not in healthy_output(tiny)


def test_cells_that_were_changed_since_the_lab_was_released_are_named(tiny: Tiny) -> None:
    """They are graded as they were released, also where the change is in hidden lines."""
    source = source_notebook()
    cells = {cell.id: cell for cell in source.cells}
    for name, change in {"add-value": ("2) == 5", "2) == 6"), "total-empty": ("0", "1"), "total": ("xs", "ys")}.items():
        cells[name].source = cells[name].source.replace(*change)
    nbformat.write(source, tiny.class_folder / "source" / "sums" / "sums.ipynb")
    tiny.hand_in("ada", tiny.answer(add=GOOD_ADD, total=GOOD_TOTAL))
    said = CHANGED.format("add-value, total-empty", "sums")
    assert said in tiny.done("grade", "sums", "--from", "incoming")
    assert tiny.marks()["ada"]["final mark"] == "6"
    report = tiny.class_folder / "report" / "sums.html"
    assert '<p class="lost"><code>add-value</code>, <code>total-empty</code></p>' in report.read_text()
    plugged = tiny.folder / "nbgrader_config.py"
    plugged.write_text(f"{plugged.read_text()}\nimport nbjudge.plugin\nnbjudge.plugin.configure(c)\n")
    assert said in tiny.nbgrader("autograde", "sums", "--force")
    tiny.nbgrader("generate_assignment", "sums", "--force")
    assert "since it was released" not in tiny.done("grade", "sums")
    assert tiny.marks()["ada"]["final mark"] == "3"
    assert 'id="changed"' not in report.read_text()


def healthy_output(tiny: Tiny) -> str:
    nbformat.write(source_notebook(), tiny.class_folder / "source" / "sums" / "sums.ipynb")
    tiny.nbgrader("generate_assignment", "sums", "--force")
    return tiny.done("grade", "sums", "--from", "incoming")
