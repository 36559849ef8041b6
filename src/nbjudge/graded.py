"""The notebook as it is shown after grading: to an instructor in formgrader, to the student as feedback.

What the student wrote is shown as text, never as HTML that a page would run: both pages are opened by others.
"""

from __future__ import annotations

import re
from typing import Any

import nbformat
from nbformat import NotebookNode

from nbjudge.lab import Lab, is_test
from nbjudge.trial.hidden import visible_source
from nbjudge.trial.job import Trial

# A space takes its meaning from what opens a tag, a comment or a link to anything but a page or a picture.
ACTIVE = re.compile(
    r"<(?=[A-Za-z/!?])|\](?=\((?!\s*<?(?:https?://|attachment:|#)))|\](?=:(?!\s*<?https?://))|\\(?=href\b)"
)
PICTURES = ("image/png", "image/jpeg", "image/gif")
BASE64 = re.compile(r"[A-Za-z0-9+/=\s]*")
SHOWN = ("nbgrader", "deletable", "editable", "tags")  # of a cell's metadata


def graded(lab: Lab, aligned: NotebookNode, trial: Trial) -> NotebookNode:
    """The aligned notebook with the judge's outputs, without hidden tests, markup made harmless.

    Raises `ValueError` if the trial is not one of this notebook.
    """
    lab.check(trial, aligned)
    cells = [_cell(lab, cell) for cell in aligned.cells]
    for cell, verdict in zip(cells, trial.cells, strict=True):
        if cell.cell_type == "code":
            cell.outputs = [nbformat.from_dict(output) for output in verdict.outputs]
            cell.execution_count = verdict.execution_count
    metadata = NotebookNode(_known(lab.source.metadata) | {"nbjudge": NotebookNode(judged=True)})
    return NotebookNode(nbformat=4, nbformat_minor=5, metadata=metadata, cells=cells)


def without_hidden(cell: NotebookNode, delimiters: tuple[str, str]) -> NotebookNode:
    """The cell with the text that the release shows."""
    return NotebookNode(cell | {"source": visible_source(cell.source, delimiters)}) if is_test(cell) else cell


def _cell(lab: Lab, cell: NotebookNode) -> NotebookNode:
    cell = without_hidden(cell, lab.settings.delimiters)
    metadata = NotebookNode({name: cell.metadata[name] for name in SHOWN if name in cell.metadata})
    cell = NotebookNode(cell | {"metadata": metadata})
    if cell.cell_type != "code" and _written(lab, cell):
        cell.source = ACTIVE.sub(r"\g<0> ", cell.source)
    if "attachments" in cell:
        cell.attachments = NotebookNode(
            {name: kept for name, of in cell.attachments.items() if (kept := _pictures(of))}
        )
    return cell


def _written(lab: Lab, cell: NotebookNode) -> bool:
    """Whether its text is the student's own."""
    tag = cell.metadata.get("nbgrader", {})
    return not tag or (bool(tag.get("solution")) and cell.source != lab.shown.get(tag["grade_id"]))


def _pictures(bundle: dict[str, Any]) -> NotebookNode:
    return NotebookNode(
        {kind: data for kind, data in bundle.items() if kind in PICTURES and BASE64.fullmatch(str(data))}
    )


def _known(metadata: NotebookNode) -> dict[str, Any]:
    """Of the notebook's metadata, what nbgrader, nbconvert and the course read."""
    return {name: value for name, value in metadata.items() if name not in ("widgets", "nbjudge")}
