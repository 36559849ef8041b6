"""Notebooks with torch, judged with a sealed contestant; what the wire itself carries has tests of its own."""

from __future__ import annotations

import pytest
from trials import error, graded, hidden, judged, locked, printed, remarks, solution

from nbjudge.box.zygote import Zygote
from nbjudge.limits import Limits

pytest.importorskip("torch")
GIVEN = locked("import torch\nfrom torch.nn import functional as F", "given")


@pytest.fixture(scope="module")
def zygote():
    with Zygote(["torch"], Limits(cell_seconds=30)) as started:
        yield started


def test_a_changed_input_costs_the_test_that_looks_at_it(zygote):
    trial = judged(
        zygote,
        GIVEN,
        solution("def double(x):\n    x *= 2\n    return x"),
        graded("assert double(torch.ones(2)).tolist() == [2, 2]", "value"),
        graded("x = torch.ones(2)\ndouble(x)\nassert x.tolist() == [1, 1]", "input"),
        graded(hidden("x = torch.ones(2)\ndouble(x)\nassert x.sum() == 4"), "hidden"),
    )
    assert trial.scores == {"value": 1, "input": 0, "hidden": 0}
    assert trial.mistakes == [("input", "changes its input"), ("hidden", "changes its input")]


def test_a_test_may_say_that_inputs_are_changed(zygote):
    step = "x = torch.ones(2)\ndouble(x)\nassert x.tolist() == [2, 2]"
    trial = judged(
        zygote,
        GIVEN,
        solution("def double(x):\n    x *= 2"),
        graded(step, "tagged", tags=("changes-inputs",)),
        graded(step, "untagged"),
    )
    assert trial.scores == {"tagged": 1, "untagged": 0}


def test_forbidden_functions_of_torch_are_told_from_the_source_and_from_the_calls(zygote):
    trial = judged(
        zygote,
        GIVEN,
        solution("drop = vars(F)['drop' + 'out']\ndef f(x): return drop(x)"),
        graded("F.dropout(torch.ones(2))\nf(torch.ones(2))", "t", forbid=["F.dropout"]),
        graded("F.dropout(torch.ones(2))", "own", forbid=["F.dropout"]),
    )
    assert trial.scores == {"t": 1, "own": 1}
    assert [tuple(remark) for remark in trial.remarks] == [("forbidden", "t: F.dropout was called")]


def test_global_random_numbers_are_each_tests_own_and_the_same_every_time(zygote):
    draws = graded("print(torch.rand(1).item())", "a"), graded("print(torch.rand(1).item())", "b")
    first, again = (judged(zygote, GIVEN, solution("torch.rand(3)"), *draws) for _ in range(2))
    assert printed(first, 2) == printed(again, 2) != printed(first, 3)


def test_after_a_death_the_next_contestant_serves_the_same_tests(zygote):
    trial = judged(
        zygote,
        GIVEN,
        locked("def check(y): assert torch.equal(y, torch.ones(2))", "check"),
        solution("import os\ndef f(x): return x.clone()\ndef g(x): os._exit(1)"),
        graded("x = torch.ones(2)\ncheck(f(x))", "before"),
        graded("g(x)", "dies"),
        graded("check(f(x))", "after"),
    )
    assert trial.scores == {"before": 1, "dies": 0, "after": 1}
    assert remarks(trial) == ["died"]
    assert error(trial, 4)["ename"] == "DeadKernelError"
