"""Test cells in the judge: points, what is shown of a failure, forbidden names."""

from __future__ import annotations

import math
from decimal import Decimal
from fractions import Fraction

import pytest

from nbjudge.trial import forbidden, messages
from nbjudge.trial.job import DELIMITERS
from nbjudge.trial.testcell import Property
from nbjudge.wire.proxies import Refused, StudentObject

HIDDEN = "\n### BEGIN HIDDEN TESTS\n{}\n### END HIDDEN TESTS"


class Mistake(AssertionError):  # noqa: N818
    """As a course defines it."""


def remote(error):
    error._nbjudge_remote = True
    return error


def outcome(source, **names):
    """The output for the error that a test cell raises."""
    test = Property("t", source, 2, DELIMITERS)
    with pytest.raises(Exception) as caught:  # noqa: PT011
        test.run({"Mistake": Mistake, **names})
    return messages.failure(caught.value, test)


@pytest.mark.parametrize("hide", [False, True])
def test_what_the_judge_refused_is_no_mistake_of_the_students(hide):
    def f():
        raise Refused("<test t>, line 1: `==` is not carried by the judge; compare what it holds.")

    said = outcome(HIDDEN.format("f()") if hide else "f()", f=f)
    assert said["evalue"] == messages.REFUSED
    assert said["traceback"] == [*([] if hide else ["line 1 of this test:  f()"]), messages.REFUSED]


@pytest.mark.parametrize(
    ("last", "points"),
    [
        ("1.5", 1.5),
        ("0", 0),
        ("2", 2),
        ("x = 0", 2),
        ("None", 2),
        ("True", 2),
        ("'0'", 2),
        ("print(0)", 2),
        ("0;", 2),
        ("0  # nothing", 0),
        ("[0][0]", 0),
        ("if True:\n    0", 2),
    ],
)
def test_partial_credit_is_the_number_on_the_last_line(last, points):
    test = Property("t", f"x = 1\n{last}", 2, DELIMITERS)
    assert test.credit(test.run({})) == (points, "")


@pytest.mark.parametrize("value", [3, -1, math.nan, math.inf, -0.5, 10**400])
def test_credit_that_makes_no_sense_is_zero_and_told(value):
    points, strange = Property("t", "", 2, DELIMITERS).credit(value)
    assert points == 0
    assert strange.startswith("t: ")


@pytest.mark.parametrize(
    "last", ["points", "points / 2 * 2", "round(points)", "-points", "points = 0\npoints += f()\npoints"]
)
def test_where_points_are_reckoned_an_array_of_them_is_no_full_credit(last):
    """What student code returned may have made one."""
    np, torch = pytest.importorskip("numpy"), pytest.importorskip("torch")
    test = Property("t", f"points = 0.5\n{last}", 2, DELIMITERS)
    for value in (np.float64(0.5), np.array([[0.5]]), torch.tensor(0.5), Decimal("0.5"), Fraction(1, 2)):
        assert test.credit(value) == (0.5, "")
    for value in (np.zeros(2), torch.zeros(0), 1j, np.complex128(1), object.__new__(StudentObject), torch.tensor(3)):
        points, strange = test.credit(value)
        assert points == 0
        assert strange.startswith("t: ")
    assert test.credit(np.bool_(False)) == test.credit(None) == test.credit("done") == (2, "")


@pytest.mark.parametrize("last", ["f(x)", "model.fit(x)", "y", "[y]", "y[0]", "points = f()\npoints", "del f"])
def test_what_a_last_line_merely_shows_is_full_credit(last):
    torch = pytest.importorskip("torch")
    test = Property("t", last, 2, DELIMITERS)
    for value in (torch.zeros(2), torch.tensor(0.5), object.__new__(StudentObject), 1j):
        assert test.credit(value) == (2, "")


def test_a_cell_knows_whether_it_stands_in_a_hidden_line():
    said = []
    source = "def helper():\n    look()\nhelper()" + HIDDEN.format("helper()") + "\nlook()"
    test = Property("t", source, 1, DELIMITERS)
    test.run({"look": lambda: said.append(test.stands_hidden())})
    assert said == [False, True, False]


def test_a_visible_failure_is_shown_with_its_line_and_text():
    output = outcome("x = 3" + HIDDEN.format("pass") + "\nassert x == 4, 'x is 3'")
    assert output["ename"] == "AssertionError"
    assert output["traceback"] == ["line 2 of this test:  assert x == 4, 'x is 3'", "AssertionError: x is 3"]


