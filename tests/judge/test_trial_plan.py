"""Which cell runs where, which lines are hidden, and what is sent to and fro."""

from __future__ import annotations

import ast
from dataclasses import replace
from pathlib import Path

import pytest
from nbformat.v4 import new_code_cell, new_markdown_cell

import nbjudge
from nbjudge.limits import Limits
from nbjudge.remarks import Remark
from nbjudge.trial.hidden import hidden_lines, visible_number, visible_source
from nbjudge.trial.job import DELIMITERS, CellVerdict, Job, Trial
from nbjudge.trial.kinds import Kind, bound, parse, python, used
from nbjudge.trial.kinds import kinds as known_by_name
from nbjudge.trial.plan import plan, scores
from nbjudge.trial.prepared import prepare


def cell(source, name=None, tags=(), **flags):
    tag = {"grade_id": name, "grade": False, "solution": False, "locked": False, "schema_version": 3} | flags
    return new_code_cell(source, metadata={"nbgrader": tag, "tags": list(tags)} if name else {"tags": list(tags)})


def locked(source, name, **more):
    return cell(source, name, locked=True, **more)


def solution(source, name):
    return cell(source, name, solution=True)


def graded(source, name, points=1):
    return cell(source, name, grade=True, locked=True, points=points)


def job(source, submission=None, **more):
    return Job({"cells": source}, {"cells": source if submission is None else submission}, **more)


def kinds(*cells):
    return [step.kind for step in plan(job(list(cells)))]


def known(*cells):
    return list(dict(known_by_name(list(cells))).values())


def test_each_cell_runs_where_it_belongs():
    cells = locked("import math", "a"), solution("def f(): ...", "b"), graded("f()", "c"), new_code_cell("f()")
    assert kinds(*cells) == [Kind.LOCKED, Kind.STUDENT, Kind.TEST, Kind.STUDENT]


@pytest.mark.parametrize(
    ("source", "beside"),
    [
        ("model = Net(3)", {0}),
        ("class Mine(Net): pass", {0}),
        ("def check(x=Net()): pass", {0}),
        ("@Net\ndef check(): pass", {0}),
        ("def check():\n    return Net(3)", set()),
        ("check = lambda: Net(3)", set()),
        ("other(3)", set()),
        ("import os\nmodel = Net()\nsize = model.size()\ndef check(): ...", {1, 2}),
    ],
)
def test_the_statements_that_run_what_the_student_wrote_are_the_contestants_alone(source, beside):
    assert known(solution("class Net: ...", "net"), locked(source, "given"))[1] == (Kind.LOCKED, beside)


def test_what_such_a_statement_defines_counts_as_the_students():
    cells = solution("class Net: ...", "n"), locked("model = Net()", "m"), locked("y = model(3)", "y")
    assert [beside for _, beside in known(*cells)] == [set(), {0}, {0}]


def test_a_locked_cell_that_is_no_python_is_the_contestants():
    assert kinds(locked("%%bash\necho it's no Python", "shell")) == [Kind.STUDENT]


def test_a_name_that_a_locked_cell_defined_stays_the_labs_when_the_student_defines_it_too():
    cells = locked("import torch", "a"), solution("import torch\ndef f(): ...", "b"), locked("torch.zeros(1)", "c")
    assert known(*cells)[2] == (Kind.LOCKED, set())


def test_texts_flags_and_points_come_from_the_source():
    source = [locked("x = 1", "given"), solution("def f(): return x", "f"), graded("assert f() == 1", "test", 2)]
    theirs = [cell("x = 2", "given"), solution("def f(): return 3", "f"), graded("pass", "test", 500)]
    steps = plan(job(source, theirs))
    assert [step.source for step in steps] == ["x = 1", "def f(): return 3", "assert f() == 1"]
    assert steps[2].points == 2
    assert scores(job(source, theirs)) == {"test": 2}


def test_a_second_cell_of_the_same_name_is_the_students():
    steps = plan(job([graded("assert f()", "t")], [graded("assert f()", "t"), graded("f = print", "t")]))
    assert [step.kind for step in steps] == [Kind.TEST, Kind.STUDENT]


def test_marked_cells_of_the_submission_that_the_source_does_not_know_are_the_students():
    assert [step.kind for step in plan(job([], [graded("1", "mine", 9)]))] == [Kind.STUDENT]


