"""Forgetting a student: nothing of theirs is left in the class folder, and nobody else's is touched."""

from __future__ import annotations

import os

from tiny import Tiny


def holding(tiny: Tiny, word: str) -> list[str]:
    """Names and contents of the class folder that hold the word."""
    found = []
    for folder, folders, files in os.walk(tiny.class_folder):
        found += [os.path.join(folder, name) for name in folders + files if word in name]
        for name in files:
            with open(os.path.join(folder, name), "rb") as stream:
                if word.encode() in stream.read():
                    found.append(os.path.join(folder, name))
    return found


def test_nothing_is_left(copied: Tiny) -> None:
    for options in ((), ("--anonymous",)):
        copied.done("report", "sums", *options)
    others = copied.marks()
    assert len(holding(copied, "stu-subtracts")) >= 7, (
        "submission, notebook, feedback, verdict, gradebook, marks, report"
    )
    done = copied.done("forget", "stu-subtracts", "--yes")
    assert holding(copied, "stu-subtracts") == []
    for what in (
        "submitted/stu-subtracts",
        "autograded/stu-subtracts",
        "feedback/stu-subtracts",
        "verdicts/stu-subtracts",
    ):
        assert f"removed folder {what}" in done
    for what in ("gradebook entry and marks in sums", "report/sums.html", "report/sums-anonymous.html", "marks.csv"):
        assert what in done
    del others["stu-subtracts"]
    assert copied.marks() == others


def test_the_name_must_be_typed(copied: Tiny) -> None:
    refused = copied.judge("forget", "stu-half", typed="halve\n")
    assert refused.code == 2
    assert "nothing was deleted" in refused.stderr
    assert "stu-half" in copied.marks()
    assert copied.judge("forget", "stu-half", typed="stu-half\n").code == 0
    assert "stu-half" not in copied.marks()


def test_it_asks_only_about_somebody_it_knows_and_only_if_somebody_is_there(copied: Tiny) -> None:
    unknown = copied.judge("forget", "nobody-of-that-name", typed="nobody-of-that-name\n")
    assert (unknown.code, unknown.stdout) == (2, "")
    assert "student: nobody called 'nobody-of-that-name'" in unknown.stderr
    silent = copied.judge("forget", "stu-half", typed="")
    assert silent.code == 2
    assert "give --yes, or YES=1 to make\n" in silent.stderr
    assert "stu-half" in copied.marks()


def test_what_it_may_not_delete_it_names(copied: Tiny) -> None:
    note = copied.class_folder / "notes.txt"
    note.write_text("talk to stu-perfect about the exam\n")
    done = copied.judge("forget", "stu-perfect", "--yes")
    assert done.code == 1
    assert f"still named in {note}" in done.stdout
    assert note.exists()


def test_an_unknown_student_is_an_error(copied: Tiny) -> None:
    for name in ("nobody-of-that-name", "..", "*", "submitted", "sums"):
        done = copied.judge("forget", name, "--yes")
        assert done.code == 2
        assert "student: nobody called" in done.stderr
    assert len(copied.marks()) == 17
