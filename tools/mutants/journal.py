"""What earlier runs found, kept in build/mutants for as long as it holds."""

from __future__ import annotations

import json
from typing import Any

from tools.mutants.places import Mutant
from tools.mutants.runs import Project, Reach

KILLED, SURVIVED, LATE = "killed", "survived", "timed out"


class Observations:
    """What each file of tests reaches; it holds while the file, its helpers and all that it reaches are the same."""

    def __init__(self, project: Project) -> None:
        self.project, self.folder = project, project.scratch / "lines"
        self.folder.mkdir(parents=True, exist_ok=True)

    def get(self, file: str) -> dict[str, Any] | None:
        path = self.folder / f"{file.replace('/', '-')}.json"
        one = json.loads(path.read_text()) if path.exists() else None
        return one if one and one["state"] == self._state(file, one) else None

    def put(self, file: str, one: dict[str, Any]) -> None:
        path = self.folder / f"{file.replace('/', '-')}.json"
        path.write_text(json.dumps(one | {"state": self._state(file, one)}))

    def _state(self, file: str, one: dict[str, Any]) -> str:
        return self.project.digest([file, *self.project.helpers(), *(f"src/{source}" for source in one["lines"])])


class Journal:
    """The mutants' results: a killed one holds while its file is the same, any other while its tests are too."""

    def __init__(self, project: Project, sources: dict[str, str], reach: Reach) -> None:
        self.project, self.sources, self.reach = project, sources, reach
        self.path = project.scratch / "journal.jsonl"
        lines = self.path.read_text().splitlines() if self.path.exists() else []
        self.results = {Mutant(*result["mutant"]): result for result in map(json.loads, lines)}

    def tests(self, mutant: Mutant) -> list[str]:
        """The tests that reach it, the fastest first."""
        return self.reach.tests(mutant.file, self.sources[mutant.file], mutant.line)

    def outcome(self, mutant: Mutant) -> str | None:
        """Killed, survived or timed out; None if that is to be found out."""
        result = self.results.get(mutant)
        if result is None or result["source"] != self._source(mutant):
            return None
        holds = result["outcome"] == KILLED or result["tests"] == self._tests(mutant)
        return str(result["outcome"]) if holds else None

    def add(self, mutant: Mutant, outcome: str, by: str = "") -> None:
        states = {"source": self._source(mutant), "tests": self._tests(mutant)}
        self.results[mutant] = {"mutant": mutant, "outcome": outcome, "by": by, **states}
        with self.path.open("a") as file:
            file.write(json.dumps(self.results[mutant]) + "\n")

    def _source(self, mutant: Mutant) -> str:
        return self.project.digest([f"src/{mutant.file}"])

    def _tests(self, mutant: Mutant) -> str:
        tests = sorted(self.tests(mutant))
        files = sorted({test.partition("::")[0] for test in tests})
        return self.project.digest([*files, *self.project.helpers()], *tests)
