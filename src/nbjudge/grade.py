"""Grade a whole class: judges run ahead in parallel, one writer enters what they say, nobody stops anybody."""

from __future__ import annotations

import gc
from collections import Counter
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor, as_completed
from contextlib import contextmanager
from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import NamedTuple

from nbjudge import judging
from nbjudge.cases import Batch, Case, marked
from nbjudge.collect import Arrival, collect, collected
from nbjudge.course import Course
from nbjudge.entering import GRADED, UNCHANGED, ZERO, Writer, standing
from nbjudge.feedback import write_pages
from nbjudge.judging import Judge, Setup
from nbjudge.lab import Lab
from nbjudge.record import Record
from nbjudge.rehearsal import rehearse
from nbjudge.remarks import Remark
from nbjudge.settings import CourseError
from nbjudge.verdicts import Verdict

PAGES = "with new feedback"
Progress = Callable[[int, int], None]


class Graded(NamedTuple):
    """How many have which outcome, folders that cannot be a student's, tests that cost the solution points."""

    outcome: Counter[str]
    strange: list[str]
    unpassed: list[str]


def grade(
    course: Course,
    lab: str,
    *,
    origin: Path | None = None,
    roster: Path | None = None,
    jobs: int = 1,
    limit: float | None = None,
    again: bool = False,
    unsealed: bool = False,
    scheduler: str | None = None,
    progress: Progress = lambda done, total: None,
) -> Graded:
    """Grade what arrived; a submission that has not changed since keeps its verdict, unless `again`.

    A run that was ended in whatever way goes on where it was. Raises `CourseError` for what an instructor can mend.
    """
    gc.freeze()  # what is imported stays: the collector need not look through it again for each submission
    course.require(lab)
    known = Lab.load(course, lab)
    arrivals, strange = _arrivals(course, lab, origin, roster)
    setup = known.setup(limit, unsealed)
    outcome = Counter(dict.fromkeys((GRADED, ZERO, UNCHANGED), 0))
    with _judges(setup, scheduler) as (judge, slots), Record(course) as record:
        batch = Batch(course, known, setup, judge, frozenset(standing(record, lab)), again)
        unpassed = rehearse(known, setup.limits, judge, course.rehearsal(lab))
        writer = Writer(batch, record)
        for done, case in enumerate(_cases(batch, arrivals, slots or jobs), start=1):
            outcome[writer.enter(case)] += 1
            progress(done, len(arrivals))
    return Graded(outcome, strange, unpassed)


def write_feedback(course: Course, lab: str, jobs: int = 1, progress: Progress = lambda done, total: None) -> int:
    """Pages for all who have new marks or comments, by a judge or by hand; gives how many were made."""
    with Record(course) as record:
        marks = standing(record, lab)
    verdicts = {student: Verdict.read(course.verdict(student, lab)) for student in sorted(marks)}
    stale = {
        student: verdict
        for student, verdict in verdicts.items()
        if verdict and verdict.recorded and marked(verdict) and _is_stale(course, lab, student, verdict, marks[student])
    }
    told = write_pages(course, lab, list(stale), jobs, progress)
    for student, verdict in stale.items():
        _shown(course, lab, student, replace(verdict, shown=marks[student]), told[student])
    return sum(not trouble for trouble in told.values())


def _is_stale(course: Course, lab: str, student: str, verdict: Verdict, marks: str) -> bool:
    gone = not course.feedback(student, lab).is_file() and Remark("feedback") not in verdict.remarks
    return course.autograded(student, lab).is_file() and (verdict.shown != marks or gone)


def _shown(course: Course, lab: str, student: str, verdict: Verdict, trouble: str) -> None:
    place = course.verdict(student, lab)
    remarks = [remark for remark in verdict.remarks if remark.kind != "feedback"]
    if trouble:
        place.with_name("log.txt").write_text(trouble)
        remarks.append(Remark("feedback"))
    replace(verdict, remarks=remarks).write(place)


def _arrivals(course: Course, lab: str, origin: Path | None, roster: Path | None) -> tuple[list[Arrival], list[str]]:
    if origin is None:
        return collected(course, lab), []
    arrivals, strange = collect(origin, lab, roster)
    if not arrivals:
        others = f", only {', '.join(map(repr, strange))}" if strange else ""
        raise CourseError(f"--from: nothing in {origin} has a student's name{others}")
    return arrivals, strange


@contextmanager
def _judges(setup: Setup, scheduler: str | None) -> Iterator[tuple[Judge, int]]:
    """What judges a job, and how many at once if that is not for the instructor to say."""
    if scheduler is None:
        judging.ready(setup)
        yield partial(judging.judge, setup), 0
        return
    from nbjudge.cluster import judges

    with judges(scheduler, setup) as found:
        yield found


def _cases(batch: Batch, arrivals: list[Arrival], jobs: int) -> Iterator[Case]:
    """The cases as they come. When nobody wants more of them, nothing goes on behind anybody's back."""
    pool = ThreadPoolExecutor(jobs)
    try:
        running = [pool.submit(batch.case, arrival) for arrival in arrivals]
        for future in as_completed(running):
            yield future.result()
        pool.shutdown()
    except BaseException:
        pool.shutdown(wait=False, cancel_futures=True)
        judging.close()  # ends the judges that the threads wait for
        raise