def test_what_is_skipped():
    cells = [new_markdown_cell("# text"), cell("train()", tags=["skip-execution"]), cell("  \n")]
    assert plan(job(cells)) == []


def test_one_constant_names_the_tag_of_what_is_skipped():
    sources = Path(nbjudge.__file__).parent.rglob("*.py")
    assert sum(source.read_text().count('"skip-execution"') for source in sources) == 1


def test_a_student_cannot_skip_a_test():
    source, theirs = [graded("1", "t")], [cell("1", "t", tags=["skip-execution"])]
    assert [step.kind for step in plan(job(source, theirs))] == [Kind.TEST]


@pytest.mark.parametrize("name", [3, None, [], {}])
def test_strange_names_are_no_names(name):
    strange = new_code_cell("1", metadata={"nbgrader": {"grade_id": name}})
    assert [step.kind for step in plan(job([graded("1", "t")], [strange]))] == [Kind.STUDENT]


def test_magics_become_pass_on_lines_of_the_same_number():
    assert ast.unparse(python("%matplotlib inline\nif x:\n    !ls\ny")) == "pass\nif x:\n    pass\ny"
    assert python("%matplotlib inline\nif x:\n    !ls\ny").body[2].lineno == 4
    assert ast.unparse(python('text = """\n% no magic\n"""')) == "text = '\\n% no magic\\n'"


def test_bound_names():
    source = (
        "import a.b, c as d\nfrom e import f\nx, (y, *z) = 1, (2, 3)\nwith q as w: v = [i for i in x]\ndef g(): h = 1"
    )
    assert bound(source) == {"a", "d", "f", "x", "y", "z", "w", "v", "g"}
    assert bound("not python (") == set()


def test_used_names_are_those_of_the_top_level():
    assert used(parse("x = a(b)\ndef f(c=d):\n    return e\nclass G(H):\n    i = j")) == {"a", "b", "d", "H", "j"}


SOURCE = "a\n### BEGIN HIDDEN TESTS\nb\n### END HIDDEN TESTS\nc\n  ### BEGIN HIDDEN TESTS\nd"


def test_hidden_lines():
    hidden = hidden_lines(SOURCE, DELIMITERS)
    assert hidden == {2, 3, 4, 6, 7}, "what is not closed is hidden to the end"
    assert visible_source(SOURCE, DELIMITERS) == "a\nc"
    assert visible_number(5, hidden) == 2


def test_a_job_arrives_as_it_was_sent():
    sent = job([graded("1", "t"), new_markdown_cell("é\ud800")], limits=Limits(cell_seconds=3), delimiters=("<", ">"))
    sent = replace(sent, files=(("data/numbers.csv", b"1,2"),))
    sent.submission["cells"][0]["outputs"] = [{"huge": "x"}]
    came = Job.unpack(sent.pack())
    assert came.limits == sent.limits
    assert came.delimiters == ("<", ">")
    assert came.files == sent.files
    assert came.source["cells"][1]["source"] == "é\ud800"
    assert "outputs" not in came.submission["cells"][0]


def test_a_trial_arrives_as_it_was_sent():
    output = {"output_type": "stream", "name": "stdout", "text": "x"}
    sent = Trial([CellVerdict([output], 1, 0.5)], {"t": 1.5}, [("t", "wrong sign")], [Remark("test", "line 3")])
    assert Trial.unpack(sent.pack()) == sent


def test_what_was_prepared_for_a_class_is_what_each_judge_would_prepare():
    cells = [
        locked("import math\nx = model(3)", "given"),
        solution("model = f", "m"),
        graded("x\nx == 1", "t"),
        graded("(", "u"),
    ]
    packed = prepare(job(cells).source)
    assert plan(job(cells, prepared=packed)) == plan(job(cells))
    assert plan(job(cells, prepared=b"other" + packed)) == plan(job(cells))  # made by another Python
    assert [step.code is None for step in plan(job(cells))] == [False, True, False, True]


def test_code_that_was_prepared_never_stands_for_a_students_text():
    (step,) = plan(job([cell("assert False", "t", grade=True, points=1)], [cell("assert True", "t")]))
    assert (step.kind, step.source, step.code) == (Kind.TEST, "assert True", None)
