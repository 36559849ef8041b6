"""The public bundle: site, student notebooks and wheel in dist/, `python -m tools.release`.

Before anybody gets it, every file is read, those inside the wheel too, for what students must not see: solutions,
hidden tests, outputs, compiled files. One find and the bundle is taken away again.
"""

from __future__ import annotations

import html
import io
import re
import shutil
import subprocess
import sys
import zipfile
from collections.abc import Iterator
from pathlib import Path, PurePosixPath

from nbjudge.notebooks import UnreadableError, read
from tools import labs

SITE = labs.ROOT / "build/book/html"
DIST = labs.ROOT / "dist"
NOT_PUBLIC = {"solutions", "submitted", "autograded", "feedback", "verdicts", "nbjudge", "tests", "__pycache__"}
COMPILED = {".pyc", ".pyo", ".so", ".pyd", ".dll", ".dylib", ".doctree", ".pickle", ".db"}
MARKED = re.compile(r"### BEGIN (?:SOLUTION|HIDDEN TESTS)\n(.*?)### END ", re.DOTALL)
TELLING = 40  # characters: the library may well hold a shorter piece of a solution


def bundle(dist: Path = DIST, site: Path = SITE, released: Path = labs.LABS) -> None:
    """Put the three parts together, from nothing."""
    shutil.rmtree(dist, ignore_errors=True)
    shutil.copytree(site, dist / "site")
    shutil.copytree(released, dist / "labs")
    wheels = str(dist / "site")  # where the labs' and the pages' first cell looks for it
    command = [sys.executable, "-m", "pip", "wheel", "--quiet", "--no-deps", "--wheel-dir", wheels, str(labs.ROOT)]
    subprocess.run(command, check=True)


def secrets() -> dict[str, str]:
    """What must stand nowhere, as `_squeeze` leaves it, and what it is: the marks of solutions and tests, and both."""
    found = {_squeeze(f"### BEGIN {marked}"): f"marked as {marked.lower()}" for marked in ("SOLUTION", "HIDDEN TESTS")}
    for variants in sorted(labs.ROOT.glob("solutions/*/variants.py")):
        notebook = labs.read(variants.parent.name)
        for name, cell in (labs.cells(notebook, "solution") | labs.cells(notebook, "grade")).items():
            pieces = [_squeeze(text) for text in MARKED.findall(cell.source)]
            found |= {piece: f"the solution or hidden test of {name}" for piece in pieces if len(piece) >= TELLING}
    return found


def leaks(folder: Path) -> list[str]:
    """Every reason not to publish the folder, in words."""
    forbidden = secrets()
    return [f"{path}: {reason}" for path, content in _files(folder) for reason in _reasons(path, content, forbidden)]


def _files(folder: Path) -> Iterator[tuple[PurePosixPath, bytes]]:
    """All files, and those inside wheels and zips."""
    for path in sorted(folder.rglob("*")):
        if not path.is_file():
            continue
        name, content = PurePosixPath(path.relative_to(folder)), path.read_bytes()
        yield name, content
        if path.suffix in {".whl", ".zip"}:
            with zipfile.ZipFile(io.BytesIO(content)) as archive:
                yield from ((name / entry, archive.read(entry)) for entry in archive.namelist() if entry[-1] != "/")


def _reasons(path: PurePosixPath, content: bytes, forbidden: dict[str, str]) -> Iterator[str]:
    if path.suffix in COMPILED:
        yield "a compiled file or a database"
    if private := NOT_PUBLIC.intersection(path.parts):
        yield f"from {', '.join(sorted(private))}"
    try:
        text = _text(path, content)
    except UnreadableError:
        yield "a notebook that does not open"
        return
    if path.suffix == ".ipynb" and any(
        cell.get("outputs") or cell.get("execution_count") for cell in read(content).cells
    ):
        yield "a notebook with outputs"
    text = _squeeze(text)
    yield from (what for secret, what in forbidden.items() if secret in text)


def _text(path: PurePosixPath, content: bytes) -> str:
    """What a person would read in it: a notebook's cells, a page without its tags."""
    if path.suffix == ".ipynb":
        return "\n".join(cell.source for cell in read(content).cells)
    text = content.decode(errors="ignore")
    return html.unescape(re.sub(r"<[^>]*>", "", text)) if path.suffix == ".html" else text


def _squeeze(text: str) -> str:
    """Without spaces and seeds, which differ from one offering to the next."""
    return re.sub(r"\s+|HIDDEN_SEED|\d{5,}", "", text)


def main() -> int:
    bundle()
    if found := leaks(DIST):
        shutil.rmtree(DIST)
        print("Not released:", *found, sep="\n  ", file=sys.stderr)
        return 1
    wheel = next(DIST.glob("site/*.whl"))
    print(f"site      {DIST / 'site/index.html'}", f"labs      {DIST / 'labs'}", f"wheel     {wheel}", sep="\n")
    return 0


if __name__ == "__main__":
    sys.exit(main())
