"""The labs where Colab would run them: the newest of everything, and the wheel installed without dependencies."""

from __future__ import annotations

import re
import subprocess
import sys
from pathlib import Path

import nbformat
import pytest

from tools import labs

TOPICS = sorted(path.parent.name for path in labs.ROOT.glob("solutions/*/variants.py"))
COLAB_HAS = ["ipykernel", "ipywidgets", "matplotlib", "nbclient", "numpy", "scikit-learn", "tqdm"]
PINNED = re.search(r"^torch==.*$", (labs.ROOT / "requirements.txt").read_text(), re.MULTILINE)[0]
RUN = """
import resource, sys
import nbformat
from nbclient import NotebookClient

source, target, stop_at_errors = sys.argv[1:]
notebook = nbformat.read(source, as_version=4)
NotebookClient(notebook, timeout=120, allow_errors=stop_at_errors == "no", skip_cells_with_tag="").execute()
nbformat.write(notebook, target)
used = resource.getrusage(resource.RUSAGE_CHILDREN)
print(used.ru_utime + used.ru_stime)
"""


def call(*command: str | Path) -> str:
    done = subprocess.run([str(part) for part in command], capture_output=True, text=True)
    assert done.returncode == 0, f"{done.stdout[-2000:]}\n{done.stderr[-4000:]}"
    return done.stdout


@pytest.fixture(
    scope="module",
    params=[
        pytest.param([PINNED], id="our torch"),
        pytest.param(["torch", "torchvision"], id="newest", marks=pytest.mark.slow),
    ],
)
def python(request, tmp_path_factory):
    """The interpreter of a new environment with the wheel in it."""
    folder = tmp_path_factory.mktemp("fresh")
    call(sys.executable, "-m", "pip", "wheel", "--quiet", "--no-deps", "--wheel-dir", folder, labs.ROOT)
    call(sys.executable, "-m", "venv", folder / "venv")
    python = folder / "venv/bin/python"
    call(python, "-m", "pip", "install", "--quiet", "--no-compile", *request.param, *COLAB_HAS)
    call(python, "-m", "pip", "install", "--quiet", "--no-deps", next(folder.glob("*.whl")))
    return python


def execute(python: Path, notebook: Path, stop_at_errors: bool) -> tuple[nbformat.NotebookNode, float]:
    """Runs a notebook from top to bottom; returns it, and the seconds of CPU it took."""
    target = notebook.with_suffix(".run.ipynb")
    printed = call(python, "-c", RUN, notebook, target, "yes" if stop_at_errors else "no")
    return nbformat.read(target, as_version=4), float(printed.split()[-1])


@pytest.mark.parametrize("topic", TOPICS)
def test_the_solution_runs_from_top_to_bottom(python, topic, tmp_path):
    path = tmp_path / f"{topic}.ipynb"
    nbformat.write(labs.read(topic), path)
    notebook, seconds = execute(python, path, stop_at_errors=True)
    outputs = [output for cell in notebook.cells for output in cell.get("outputs", [])]
    assert not [output for output in outputs if output.get("name") == "stderr"], "a warning costs marks in nbgrader"
    assert "left out" not in "".join(output.get("text", "") for output in outputs), "the closing run uses every task"
    assert any("image/png" in output.get("data", {}) for output in outputs)
    assert seconds < 60


@pytest.mark.parametrize("topic", TOPICS)
def test_the_release_opens_and_asks_for_answers(python, topic, tmp_path):
    path = tmp_path / f"{topic}.ipynb"
    path.write_bytes((labs.LABS / topic / path.name).read_bytes())
    notebook, _ = execute(python, path, stop_at_errors=False)
    failed = {cell.id for cell in notebook.cells for output in cell.get("outputs", []) if output.output_type == "error"}
    assert failed == set(labs.cells(notebook, "grade"))
