"""The house rules that a machine can hold: arrows, pins, versions, words that must not appear."""

from __future__ import annotations

import ast
import re
import subprocess
import tomllib
from pathlib import Path

import pytest

import trainwell

ROOT = Path(__file__).parents[1]
SHARED = {"data", "training", "scores", "plots", "widgets", "checks"}  # and what begins with an underscore


def tracked(*patterns: str) -> list[Path]:
    listed = subprocess.run(["git", "ls-files", *patterns], cwd=ROOT, capture_output=True, text=True, check=True)
    return [ROOT / name for name in listed.stdout.split()]


def imports(path: Path) -> set[str]:
    """The absolute names that a file imports, relative ones resolved."""
    package = path.relative_to(ROOT / "src").with_suffix("").parts[:-1]
    names = set()
    for node in ast.walk(ast.parse(path.read_text())):
        if isinstance(node, ast.Import):
            names |= {alias.name for alias in node.names}
        elif isinstance(node, ast.ImportFrom):
            base = ".".join([*package[: len(package) - node.level + 1], *filter(None, [node.module])])
            base = base if node.level else str(node.module)
            names |= {f"{base}.{alias.name}" for alias in node.names}
    return names


def topic_of(name: str) -> str:
    """`regularization` for `trainwell.regularization.dropout`."""
    return name.split(".")[1] if "." in name else ""


@pytest.mark.parametrize("path", sorted((ROOT / "src").rglob("*.py")), ids=lambda p: str(p.relative_to(ROOT / "src")))
def test_imports_point_one_way(path):
    package, *rest = path.relative_to(ROOT / "src").with_suffix("").parts
    for name in imports(path):
        other = name.split(".")[0]
        assert {package, other} != {"trainwell", "nbjudge"}, f"{path} imports {name}"
        if package == other == "trainwell":
            mine, theirs = rest[0], topic_of(name)
            assert theirs in SHARED | {mine} or theirs.startswith("_"), f"the topic {mine} imports the topic {theirs}"


@pytest.mark.parametrize("path", sorted((ROOT / "src").rglob("*.py")), ids=lambda p: str(p.relative_to(ROOT / "src")))
def test_files_are_short_enough_to_quote(path):
    assert len(path.read_text().splitlines()) <= 260, "make it a folder of the same name"


def test_the_arrow_test_sees_relative_imports():
    assert "trainwell.scores.accuracy" in imports(ROOT / "src/trainwell/training/evaluation.py")


def test_requirements_pin_everything_that_the_extras_ask_for():
    pins = [line for line in (ROOT / "requirements.txt").read_text().splitlines() if line and line[0] != "#"]
    assert all(re.fullmatch(r"[\w.-]+==[\w.!]+", line) for line in pins), "one exact version a line"
    pinned = {re.split("==", line)[0].lower().replace("_", "-") for line in pins}
    project = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
    wanted = sum(project["optional-dependencies"].values(), project["dependencies"])
    assert {re.split(r"[\[<>=;]", name)[0] for name in wanted} <= pinned


def test_one_version_everywhere():
    assert f"\nversion: {trainwell.__version__}\n" in (ROOT / "CITATION.cff").read_text()
    assert f"## {trainwell.__version__} " in (ROOT / "CHANGELOG.md").read_text()


def test_ci_runs_what_the_readme_tells_everybody_to_run():
    commands = [line for line in (ROOT / ".ci/run").read_text().splitlines() if line.startswith("make")]
    assert commands == ["make test"]
    assert "make test" in (ROOT / "README.md").read_text()


def test_no_registry_is_named():
    hosts = ["pypi" + ".org", "registry" + ".npmjs", "deb" + ".debian", "files.python" + "hosted"]
    for path in tracked("*.py", "*.md", "*.toml", "*.yml", "*.json", "*.txt", "Makefile", ".github", ".ci"):
        text = path.read_text()
        assert not [host for host in hosts if host in text], path


def test_the_notebooks_and_pages_that_are_generated_stay_out_of_git():
    assert not [p for p in tracked("*.ipynb") if not re.fullmatch(r"labs/(\w+)/\1\.ipynb", str(p.relative_to(ROOT)))]
    assert not tracked("build", "classes", "dist", "node_modules")