def test_a_hidden_failure_tells_no_value_and_no_line():
    output = outcome(HIDDEN.format("secret = 42\nassert secret == 41, secret"))
    assert "42" not in str(output)
    assert output["evalue"] == messages.HIDDEN


def test_a_hidden_mistake_is_named_and_no_more_than_that():
    output = outcome(HIDDEN.format("raise Mistake('wrong sign\\nexpected 42')"))
    assert output["ename"] == "Mistake"
    assert output["evalue"].splitlines() == ["wrong sign", messages.HIDDEN]
    assert "42" not in str(output)


def test_a_hidden_error_of_the_students_shows_only_its_builtin_kind():
    error = remote(type("input was 42", (ValueError,), {})("got 42"))

    def student():
        raise error

    output = outcome(HIDDEN.format("student()"), student=student)
    assert output["traceback"] == [f"{messages.HIDDEN} Your code raised ValueError."]
    assert "42" not in str(output)


def test_a_visible_error_of_the_students_shows_their_lines():
    error = remote(ValueError("bad"))
    error._nbjudge_traceback = ["in f, line 3:  raise ValueError('bad')"]

    def student():
        raise error

    output = outcome("student()", student=student)
    expected = ["line 1 of this test:  student()", "in f, line 3:  raise ValueError('bad')", "ValueError: bad"]
    assert output["traceback"] == expected


def test_an_error_that_says_how_it_is_shown_is_shown_so():
    class Unwritten(NotImplementedError):  # noqa: N818
        def _render_traceback_(self):
            return ["This task is not written yet."]

    def student():
        raise Unwritten("long story")

    assert outcome("student()", student=student)["traceback"] == ["This task is not written yet."]


def test_helpers_lines_are_shown_unless_they_are_hidden():
    def lines(source):
        return outcome(source)["traceback"][:-1]

    helper = "def check():\n    assert False"
    assert len(lines(f"{helper}\ncheck()")) == 2
    (only,) = lines(HIDDEN.format(helper).strip() + "\ncheck()")
    assert only == "line 1 of this test:  check()"


def test_mistakes_are_the_judges_own():
    assert messages.mistake(Mistake("Mistake: wrong sign\nmore")) == "wrong sign"
    assert messages.mistake(remote(Mistake("wrong sign"))) is None
    assert messages.mistake(AssertionError("wrong sign")) is None
    assert len(messages.mistake(Mistake("x" * 10_000))) == 160


@pytest.mark.parametrize(
    ("source", "found"),
    [
        ("y = F.dropout(x)", ["F.dropout"]),
        ("y = torch.nn.functional.dropout(x)", ["F.dropout"]),
        ("from torch.nn.functional import dropout as d", ["F.dropout"]),
        ("y = getattr(F, 'dropout')(x)", ["F.dropout"]),
        ("def dropout(x): return x\ny = dropout(x)", []),
        ("class A:\n    def f(self): return self.dropout(3)", []),
        ("# F.dropout(x)\n'F.dropout'", []),
        ("loss.backward()", [".backward"]),
        ("from m import backward", []),
        ("y = sorted(x)", ["sorted"]),
        ("def sorted(x): return x\ny = sorted(x)", []),
        ("no python (", []),
    ],
)
def test_forbidden_names_in_the_source(source, found):
    names = ["F.dropout", ".backward", "sorted"]
    assert forbidden.in_source(names, source, forbidden.defined([source])) == found


def test_a_test_forbids_in_the_cells_that_it_tests():
    cells = ["def f(x): return sorted(x)", "def g(x): return x"]
    assert forbidden.cells_under("assert g([2, 1]) == [1, 2]", cells) == cells[1:]


def test_replayed_calls_of_torch_are_watched_and_the_tests_own_are_not():
    torch = pytest.importorskip("torch")
    called = []

    def dropout(*args, **kwargs):
        """Stands for what the contestant called."""

    dropout.replayed = True
    with forbidden.watching(["F.dropout"], called.append):
        torch.nn.functional.dropout(torch.ones(2))
        assert not called
        torch.overrides.handle_torch_function(dropout, (), torch.ones(2))
    assert called == ["F.dropout"]
