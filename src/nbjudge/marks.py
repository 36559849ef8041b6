"""marks.csv: one line a student and lab, for a spreadsheet or a learning platform."""

from __future__ import annotations

import csv
from pathlib import Path

from nbjudge.course import Course
from nbjudge.results import Results, results

COLUMNS = ("lab", "student", "name", "mark", "late penalty", "final mark", "out of", "needs a look")


def write_marks(course: Course) -> Path:
    """Every lab of the gradebook, in one file in the class folder."""
    with course.gradebook() as gradebook:
        labs = sorted(assignment.name for assignment in gradebook.assignments)
    place = course.root / "marks.csv"
    with place.open("w", newline="", encoding="utf-8") as stream:
        writer = csv.writer(stream)
        writer.writerow(COLUMNS)
        for lab in filter(lambda lab: course.source(lab).is_file(), labs):
            writer.writerows(rows(results(course, lab)))
    return place


def rows(class_results: Results) -> list[list[str]]:
    return [
        [
            plain(class_results.lab),
            plain(result.student),
            plain(result.name),
            *(f"{value:g}" for value in (result.mark, result.penalty, result.final, class_results.out_of)),
            " ".join(dict.fromkeys(remark.kind for remark in result.remarks)),
        ]
        for result in class_results.students
    ]


def plain(text: str) -> str:
    """A cell that a spreadsheet shows and does not calculate: formulas are marked as text."""
    return f"'{text}" if text.lstrip().startswith(("=", "+", "-", "@")) or text.startswith(("\t", "\r", "\n")) else text
