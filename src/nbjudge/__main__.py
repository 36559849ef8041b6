"""`python -m nbjudge grade|report|forget|check …`, in the folder that holds nbgrader_config.py."""

from __future__ import annotations

import argparse
import os
import sys
import warnings
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeElapsedColumn
from sqlalchemy.exc import SAWarning

from nbjudge.box.check import check
from nbjudge.course import Course, CourseError
from nbjudge.forget import forget, mentions, require
from nbjudge.grade import PAGES, grade, write_feedback
from nbjudge.lab import CHANGED, changed
from nbjudge.marks import write_marks
from nbjudge.names import Gaps, Roster
from nbjudge.page import GAPS
from nbjudge.rehearsal import UNPASSED
from nbjudge.report import write_report
from nbjudge.results import handed_in

console = Console(highlight=False)
RESUMES = "A run that was stopped, by whatever, goes on where it was when the same command is given again."


def main(arguments: list[str] | None = None) -> int:
    options = _parser().parse_args(arguments)
    warnings.filterwarnings("ignore", category=SAWarning)  # of nbgrader's own queries
    if options.command == "check":  # of the host: needs no course
        return check()
    try:
        return int(options.run(Course.here(), options))
    except CourseError as error:
        print(f"nbjudge {options.command}: {error}", file=sys.stderr)
        return 2


def _grade(course: Course, options: argparse.Namespace) -> int:
    if options.origin is not None and not options.origin.exists():
        raise CourseError(f"--from: no such folder or zip: {options.origin}")
    roster = Roster(options.roster) if options.roster else None
    with _bar("grading", options.lab) as progress:
        outcome, strange, unpassed = grade(
            course,
            options.lab,
            origin=options.origin,
            roster=options.roster,
            jobs=options.jobs,
            limit=options.limit,
            again=options.again,
            unsealed=options.unsealed,
            scheduler=options.scheduler,
            progress=progress,
        )
    marks = write_marks(course)  # before the feedback: the marks are there early
    with _bar("feedback for", options.lab) as progress:
        outcome[PAGES] = write_feedback(course, options.lab, options.jobs, progress)
    for said, cells in ((UNPASSED, unpassed), (CHANGED, changed(course, options.lab))):
        if cells:
            told = said.format(", ".join(cells), options.lab)
            console.print(told, style="yellow", markup=False, soft_wrap=True)
    for name in strange:
        console.print(f"left out: {name!r} gives no student's id (letters, digits, spaces and .@'-_,())", markup=False)
    gaps = _gaps(course, options.lab, roster)
    console.print(", ".join(f"{count} {what}" for what, count in outcome.items() if count) or "no submissions")
    report = write_report(course, options.lab, gaps=gaps)
    console.print(f"marks:  {marks}", f"report: {report}", sep="\n", soft_wrap=True)
    return 0


def _gaps(course: Course, lab: str, roster: Roster | None) -> Gaps | None:
    """Who of the class list is missing, and who is not on it: on the console and for the report."""
    if roster is None:
        return None
    gaps = roster.gaps(handed_in(course, lab))
    for said, names in zip(GAPS, gaps, strict=True):
        if names:
            console.print(f"{said} ({len(names)}): {'; '.join(names)}", markup=False, soft_wrap=True)
    return gaps


@contextmanager
def _bar(what: str, lab: str) -> Iterator[Callable[[int, int], None]]:
    columns = (TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn(), TimeElapsedColumn())
    with Progress(*columns, console=console) as bar:
        task = bar.add_task(f"{what} {lab}", total=None)
        yield lambda done, total: bar.update(task, completed=done, total=total)


def _report(course: Course, options: argparse.Namespace) -> int:
    course.require(options.lab)
    gaps = _gaps(course, options.lab, Roster(options.roster) if options.roster else None)
    place = write_report(course, options.lab, anonymous=options.anonymous, likeness=options.likeness, gaps=gaps)
    console.print(f"marks:  {write_marks(course)}", f"report: {place}", sep="\n", soft_wrap=True)
    return 0


def _forget(course: Course, options: argparse.Namespace) -> int:
    require(course, options.student)
    if not options.yes:
        _confirm(options.student)
    for line in forget(course, options.student):
        console.print(f"removed {line}", soft_wrap=True, markup=False)
    left = mentions(course, options.student)
    for path in left:
        console.print(f"still named in {path}: please look", soft_wrap=True, markup=False)
    return 1 if left else 0


def _confirm(student: str) -> None:
    try:
        typed = input(f"This deletes all work and marks of {student}. Type the name again: ")
    except EOFError:
        raise CourseError("nobody to ask, nothing was deleted: give --yes, or YES=1 to make") from None
    if typed != student:
        raise CourseError("student: the names differ, nothing was deleted")


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser("nbjudge", description="Grade an nbgrader course.")
    commands = parser.add_subparsers(dest="command", required=True)
    command = commands.add_parser(
        "grade", help="grade a lab's submissions, then write marks.csv, feedback and the report", epilog=RESUMES
    )
    command.add_argument("lab", help="name of the assignment")
    command.add_argument(
        "--from",
        dest="origin",
        type=Path,
        metavar="PLACE",
        help="folder or zip of submissions: a folder or a file a student, or an export of Moodle, Canvas, Brightspace",
    )
    command.add_argument(
        "--roster", type=Path, metavar="CSV", help="class list: ids in the column student; says who is missing"
    )
    command.add_argument("--jobs", type=_positive(int), default=os.cpu_count() or 1, help="submissions at a time")
    command.add_argument("--limit", type=_positive(float), help="seconds a submission may take (600)")
    command.add_argument("--again", action="store_true", help="grade those too that have not changed")
    command.add_argument("--scheduler", metavar="ADDRESS", help="judge on the workers of this Dask scheduler")
    command.add_argument(
        "--unsealed", action="store_true", help="where nothing can be sealed, run students' code with YOUR RIGHTS"
    )
    command.set_defaults(run=_grade)
    command = commands.add_parser("report", help="write marks.csv and the class report of a lab, after marks by hand")
    command.add_argument("lab", help="name of the assignment")
    command.add_argument("--anonymous", action="store_true", help="without names, ids or students' words")
    command.add_argument("--likeness", action="store_true", help="also list submissions that are alike")
    command.add_argument("--roster", type=Path, metavar="CSV", help="class list: says who is missing")
    command.set_defaults(run=_report)
    command = commands.add_parser("forget", help="delete one student's submissions, marks and feedback")
    command.add_argument("student", help="the student's id")
    command.add_argument("--yes", action="store_true", help="do not ask")
    command.set_defaults(run=_forget)
    commands.add_parser("check", help="say what this host can seal, layer by layer")
    return parser


def _positive(kind: type[int] | type[float]) -> Callable[[str], float]:
    def parse(text: str) -> float:
        value = kind(text)
        if not value > 0:
            raise argparse.ArgumentTypeError(f"expected a number above zero, got {text}")
        return value

    parse.__name__ = kind.__name__  # argparse puts it into its message: invalid int value
    return parse


if __name__ == "__main__":
    sys.exit(main())
