"""Which submissions are alike, measured by copydetect on what students wrote themselves.

Lines that the release shows are left out, and names are made equal, so that another name for a variable changes
nothing. A number proves nothing: short tasks have few right answers. It says where to look.
"""

from __future__ import annotations

import io
import keyword
import re
from itertools import combinations
from typing import Any, NamedTuple

from nbformat import NotebookNode

from nbjudge import notebooks
from nbjudge.course import Course, CourseError
from nbjudge.likeness import visible
from nbjudge.pairing import tag
from nbjudge.results import Result

ALIKE = 0.8  # of what one of the two wrote
LEAST = 100  # signs: below that, right answers are alike by themselves
LONGEST = 100_000  # characters of one student that are looked at
NOISE, WINDOW = 25, 6  # copydetect's own: no match shorter than the first is counted
COMMENT = re.compile(r"#[^\n]*")
TOKEN = re.compile(r"[^\W\d]\w*|\d[\w.]*|[^\w\s]")


class Pair(NamedTuple):
    """Two students, the share of the shorter text that the other has too, and both texts."""

    share: float
    one: str
    other: str
    texts: tuple[str, str]


def alike(course: Course, lab: str, students: list[Result]) -> list[Pair]:
    """The pairs of submissions that share most, the most alike first. Raises CourseError without copydetect."""
    known = release_lines(notebooks.read(course.source(lab)))
    written = {}
    for result in students:
        place = course.autograded(result.student, lab)
        if place.is_file():
            written[result.student] = own(notebooks.read(place), known)
    return pairs(written)


def release_lines(source: NotebookNode) -> set[str]:
    """What everybody was given."""
    return {line.strip() for cell in source.cells for line in visible(cell.source).splitlines()}


def own(notebook: NotebookNode, known: set[str]) -> str:
    """The lines of code that the student wrote: in the answers and in own cells."""
    cells = [cell for cell in notebook.cells if cell.cell_type == "code" and (not tag(cell) or tag(cell)["solution"])]
    lines = [line for cell in cells for line in cell.source.splitlines() if line.strip() and line.strip() not in known]
    return "\n".join(lines)[:LONGEST]


def pairs(written: dict[str, str]) -> list[Pair]:
    """Of all pairs those that share at least ALIKE."""
    prints = {student: _print(text) for student, text in written.items() if len(_levelled(text)) >= LEAST}
    found = []
    for one, other in combinations(sorted(prints), 2):
        share = _share(prints[one], prints[other])
        if share >= ALIKE:
            found.append(Pair(share, one, other, (written[one], written[other])))
    return sorted(found, key=lambda pair: (-pair.share, pair.one, pair.other))


def _share(one: Any, other: Any) -> float:
    if 2 * len(one.hashes & other.hashes) < ALIKE * min(len(one.hashes), len(other.hashes)):
        return 0.0  # far from alike: not worth the exact count
    from copydetect import compare_files

    return float(min(1.0, max(compare_files(one, other)[1])))


def _print(text: str) -> Any:
    try:
        from copydetect import CodeFingerprint
    except ImportError:
        raise CourseError("--likeness: copydetect is not installed (python -m pip install copydetect)") from None
    return CodeFingerprint("", NOISE, WINDOW, filter=False, fp=io.StringIO(_levelled(text)))


def _levelled(text: str) -> str:
    """Without comments, spaces and the names that students choose. copydetect's own way parses with Pygments, which
    hostile text can keep busy for hours."""
    return "".join(map(_level, TOKEN.findall(COMMENT.sub("", text))))


def _level(token: str) -> str:
    if keyword.iskeyword(token):
        return token
    return "V" if token[0].isidentifier() else token
