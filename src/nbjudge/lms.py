"""Whose file is it? The names that Moodle, Canvas and Brightspace give to what students handed in.

Moodle (mod/assign, download_submissions), in folders, or flat where that is switched off; a blind assignment says
Participant for everybody, a group's name stands before the student's:

    Ada Lovelace_1234567_assignsubmission_file_/sums.ipynb
    Ada Lovelace_1234567_assignsubmission_onlinetext_/onlinetext.html
    Ada Lovelace_1234567_assignsubmission_file_sums.ipynb

Canvas (lib/content_zipper.rb), flat: the name that it sorts by, LATE, the student's number, the file's number; a file
handed in again gets -1, -2 … behind its name; an anonymous assignment has anon_ and a code:

    lovelaceada_LATE_12345_67890_sums-1.ipynb

Brightspace, a folder for each time that something was handed in, and one page for all:

    12345-67890 - Ada Lovelace - 12 March, 2026 305 PM/sums.ipynb
    index.html
"""

from __future__ import annotations

import re
from datetime import UTC, datetime
from pathlib import PurePosixPath
from typing import NamedTuple

MOODLE = re.compile(r"(?P<name>.+?)_(?P<number>\d+)_assignsubmission_[a-z]+_?(?P<file>.*)")
CANVAS = re.compile(
    r"(?:(?P<name>(?!LATE_|anon_)[^/]+?)_)?(?P<late>LATE_)?(?P<number>\d+|anon_\w+?)_(?P<serial>\d+)_(?P<file>.+)"
)
AGAIN = re.compile(r"-\d{1,2}$")  # Canvas, of a file handed in again
BRIGHTSPACE = re.compile(r"(?P<number>\d+)-\d+ - (?P<name>.+) - (?P<when>[^-]*\d{4}[^-]*)")
WHEN = re.compile(
    r"(?:(?P<day>\d{1,2}) (?P<month>\w+)|(?P<month2>\w+) (?P<day2>\d{1,2})),? (?P<year>\d{4}),? (?P<time>.+)"
)
TIME = re.compile(r"(?P<hour>\d{1,2})[:.]?(?P<minute>\d\d) ?(?P<half>[AaPp][Mm])?")
MONTHS = ("jan", "feb", "mar", "apr", "may", "jun", "jul", "aug", "sep", "oct", "nov", "dec")


class Sender(NamedTuple):
    """Who handed a file in, as the platform says it, and what the student called the file."""

    name: str
    path: PurePosixPath  # below what the platform made
    number: str = ""  # the platform's, of the student
    late: bool = False
    when: datetime | None = None
    serial: int = 0  # the platform's, of the file: later ones are higher


def sender(path: PurePosixPath) -> Sender | None:
    """None where no platform gives such a name."""
    top, below = path.parts[0], path.parts[1:]
    for reading in (_moodle, _brightspace) if below else (_moodle, _canvas):
        found = reading(top, below)
        if found is not None:
            return found
    return None


def _moodle(top: str, below: tuple[str, ...]) -> Sender | None:
    match = MOODLE.fullmatch(top)
    if match is None or bool(match["file"]) == bool(below):
        return None
    return Sender(match["name"], PurePosixPath(*below or [match["file"]]), match["number"])


def _canvas(top: str, below: tuple[str, ...]) -> Sender | None:
    match = CANVAS.fullmatch(top)
    if match is None:
        return None
    file = PurePosixPath(match["file"])
    file = file.with_stem(AGAIN.sub("", file.stem) or file.stem)
    number = match["number"].removeprefix("anon_")
    return Sender(match["name"] or "anon", file, number, bool(match["late"]), serial=int(match["serial"]))


def _brightspace(top: str, below: tuple[str, ...]) -> Sender | None:
    match = BRIGHTSPACE.fullmatch(top)
    if match is None:
        return None
    return Sender(match["name"].strip(), PurePosixPath(*below), match["number"], when=time_of(match["when"]))


def time_of(text: str) -> datetime | None:
    """Brightspace's way to write a time, taken for this computer's time zone; None if it is another way.

    >>> time_of("12 March, 2026 305 PM").astimezone().strftime("%d.%m.%Y %H:%M")
    '12.03.2026 15:05'
    """
    date = WHEN.fullmatch(text.strip())
    clock = TIME.fullmatch(date["time"]) if date else None
    month = (date["month"] or date["month2"])[:3].lower() if date else ""
    if date is None or clock is None or month not in MONTHS:
        return None
    hour = int(clock["hour"])
    if clock["half"]:
        hour = hour % 12 + 12 * (clock["half"].lower() == "pm")
    day = int(date["day"] or date["day2"])
    try:
        return datetime(int(date["year"]), MONTHS.index(month) + 1, day, hour, int(clock["minute"])).astimezone(UTC)
    except (ValueError, OverflowError):
        return None
