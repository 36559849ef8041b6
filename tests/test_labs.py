"""The gate of every lab, under plain nbgrader: the solution earns all points, wrong versions lose the right ones."""

from __future__ import annotations

import re
import subprocess
import sys
from collections import defaultdict
from concurrent.futures import ProcessPoolExecutor
from multiprocessing import get_context
from pathlib import Path
from typing import NamedTuple

import nbformat
import pytest
from nbgrader.api import Gradebook

from tools import labs
from tools.lint_tests import bound, problems

TOPICS = sorted(path.parent.name for path in labs.ROOT.glob("solutions/*/variants.py"))


class Outcome(NamedTuple):
    """What grading one submission gave: each test's share of its points, the mistakes named, the notebook."""

    scores: dict[str, float]
    mistakes: dict[str, str]
    notebook: nbformat.NotebookNode


def submissions(topic: str) -> dict[str, dict[str, str]]:
    """Name of each submission of the gate, and its answers: the k-th version of every task make one."""
    solved, variants = labs.solutions(topic), labs.load_variants(topic)
    made = defaultdict(dict)
    for task in solved:
        for k, wrong in enumerate(variants.wrong[task]):
            made[f"wrong{k}"][task] = wrong.source
        for k, right in enumerate(variants.right[task]):
            made[f"right{k}"][task] = right
    return {"solution": solved, "release": {}} | {name: solved | answers for name, answers in made.items()}


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
    mistakes = {
        grade_id: output.evalue.splitlines()[0]
        for grade_id, cell in labs.cells(notebook, "grade").items()
        for output in cell.outputs
        if output.output_type == "error" and output.ename == "Mistake"
    }
    return Outcome(scores, mistakes, notebook)


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
    _, outcomes = graded
    assert set(outcomes["solution"].scores.values()) == {1.0}, outcomes["solution"].mistakes


def test_the_release_earns_nothing(graded):
    _, outcomes = graded
    assert set(outcomes["release"].scores.values()) == {0.0}, outcomes["release"].scores


def test_every_wrong_version_is_caught_and_named(graded):
    topic, outcomes = graded
    for versions in labs.load_variants(topic).wrong.values():
        for k, wrong in enumerate(versions):
            scores, mistakes, _ = outcomes[f"wrong{k}"]
            for test in wrong.tests:
                assert scores[test] < 1, f"{wrong.mistake!r} does not lose {test}"
                assert mistakes.get(test) == wrong.mistake, f"{test}: {wrong.mistake!r} is not named: {mistakes}"


def test_no_right_version_loses_a_point(graded):
    _, outcomes = graded
    for name, (scores, mistakes, _) in outcomes.items():
        if name.startswith("right"):
            assert set(scores.values()) == {1.0}, (name, scores, mistakes)


def test_the_closing_run_is_left_out_of_grading(graded):
    _, outcomes = graded
    code = [cell for cell in outcomes["solution"].notebook.cells if cell.cell_type == "code"]
    closing = [cell for cell in code if "skip-execution" in cell.metadata.get("tags", [])]
    assert closing
    assert all(cell.execution_count is None and not cell.outputs for cell in closing)
    assert all(cell.execution_count for cell in code if cell not in closing)


def test_the_table(graded):
    """Written to build/gate-<topic>.txt, and shown by `pytest -s`."""
    topic, outcomes = graded
    text = table(topic, outcomes)
    (labs.ROOT / "build").mkdir(exist_ok=True)
    (labs.ROOT / f"build/gate-{topic}.txt").write_text(text + "\n")
    print(f"\n{text}")
    assert text.splitlines()[-1].split()[-1] == "0"


def table(topic: str, outcomes: dict[str, Outcome]) -> str:
    """A line a task: its tests and points, its wrong versions killed and named, its right versions hurt."""
    variants, tests = labs.load_variants(topic), labs.cells(labs.read(topic), "grade")
    rows = []
    for task, versions in variants.wrong.items():
        mine = [name for name in tests if labs.task_of(name) == task]
        wrong = [(outcomes[f"wrong{k}"], version) for k, version in enumerate(versions)]
        right = [outcomes[f"right{k}"].scores for k in range(len(variants.right[task]))]
        killed = sum(all(result.scores[test] < 1 for test in version.tests) for result, version in wrong)
        named = sum(
            {result.mistakes.get(test) for test in version.tests} == {version.mistake} for result, version in wrong
        )
        hurt = sum(min(scores[name] for name in mine) < 1 for scores in right)
        points = sum(tests[name].metadata.nbgrader.points for name in mine)
        rows.append((task, len(mine), round(points), len(wrong), killed, named, len(right), hurt))
    head = ("task", "tests", "points", "wrong", "killed", "named", "right", "hurt")
    total = ("all", *(sum(column) for column in list(zip(*rows, strict=True))[1:]))
    return "\n".join(f"{row[0]:18}" + "".join(f"{value:>8}" for value in row[1:]) for row in (head, *rows, total))


