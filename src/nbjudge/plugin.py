"""The judge in the place of nbgrader's own execution. In nbgrader_config.py:

    import nbjudge.plugin
    nbjudge.plugin.configure(c)

Then `nbgrader autograde`, formgrader's button and `NbGraderAPI.autograde` have submissions judged, one after another;
`nbjudge grade` does the same for a class, several at once.
"""

from __future__ import annotations

import shutil
from functools import partial
from pathlib import Path
from typing import Any

from nbconvert.preprocessors import CSSHTMLHeaderPreprocessor
from nbformat import NotebookNode
from nbgrader.api import Gradebook
from nbgrader.converters import Autograde
from nbgrader.converters.base import BaseConverter
from nbgrader.coursedir import CourseDirectory
from nbgrader.preprocessors import (
    AssignLatePenalties,
    CheckCellMetadata,
    ClearOutput,
    DeduplicateIds,
    GetGrades,
    LimitOutput,
    NbGraderPreprocessor,
    OverwriteCells,
    OverwriteKernelspec,
)
from traitlets.config import Config

from nbjudge import judging, notebooks
from nbjudge.course import Course
from nbjudge.feedback import use_template
from nbjudge.graded import graded, without_hidden
from nbjudge.lab import CHANGED, Lab, changed, is_test
from nbjudge.record import save
from nbjudge.rehearsal import UNPASSED, rehearse
from nbjudge.settings import Settings
from nbjudge.trial.hidden import hidden_lines
from nbjudge.trial.job import Trial

Resources = dict[str, Any]


def configure(config: Config) -> None:
    """Put the judge into an nbgrader configuration: everything that nbgrader does with it then goes through a judge."""
    config.Autograde.sanitize_preprocessors = [
        Align,
        ClearOutput,
        DeduplicateIds,
        OverwriteKernelspec,
        OverwriteCells,
        CheckCellMetadata,
    ]
    config.Autograde.autograde_preprocessors = [
        Judge,
        LimitOutput,
        SaveMarks,
        AssignLatePenalties,
        CheckCellMetadata,
    ]
    config.GenerateFeedback.preprocessors = [HideTests, GetGrades, CSSHTMLHeaderPreprocessor]
    use_template(config)
    BaseConverter.init_assignment = _init_assignment


class Align(NbGraderPreprocessor):
    """Reads the submission again, strictly, and puts its cells into the lab's skeleton."""

    def preprocess(self, notebook: NotebookNode, resources: Resources) -> tuple[NotebookNode, Resources]:
        place = Path(resources["metadata"]["path"], f"{resources['metadata']['name']}.ipynb")
        if place.is_symlink():
            raise ValueError(f"{place} is a link: a submission is a file")
        aligned, matches = _lab(self, resources).aligned(notebooks.read(place))
        for match in matches:
            self.log.warning("cell %s: %s", match.cell, match.how)
        return aligned, resources


class Judge(NbGraderPreprocessor):
    """Has the aligned notebook judged; its outputs come from there, and the marks stay out of the notebook."""

    def preprocess(self, notebook: NotebookNode, resources: Resources) -> tuple[NotebookNode, Resources]:
        lab = _lab(self, resources)
        setup = lab.setup()
        judge = partial(judging.judge, setup)
        self._warn(lab, rehearse(lab, setup.limits, judge, _course(self).rehearsal(lab.assignment, lab.notebook)))
        trial = Trial.unpack(judge(lab.job(notebook, setup.limits).pack()).trial)
        for remark in trial.remarks:
            self.log.warning("%s: %s", *remark)
        resources["nbjudge"] = {"scores": trial.scores}
        return graded(lab, notebook, trial), resources

    def _warn(self, lab: Lab, unpassed: list[str]) -> None:
        """Of what concerns all submissions, in the words of `nbjudge grade`."""
        for said, cells in ((UNPASSED, unpassed), (CHANGED, changed(_course(self), lab.assignment, lab.notebook))):
            if cells:
                self.log.warning(said.format(", ".join(cells), lab.assignment))


class SaveMarks(NbGraderPreprocessor):
    """Writes the judge's numbers into the gradebook; nothing in a cell's outputs has a say in them."""

    def preprocess(self, notebook: NotebookNode, resources: Resources) -> tuple[NotebookNode, Resources]:
        names = resources["nbgrader"]
        with Gradebook(names["db_url"]) as gradebook:
            rows = gradebook.find_submission_notebook(names["notebook"], names["assignment"], names["student"])
            save(rows, notebook, resources["nbjudge"]["scores"])
            gradebook.db.commit()
        return notebook, resources


class HideTests(NbGraderPreprocessor):
    """Leaves out of feedback what the release does not show of the tests, if stock nbgrader graded them."""

    def preprocess(self, notebook: NotebookNode, resources: Resources) -> tuple[NotebookNode, Resources]:
        delimiters = Settings.of(self.config).delimiters
        if not notebook.metadata.get("nbjudge", {}).get("judged"):
            notebook.cells = [_without_hidden_outputs(cell, delimiters) for cell in notebook.cells]
        notebook.cells = [without_hidden(cell, delimiters) for cell in notebook.cells]
        return notebook, resources


def _without_hidden_outputs(cell: NotebookNode, delimiters: tuple[str, str]) -> NotebookNode:
    """Of a test that has hidden lines, what stock nbgrader ran shows them: its prints and its traceback."""
    hidden = is_test(cell) and hidden_lines(cell.source, delimiters)
    return NotebookNode(cell | {"outputs": []}) if hidden else cell


def _lab(preprocessor: NbGraderPreprocessor, resources: Resources) -> Lab:
    names = resources["nbgrader"]
    return Lab.load(_course(preprocessor), names["assignment"], names["notebook"])


def _course(preprocessor: NbGraderPreprocessor) -> Course:
    directory: CourseDirectory = preprocessor.parent.parent.coursedir  # the exporter's converter has it
    return Course(preprocessor.config, directory)


_stock_init_assignment = BaseConverter.init_assignment


def _init_assignment(converter: BaseConverter, assignment: str, student: str) -> None:
    """nbgrader copies all that lies beside a submission, to where links lead, too; of a submission we take its time."""
    if not isinstance(converter, Autograde):
        _stock_init_assignment(converter, assignment, student)
        return
    theirs, ours = (
        Path(folder(assignment, student), "timestamp.txt")
        for folder in (converter._format_source, converter._format_dest)
    )
    if theirs.is_file() and not theirs.is_symlink():
        ours.parent.mkdir(parents=True, exist_ok=True)
        shutil.copyfile(theirs, ours)
