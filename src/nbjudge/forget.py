"""Delete one student's data from the class folder, and look whether any is left."""

from __future__ import annotations

import re
import shutil
from pathlib import Path

from nbgrader.api import MissingEntry
from sqlalchemy import text

from nbjudge.course import Course, CourseError
from nbjudge.marks import write_marks
from nbjudge.report import report_path, write_report


def forget(course: Course, student: str) -> list[str]:
    """Delete what is the student's and make reports and marks anew; returns what was removed, in words."""
    require(course, student)
    folders = _folders(course, student)
    removed = [f"folder {path.relative_to(course.root)}" for path in folders]
    entries = _forget_marks(course, student)
    for folder in folders:
        shutil.rmtree(folder, ignore_errors=True)
    return removed + entries + _write_anew(course)


def require(course: Course, student: str) -> None:
    """Complain unless this is a student: a room of the class folder, such as `submitted`, is none."""
    with course.gradebook() as gradebook:
        enrolled = any(entry.id == student for entry in gradebook.students)
    handed_in = course.submitted("any", "any").parents[2].glob("*")
    if not enrolled and student not in {path.name for path in handed_in}:
        raise CourseError(f"student: nobody called {student!r} in {course.root}")


def _folders(course: Course, student: str) -> list[Path]:
    return [path for path in sorted(course.root.rglob("*")) if path.name == student and path.is_dir()]


def _forget_marks(course: Course, student: str) -> list[str]:
    with course.gradebook() as gradebook:
        try:
            labs = [submission.assignment.name for submission in gradebook.find_student(student).submissions]
        except MissingEntry:
            return []
        gradebook.remove_student(student)
        gradebook.db.remove()
        with gradebook.engine.connect().execution_options(isolation_level="AUTOCOMMIT") as connection:
            connection.execute(text("VACUUM"))  # deleted rows stay in the file until it is written anew
    return ["gradebook entry and marks" + (f" in {', '.join(sorted(labs))}" if labs else "")]


def _write_anew(course: Course) -> list[str]:
    """Reports and marks as if the student had never been there."""
    with course.gradebook() as gradebook:
        labs = [assignment.name for assignment in gradebook.assignments]
    kinds = [(lab, anonymous) for lab in labs for anonymous in (False, True)]
    written = [
        write_report(course, lab, anonymous=anonymous)
        for lab, anonymous in kinds
        if report_path(course, lab, anonymous=anonymous).exists()
    ]
    written.append(write_marks(course))
    return [f"lines in {place.relative_to(course.root)} (written anew)" for place in written]


def mentions(course: Course, student: str) -> list[Path]:
    """Files of the class folder that still name the student."""
    word = re.compile(rb"(?<![A-Za-z0-9])" + re.escape(student.encode()) + rb"(?![A-Za-z0-9])")
    files = (path for path in sorted(course.root.rglob("*")) if path.is_file() and not path.is_symlink())
    return [path for path in files if word.search(str(path).encode()) or word.search(path.read_bytes())]
