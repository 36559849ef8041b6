"""The labs under the judge: the marks and the named mistakes are those of stock nbgrader, for every honest version."""

from __future__ import annotations

from concurrent.futures import ProcessPoolExecutor
from multiprocessing import get_context
from pathlib import Path
from typing import NamedTuple

import nbformat
import pytest
from test_labs import TOPICS, outcome, submissions

from nbjudge.box.zygote import Zygote
from nbjudge.limits import Limits
from nbjudge.trial.job import Job, Trial
from nbjudge.trial.messages import HIDDEN
from tools import labs

IMPORTS = [
    "IPython",
    "matplotlib.pyplot",
    "numpy",
    "sklearn.linear_model",
    "torch",
    "trainwell.checks",
    "trainwell.data",
]


class Marks(NamedTuple):
    """What a submission gets: each test's share of its points, and the mistakes named."""

    scores: dict[str, float]
    mistakes: dict[str, str]


@pytest.fixture(scope="module", params=TOPICS)
def judged(request):
    """All the gate's submissions of one lab under the judge."""
    topic, source = request.param, labs.read(request.param)
    with Zygote([*IMPORTS, "trainwell.training"], Limits()) as zygote:
        return topic, {
            name: Trial.unpack(zygote.judge(Job(source, labs.submission(topic, answers), zygote.limits).pack()))
            for name, answers in submissions(topic).items()
        }


def marks(topic: str, trial: Trial) -> Marks:
    points = {name: cell.metadata.nbgrader.points for name, cell in labs.cells(labs.read(topic), "grade").items()}
    return Marks({name: score / points[name] for name, score in trial.scores.items()}, dict(trial.mistakes))


def errors(topic: str, trial: Trial) -> dict[str, list[dict[str, object]]]:
    """The errors that test cells show, by grade id."""
    cells = labs.submission(topic, {}).cells
    names = [cell.metadata.get("nbgrader", {}).get("grade_id", "") for cell in cells]
    shown = [[output for output in cell.outputs if output["output_type"] == "error"] for cell in trial.cells]
    return {name: found for name, found in zip(names, shown, strict=True) if name in trial.scores}


def test_the_judge_gives_the_solution_every_point_and_the_release_none(judged):
    topic, trials = judged
    assert set(marks(topic, trials["solution"]).scores.values()) == {1.0}, errors(topic, trials["solution"])
    assert set(marks(topic, trials["release"]).scores.values()) == {0.0}
    assert not trials["solution"].remarks
    assert not trials["release"].remarks


def test_the_judge_catches_and_names_every_wrong_version(judged):
    topic, trials = judged
    for versions in labs.load_variants(topic).wrong.values():
        for k, wrong in enumerate(versions):
            scores, mistakes = marks(topic, trials[f"wrong{k}"])
            for test in wrong.tests:
                assert scores[test] < 1, f"{wrong.mistake!r} does not lose {test}"
                assert mistakes.get(test) == wrong.mistake, f"{test}: {wrong.mistake!r} is not named: {mistakes}"


def test_the_judge_takes_no_point_from_a_right_version(judged):
    topic, trials = judged
    for name, trial in trials.items():
        if name.startswith("right"):
            assert set(marks(topic, trial).scores.values()) == {1.0}, (name, errors(topic, trial))


def test_one_contestant_is_enough_for_every_version(judged):
    _, trials = judged
    assert {trial.contestants for trial in trials.values()} == {1}


def test_what_is_not_written_yet_is_said_in_one_line(judged):
    topic, trials = judged
    shown = [found["traceback"] for test in errors(topic, trials["release"]).values() for found in test]
    assert shown
    assert set(map(tuple, shown)) == {("This task is not written yet.",)}


def test_every_test_that_fails_says_so_and_hidden_ones_say_no_more(judged):
    topic, trials = judged
    for name, trial in trials.items():
        for test, found in errors(topic, trial).items():
            assert (len(found) == 1) == (trial.scores[test] == 0), (name, test)
            for error in found:
                if HIDDEN in str(error):
                    assert "expected" not in str(error), (name, test)


def stock(folder: Path, topic: str, answers: dict[str, dict[str, str]]) -> dict[str, Marks]:
    """What nbgrader's own preprocessors make of these submissions, each in a kernel with its tests."""
    labs.release(topic, folder, folder / "labs")
    for student, cells in answers.items():
        path = folder / "submitted" / student / topic / f"{topic}.ipynb"
        path.parent.mkdir(parents=True)
        nbformat.write(labs.submission(topic, cells, folder / "labs"), path)
    api = labs.nbgrader(folder, folder / "labs")
    api.config.pop("Autograde", None)  # our own preprocessors, where the course names them
    for student in answers:
        result = api.autograde(topic, student)
        assert result["success"], result["log"]
    found = {student: outcome(folder, topic, student) for student in answers}
    return {student: Marks(scores, mistakes) for student, (scores, mistakes, _) in found.items()}


@pytest.mark.slow
def test_the_judges_marks_are_those_of_stock_nbgrader(judged, tmp_path):
    """The table is written to build/parity-<topic>.txt."""
    topic, trials = judged
    answers = submissions(topic)
    halves = [dict(list(answers.items())[start::2]) for start in (0, 1)]
    with ProcessPoolExecutor(2, mp_context=get_context("spawn")) as pool:
        folders = [tmp_path / "a", tmp_path / "b"]
        parts = list(pool.map(stock, folders, [topic] * 2, halves))
    theirs, ours = parts[0] | parts[1], {name: marks(topic, trial) for name, trial in trials.items()}
    (labs.ROOT / "build").mkdir(exist_ok=True)
    (labs.ROOT / f"build/parity-{topic}.txt").write_text(table(topic, theirs, ours) + "\n")
    assert not differences(theirs, ours)


def table(topic: str, stock: dict[str, Marks], judge: dict[str, Marks]) -> str:
    """A line a submission: its marks and its named mistakes, by stock nbgrader and by the judge."""
    points = {name: cell.metadata.nbgrader.points for name, cell in labs.cells(labs.read(topic), "grade").items()}

    def total(marks: Marks) -> float:
        return sum(points[name] * share for name, share in marks.scores.items())

    rows = [("submission", "stock", "judge", "mistakes", "judge", "same")]
    for name, (theirs, ours) in {name: (stock[name], judge[name]) for name in stock}.items():
        same = "yes" if theirs == ours else "NO"
        rows.append((name, f"{total(theirs):g}", f"{total(ours):g}", len(theirs.mistakes), len(ours.mistakes), same))
    return "\n".join(f"{row[0]:12}" + "".join(f"{value:>10}" for value in row[1:]) for row in rows)


def differences(stock: dict[str, Marks], judge: dict[str, Marks]) -> list[str]:
    """Each test of each submission that the two mark or name differently."""
    return [
        f"{name}, {test}: stock {theirs.scores[test]:g} {theirs.mistakes.get(test)}, "
        f"judge {ours.scores[test]:g} {ours.mistakes.get(test)}"
        for name, (theirs, ours) in {name: (stock[name], judge[name]) for name in stock}.items()
        for test in theirs.scores
        if (theirs.scores[test], theirs.mistakes.get(test)) != (ours.scores[test], ours.mistakes.get(test))
    ]
