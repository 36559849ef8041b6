"""Submissions as they arrive: a folder or a zip with a folder a student, `<student>/…/<lab>.ipynb`, or a file a
student, `<student>.ipynb`; the exports of Moodle and Canvas are of these kinds, with more in the names. All of it may
lie in one more folder, as in a zip of a folder.

Everything here comes from strangers. Nothing is unpacked and no name that came with a file becomes a path, except the
student's, and only if it is plain. Of what a student handed in, the notebook and nbgrader's timestamp.txt are taken;
other files would be able to stand in for modules that the tests import.
"""

from __future__ import annotations

import re
import stat
import zipfile
from collections.abc import Iterator
from dataclasses import dataclass, field, replace
from pathlib import Path, PurePosixPath

from nbgrader.utils import parse_utc

from nbjudge.course import Course, CourseError
from nbjudge.reader import MAX_BYTES
from nbjudge.remarks import Remark
from nbjudge.verdicts import Verdict

PLAIN = re.compile(r"[^\W_][\w .@'-]{0,126}")  # no glob signs, no separators: nbgrader uses the name as a pattern
MOODLE = re.compile(r"(.+?)_\d+_assignsubmission_file_?")  # a folder
CANVAS = re.compile(r"([^_]+)(?:_LATE)?_\d+_\d+_.+")  # a file
MAX_FILES = 100_000
ABSENT = Remark("absent")


@dataclass
class Arrival:
    """What one student handed in: the notebook's bytes, or none and the reason."""

    student: str
    notebook: bytes | None = None
    timestamp: str | None = None
    remarks: list[Remark] = field(default_factory=list)


@dataclass(frozen=True)
class File:
    """A file of a student, not read yet: `read` gives at most MAX_BYTES and one."""

    path: PurePosixPath  # as it came, for display and for its name
    size: int
    link: bool
    source: zipfile.ZipFile | Path
    entry: zipfile.ZipInfo | None = None

    def read(self) -> bytes:
        if isinstance(self.source, Path):
            with self.source.open("rb") as stream:
                return stream.read(MAX_BYTES + 1)
        assert self.entry is not None
        with self.source.open(self.entry) as packed:
            return packed.read(MAX_BYTES + 1)


def collect(origin: Path, lab: str) -> tuple[list[Arrival], list[str]]:
    """One arrival a student, and the names that cannot be a student's."""
    if origin.is_dir():
        return _sort(_in_folder(origin), lab)
    if not zipfile.is_zipfile(origin):
        raise CourseError(f"--from: expected a folder or a zip of submissions, got {origin}")
    with zipfile.ZipFile(origin) as archive:
        return _sort(_in_zip(archive), lab)


def collected(course: Course, lab: str) -> list[Arrival]:
    """What lies in nbgrader's own folder of submissions already."""
    students = sorted(course.api().get_submitted_students(lab))
    found = [arrival(name, list(_in_folder(course.submitted(name, lab).parent)), lab) for name in students]
    return [_remembered(course, lab, one) if one.remarks == [ABSENT] else one for one in found]


def _remembered(course: Course, lab: str, absent: Arrival) -> Arrival:
    """What arrived but could not be taken does not lie here; why not stands in the verdict."""
    last = Verdict.read(course.verdict(absent.student, lab))
    reasons = last.remarks if last and any(remark.kind in {"ambiguous", "refused"} for remark in last.remarks) else None
    return replace(absent, remarks=reasons or absent.remarks)


def _sort(files: Iterator[File], lab: str) -> tuple[list[Arrival], list[str]]:
    students: dict[str, list[File]] = {}
    for file in _unwrapped([file for file in _few(files) if not _junk(file.path)], lab):
        name, file = _owner(file, lab)
        students.setdefault(name, []).append(file)
    plain = sorted(name for name in students if PLAIN.fullmatch(name) and name == name.strip(" ."))
    return [arrival(name, students[name], lab) for name in plain], sorted(set(students) - set(plain))


def _few(files: Iterator[File]) -> Iterator[File]:
    for count, file in enumerate(files):
        if count == MAX_FILES:
            raise CourseError(f"--from: more than {MAX_FILES} files")
        yield file