@pytest.mark.parametrize("topic", TOPICS)
def test_every_task_has_enough_versions(topic):
    variants = labs.load_variants(topic)
    assert list(variants.wrong) == list(variants.right) == list(labs.solutions(topic))
    for task in variants.wrong:
        assert len(variants.wrong[task]) >= 4, task
        assert len(variants.right[task]) >= 2, task


@pytest.mark.parametrize("topic", TOPICS)
def test_two_releases_are_the_same_bytes_and_those_committed(topic, tmp_path):
    first, second = (labs.release(topic, tmp_path / name, tmp_path / name / "labs") for name in "ab")
    assert first.read_bytes() == second.read_bytes()
    assert first.read_bytes() == (labs.LABS / topic / f"{topic}.ipynb").read_bytes(), "run `make labs` and commit"


def test_labs_holds_release_notebooks_and_nothing_else():
    found = {str(path.relative_to(labs.LABS)) for path in labs.LABS.rglob("*") if path.is_file()}
    assert found == {f"{topic}/{topic}.ipynb" for topic in TOPICS}
    for name in found:
        text = (labs.LABS / name).read_text()
        assert not re.search("BEGIN|END SOLUTION|HIDDEN", text), f"{name} holds more than a student should see"


@pytest.mark.parametrize("topic", TOPICS)
def test_test_cells_stay_within_what_the_judge_can_carry(topic):
    notebook = labs.read(topic)
    students = set().union(*(bound(cell.source) for cell in labs.cells(notebook, "solution").values()))
    locked = [
        cell for name, cell in labs.cells(notebook, "locked").items() if name not in labs.cells(notebook, "grade")
    ]
    given = set().union(*(bound(cell.source) for cell in locked))
    for grade_id, cell in labs.cells(notebook, "grade").items():
        assert not list(problems(cell.source, students, given)), grade_id


@pytest.mark.parametrize("topic", TOPICS)
def test_solutions_and_hidden_tests_are_linted_like_everything_else(topic, tmp_path):
    path = labs.stage(topic, tmp_path)
    for command in (["check"], ["format", "--check"]):
        ruff = [sys.executable, "-m", "ruff", *command, "--config", labs.ROOT / "pyproject.toml", path]
        done = subprocess.run(ruff, capture_output=True, text=True)
        assert done.returncode == 0, done.stdout


@pytest.mark.parametrize("topic", TOPICS)
def test_links_lead_to_sections_of_the_book(topic):
    source = (labs.ROOT / f"solutions/{topic}/{topic}.md").read_text()
    links = re.findall(r"{{ site }}/([\w/-]+)\.html(?:#([\w-]+))?", source)
    assert links
    for page, label in links:
        text = (labs.ROOT / f"book/{page}.md").read_text()
        assert not label or f"({label})=" in text, f"{page} has no section {label}"


@pytest.mark.parametrize(
    "source",
    [
        "assert y is x",
        "assert y.data_ptr() != x.data_ptr()",
        "import inspect",
        "from copy import deepcopy",
        "class Mine(Theirs): pass",
        "for torch in (1, 2): pass",
        "theirs = 3",
    ],
)
def test_the_linter_refuses(source):
    assert list(problems(source, students={"Theirs", "theirs"}, given={"torch"}))


def test_points_in_the_settings_change_the_release_and_unknown_ones_are_refused(monkeypatch):
    course = labs.settings()
    name = next(iter(labs.cells(labs.read(TOPICS[0]), "grade")))
    monkeypatch.setattr(labs, "settings", lambda: course | {"points": {name: 7}})
    assert labs.cells(labs.read(TOPICS[0]), "grade")[name].metadata.nbgrader.points == 7
    monkeypatch.setattr(labs, "settings", lambda: course | {"points": {"no-such-test": 1}})
    with pytest.raises(ValueError, match="no-such-test"):
        labs.read(TOPICS[0])


def test_the_late_penalty_is_a_share_for_each_day_begun(monkeypatch, tmp_path):
    plugin = labs.nbgrader(tmp_path).config.AssignLatePenalties.plugin_class
    late = plugin.late_submission_penalty.__globals__["SETTINGS"]["late"]
    monkeypatch.setitem(late, "penalty_per_day", 0.1)
    penalties = [plugin().late_submission_penalty("anna", 20.0, days * 24 * 60 * 60) for days in (0.5, 1.5, 30)]
    assert penalties == pytest.approx([2.0, 4.0, 20.0])


def test_another_secret_gives_other_hidden_tests_and_the_same_release(monkeypatch, tmp_path):
    topic, course = TOPICS[0], labs.settings()
    public = labs.read(topic)
    (tmp_path / "secret").write_text("ours\n")
    offering = course["offering"] | {"secret_file": str(tmp_path / "secret")}
    monkeypatch.setattr(labs, "settings", lambda: course | {"offering": offering})
    ours = labs.read(topic)
    differing = [a.id for a, b in zip(public.cells, ours.cells, strict=True) if a.source != b.source]
    assert differing
    assert all("BEGIN HIDDEN TESTS" in cell.source for cell in public.cells if cell.id in differing)
    released = labs.release(topic, tmp_path, tmp_path / "labs")
    assert released.read_bytes() == (labs.LABS / topic / f"{topic}.ipynb").read_bytes()
