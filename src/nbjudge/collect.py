"""Submissions as they arrive: a folder or a zip with a folder a student, `<student>/…/<lab>.ipynb`, or a file a
student, `<student>.ipynb`, or an export of Moodle, Canvas or Brightspace (see lms.py). All of it may lie in one more
folder, as in a zip of a folder.

Everything here comes from strangers. Nothing is unpacked and no name that came with a file becomes a path, except the
student's, and only if it is plain. Of what a student handed in, the notebook and nbgrader's timestamp.txt are taken;
other files would be able to stand in for modules that the tests import.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator
from dataclasses import dataclass, field, replace
from pathlib import Path, PurePosixPath
from unicodedata import normalize

from nbgrader.utils import parse_utc

from nbjudge.archives import File, RefusedError, few, in_folder, in_zip, junk, nested, opened
from nbjudge.course import Course
from nbjudge.lms import Sender, sender
from nbjudge.names import Roster, folded, plain
from nbjudge.remarks import Remark
from nbjudge.verdicts import Verdict

MAX_TOTAL = 4_000_000_000  # bytes of all notebooks together
COLLECTING = ("absent", "ambiguous", "refused", "renamed", "namesake", "late", "replaced", "others")  # kinds of remarks


@dataclass
class Arrival:
    """What one student handed in: the notebook's bytes, or none and the reason."""

    student: str
    notebook: bytes | None = None
    timestamp: str | None = None
    remarks: list[Remark] = field(default_factory=list)


@dataclass(frozen=True)
class Piece:
    """A file and who sent it."""

    file: File
    sender: Sender

    @property
    def name(self) -> str:
        return self.sender.path.name

    @property
    def notebook(self) -> bool:
        return self.sender.path.suffix.lower() == ".ipynb"

    @property
    def packed(self) -> bool:
        return self.sender.path.suffix.lower() == ".zip"


def collect(origin: Path, lab: str, roster: Path | None = None) -> tuple[list[Arrival], list[str]]:
    """One arrival a student, and the names that cannot be a student's."""
    known = Roster(roster) if roster else None
    if origin.is_dir():
        return _sort(in_folder(origin), lab, known)
    with opened(origin) as archive:
        return _sort(in_zip(archive), lab, known)


def collected(course: Course, lab: str) -> list[Arrival]:
    """What lies in nbgrader's own folder of submissions already."""
    students = sorted(course.api().get_submitted_students(lab))
    found = [_in_place(name, course.submitted(name, lab).parent, lab) for name in students]
    return [_remembered(course, lab, one) for one in found]


def _in_place(student: str, folder: Path, lab: str) -> Arrival:
    pieces = [Piece(file, Sender(student, file.path)) for file in in_folder(folder) if not junk(file.path)]
    return arrival(student, pieces, lab)


def _remembered(course: Course, lab: str, found: Arrival) -> Arrival:
    """With what was said when it came: the file has lost its name since, and what could not be taken is not here."""
    last = Verdict.read(course.verdict(found.student, lab))
    if last is None or not last.of(found.notebook):
        return found
    told = [remark for remark in last.remarks if remark.kind in COLLECTING]
    if found.timestamp is not None:
        told = [remark for remark in told if remark.kind != "late"]  # that is told where no time is known
    return replace(found, remarks=told)


def _sort(files: Iterator[File], lab: str, roster: Roster | None) -> tuple[list[Arrival], list[str]]:
    found = [file for file in few(files) if not junk(file.path)]
    pieces = [piece for file in _unwrapped(found, lab) if (piece := _piece(file, lab))]
    students: dict[str, list[Piece]] = defaultdict(list)
    strange: set[str] = set()
    shared = _shared(pieces)
    for piece in pieces:
        student = _student(piece.sender, shared, roster)
        if student is None:
            strange.add(piece.sender.name)
        else:
            students[student].append(piece)
    return list(_arrivals(students, lab, shared)), sorted(strange)


def _shared(pieces: list[Piece]) -> set[str]:
    """Names that several students have: the platform gives them several numbers."""
    numbers: dict[str, set[str]] = defaultdict(set)
    for piece in pieces:
        numbers[folded(piece.sender.name)].add(piece.sender.number)
    return {name for name, known in numbers.items() if len(known - {""}) > 1}


def _student(sent: Sender, shared: set[str], roster: Roster | None) -> str | None:
    """The id of the roster, else the plain name; with the platform's number where several have the name."""
    listed = roster.find(sent.name, sent.number) if roster else None
    return plain(listed or (_numbered(sent) if folded(sent.name) in shared else sent.name))


def _numbered(sent: Sender) -> str:
    return f"{sent.name} {sent.number}"


def _arrivals(students: dict[str, list[Piece]], lab: str, shared: set[str]) -> Iterator[Arrival]:
    total = 0
    for student, pieces in _apart(students):
        one = arrival(student, pieces, lab)
        if any(folded(piece.sender.name) in shared and student == plain(_numbered(piece.sender)) for piece in pieces):
            one.remarks.append(Remark("namesake", pieces[0].sender.name))
        total += len(one.notebook or b"")
        if total > MAX_TOTAL:
            one = Arrival(student, remarks=[Remark("refused", f"all together are more than {MAX_TOTAL} bytes")])
        yield one


def _apart(students: dict[str, list[Piece]]) -> Iterator[tuple[str, list[Piece]]]:
    """Names that differ in case alone are one folder to some systems: such students come as one, to be told apart."""
    names: dict[str, list[str]] = defaultdict(list)
    for student in sorted(students):
        names[student.casefold()].append(student)
    for same in names.values():
        yield same[0], [piece for student in same for piece in students[student]]


