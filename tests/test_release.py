"""The public bundle is refused as soon as one file holds what students must not see, wherever it is hidden."""

from __future__ import annotations

import html
import zipfile
from pathlib import Path

import nbformat
import pytest

import trainwell
from tools import labs, release

TOPIC = "regularization"


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """A clean bundle: the release notebooks, a page, a wheel."""
    (tmp_path / "site").mkdir()
    (tmp_path / "site" / "index.html").write_text("<p>Welcome</p>")
    for path in labs.LABS.glob("*/*.ipynb"):
        copy = tmp_path / path.relative_to(labs.ROOT)
        copy.parent.mkdir(parents=True)
        copy.write_bytes(path.read_bytes())
    add_to_wheel(tmp_path, "trainwell/__init__.py", "")
    return tmp_path


def add_to_wheel(folder: Path, name: str, text: str) -> None:
    with zipfile.ZipFile(folder / "trainwell-1-py3-none-any.whl", "a") as archive:
        archive.writestr(name, text)


def source_cell(kind: str, marker: str) -> str:
    """A cell of the lab's source with something to hide in it."""
    return next(cell.source for cell in labs.cells(labs.read(TOPIC), kind).values() if marker in cell.source)


def without_marks(text: str) -> str:
    return "\n".join(line for line in text.splitlines() if "###" not in line)


SOLUTION = without_marks(source_cell("solution", "### BEGIN SOLUTION"))
HIDDEN = without_marks(source_cell("grade", "### BEGIN HIDDEN TESTS"))


def add_cell(folder: Path, cell: nbformat.NotebookNode) -> None:
    path = folder / "labs" / TOPIC / f"{TOPIC}.ipynb"
    notebook = nbformat.read(path, as_version=4)
    notebook.cells.append(cell)
    nbformat.write(notebook, path)


def coloured(code: str) -> str:
    """As a page shows code: each word in a tag of its own."""
    return "<pre>" + " ".join(f"<span>{html.escape(word)}</span>" for word in code.split(" ")) + "</pre>"


def with_output() -> nbformat.NotebookNode:
    return nbformat.v4.new_code_cell("1", outputs=[nbformat.v4.new_output("stream", text="1")])


def test_a_clean_bundle_passes(folder: Path) -> None:
    assert release.leaks(folder) == []


@pytest.mark.parametrize(
    ("plant", "reason"),
    [
        (lambda folder: add_cell(folder, nbformat.v4.new_code_cell(SOLUTION)), "solution or hidden test"),
        (lambda folder: add_cell(folder, nbformat.v4.new_markdown_cell(HIDDEN)), "solution or hidden test"),
        (lambda folder: add_cell(folder, nbformat.v4.new_code_cell("### BEGIN SOLUTION")), "marked as solution"),
        (lambda folder: add_cell(folder, with_output()), "outputs"),
        (lambda folder: (folder / "site/page.html").write_text(coloured(HIDDEN)), "solution or hidden test"),
        (lambda folder: (folder / "site/page.html").write_text(coloured(SOLUTION)), "solution or hidden test"),
        (lambda folder: (folder / "site/notes.txt").write_text(SOLUTION), "solution or hidden test"),
        (lambda folder: (folder / "site/module.pyc").write_bytes(b"\0"), "compiled"),
        (lambda folder: (folder / "labs/broken.ipynb").write_text("{"), "does not open"),
        (lambda folder: add_to_wheel(folder, "trainwell/x.py", SOLUTION), "solution or hidden test"),
        (lambda folder: add_to_wheel(folder, "nbjudge/__init__.py", ""), "from nbjudge"),
        (lambda folder: add_to_wheel(folder, "trainwell/x.so", ""), "compiled"),
    ],
)
def test_a_planted_leak_is_found(folder: Path, plant, reason: str) -> None:
    plant(folder)
    found = release.leaks(folder)
    assert found
    assert all(reason in line for line in found), found


def test_another_offerings_seeds_hide_nothing(folder: Path) -> None:
    (folder / "labs" / "leak.md").write_text(labs.ROOT.joinpath(f"solutions/{TOPIC}/{TOPIC}.md").read_text())
    assert any("hidden test" in line for line in release.leaks(folder))


def test_a_leaking_bundle_is_taken_away(folder: Path, monkeypatch: pytest.MonkeyPatch, capsys) -> None:
    (folder / "site/notes.txt").write_text(SOLUTION)
    monkeypatch.setattr(release, "DIST", folder)
    monkeypatch.setattr(release, "bundle", lambda: None)
    assert release.main() == 1
    assert not folder.exists()
    assert "Not released:" in capsys.readouterr().err


def test_the_bundle_is_made_of_site_labs_and_wheel(folder: Path, tmp_path_factory: pytest.TempPathFactory) -> None:
    dist = tmp_path_factory.mktemp("dist") / "dist"
    release.bundle(dist, folder / "site", labs.LABS)
    assert sorted(path.name for path in dist.iterdir()) == ["labs", "site"]
    assert (dist / f"site/trainwell-{trainwell.__version__}-py3-none-any.whl").is_file()  # where the first cells look
    assert release.leaks(dist) == []
