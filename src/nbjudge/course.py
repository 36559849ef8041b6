"""The nbgrader course of the working directory: its folders, its gradebook, its settings.

A lab is an nbgrader assignment with one notebook of the same name. Everything nbgrader lets an instructor set
(`nbgrader_config.py`) is taken from there; this package's own settings stand in the same file (see settings).
"""

from __future__ import annotations

import os
import sys
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path

from nbjudge import quickly  # noqa: F401

# isort: split
from nbgrader.api import Gradebook, MissingEntry
from nbgrader.apps import NbGrader, NbGraderAPI
from nbgrader.coursedir import CourseDirectory
from traitlets.config import Config

from nbjudge.settings import CourseError, Settings

__all__ = ["Course", "CourseError", "find_tools"]


@dataclass(frozen=True)
class Course:
    """Folders and gradebook of one class."""

    config: Config
    directory: CourseDirectory

    @classmethod
    def here(cls) -> Course:
        """The course whose nbgrader_config.py lies in the working directory."""
        find_tools()
        app = NbGrader(log_level="ERROR")
        app.initialize([])
        directory = CourseDirectory(config=app.config)
        app.config.CourseDirectory.db_url = _patient(directory.db_url)
        return cls(app.config, CourseDirectory(config=app.config))

    @property
    def root(self) -> Path:
        return Path(self.directory.root)

    @cached_property
    def settings(self) -> Settings:
        return Settings.of(self.config)

    @property
    def version_key(self) -> str | None:
        return self.settings.version_key

    def path(self, step: str, student: str, lab: str) -> Path:
        """`<class>/<step>/<student>/<lab>`, or however nbgrader_config.py arranges it."""
        return Path(self.directory.format_path(step, student, lab))

    def source(self, lab: str) -> Path:
        return self.path(self.directory.source_directory, ".", lab) / f"{lab}.ipynb"

    def submitted(self, student: str, lab: str) -> Path:
        return self.path(self.directory.submitted_directory, student, lab) / f"{lab}.ipynb"

    def autograded(self, student: str, lab: str) -> Path:
        return self.path(self.directory.autograded_directory, student, lab) / f"{lab}.ipynb"

    def feedback(self, student: str, lab: str) -> Path:
        return self.path(self.directory.feedback_directory, student, lab) / f"{lab}.html"

    def verdict(self, student: str, lab: str) -> Path:
        return self.path("verdicts", student, lab) / "verdict.json"

    def rehearsal(self, lab: str, notebook: str | None = None) -> Path:
        """What came of the lab's own solution; nbgrader's own commands know labs of several notebooks."""
        return self.path("verdicts", ".", lab) / f"{notebook or lab}.json"

    def gradebook(self) -> Gradebook:
        return Gradebook(self.directory.db_url, self.directory.course_id or "default_course")

    def api(self) -> NbGraderAPI:
        return NbGraderAPI(config=self.config)

    def require(self, lab: str) -> None:
        """Complain unless the gradebook knows the lab."""
        with self.gradebook() as gradebook:
            try:
                gradebook.find_assignment(lab)
            except MissingEntry:
                known = ", ".join(assignment.name for assignment in gradebook.assignments) or "none"
                raise CourseError(
                    f"lab: the gradebook in {self.root} has no {lab!r} (it has: {known}); "
                    f"`nbgrader generate_assignment {lab}` enters it"
                ) from None


def _patient(url: str) -> str:
    """SQLite lets one process write at a time; the others wait for it instead of failing after five seconds."""
    return f"{url}?timeout=120" if url.startswith("sqlite:") and "?" not in url else url


def find_tools() -> None:
    """nbgrader calls `alembic` by its name; it lies beside the Python that runs us, on PATH or not."""
    beside = str(Path(sys.executable).parent)
    if beside not in os.environ.get("PATH", "").split(os.pathsep):
        os.environ["PATH"] = beside + os.pathsep + os.environ.get("PATH", "")
