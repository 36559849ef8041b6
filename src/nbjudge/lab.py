"""One notebook of an assignment, as the instructor wrote it and as the gradebook has it.

What `nbgrader generate_assignment` entered into the gradebook is what was released, so the texts and points of test
cells and locked cells are taken from there; everything else is taken from the source folder.
"""

from __future__ import annotations

import hashlib
import json
from contextlib import chdir
from dataclasses import dataclass, replace
from functools import cached_property
from pathlib import Path

from nbformat import NotebookNode
from nbgrader import utils
from nbgrader.api import Gradebook, MissingEntry, SourceCell
from nbgrader.preprocessors import IncludeHeaderFooter

from nbjudge import align, notebooks
from nbjudge.align import Match
from nbjudge.course import Course
from nbjudge.judging import Setup
from nbjudge.limits import Limits
from nbjudge.settings import CourseError, Settings, imported
from nbjudge.trial.job import Job, Trial
from nbjudge.trial.kinds import parse
from nbjudge.trial.prepared import prepare

CHANGED = (
    "The source was changed since it was released, in {}. Students have these cells as they were released, and so they "
    "were graded, hidden lines too. `nbgrader generate_assignment {} --force` releases the source as it is now."
)


@dataclass(frozen=True)
class Lab:
    """What stays the same from one submission to the next."""

    assignment: str
    notebook: str
    source: NotebookNode
    shown: dict[str, str]  # what the release shows where an answer belongs
    files: dict[str, bytes]  # that come with the lab: path beside the notebook, content
    settings: Settings

    @classmethod
    def load(cls, course: Course, assignment: str, notebook: str | None = None) -> Lab:
        """Raises `CourseError` where the source is missing or is not the one that the gradebook knows."""
        notebook = notebook or assignment
        place = course.source(assignment).with_name(f"{notebook}.ipynb")
        if not place.is_file():
            raise CourseError(f"lab: {place} is missing; the tests are taken from there")
        source = _with_header(course, notebooks.read(place))
        with course.gradebook() as gradebook:
            shown = _as_released(gradebook, assignment, notebook, source)
        settings = _with_limits(course.settings, source)
        return cls(assignment, notebook, source, shown, _files(course, place.parent), settings)

    @cached_property
    def digest(self) -> bytes:
        """Names all that a mark depends on except the submission."""
        text = json.dumps([self.source, self.shown], sort_keys=True).encode()
        return hashlib.sha256(text + repr(sorted(self.files.items())).encode()).digest()

    def setup(self, seconds: float | None = None, unsealed: bool = False) -> Setup:
        """What its judges need, with at most so many seconds for each submission."""
        limits = replace(self.settings.limits, seconds=seconds) if seconds else self.settings.limits
        trees = [parse(cell.source) for cell in self.source.cells if cell.cell_type == "code"]
        local = {Path(path).parts[0].removesuffix(".py") for path in self.files}
        imports = self.settings.imports
        imports = imported([tree for tree in trees if tree], local) if imports is None else imports
        return Setup(imports, limits, self.settings.readable, unsealed)

    def aligned(self, submission: NotebookNode) -> tuple[NotebookNode, list[Match]]:
        """The submission in the lab's skeleton; where an answer is gone, what the release shows stands for it."""
        aligned, matches = align.align(submission, self.source)
        gone = {match.cell for match in matches if match.how == "gone"}
        for cell in aligned.cells:
            name = _tag(cell).get("grade_id")
            if name in gone and utils.is_solution(cell):
                cell.source = self.shown.get(name, "")
        return aligned, matches

    def job(self, aligned: NotebookNode, limits: Limits) -> Job:
        files = tuple(self.files.items())
        return Job(self.source, aligned, limits, self.settings.delimiters, files, self._prepared)

    @cached_property
    def _prepared(self) -> bytes:
        return prepare(self.source)

    def points(self) -> dict[str, float]:
        """Of each test cell, by grade id; what a person marks is not among them."""
        cells = [cell for cell in self.source.cells if is_test(cell)]
        return {cell.metadata.nbgrader.grade_id: float(cell.metadata.nbgrader.points) for cell in cells}

    def check(self, trial: Trial, aligned: NotebookNode) -> None:
        """Raises `ValueError` for an answer of the judge that cannot be right."""
        points = self.points()
        if set(trial.scores) != set(points):
            raise ValueError(f"the judge marked {sorted(trial.scores)}, expected {sorted(points)}")
        wrong = [name for name, score in trial.scores.items() if not 0 <= score <= points[name]]
        if wrong or len(trial.cells) != len(aligned.cells):
            raise ValueError(f"the judge's marks do not fit the lab: {wrong or len(trial.cells)}")


