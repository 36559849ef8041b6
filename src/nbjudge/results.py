"""What a class did in one lab: read from the gradebook, the verdicts and the notebooks."""

from __future__ import annotations

import os
import re
from collections import defaultdict
from dataclasses import dataclass, field
from pathlib import Path
from typing import NamedTuple
from urllib.parse import quote

from nbformat import NotebookNode
from nbgrader.api import Gradebook, SubmittedAssignment

from nbjudge import notebooks
from nbjudge.align import Match
from nbjudge.course import Course
from nbjudge.lab import changed
from nbjudge.likeness import visible
from nbjudge.pairing import tag
from nbjudge.rehearsal import unpassed
from nbjudge.remarks import Remark, gravest_first
from nbjudge.verdicts import Verdict

REPORTS = "report"  # the folder in the class folder
LINK = re.compile(r"https?://[^\s\"'<>)\]]+")


@dataclass(frozen=True)
class Property:
    """What one test cell grades."""

    name: str
    task: str  # the heading it stands under
    points: float
    see: str = ""  # the section that its text names


@dataclass
class Result:
    """One student's marks in one lab."""

    student: str
    name: str
    mark: float
    penalty: float
    scores: dict[str, float]
    unmarked: set[str] = field(default_factory=set)  # cells without any mark yet
    remarks: list[Remark] = field(default_factory=list)
    mistakes: list[notebooks.Mistake] = field(default_factory=list)
    matches: list[Match] = field(default_factory=list)  # how its cells were found
    seconds: float = 0.0
    cpu_seconds: float = 0.0
    peak_mb: float = 0.0
    layers: tuple[str, ...] = ()  # what its code was sealed with
    page: str = ""  # the feedback's address, as seen from the report

    @property
    def final(self) -> float:
        return max(0.0, self.mark - self.penalty)


class Misunderstanding(NamedTuple):
    """A mistake as a class made it: in one task, through one test or several, each with the students who made it."""

    name: str
    task: str
    tests: list[tuple[str, int]]
    students: int


@dataclass
class Results:
    """One lab's results, the students in the order of their names."""

    lab: str
    properties: list[Property]
    students: list[Result]
    unpassed: list[str] = field(default_factory=list)  # tests that cost the lab's own solution points
    changed: list[str] = field(default_factory=list)  # cells whose texts in the source are not those that were released

    @property
    def out_of(self) -> float:
        return sum(item.points for item in self.properties)

    def mistakes(self) -> list[Misunderstanding]:
        """Each mistake of each task, the most frequent first."""
        order = {item.name: position for position, item in enumerate(self.properties)}
        made: dict[tuple[str, str], dict[str, set[str]]] = defaultdict(lambda: defaultdict(set))
        for result in self.students:
            for test, name in result.mistakes:
                task = self.properties[order[test]].task if test in order else ""
                made[name, task][test].add(result.student)
        found = [
            Misunderstanding(name, task, _counted(by, order), len(set().union(*by.values())))
            for (name, task), by in made.items()
        ]
        return sorted(found, key=lambda mistake: -mistake.students)


def _counted(by: dict[str, set[str]], order: dict[str, int]) -> list[tuple[str, int]]:
    return [(test, len(by[test])) for test in sorted(by, key=lambda test: order.get(test, -1))]


def results(course: Course, lab: str) -> Results:
    """All students who handed in the lab or whose submission was recorded."""
    course.require(lab)
    source = notebooks.read(course.source(lab))
    with course.gradebook() as gradebook:
        properties = _properties(gradebook, lab, source)
        submissions = gradebook.assignment_submissions(lab)
        students = [_result(submission) for submission in submissions]
    known = {result.student for result in students}
    waiting = course.api().get_submitted_students(lab) - known
    students += [Result(name, "", 0, 0, {}, remarks=[Remark("ungraded")]) for name in waiting]
    for result in students:
        _look(course, lab, source, result)
    students.sort(key=lambda result: (result.name, result.student))
    return Results(lab, properties, students, unpassed(course.rehearsal(lab)), changed(course, lab))


def handed_in(course: Course, lab: str) -> set[str]:
    """The students of `results`, without all that is said of them."""
    with course.gradebook() as gradebook:
        recorded = {submission.student.id for submission in gradebook.assignment_submissions(lab)}
    return recorded | set(course.api().get_submitted_students(lab))


def _properties(gradebook: Gradebook, lab: str, source: NotebookNode) -> list[Property]:
    tasks = notebooks.tests(source)
    points = {
        cell.name: cell.max_score for book in gradebook.find_assignment(lab).notebooks for cell in book.grade_cells
    }
    links = {tag(cell).get("grade_id", ""): _link(cell.source) for cell in source.cells}
    return [Property(name, task, points[name], links[name]) for name, task in tasks.items() if points.get(name)]


def _link(text: str) -> str:
    """The first address that the visible part of a test names."""
    found = LINK.search(visible(text))
    return found[0] if found else ""


def _result(submission: SubmittedAssignment) -> Result:
    student = submission.student
    name = " ".join(filter(None, (student.first_name, student.last_name)))
    marks = [mark for notebook in submission.notebooks for mark in notebook.grades]
    scores = {mark.name: mark.score for mark in marks}
    review = [
        Remark("review", mark.name) for mark in marks if mark.needs_manual_grade and mark.manual_score is not None
    ]
    unmarked = {mark.name for mark in marks if mark.auto_score is None and mark.manual_score is None}
    return Result(student.id, name, submission.score, submission.late_submission_penalty or 0, scores, unmarked, review)


def _look(course: Course, lab: str, source: NotebookNode, result: Result) -> None:
    """Add what the verdict says and what the files show."""
    verdict = Verdict.read(course.verdict(result.student, lab))
    _from_verdict(result, verdict)
    result.page = _page(course, lab, result.student)
    submitted, autograded = course.submitted(result.student, lab), course.autograded(result.student, lab)
    try:
        if autograded.is_file():
            graded = notebooks.read(autograded)
            result.remarks += notebooks.troubles(graded)
            result.remarks += [Remark("open", name) for name in notebooks.by_hand(graded) if name in result.unmarked]
        if submitted.is_file():
            result.remarks += notebooks.compare(notebooks.read(submitted), source, course.version_key)
    except notebooks.UnreadableError as reason:
        if not any(remark.kind == "unreadable" for remark in result.remarks):
            result.remarks.append(Remark("unreadable", str(reason)))
    result.remarks = gravest_first(result.remarks)


def _page(course: Course, lab: str, student: str) -> str:
    place = course.feedback(student, lab)
    if not place.is_file():
        return ""
    return quote(Path(os.path.relpath(place, course.root / REPORTS)).as_posix())


def _from_verdict(result: Result, verdict: Verdict | None) -> None:
    if verdict is None:
        return
    result.remarks += [remark for remark in verdict.remarks if remark.kind != "late" or not result.penalty]
    result.seconds = verdict.seconds
    result.mistakes = verdict.mistakes
    result.matches = verdict.matches
    result.cpu_seconds, result.peak_mb = verdict.judged, verdict.peak_mb
    result.layers = tuple(verdict.layers)
