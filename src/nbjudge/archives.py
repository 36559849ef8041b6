"""The files of a folder or a zip, from strangers: nothing is unpacked, and nothing is read further than its cap."""

from __future__ import annotations

import io
import stat
import zipfile
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path, PurePosixPath

from nbjudge.course import CourseError
from nbjudge.reader import MAX_BYTES

MAX_FILES = 100_000
MAX_NESTED = 50_000_000  # bytes of a student's own zip
MAX_NESTED_FILES = 5_000
PACKED = {zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED}  # others may claim gigabytes for a dictionary
ENTRY = b"PK\x01\x02"  # before each name in a zip's list


class RefusedError(Exception):
    """A file that is not taken; the message says why."""


@dataclass(frozen=True)
class File:
    """A file of a student, not read yet. Its path is for display and for its name: nothing is opened by it."""

    path: PurePosixPath
    size: int
    link: bool
    source: zipfile.ZipFile | Path
    entry: zipfile.ZipInfo | None = None

    def read(self, most: int = MAX_BYTES) -> bytes:
        """Its content, one byte more than `most` if it is longer. Raises RefusedError for whatever prevents that."""
        if self.link:
            raise RefusedError("it is a link")
        try:
            return self._read(most + 1)
        except RefusedError:
            raise
        except Exception as error:  # zlib, zipfile and the file system have many kinds
            raise RefusedError("it is encrypted" if "encrypted" in str(error) else "it is damaged") from None

    def _read(self, most: int) -> bytes:
        if isinstance(self.source, Path):
            with self.source.open("rb") as stream:
                return stream.read(most)
        assert self.entry is not None
        if self.entry.compress_type not in PACKED:
            raise RefusedError("it is packed in an unusual way")
        with self.source.open(self.entry) as packed:
            return packed.read(most)


def in_folder(origin: Path) -> Iterator[File]:
    for path in sorted(origin.rglob("*")):  # does not follow links to folders
        link, inside = path.is_symlink(), PurePosixPath(path.relative_to(origin))
        if link or path.is_file():
            yield File(inside, 0 if link else path.stat().st_size, link, path)
        elif path.is_dir():
            yield File(inside / ".keep", 0, False, path)  # a student who handed in nothing counts too


def in_zip(archive: zipfile.ZipFile) -> Iterator[File]:
    for entry in archive.infolist():
        path = PurePosixPath(entry.filename.replace("\\", "/"))
        path = path / ".keep" if entry.is_dir() else path
        if path.parts and not path.is_absolute() and ".." not in path.parts:
            yield File(path, entry.file_size, stat.S_ISLNK(entry.external_attr >> 16), archive, entry)


def opened(origin: Path) -> zipfile.ZipFile:
    try:
        return zipfile.ZipFile(origin)
    except (OSError, zipfile.BadZipFile, NotImplementedError, ValueError) as error:
        raise CourseError(
            f"--from: expected a folder or a zip of submissions, got {origin} ({type(error).__name__})"
        ) from None


def nested(file: File) -> list[File]:
    """The files in a student's own zip. Raises RefusedError."""
    content = file.read(MAX_NESTED)
    if len(content) > MAX_NESTED:
        raise RefusedError(f"the zip is larger than {MAX_NESTED // 1_000_000} MB")
    if content.count(ENTRY) > MAX_NESTED_FILES:
        raise RefusedError(f"the zip holds more than {MAX_NESTED_FILES} files")
    try:
        return list(in_zip(zipfile.ZipFile(io.BytesIO(content))))
    except Exception as error:
        raise RefusedError(f"the zip cannot be opened: {type(error).__name__}") from None


def few(files: Iterator[File]) -> Iterator[File]:
    for count, file in enumerate(files):
        if count == MAX_FILES:
            raise CourseError(f"--from: more than {MAX_FILES} files")
        yield file


def junk(path: PurePosixPath) -> bool:
    """What systems add on their own; a `.keep` stands for the folder itself."""
    return any(part.startswith((".", "__MACOSX")) and part != ".keep" for part in path.parts)
