"""What a contestant may read: Python and its packages, what the course lists, and nothing of the class or home."""

from __future__ import annotations

import sys
import tempfile
from pathlib import Path
from types import ModuleType

import pytest
from boxes import StandIns, need

from nbjudge.box import paths
from nbjudge.box.paths import hidden, readable


def within(path: Path, opened: list[str]) -> bool:
    return any(path.is_relative_to(folder) for folder in opened)


@pytest.fixture
def course(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A class folder that lies, with packages beside it, on `sys.path`, as an editable install may."""
    for name in ("library/__init__.py", "tool.py", "solutions/answers.py", "data/numbers.csv"):
        (tmp_path / "course" / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / "course" / name).touch()
    monkeypatch.setattr(sys, "path", [*sys.path, str(tmp_path / "course")])
    for name in ("library/__init__.py", "tool.py"):
        module = ModuleType(name.split("/")[0].removesuffix(".py"))
        module.__file__ = str(tmp_path / "course" / name)
        monkeypatch.setitem(sys.modules, module.__name__, module)
    return tmp_path / "course"


def test_the_interpreter_and_its_packages() -> None:
    opened = readable([], [])
    assert within(Path(sys.executable), opened)
    assert within(Path(pytest.__file__), opened)
    assert within(Path(sys.base_prefix).resolve() / "lib", opened)
    assert not within(Path("/etc/shadow"), opened)
    assert not within(Path.home() / "notes", opened)


def test_of_a_private_folder_only_what_was_imported(course: Path) -> None:
    opened = readable([], [str(course)])
    assert within(course / "library/__init__.py", opened)
    assert within(course / "tool.py", opened)
    for path in ("solutions/answers.py", "data/numbers.csv", ""):
        assert not within(course / path, opened), path


def test_a_folder_that_holds_a_private_one_is_private(course: Path) -> None:
    assert not within(course / "data/numbers.csv", readable([], [str(course / "solutions")]))
    assert within(course / "data/numbers.csv", readable([], ["/somewhere/else"]))


def test_what_is_listed_is_opened(course: Path) -> None:
    opened = readable([str(course / "data")], [str(course)])
    assert within(course / "data/numbers.csv", opened)
    assert not within(course / "solutions/answers.py", opened)


@pytest.mark.parametrize("folder", ["/", "/tmp", "/tmp/../tmp", "/dev"])
def test_what_hides_the_scratch_is_refused(folder: str) -> None:
    with pytest.raises(ValueError, match=f"readable: a contestant has its own .* {folder} hides them"):
        readable([folder], [])


def test_links_are_opened_at_both_ends(tmp_path: Path) -> None:
    (tmp_path / "real").mkdir()
    (tmp_path / "link").symlink_to("real")
    assert {str(tmp_path / "real"), str(tmp_path / "link")} <= set(readable([str(tmp_path / "link")], []))


def test_parents_come_first_and_cover_their_children() -> None:
    opened = readable([sys.prefix, str(Path(sys.prefix) / "lib")], [])
    assert opened == sorted(opened)
    assert str(Path(sys.prefix) / "lib") not in opened


def test_what_is_listed_must_be_there() -> None:
    with pytest.raises(FileNotFoundError, match="readable: expected a file or a folder, there is none at /no/such"):
        readable(["/no/such"], [])


def test_a_private_folder_in_an_open_one_is_covered(course: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(paths, "_EXCHANGES", (str(course / "data"), "/no/such"))
    opened = [str(course), "/usr"]
    private = [str(course / "solutions"), str(course.parent), "/etc"]
    monkeypatch.setattr(sys, "path", [])
    assert hidden(opened, [], private) == [str(course / "data"), str(course / "solutions")]
    assert hidden(opened, [str(course / "data")], private) == [str(course / "solutions")], "listed is not covered"
    assert hidden([str(course)], [], [str(Path(sys.prefix).parent)]) == [str(course / "data")], "nor what is needed"


@pytest.mark.parametrize("user", ["root", "nobody"])
def test_what_is_covered_is_empty(user: str, monkeypatch: pytest.MonkeyPatch) -> None:
    need(user, "namespaces")
    with tempfile.TemporaryDirectory(dir="/var/tmp") as folder:
        for name in ("data", "solutions"):
            Path(folder, name).mkdir()
            Path(folder, name, "file").touch()
        Path(folder).chmod(0o755)
        monkeypatch.chdir(Path(folder, "solutions"))
        with StandIns(user, readable=(Path(folder),)) as box:
            assert box.attempt(f"import os; answer = os.listdir('{folder}/data')") == ["file"]
            for attempt in (f"os.listdir('{folder}/solutions')", f"open('{folder}/solutions/file')"):
                assert str(box.attempt(f"import os; answer = {attempt}")).startswith("PermissionError")
        monkeypatch.undo()
