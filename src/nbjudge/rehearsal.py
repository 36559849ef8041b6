"""The lab's own solution, judged before any submission: what takes points from it would take them from right answers.

Not all that a test can do in one process can be done across two. What the judge does not carry costs points, and an
instructor has to hear of it before a class does.
"""

from __future__ import annotations

from pathlib import Path

from nbjudge.box.messages import Crashed, Stopped
from nbjudge.cases import FULL, full
from nbjudge.judging import Judge
from nbjudge.lab import Lab
from nbjudge.limits import Limits
from nbjudge.remarks import Remark
from nbjudge.trial.job import Trial
from nbjudge.verdicts import Verdict

UNPASSED = (
    "The lab's own solution has not all points here in {}. Right answers lose them, too: mend these tests or mark "
    "them by hand. Between two processes a test can pass values and call functions, and see a list changed in place "
    "if its cell has the tag changes-inputs; it cannot replace print or input for the student, or read their files."
)


def rehearse(lab: Lab, limits: Limits, judge: Judge, place: Path) -> list[str]:
    """The tests in which the solution has not all points; judged once as long as the lab stays the same."""
    digest = lab.digest.hex()
    known = Verdict.read(place)
    if known is None or known.digest != digest:
        known = Verdict(digest, 0.0, [Remark("solution", name) for name in _lost(lab, limits, judge)])
        try:
            known.write(place)
        except OSError as error:
            if error.errno in FULL:
                raise full(error) from error
            raise
    return _named(known)


def unpassed(place: Path) -> list[str]:
    """What the last rehearsal found."""
    return _named(Verdict.read(place))


def _named(known: Verdict | None) -> list[str]:
    return [remark.detail for remark in known.remarks] if known else []


def _lost(lab: Lab, limits: Limits, judge: Judge) -> list[str]:
    try:
        scores = Trial.unpack(judge(lab.job(lab.source, limits).pack()).trial).scores
    except (Crashed, Stopped):
        scores = {}
    return [name for name, points in lab.points().items() if scores.get(name, 0.0) < points]
