"""The one writer: what a case says goes into the gradebook and into the folders that nbgrader reads."""

from __future__ import annotations

import hashlib
import shutil
from collections import defaultdict
from dataclasses import dataclass, replace
from typing import Any

import nbformat
from nbformat import NotebookNode
from nbgrader.api import Assignment, BaseCell, Comment, Grade, Student, SubmittedAssignment, SubmittedNotebook
from nbgrader.converters import Autograde
from nbgrader.utils import rmtree
from sqlalchemy import Select, select

from nbjudge.cases import FULL, Batch, Case, full, marked
from nbjudge.graded import graded
from nbjudge.record import Record
from nbjudge.remarks import AS_ZERO_SAID, Remark
from nbjudge.settings import CourseError
from nbjudge.verdicts import Verdict, drop_trial, write_whole

GRADED, ZERO, UNCHANGED = "graded", AS_ZERO_SAID, "unchanged"


@dataclass(frozen=True)
class Writer:
    """Enters one case after another. Entering the same case twice gives what entering it once gives."""

    batch: Batch
    record: Record

    def enter(self, case: Case) -> str:
        """The outcome. Raises `CourseError` when the disk is full or the gradebook cannot be written."""
        if case.verdict.recorded:
            drop_trial(self.batch.place(case.arrival))  # a run killed just before it did so
        try:
            return self._kept(case) if case.verdict.recorded else self._entered(case)
        except CourseError:
            raise
        except OSError as error:
            if error.errno in FULL:
                raise full(error) from error
            return self._zeroed(_failed(case, error))
        except Exception as error:  # this submission's trouble; marks that stand there stay
            return UNCHANGED if case.verdict.recorded else self._zeroed(_failed(case, error))

    def _kept(self, case: Case) -> str:
        if marked(case.verdict):
            self.record.penalize(self.batch.lab.assignment, self.batch.lab.notebook, case.arrival.student)
        return UNCHANGED

    def _entered(self, case: Case) -> str:
        if case.trial is None or case.aligned is None or not marked(case.verdict):
            return self._zeroed(case)
        lab, student = self.batch.lab, case.arrival.student
        notebook = graded(lab, case.aligned, case.trial)
        self._autograded(student, notebook)
        self.record.marks(
            lab.assignment, lab.notebook, student, notebook, case.trial.scores, case.arrival.timestamp or ""
        )
        self._recorded(case)
        return GRADED

    def _zeroed(self, case: Case) -> str:
        course, lab, student = self.batch.course, self.batch.lab.assignment, case.arrival.student
        case.verdict.write(self.batch.place(case.arrival))
        for place in (course.autograded(student, lab), course.feedback(student, lab)):
            shutil.rmtree(place.parent, ignore_errors=True)  # of an earlier submission
        self.record.zero(lab, student, case.arrival.timestamp or "")
        self._recorded(case)
        return ZERO

    def _recorded(self, case: Case) -> None:
        replace(case.verdict, recorded=True).write(self.batch.place(case.arrival))
        drop_trial(self.batch.place(case.arrival))

    def _autograded(self, student: str, notebook: NotebookNode) -> None:
        """The folder that `nbgrader autograde` would write: the notebook, the lab's files, the time; read-only."""
        course, lab = self.batch.course, self.batch.lab
        place = course.autograded(student, lab.assignment)
        if place.parent.exists():
            rmtree(str(place.parent))
        for path, content in lab.files.items():
            write_whole(place.with_name(path), content)
        times = course.submitted(student, lab.assignment).with_name("timestamp.txt")
        if times.is_file() and not times.is_symlink():
            write_whole(place.with_name("timestamp.txt"), times.read_bytes())
        write_whole(place, f"{nbformat.writes(notebook, version=4)}\n".encode())
        Autograde(coursedir=course.directory, config=course.config).set_permissions(lab.assignment, student)


def _failed(case: Case, error: Exception) -> Case:
    told = Remark("failed", f"{type(error).__name__}: {error}"[:500])
    return Case(case.arrival, Verdict(case.verdict.digest, 0.0, [*case.arrival.remarks, told]))


def standing(record: Record, assignment: str) -> dict[str, str]:
    """For each student who has a row in the gradebook, what names all marks, penalties and comments of the lab."""
    found: dict[str, list[tuple[object, ...]]] = defaultdict(list)
    session = record.gradebook.db
    students = select(Student.id).join(SubmittedAssignment).join(Assignment).where(Assignment.name == assignment)
    for (student,) in session.execute(students):
        found[student] = []
    penalties = select(Student.id, SubmittedNotebook.late_submission_penalty).select_from(SubmittedNotebook)
    for student, penalty in session.execute(_of_lab(penalties, assignment)):
        found[student].append(("late", penalty))
    for kind, columns in ((Grade, (Grade.score,)), (Comment, (Comment.comment,))):
        rows = (
            select(Student.id, BaseCell.name, *columns)
            .select_from(kind)
            .join(BaseCell, BaseCell.id == kind.cell_id)
            .join(SubmittedNotebook, SubmittedNotebook.id == kind.notebook_id)
        )
        for student, *row in session.execute(_of_lab(rows, assignment)):
            found[student].append((kind.__name__, *row))
    session.remove()
    return {name: hashlib.sha256(repr(sorted(rows, key=repr)).encode()).hexdigest() for name, rows in found.items()}


def _of_lab(rows: Select[Any], assignment: str) -> Select[Any]:
    """Of rows that hold a submitted notebook those of one lab, joined to their students."""
    return (
        rows.join(SubmittedAssignment, SubmittedAssignment.id == SubmittedNotebook.assignment_id)
        .join(Assignment, Assignment.id == SubmittedAssignment.assignment_id)
        .join(Student, Student.id == SubmittedAssignment.student_id)
        .where(Assignment.name == assignment)
    )
