"""Grade a whole class: every submission by itself, so that none can stop another."""

from __future__ import annotations

import hashlib
import shutil
import time
from collections import Counter
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor, as_completed
from dataclasses import dataclass, replace
from pathlib import Path

from nbgrader.api import MissingEntry

from nbjudge import notebooks
from nbjudge.collect import Arrival, collect, collected
from nbjudge.course import Course, CourseError
from nbjudge.execute import execute
from nbjudge.remarks import WITHOUT_MARKS, Remark
from nbjudge.verdicts import Verdict

GRADED, ZERO, UNCHANGED, FEEDBACK = "graded", "without marks", "unchanged", "with new feedback only"


@dataclass(frozen=True)
class Batch:
    """One lab, graded for all: what stays the same from one submission to the next."""

    course: Course
    lab: str
    source: bytes
    limit: float
    again: bool

    def digest(self, arrival: Arrival) -> str:
        return hashlib.sha256(self.source + repr(arrival).encode()).hexdigest()


def grade(
    course: Course,
    lab: str,
    *,
    origin: Path | None = None,
    jobs: int = 1,
    limit: float = 600,
    again: bool = False,
    progress: Callable[[int, int], None] = lambda done, total: None,
) -> tuple[Counter[str], list[str]]:
    """Grade what arrived; a submission that has not changed since keeps its verdict, unless `again`.

    Returns how many had which outcome, and the folders that cannot be a student's.
    """
    course.require(lab)
    if not course.source(lab).is_file():
        raise CourseError(f"lab: {course.source(lab)} is missing; the tests are taken from there")
    batch = Batch(course, lab, course.source(lab).read_bytes(), limit, again)
    arrivals, strange = collect(origin, lab) if origin else (collected(course, lab), [])
    if origin and not arrivals:
        others = f", only {', '.join(map(repr, strange))}" if strange else ""
        raise CourseError(f"--from: nothing in {origin} has a student's name{others}")
    outcome = Counter(dict.fromkeys((GRADED, ZERO, UNCHANGED, FEEDBACK), 0))
    with ThreadPoolExecutor(jobs) as pool:
        running = [pool.submit(_one, batch, arrival) for arrival in arrivals]
        for done, future in enumerate(as_completed(running), start=1):
            outcome[future.result()] += 1
            progress(done, len(running))
    return outcome, strange


def _one(batch: Batch, arrival: Arrival) -> str:
    place = batch.course.verdict(arrival.student, batch.lab)
    digest = batch.digest(arrival)
    last = Verdict.read(place)
    if last is not None and last.digest == digest and not batch.again:
        return _refresh(batch, arrival.student, last)
    started = time.monotonic()
    try:
        _store(batch, arrival)
        remarks = arrival.remarks + _judge(batch, arrival)
    except Exception as error:  # whatever it is, it is this submission's trouble and no other's
        remarks = [*arrival.remarks, Remark("failed", f"{type(error).__name__}: {error}")]
    marked = not any(remark.kind in WITHOUT_MARKS for remark in remarks)
    if not marked:
        _zero(batch, arrival)
    seconds = round(time.monotonic() - started, 2)
    Verdict(digest, seconds, remarks, _marks(batch.course, arrival.student, batch.lab)).write(place)
    return GRADED if marked else ZERO


def _refresh(batch: Batch, student: str, last: Verdict) -> str:
    """Feedback anew, if a person has given a mark or a comment since it was written."""
    course, lab = batch.course, batch.lab
    marks = _marks(course, student, lab)
    if marks == last.marks or not course.autograded(student, lab).is_file():
        return UNCHANGED
    log = course.verdict(student, lab).with_name("log.txt")
    trouble = execute(lab, student, limit=batch.limit, log=log, grade=False)
    remarks = [remark for remark in last.remarks if remark.kind != "feedback"]
    remarks += [Remark("feedback")] if trouble else []
    replace(last, remarks=remarks, marks=marks).write(course.verdict(student, lab))
    return FEEDBACK


def _marks(course: Course, student: str, lab: str) -> str:
    """A digest of the marks and comments that the gradebook holds."""
    with course.gradebook() as gradebook:
        try:
            books = gradebook.find_submission(lab, student).notebooks
        except MissingEntry:
            return ""
        marks = sorted((mark.name, mark.score) for book in books for mark in book.grades)
        comments = sorted((comment.name, comment.comment or "") for book in books for comment in book.comments)
    return hashlib.sha256(repr((marks, comments)).encode()).hexdigest()


def _store(batch: Batch, arrival: Arrival) -> None:
    """Put the notebook where nbgrader looks for it, under the name it expects."""
    place = batch.course.submitted(arrival.student, batch.lab)
    place.parent.mkdir(parents=True, exist_ok=True)
    if arrival.notebook is not None:
        place.write_bytes(arrival.notebook)
    if arrival.timestamp is not None:
        (place.parent / "timestamp.txt").write_text(arrival.timestamp + "\n")


def _judge(batch: Batch, arrival: Arrival) -> list[Remark]:
    if arrival.notebook is None:
        return []  # collecting said why
    try:
        notebooks.read(arrival.notebook)
    except notebooks.UnreadableError as reason:
        return [Remark("unreadable", str(reason))]
    log = batch.course.verdict(arrival.student, batch.lab).with_name("log.txt")
    trouble = execute(batch.lab, arrival.student, limit=batch.limit, log=log)
    return [trouble] if trouble else []


def _zero(batch: Batch, arrival: Arrival) -> None:
    """Zero for every test, as nbgrader does for a missing notebook; marks that a person gave stay."""
    student, when = arrival.student, {"timestamp": arrival.timestamp} if arrival.timestamp else {}
    for place in (batch.course.autograded(student, batch.lab), batch.course.feedback(student, batch.lab)):
        shutil.rmtree(place.parent, ignore_errors=True)  # of an earlier submission
    with batch.course.gradebook() as gradebook:
        gradebook.update_or_create_student(student)
        for notebook in gradebook.update_or_create_submission(batch.lab, student, **when).notebooks:
            notebook.late_submission_penalty = None
            for mark in notebook.grades:
                mark.auto_score = 0
                mark.needs_manual_grade = mark.manual_score is not None
        gradebook.db.commit()