def _unwrapped(files: list[File], lab: str) -> list[File]:
    """Without the folder that all lies in, if it holds students' folders and is not itself a student's."""
    tops = {file.path.parts[0] for file in files if len(file.path.parts) > 1 or file.path.suffix == ".ipynb"}
    if len(tops) != 1 or sender(PurePosixPath(*tops, "x")):
        return files
    inside = [replace(file, path=PurePosixPath(*file.path.parts[1:])) for file in files if len(file.path.parts) > 1]
    notebooks = [file.path for file in inside if file.path.suffix == ".ipynb"]
    folders = {path.parts[0] for path in notebooks if len(path.parts) > 1}  # nbgrader's own is called after the lab
    if any(sender(path) for path in notebooks) or (folders - {lab} and all(len(path.parts) > 1 for path in notebooks)):
        return [file for file in inside if not junk(file.path)]
    return files


def _piece(file: File, lab: str) -> Piece | None:
    """The file with its sender; a notebook that lies by itself is taken for one named after the lab."""
    known = sender(file.path)
    if known:
        return Piece(file, known)
    if len(file.path.parts) > 1:
        return Piece(file, Sender(file.path.parts[0], PurePosixPath(*file.path.parts[1:])))
    if file.path.suffix != ".ipynb":
        return None  # a list of marks, a page of contents
    name = file.path.stem if file.path.stem != lab else f"./{file.path.name}"  # the last is nobody's name
    return Piece(file, Sender(name, PurePosixPath(f"{lab}.ipynb")))


def arrival(student: str, pieces: list[Piece], lab: str) -> Arrival:
    """Choose the student's notebook: of what came last the one with the lab's name, or the only one."""
    result = Arrival(student)
    latest = _latest(pieces)
    notebooks = [piece for piece in latest if piece.notebook] or _unpacked(latest, result)
    chosen = _chosen(notebooks, lab)
    if chosen is None:
        if notebooks:
            result.remarks.append(Remark("ambiguous", ", ".join(_names(notebooks))))
        elif not result.remarks:
            result.remarks.append(Remark("absent", ", ".join(_names([one for one in pieces if one.name != ".keep"]))))
        return result
    if any(piece.notebook and piece not in latest for piece in pieces) or _again(chosen, notebooks):
        result.remarks.append(Remark("replaced", chosen.name))
    if chosen.name != f"{lab}.ipynb":
        result.remarks.append(Remark("renamed", chosen.name[:80]))
    if others := [piece for piece in notebooks if piece.name != chosen.name]:
        result.remarks.append(
            Remark("others", f"graded: {chosen.name[:80]}; left out: {', '.join(sorted(_names(others)))}")
        )
    _take(result, chosen, pieces)
    return result


def _latest(pieces: list[Piece]) -> list[Piece]:
    """What was handed in last, where the platform says when; else all."""
    times = [piece.sender.when for piece in pieces if piece.notebook or piece.packed]
    last = max(filter(None, times)) if times and None not in times else None
    return [piece for piece in pieces if last is None or piece.sender.when == last]


def _unpacked(pieces: list[Piece], result: Arrival) -> list[Piece]:
    """The notebooks in a student's own zips."""
    found = []
    for piece in [piece for piece in pieces if piece.packed][:3]:
        try:
            files = [file for file in nested(piece.file) if not junk(file.path)]
        except RefusedError as reason:
            result.remarks.append(Remark("refused", str(reason)))
        else:
            found += [Piece(file, piece.sender._replace(path=file.path)) for file in files]
    return [piece for piece in found if piece.notebook]


def _chosen(notebooks: list[Piece], lab: str) -> Piece | None:
    if len({normalize("NFC", piece.sender.name) for piece in notebooks}) > 1:
        return None  # two students, or one in two spellings
    named = [piece for piece in notebooks if piece.name == f"{lab}.ipynb"]
    similar = [piece for piece in notebooks if lab in piece.sender.path.stem]
    for group in (named, similar, notebooks):
        if len(group) == 1 or (group and _again(group[0], group)):
            return max(group, key=lambda piece: piece.sender.serial)
    return None


def _again(piece: Piece, group: list[Piece]) -> bool:
    """All are the same file, handed in several times, and numbered."""
    serials = {other.sender.serial for other in group if other.name == piece.name}
    return len(group) > 1 and len(serials) == len(group) and 0 not in serials


def _take(result: Arrival, piece: Piece, pieces: list[Piece]) -> None:
    try:
        result.notebook = piece.file.read()
    except RefusedError as reason:
        result.remarks.append(Remark("refused", str(reason)))
    when = piece.sender.when
    result.timestamp = str(when.replace(tzinfo=None)) if when else _timestamp(piece, pieces)
    if piece.sender.late and result.timestamp is None:
        result.remarks.append(Remark("late"))


def _timestamp(notebook: Piece, pieces: list[Piece]) -> str | None:
    """When it was handed in, if nbgrader's timestamp.txt lies beside the notebook and says something."""
    for piece in pieces:
        if piece.file.path == notebook.file.path.with_name("timestamp.txt") and piece.file.size < 100:
            try:
                text = piece.file.read(100).decode(errors="replace").strip()
                return str(parse_utc(text)) if text else None
            except (RefusedError, ValueError, OverflowError):
                return None
    return None


def _names(pieces: list[Piece]) -> list[str]:
    return [piece.name[:80] for piece in pieces[:5]]
