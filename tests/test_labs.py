"""The gate of every lab, under plain nbgrader: the solution earns all points, wrong versions lose the right ones."""

from __future__ import annotations

from collections import defaultdict
from concurrent.futures import ProcessPoolExecutor
from multiprocessing import get_context
from pathlib import Path
from typing import NamedTuple

import nbformat
import pytest
from nbgrader.api import Gradebook

from tools import labs

TOPICS = sorted(path.parent.name for path in labs.ROOT.glob("solutions/*/variants.py"))


class Outcome(NamedTuple):
    """What grading one submission gave: the share of each test's points, and the mistake that was named."""

    scores: dict[str, float]
    mistakes: dict[str, str]


def submissions(topic: str) -> dict[str, dict[str, str]]:
    """Name of each submission of the gate, and its answers: the k-th variant of every task make one."""
    solved, variants = labs.solutions(topic), labs.load_variants(topic)
    made = defaultdict(dict, {"solution": solved, "release": {}})
    for task in solved:
        for k, wrong in enumerate(variants.wrong[task]):
            made[f"wrong{k}"][task] = wrong.source
        for k, right in enumerate(variants.right[task]):
            made[f"right{k}"][task] = right
    return {name: answers if name == "release" else solved | answers for name, answers in made.items()}


def grade(folder: Path, topic: str, answers: dict[str, dict[str, str]]) -> dict[str, Outcome]:
    """Releases the lab into a class of its own, hands these submissions in and autogrades them."""
    labs.release(topic, folder, folder / "labs")
    for student, cells in answers.items():
        path = folder / "submitted" / student / topic / f"{topic}.ipynb"
        path.parent.mkdir(parents=True)
        nbformat.write(labs.submission(topic, cells, folder / "labs"), path)
    api = labs.nbgrader(folder, folder / "labs")
    for student in answers:
        result = api.autograde(topic, student)
        assert result["success"], result["log"]
    return {student: outcome(folder, topic, student) for student in answers}


def outcome(folder: Path, topic: str, student: str) -> Outcome:
    with Gradebook(f"sqlite:///{folder}/gradebook.db") as book:
        grades = book.find_submission_notebook(topic, topic, student).grades
        scores = {grade.name: grade.score / grade.max_score for grade in grades}
    notebook = nbformat.read(folder / "autograded" / student / topic / f"{topic}.ipynb", as_version=4)
    errors = {
        grade_id: output.evalue.splitlines()[0]
        for grade_id, cell in labs.cells(notebook, "grade").items()
        for output in cell.outputs
        if output.output_type == "error" and output.ename == "Mistake"
    }
    return Outcome(scores, errors)


@pytest.fixture(scope="module", params=TOPICS)
def graded(request, tmp_path_factory):
    """All the gate's submissions of one lab, graded by two processes, each with a class of its own."""
    topic, answers = request.param, submissions(request.param)
    halves = [dict(list(answers.items())[start::2]) for start in (0, 1)]
    with ProcessPoolExecutor(2, mp_context=get_context("spawn")) as pool:
        folders = [tmp_path_factory.mktemp(topic) for _ in halves]
        parts = list(pool.map(grade, folders, [topic] * 2, halves))
    return topic, parts[0] | parts[1]


def test_the_solution_earns_every_point(graded):
    topic, outcomes = graded
    assert set(outcomes["solution"].scores.values()) == {1.0}, outcomes["solution"]


def test_the_release_earns_nothing(graded):
    topic, outcomes = graded
    assert set(outcomes["release"].scores.values()) == {0.0}, outcomes["release"].scores


def test_every_wrong_version_is_caught_and_named(graded):
    topic, outcomes = graded
    for task, versions in labs.load_variants(topic).wrong.items():
        for k, wrong in enumerate(versions):
            scores, mistakes = outcomes[f"wrong{k}"]
            assert scores[wrong.loses] < 1, f"{task}: {wrong.mistake!r} does not lose {wrong.loses}"
            assert mistakes.get(wrong.loses) == wrong.mistake, f"{task}: {wrong.mistake!r} is not named: {mistakes}"


def test_no_right_version_loses_a_point(graded):
    topic, outcomes = graded
    for name, (scores, mistakes) in outcomes.items():
        if name.startswith("right"):
            assert set(scores.values()) == {1.0}, (name, scores, mistakes)
