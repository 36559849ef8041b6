"""Write a lab's class report, with names or without."""

from __future__ import annotations

import base64
import hmac
import os
import secrets
from collections.abc import Callable
from pathlib import Path

from nbjudge.alike import alike
from nbjudge.course import Course
from nbjudge.names import Gaps
from nbjudge.page import render
from nbjudge.results import REPORTS, results


def write_report(
    course: Course, lab: str, *, anonymous: bool = False, likeness: bool = False, gaps: Gaps | None = None
) -> Path:
    """With `likeness`, also which submissions are alike; that needs copydetect and takes longer. With `gaps`, also who
    of a class list is missing."""
    place = report_path(course, lab, anonymous=anonymous)
    found = results(course, lab)
    pairs = alike(course, lab, found.students) if likeness else None
    page = render(found, pseudonyms(course.root / "pseudonyms.key") if anonymous else None, pairs, gaps)
    place.parent.mkdir(parents=True, exist_ok=True)
    place.write_text(page, encoding="utf-8")
    return place


def report_path(course: Course, lab: str, *, anonymous: bool = False) -> Path:
    return course.root / REPORTS / f"{lab}{'-anonymous' if anonymous else ''}.html"


def pseudonyms(place: Path) -> Callable[[str], str]:
    """A code for each student, the same every time; without the key in `place` nobody can go back from it."""
    if not place.exists():
        place.parent.mkdir(parents=True, exist_ok=True)
        with os.fdopen(os.open(place, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "w") as stream:
            stream.write(secrets.token_hex(32))
    key = place.read_bytes()
    return lambda student: "Student " + base64.b32encode(hmac.digest(key, student.encode(), "sha256")).decode()[:6]
