"""One submission on its way to a verdict: judged, or found judged by a run that was stopped before it was entered."""

from __future__ import annotations

import errno
import hashlib
import time
from dataclasses import dataclass
from pathlib import Path

from nbformat import NotebookNode
from nbgrader.utils import parse_utc

from nbjudge import align, notebooks
from nbjudge.align import Match
from nbjudge.box.messages import Crashed, Stopped
from nbjudge.collect import Arrival
from nbjudge.course import Course
from nbjudge.judging import Judge, Setup
from nbjudge.lab import Lab
from nbjudge.remarks import AS_ZERO, Remark
from nbjudge.settings import CourseError
from nbjudge.trial.job import Trial
from nbjudge.verdicts import Verdict, fingerprint, read_trial, write_trial, write_whole

FULL = {errno.ENOSPC, errno.EDQUOT, errno.EROFS, errno.EIO}  # everybody's trouble, not one submission's


@dataclass(frozen=True)
class Case:
    """What arrived and what was found; without a trial there are no marks, or they stand in the gradebook already."""

    arrival: Arrival
    verdict: Verdict
    aligned: NotebookNode | None = None
    trial: Trial | None = None


@dataclass(frozen=True)
class Batch:
    """One lab, graded for all: what stays the same from one submission to the next."""

    course: Course
    lab: Lab
    setup: Setup
    judge: Judge
    known: frozenset[str] = frozenset()  # students whose marks the gradebook has
    again: bool = False

    def case(self, arrival: Arrival) -> Case:
        """The case of one arrival. Runs beside others and writes nothing but this student's own files.

        Raises `CourseError` for what would stop every submission, and nothing for what is wrong with this one.
        """
        digest = _digest(self.lab, arrival)
        try:
            last = Verdict.read(self.place(arrival))
            last = last if last and last.digest == digest and not self.again else None
            if last and last.recorded and self._stands(arrival, last):
                return Case(arrival, last)
            self._store(arrival)
            return self._judged(arrival, digest) if not last else self._resumed(arrival, last)
        except CourseError:
            raise
        except Exception as error:  # whatever it is, it is this submission's trouble and no other's
            if isinstance(error, OSError) and error.errno in FULL:
                raise full(error) from error
            return Case(arrival, Verdict(digest, 0.0, [*arrival.remarks, _reason(error)]))

    def place(self, arrival: Arrival) -> Path:
        return self.course.verdict(arrival.student, self.lab.assignment)

    def _stands(self, arrival: Arrival, last: Verdict) -> bool:
        """Whether what the verdict says was entered is still there."""
        entered = arrival.student in self.known
        return entered and (not marked(last) or self.course.autograded(arrival.student, self.lab.assignment).is_file())

    def _store(self, arrival: Arrival) -> None:
        """Put the notebook where nbgrader looks for it, under the name it expects."""
        place = self.course.submitted(arrival.student, self.lab.assignment)
        place.parent.mkdir(parents=True, exist_ok=True)
        if arrival.notebook is None and place.is_file() and not place.is_symlink():
            place.replace(place.with_name(f"{place.name}.earlier"))  # it counts no more, also for the next run
        if arrival.notebook is not None and not (place.is_file() and place.read_bytes() == arrival.notebook):
            write_whole(place, arrival.notebook)
        time = place.with_name("timestamp.txt")
        if arrival.timestamp is not None and _time(time) != arrival.timestamp:
            write_whole(time, f"{arrival.timestamp}\n".encode())

    def _resumed(self, arrival: Arrival, last: Verdict) -> Case:
        trial = read_trial(self.place(arrival), last.digest)
        if trial is None or arrival.notebook is None:
            return self._judged(arrival, last.digest)
        return Case(arrival, last, self.lab.aligned(notebooks.read(arrival.notebook))[0], trial)

    def _judged(self, arrival: Arrival, digest: str) -> Case:
        started = time.monotonic()
        if arrival.notebook is None:
            return Case(arrival, Verdict(digest, 0.0, arrival.remarks))  # collecting said why
        aligned, matches = self.lab.aligned(notebooks.read(arrival.notebook))
        answer = self.judge(self.lab.job(aligned, self.setup.limits).pack())
        trial = Trial.unpack(answer.trial)
        self.lab.check(trial, aligned)
        remarks = [*arrival.remarks, *align.remarks(matches), *trial.remarks]
        remarks += [Remark("unsealed")] if answer.unsealed else []
        verdict = _verdict(digest, round(time.monotonic() - started, 2), remarks, trial, matches)
        write_trial(self.place(arrival), digest, trial)
        verdict.write(self.place(arrival))
        return Case(arrival, verdict, aligned, trial)


def marked(verdict: Verdict) -> bool:
    """Whether it could be judged."""
    return not any(remark.kind in AS_ZERO for remark in verdict.remarks)


def full(error: OSError) -> CourseError:
    return CourseError(
        f"{error.filename}: {error.strerror}; nothing is lost: make room, then run the same command again"
    )


def _digest(lab: Lab, arrival: Arrival) -> str:
    whole = hashlib.sha256(lab.digest + repr(arrival).encode("utf-8", "replace")).hexdigest()
    return f"{whole} {fingerprint(arrival.notebook)}"


def _verdict(digest: str, seconds: float, remarks: list[Remark], trial: Trial, matches: list[Match]) -> Verdict:
    return Verdict(
        digest,
        seconds,
        remarks,
        scores=trial.scores,
        mistakes=[notebooks.Mistake(*mistake) for mistake in trial.mistakes],
        matches=matches,
        judged=trial.cpu_seconds,
        peak_mb=trial.peak_mb,
        layers=trial.layers,
    )


def _time(place: Path) -> str | None:
    try:
        return str(parse_utc(place.read_text().strip()))
    except (OSError, ValueError, OverflowError):
        return None


def _reason(error: Exception) -> Remark:
    kinds = {notebooks.UnreadableError: "unreadable", Stopped: "stopped", Crashed: "crashed"}
    if (kind := kinds.get(type(error))) is not None:
        return Remark(kind, str(error)[:500])
    return Remark("failed", f"{type(error).__name__}: {error}"[:500])
