"""Marks into the gradebook: the judge's numbers, comments and late penalties as stock nbgrader has them."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from types import TracebackType
from typing import Self

from nbformat import NotebookNode
from nbgrader import utils
from nbgrader.api import Comment, Grade, Gradebook, InvalidEntry, SubmittedAssignment, SubmittedNotebook
from nbgrader.preprocessors import AssignLatePenalties
from sqlalchemy.exc import OperationalError
from traitlets.config import Config

from nbjudge.course import Course
from nbjudge.lab import is_test
from nbjudge.settings import CourseError


class Record:
    """The gradebook, opened once: nbgrader opens it nine times for each submission, which takes longer than all else.

    Errors of the database itself are told as a `CourseError`: another program holds it, or the disk is full.
    """

    def __init__(self, course: Course) -> None:
        self.config = course.config
        with _explained():
            self.gradebook = course.gradebook()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, at: TracebackType | None) -> None:
        self.gradebook.close()

    @contextmanager
    def change(self) -> Iterator[Gradebook]:
        """All of a change or nothing of it: what nbgrader's methods commit is held back until the end."""
        session = self.gradebook.db
        with _explained(), self.gradebook.engine.connect() as connection, connection.begin():
            if connection.dialect.name == "sqlite":
                connection.exec_driver_sql(
                    "BEGIN IMMEDIATE"
                )  # one writer at a time: wait here, before anything is done
            session.remove()
            session.configure(bind=connection, join_transaction_mode="rollback_only")
            try:
                yield self.gradebook
                session.flush()
            finally:
                session.remove()
                session.configure(bind=self.gradebook.engine)

    def marks(
        self, assignment: str, notebook: str, student: str, graded: NotebookNode, scores: Mapping[str, float], when: str
    ) -> None:
        """The marks of one submission, a late penalty included; `when` it was handed in, if that is known."""
        with self.change() as gradebook:
            gradebook.update_or_create_student(student)
            known = {"timestamp": when} if when else {}
            submission = gradebook.update_or_create_submission(assignment, student, **known)
            book = next(book for book in submission.notebooks if book.name == notebook)
            save(book, graded, scores)
            gradebook.db.flush()
            gradebook.db.refresh(book)
            _penalize(submission, book, student, self.config)

    def penalize(self, assignment: str, notebook: str, student: str) -> None:
        """The late penalty of marks that stand there already: the due date may be another one by now."""
        with self.change() as gradebook:
            submission = gradebook.find_submission(assignment, student)
            book = next(book for book in submission.notebooks if book.name == notebook)
            _penalize(submission, book, student, self.config)

    def zero(self, assignment: str, student: str, when: str) -> None:
        """Zero for every test, as nbgrader does for a missing notebook; marks that a person gave stay."""
        with self.change() as gradebook:
            gradebook.update_or_create_student(student)
            known = {"timestamp": when} if when else {}
            for book in gradebook.update_or_create_submission(assignment, student, **known).notebooks:
                book.late_submission_penalty = None
                for mark in book.grades:
                    mark.auto_score = 0
                    mark.needs_manual_grade = mark.manual_score is not None


def save(book: SubmittedNotebook, graded: NotebookNode, scores: Mapping[str, float]) -> None:
    """Put the judge's scores, and nbgrader's own for what a person marks, into the rows of one notebook."""
    lab = book.notebook
    cells = (*lab.grade_cells, *lab.solution_cells, *lab.task_cells)
    names = {cell.id: cell.name for cell in cells}  # a row's own name would be a query each
    marks: dict[str, Grade] = {names[mark.cell_id]: mark for mark in book.grades}
    comments: dict[str, Comment] = {names[comment.cell_id]: comment for comment in book.comments}
    for cell in graded.cells:
        name = cell.metadata.get("nbgrader", {}).get("grade_id")
        if utils.is_grade(cell):
            mark = marks[name]
            mark.auto_score = scores[name] if is_test(cell) else utils.determine_grade(cell)[0]
            mark.needs_manual_grade = mark.manual_score is not None or mark.auto_score is None
        if utils.is_solution(cell) or utils.is_task(cell):
            unchanged = cell.metadata.nbgrader.get("checksum") == utils.compute_checksum(cell)
            comments[name].auto_comment = "No response." if unchanged and not utils.is_task(cell) else None


def _penalize(submission: SubmittedAssignment, book: SubmittedNotebook, student: str, config: Config) -> None:
    """As nbgrader's AssignLatePenalties does, by the course's own plug-in."""
    book.late_submission_penalty = None
    if submission.total_seconds_late > 0:
        stock = AssignLatePenalties(config=config)
        stock.init_plugin()
        late = stock.plugin_inst.late_submission_penalty(student, book.score, submission.total_seconds_late)
        book.late_submission_penalty = None if late is None else stock._check_late_penalty(book, late)


@contextmanager
def _explained() -> Iterator[None]:
    try:
        yield
    except (OperationalError, InvalidEntry) as error:
        cause = error if isinstance(error, OperationalError) else error.__context__  # nbgrader's own word for it
        if not isinstance(cause, OperationalError):
            raise
        advice = "close what else uses it" if "locked" in str(cause.orig) else "see that there is room to write it"
        told = f"gradebook: {cause.orig}; nothing is lost: {advice}, then run the same command again"
        raise CourseError(told) from error
