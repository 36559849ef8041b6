"""The tiny course as fixtures: fresh, graded once for the session, and as a copy that a test may change."""

from __future__ import annotations

import os
import shutil
from pathlib import Path

import pytest
from filelock import FileLock
from tiny import Tiny, hand_in_all


@pytest.fixture(scope="session")
def shared(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder that the processes of a parallel run have in common."""
    base = tmp_path_factory.getbasetemp()
    return base.parent if os.environ.get("PYTEST_XDIST_WORKER") else base


@pytest.fixture(scope="session")
def built(shared: Path) -> Tiny:
    with FileLock(shared / "built.lock"):
        return Tiny(shared / "built") if (shared / "built").exists() else Tiny(shared / "built").build()


@pytest.fixture(scope="session")
def graded_class(built: Tiny, shared: Path) -> Tiny:
    """Every kind of submission, graded once; tests that change something copy it."""
    with FileLock(shared / "graded.lock"):
        if (shared / "graded").exists():
            return Tiny(shared / "graded")
        tiny = copy(built, shared / "graded")
        hand_in_all(tiny)
        printed = tiny.done("grade", "sums", "--from", "incoming", "--jobs", "2", "--limit", "60")
        (tiny.folder / "printed").write_text(printed)
        return tiny


@pytest.fixture
def tiny(built: Tiny, tmp_path: Path) -> Tiny:
    """The course before anybody handed anything in."""
    return copy(built, tmp_path)


@pytest.fixture
def copied(graded_class: Tiny, tmp_path: Path) -> Tiny:
    """The graded class in a folder of the test's own."""
    return copy(graded_class, tmp_path)


def copy(tiny: Tiny, folder: Path) -> Tiny:
    shutil.copytree(tiny.folder, folder, dirs_exist_ok=True, symlinks=True)
    return Tiny(folder)
