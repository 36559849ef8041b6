"""Tests run in a fork: all of a file, noting which lines each one reaches, or some of them against a mutant."""

from __future__ import annotations

import ast
import hashlib
import json
import math
import os
import sys
from collections import defaultdict
from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path
from typing import Any, NamedTuple

import coverage
import pytest

from tools.mutants.forks import imported

OPTIONS = ["-q", "--tb=short", "-m", "not slow", "-p", "no:cacheprovider"]
IMPORT = "import"  # the context of lines that run while a file of tests is imported
PASSED = "passed"


class Project(NamedTuple):
    """A package below `src` and its tests below `tests`."""

    root: Path
    package: str
    heavy: tuple[str, ...] = ()  # modules that are imported late and take long

    @property
    def src(self) -> Path:
        return self.root / "src"

    @property
    def scratch(self) -> Path:
        return self.root / "build/mutants"

    def sources(self) -> dict[str, str]:
        files = sorted((self.src / self.package).rglob("*.py"))
        return {str(file.relative_to(self.src)): file.read_text() for file in files}

    def test_files(self) -> list[str]:
        """The files of tests that import the package, by themselves or through what they import from beside them."""
        files = {self._module(file): file for file in (self.root / "tests").rglob("*.py")}
        names = {module: {part for name in imported(file) for part in _parents(name)} for module, file in files.items()}
        reached = {self.package}
        while more := {module for module in files if names[module] & reached} - reached:
            reached |= more
        tests = (files[module] for module in reached - {self.package} if files[module].name.startswith("test_"))
        return sorted(str(file.relative_to(self.root)) for file in tests)

    def _module(self, file: Path) -> str:
        return ".".join(file.relative_to(self.root / "tests").with_suffix("").parts).removesuffix(".__init__")

    def foreign(self) -> list[str]:
        """The modules of others that the sources and the tests import."""
        files = [*(self.src / self.package).rglob("*.py"), *(self.root / "tests").rglob("*.py")]
        own = {file.stem for folder in (self.root, self.src, self.root / "tests") for file in folder.iterdir()}
        return sorted({name for file in files for name in imported(file) if name.split(".")[0] not in own})

    def helpers(self) -> list[str]:
        """What all tests rest on: conftest, registries and the like."""
        files = (self.root / "tests").rglob("*.py")
        return sorted(str(file.relative_to(self.root)) for file in files if not file.name.startswith("test_"))

    def digest(self, files: Iterable[str], *words: str) -> str:
        texts = [(self.root / file).read_text() if (self.root / file).exists() else "" for file in files]
        return hashlib.sha256("\0".join([*texts, *words]).encode()).hexdigest()[:16]


def _parents(name: str) -> set[str]:
    parts = name.split(".")
    return {".".join(parts[:n]) for n in range(1, len(parts) + 1)}


class Watch:
    """A pytest plugin that tells the lines of the tests apart and times them."""

    def __init__(self, measure: coverage.Coverage) -> None:
        self.measure, self.seconds = measure, dict[str, float]()
        self.failed, self.spawns = set[str](), False

    @pytest.hookimpl(hookwrapper=True)
    def pytest_runtest_protocol(self, item: pytest.Item) -> Iterator[None]:
        self.measure.switch_context(item.nodeid)
        start = os.times()
        yield
        user, system, *of_children = (now - then for now, then in zip(os.times()[:4], start[:4], strict=True))
        self.seconds[item.nodeid] = user + system + sum(of_children)
        self.spawns |= sum(of_children) > 0
        self.measure.switch_context(IMPORT)

    def pytest_runtest_logreport(self, report: pytest.TestReport) -> None:
        if report.failed:
            self.failed.add(report.nodeid)


def _refuse_programs(event: str, _: object) -> None:
    """Tests that start a program, which is slow and out of reach here, fail and are left out."""
    if event in {"subprocess.Popen", "os.exec", "os.posix_spawn"}:
        raise OSError("no programs are started while it is observed which lines a test reaches")