def _unwrapped(files: list[File], lab: str) -> list[File]:
    """Without the folder that all lies in, if it holds students' folders and is not itself a student's."""
    tops = {file.path.parts[0] for file in files}
    notebooks = [file.path for file in files if file.path.suffix == ".ipynb"]
    inner = {path.parts[1] for path in notebooks if len(path.parts) > 2}  # nbgrader's own is called after the lab
    if (
        len(tops) > 1
        or not inner - {lab}
        or any(len(path.parts) < 3 for path in notebooks)
        or any(map(MOODLE.match, tops))
    ):
        return files
    inside = [replace(file, path=PurePosixPath(*file.path.parts[1:])) for file in files]
    return [file for file in inside if not _junk(file.path)]


def _owner(file: File, lab: str) -> tuple[str, File]:
    """The student whose file it is; a notebook that lies by itself is taken for one named after the lab."""
    top = file.path.parts[0]
    if len(file.path.parts) > 1:
        moodle = MOODLE.fullmatch(top)
        return (moodle[1] if moodle else top), file
    stem = file.path.stem
    canvas = CANVAS.fullmatch(stem)
    name = canvas[1] if canvas else stem if stem != lab else f"./{top}"  # the last is nobody's name
    return name, replace(file, path=PurePosixPath(name, f"{lab}.ipynb"))


def _in_folder(origin: Path) -> Iterator[File]:
    for path in sorted(origin.rglob("*")):  # does not follow links to folders
        link = path.is_symlink()
        if link or path.is_file():
            yield File(PurePosixPath(path.relative_to(origin)), 0 if link else path.stat().st_size, link, path)
        elif path.is_dir():
            yield File(
                PurePosixPath(path.relative_to(origin), ".keep"), 0, False, path
            )  # a student who handed in nothing counts too


def _in_zip(archive: zipfile.ZipFile) -> Iterator[File]:
    for entry in archive.infolist():
        path = PurePosixPath(entry.filename.replace("\\", "/"))
        path = path / ".keep" if entry.is_dir() else path
        link = stat.S_ISLNK(entry.external_attr >> 16)
        if path.parts and not path.is_absolute() and ".." not in path.parts:
            yield File(path, entry.file_size, link, archive, entry)


def _junk(path: PurePosixPath) -> bool:
    """What systems add on their own, and what is nobody's notebook; a `.keep` stands for the folder itself."""
    return (len(path.parts) == 1 and path.suffix != ".ipynb") or any(
        part.startswith((".", "__MACOSX")) and part != ".keep" for part in path.parts
    )


def arrival(student: str, files: list[File], lab: str) -> Arrival:
    """Choose the student's notebook: the one with the lab's name, or the only one."""
    result = Arrival(student)
    notebooks = [file for file in files if file.path.suffix == ".ipynb"]
    named = [file for file in notebooks if file.path.name == f"{lab}.ipynb"]
    similar = [file for file in notebooks if lab in file.path.stem]
    chosen = next((group for group in (named, similar, notebooks) if len(group) == 1), [])
    if not chosen:
        result.remarks.append(Remark("ambiguous", ", ".join(_names(notebooks))) if notebooks else ABSENT)
        return result
    if not named:
        result.remarks.append(Remark("renamed", chosen[0].path.name))
    _take(result, chosen[0], files)
    return result


def _take(result: Arrival, file: File, files: list[File]) -> None:
    if file.link:
        result.remarks.append(Remark("refused", "it is a link"))
        return
    try:
        result.notebook = file.read()
    except (OSError, RuntimeError, NotImplementedError, zipfile.BadZipFile) as error:  # encrypted, damaged, gone
        result.remarks.append(Remark("refused", type(error).__name__))
    result.timestamp = _timestamp(file, files)


def _timestamp(notebook: File, files: list[File]) -> str | None:
    """When it was handed in, if nbgrader's timestamp.txt lies beside the notebook and says something."""
    for file in files:
        if file.path == notebook.path.with_name("timestamp.txt") and not file.link and file.size < 100:
            text = file.read().decode(errors="replace").strip()
            try:
                return str(parse_utc(text)) if text else None
            except (ValueError, OverflowError):
                return None
    return None


def _names(files: list[File]) -> list[str]:
    return [file.path.name[:80] for file in files[:5]]
