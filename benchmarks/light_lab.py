"""A light lab: ten small tasks in torch with a test each, and a class that hands it in."""

from __future__ import annotations

from pathlib import Path

import nbformat
from nbformat.v4 import new_code_cell, new_notebook

NAME = "light"
TASKS = {
    "relu": ("def relu(x):\n    return x.clamp(min=0)", "torch.equal(relu(X), torch.relu(X))"),
    "softmax": (
        "def softmax(x):\n    e = (x - x.max()).exp()\n    return e / e.sum()",
        "close(softmax(X), X.softmax(0))",
    ),
    "mean": ("def mean(x):\n    return x.sum() / len(x)", "close(mean(X), X.mean())"),
    "center": ("def center(x):\n    return x - x.mean()", "close(center(X), X - X.mean())"),
    "scale": ("def scale(x):\n    return x / x.norm()", "close(scale(X).norm(), torch.tensor(1.0))"),
    "square": ("def square(x):\n    return x * x", "close(gradient(square), 2 * X)"),
    "step": ("def step(w, g, lr):\n    return w - lr * g", "close(step(X, X, 0.5), X / 2)"),
    "mix": ("def mix(a, b, t):\n    return t * a + (1 - t) * b", "close(mix(X, -X, 0.75), X / 2)"),
    "layer": ("layer = torch.nn.Linear(5, 2)", "layer(X).shape == (2,)"),
    "count": ("def count(m):\n    return sum(p.numel() for p in m.parameters())", "count(torch.nn.Linear(5, 2)) == 12"),
}
GIVEN = """import torch
X = torch.tensor([-2.0, -1.0, 0.0, 1.0, 2.0])
def close(a, b):
    return torch.allclose(a, b, atol=1e-6)
def gradient(f):
    x = X.clone().requires_grad_()
    f(x).sum().backward()
    return x.grad"""
CONFIG = """
c = get_config()
c.CourseDirectory.root = {root!r}
c.CourseDirectory.course_id = "bench"
"""


def source() -> nbformat.NotebookNode:
    """The instructor's notebook."""
    cells = [_cell(GIVEN, "given", locked=True)]
    for name, (answer, test) in TASKS.items():
        cells.append(_cell(f"### BEGIN SOLUTION\n{answer}\n### END SOLUTION", name, solution=True))
        cells.append(_cell(f"assert {test}", f"{name}-test", grade=True, locked=True, points=1))
    kernel = {"name": "python3", "display_name": "Python 3", "language": "python"}
    return new_notebook(cells=cells, metadata={"kernelspec": kernel})


def _cell(text: str, name: str, **flags: object) -> nbformat.NotebookNode:
    tag = {"schema_version": 3, "grade_id": name, "task": False, "grade": False, "solution": False, "locked": False}
    return new_code_cell(text, id=name, metadata={"nbgrader": tag | flags})


def write(folder: Path, students: int, plugged: bool) -> Path:
    """A course with the lab and its submissions, half of them with one task left out."""
    place = folder / "source" / NAME / f"{NAME}.ipynb"
    place.parent.mkdir(parents=True)
    nbformat.write(source(), place)
    config = CONFIG.format(root=str(folder))
    config += "import nbjudge.plugin\nnbjudge.plugin.configure(c)\n" if plugged else ""
    (folder / "nbgrader_config.py").write_text(config)
    for number in range(students):
        submission = folder / "submitted" / f"student-{number:04}" / NAME / f"{NAME}.ipynb"
        submission.parent.mkdir(parents=True)
        nbformat.write(answered(number), submission)
    return folder


def answered(number: int) -> nbformat.NotebookNode:
    notebook = source()
    missing = list(TASKS)[number // 2 % len(TASKS)] if number % 2 else ""
    for cell in notebook.cells:
        if cell.metadata.nbgrader.solution:
            text = f"# by student {number}\n{TASKS[cell.id][0]}"
            cell.source = "raise NotImplementedError" if cell.id == missing else text
    return notebook