def observe(project: Project, file: str, tree: Path) -> str:
    """Runs a file of tests as it is; answers with each test's seconds and the lines that it reaches."""
    measure = coverage.Coverage(data_file=None, config_file=False, source=[str(tree / project.package)])
    watch = Watch(measure)
    sys.addaudithook(_refuse_programs)
    with measure.collect():
        measure.switch_context(IMPORT)
        pytest.main([*OPTIONS, f"--rootdir={project.root}", file], plugins=[watch])
    lines = dict[str, dict[str, list[int]]]()
    for source in measure.get_data().measured_files():
        reached = lines[str(Path(source).relative_to(tree))] = defaultdict(list)
        for line, tests in measure.get_data().contexts_by_lineno(source).items():
            for test in set(tests) - watch.failed:
                reached[test].append(line)
    seconds = {test: time for test, time in watch.seconds.items() if test not in watch.failed}
    spawning = [*seconds] if watch.spawns else []  # all of the file: they may share what the first one spawned
    return json.dumps({"seconds": seconds, "lines": lines, "failed": sorted(watch.failed), "spawning": spawning})


class Reach:
    """Which tests reach a line, from what was observed of every file of tests."""

    def __init__(self, observed: Iterable[dict[str, Any]]) -> None:
        self.seconds = dict[str, float]()
        self.lines: dict[str, dict[int, set[str]]] = defaultdict(lambda: defaultdict(set))
        self.importers: dict[str, set[str]] = defaultdict(set)
        self.spawning = set[str]()
        for one in observed:
            self.seconds |= one["seconds"]
            self.spawning |= set(one["spawning"])
            for source, reached in one["lines"].items():
                self.importers[source] |= one["seconds"].keys()
                for test in reached.keys() & {IMPORT, *one["seconds"]}:
                    for line in reached[test]:
                        self.lines[source][line].add(test)

    def tests(self, file: str, source: str, line: int) -> list[str]:
        """The tests that reach the line or else, as it runs at import only, what encloses it; the fastest first.

        A line that nothing reaches here may be reached in the processes that a test spawns.
        """
        elsewhere = set() if self.lines[file][line] else self.importers[file] & self.spawning
        for first, last in scopes(source, line):
            if found := self._within(file, first, last):
                return self._sorted(found | elsewhere | (self._beside(found) if last == math.inf else set()))
        return self._sorted(self.importers[file])

    def _within(self, file: str, first: float, last: float) -> set[str]:
        """The tests that reach these lines by more than an import: that may stand within a test, whichever is first."""
        lines = self.lines[file].items()
        return {test for at, tests in lines if first <= at <= last and IMPORT not in tests for test in tests}

    def _beside(self, tests: set[str]) -> set[str]:
        """All tests of the same files: one may look at a constant alone."""
        files = {test.partition("::")[0] for test in tests}
        return {test for test in self.seconds if test.partition("::")[0] in files}

    def _sorted(self, tests: set[str]) -> list[str]:
        return sorted(tests, key=lambda test: (self.seconds[test], test))


def scopes(source: str, line: int) -> Iterator[tuple[float, float]]:
    """The line, its function, its class, its file."""
    yield line, line
    definitions = ast.FunctionDef | ast.ClassDef
    nodes = [node for node in ast.walk(ast.parse(source)) if isinstance(node, definitions)]
    spans = [(min(part.lineno for part in (node, *node.decorator_list)), node.end_lineno or 0) for node in nodes]
    yield from sorted(((first, last) for first, last in spans if first <= line <= last), reverse=True)
    yield 0, math.inf


class Chosen:
    """A pytest plugin that runs these tests only, in this order, and keeps the name of the first that fails."""

    def __init__(self, tests: Sequence[str]) -> None:
        self.order, self.failed = {test: n for n, test in enumerate(tests)}, ""

    @pytest.hookimpl(trylast=True)
    def pytest_collection_modifyitems(self, items: list[pytest.Item]) -> None:
        known = [item for item in items if item.nodeid in self.order]  # none, if the mutant has changed their names
        items[:] = sorted(known, key=lambda item: self.order[item.nodeid]) or items

    def pytest_runtest_logreport(self, report: pytest.TestReport) -> None:
        if report.failed and not self.failed:
            self.failed = report.nodeid


def check(project: Project, tests: Sequence[str], tree: Path) -> str:
    """Runs the tests until one fails; answers with its name."""
    chosen = Chosen(tests)
    files = dict.fromkeys(test.partition("::")[0] for test in tests)
    status = pytest.main([*OPTIONS, "-x", f"--rootdir={project.root}", *files], plugins=[chosen])
    return PASSED if status == pytest.ExitCode.OK else chosen.failed or "the collection of the tests"