def changed(course: Course, assignment: str, notebook: str | None = None) -> list[str]:
    """The given cells and tests whose texts in the source are not those that were released."""
    notebook = notebook or assignment
    source = _with_header(course, notebooks.read(course.source(assignment).with_name(f"{notebook}.ipynb")))
    ours = {_tag(cell).get("grade_id", ""): cell.source for cell in source.cells if not utils.is_solution(cell)}
    with course.gradebook() as gradebook:
        known = [book for book in gradebook.find_assignment(assignment).notebooks if book.name == notebook]
        cells = {cell.name: cell.source for book in known for cell in book.source_cells}
    return [name for name, text in ours.items() if cells.get(name, text) != text]


def is_test(cell: NotebookNode) -> bool:
    """Whether a judge marks it."""
    return cell.cell_type == "code" and bool(utils.is_grade(cell)) and not utils.is_solution(cell)


def _tag(cell: NotebookNode) -> NotebookNode:
    return cell.metadata.get("nbgrader", NotebookNode())


def _with_header(course: Course, source: NotebookNode) -> NotebookNode:
    """With the cells that nbgrader puts before and behind every notebook of the course."""
    with chdir(course.root):
        cells = IncludeHeaderFooter(config=course.config).preprocess(source, {})[0].cells
    return NotebookNode(nbformat=4, nbformat_minor=5, metadata=source.metadata, cells=cells)


def _as_released(gradebook: Gradebook, assignment: str, notebook: str, source: NotebookNode) -> dict[str, str]:
    """Write the gradebook's texts and points into the source; what answers show."""
    try:
        known = gradebook.find_notebook(notebook, assignment)
    except MissingEntry:
        raise CourseError(f"lab: the gradebook knows no notebook {notebook!r}; {_enter(assignment)}") from None
    released = {cell.name: cell for cell in known.source_cells}
    points = {cell.name: cell.max_score for cell in (*known.grade_cells, *known.task_cells)}
    shown = {}
    for cell in source.cells:
        tag = _tag(cell)
        name = tag.get("grade_id")
        if name and name not in released:
            raise CourseError(f"lab: the gradebook does not know the cell {name!r}; {_enter(assignment)}")
        if name and utils.is_solution(cell):
            shown[name] = released[name].source
        if name:
            _take(cell, released[name], points)
    return shown


def _take(cell: NotebookNode, released: SourceCell, points: dict[str, float]) -> None:
    tag = cell.metadata.nbgrader
    if not utils.is_solution(cell):
        cell.source = released.source
    if released.name in points:
        tag.points = points[released.name]
    tag.checksum = released.checksum


def _enter(assignment: str) -> str:
    return f"`nbgrader generate_assignment {assignment} --force` enters it"


def _with_limits(settings: Settings, source: NotebookNode) -> Settings:
    """With the lab's own limits, which stand in its notebook's metadata: `{"nbjudge": {"limits": {…}}}`."""
    own = source.metadata.get("nbjudge", {}).get("limits", {})
    try:
        return replace(settings, limits=replace(settings.limits, **own))
    except (TypeError, ValueError) as error:
        raise CourseError(f"lab: limits in the notebook's metadata: {error}") from None


def _files(course: Course, folder: Path) -> dict[str, bytes]:
    """What nbgrader, too, hands out with the lab: all files but notebooks."""
    found = utils.find_all_files(str(folder), [*course.directory.ignore, "*.ipynb"])
    return {str(Path(path).relative_to(folder)): Path(path).read_bytes() for path in sorted(found)}
