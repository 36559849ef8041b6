"""What a student is called: a learning platform's name made fit to be nbgrader's id, or looked up in a class list."""

from __future__ import annotations

import csv
import unicodedata
from pathlib import Path
from typing import NamedTuple

from nbjudge.course import CourseError

ALIKE = str.maketrans(
    "\u2018\u2019\u02bc\u2010\u2011\xa0", "'''-- "
)  # apostrophes, hyphens, a space that does not break
DROPPED = ("Cf", "Cs", "Co", "Cn", "So", "Sk")  # marks of direction, halves of pairs, emoji and their colours
SIGNS = " .@'-_,()·"  # besides letters and digits: no glob signs, no separators; nbgrader takes the id for a pattern
LONGEST = 127  # characters
LONGEST_BYTES = 240  # a name of a folder may have 255


def plain(name: str) -> str | None:
    """The name as an id: in one Unicode form, without what nobody sees or types; None where that leaves no id.

    >>> plain("Zoe\\u0308 O’Hara 🎉")
    "Zoë O'Hara"
    >>> plain("../etc") is None
    True
    """
    composed = unicodedata.normalize("NFC", name.translate(ALIKE))
    kept = "".join(sign for sign in composed if not _dropped(sign))
    found = kept if kept == composed else " ".join(kept.split())
    fits = len(found) <= LONGEST and len(found.encode()) <= LONGEST_BYTES and found == found.strip(" .")
    return found if found and fits and found[0].isalnum() and all(map(_fits, found)) else None


def _dropped(sign: str) -> bool:
    return unicodedata.category(sign) in DROPPED or "\ufe00" <= sign <= "\ufe0f" or sign == "\u20e3"


def _fits(sign: str) -> bool:
    return sign in SIGNS or unicodedata.category(sign)[0] in "LMN"


def folded(name: str) -> str:
    """Equal for names that differ in case, spaces and signs only: some systems take them for one folder."""
    return "".join(filter(str.isalnum, unicodedata.normalize("NFKC", name).casefold()))


class Gaps(NamedTuple):
    """Where a class list and what was handed in differ, as ids."""

    missing: list[str]  # on the list, handed in nothing
    unknown: list[str]  # handed in, not on the list


class Roster:
    """A class list: each line a student, whose id stands in the column `student`; every other column (name, number,
    address …) is what a platform may call that student. Moodle's grading worksheet, Canvas's gradebook export and
    Brightspace's class list serve, once the column that is to be the id is renamed."""

    def __init__(self, place: Path) -> None:
        try:
            with place.open(newline="", encoding="utf-8-sig") as stream:
                lines = list(csv.DictReader(stream))
        except (OSError, UnicodeDecodeError, csv.Error) as error:
            raise CourseError(f"--roster: {place} is no table of commas: {type(error).__name__}") from None
        if not lines or "student" not in lines[0]:
            raise CourseError(f"--roster: expected a line of column names with `student` among them in {place}")
        self.students: set[str] = set()
        self.called: dict[str, set[str]] = {}
        for line in lines:
            self._enter(line)

    def _enter(self, line: dict[str, str]) -> None:
        student = (line["student"] or "").strip()
        self.students |= {plain(student) or student} - {""}
        columns = {(column or "").casefold(): cell or "" for column, cell in line.items() if isinstance(cell, str)}
        first, last = columns.get("first name", ""), columns.get("last name", "")
        for alias in (*columns.values(), first + last if first and last else "", last + first):
            if student and folded(alias):
                self.called.setdefault(folded(alias), set()).add(student)

    def find(self, name: str, number: str) -> str | None:
        """The student whom a platform calls so, if the number and the name leave one and no other."""
        named = self.called.get(folded(name), set())
        numbered = self.called.get(number, set()) | self.called.get(f"participant{number}", set()) if number else set()
        found = named & numbered or (numbered if not named else named if not numbered else set())
        return next(iter(found)) if len(found) == 1 else None

    def gaps(self, students: set[str]) -> Gaps:
        """Against those who handed in."""
        return Gaps(sorted(self.students - students), sorted(students - self.students))
