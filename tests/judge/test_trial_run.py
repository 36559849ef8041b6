"""Whole notebooks of plain Python, judged with a sealed contestant."""

from __future__ import annotations

import secrets
from pathlib import Path

import pytest
from nbformat.v4 import new_markdown_cell
from trials import cell, error, graded, hidden, judged, locked, printed, remarks, solution

from nbjudge.box.messages import Crashed
from nbjudge.box.paths import SCRATCH
from nbjudge.box.zygote import Zygote
from nbjudge.limits import Limits
from nbjudge.trial.messages import HIDDEN, REFUSED
from nbjudge.wire.proxies import BY_VALUE

MISTAKE = "class Mistake(AssertionError):\n    pass"


@pytest.fixture(scope="module")
def zygote():
    with Zygote([], Limits(cell_seconds=20)) as started:
        yield started


@pytest.fixture(scope="module")
def hasty():
    """With half a second for each cell."""
    with Zygote([], Limits(cell_seconds=0.5)) as started:
        yield started


def test_right_and_wrong_tests_get_their_points(zygote):
    trial = judged(
        zygote,
        new_markdown_cell("# text"),
        solution("def add(a, b): return a + b"),
        graded("assert add(1, 2) == 3\nprint('holds')", "right", 2),
        graded("assert add(1, 2) == 4, 'no'", "wrong", 3),
        graded("assert ad(1, 2)", "unknown"),
    )
    assert trial.scores == {"right": 2, "wrong": 0, "unknown": 0}
    assert [one.execution_count for one in trial.cells] == [None, 1, 2, 3, 4]
    assert printed(trial, 2) == "holds\n"
    assert error(trial, 3)["traceback"][-1] == "AssertionError: no"
    assert error(trial, 4)["evalue"] == "name 'ad' is not defined"
    assert trial.contestants == 1
    assert trial.cpu_seconds > 0


def test_student_cells_show_what_they_print_and_how_they_fail(zygote):
    trial = judged(
        zygote, cell("print(1)\n2"), cell("%%time\nprint(3)"), cell("1/0"), cell("def f(:"), cell("!echo hi")
    )
    assert [output["output_type"] for output in trial.cells[0].outputs] == ["stream", "execute_result"]
    assert trial.cells[0].outputs[1]["execution_count"] == 1
    assert "Wall time" in printed(trial, 1)
    assert [error(trial, at)["ename"] for at in (2, 3)] == ["ZeroDivisionError", "SyntaxError"]
    assert printed(trial, 4) == "hi\n"


def test_cells_run_in_the_notebooks_order(zygote):
    trial = judged(
        zygote,
        graded("assert f() == 1", "above"),
        solution("def f(): return 1", "first"),
        graded("assert f() == 1", "between"),
        solution("def f(): return 2", "second"),
        graded("assert f() == 2", "below"),
    )
    assert trial.scores == {"above": 0, "between": 1, "below": 1}


def test_what_a_locked_cell_defines_is_the_judges(zygote):
    """The student's own version of a check decides nothing."""
    source = locked("def check(x): assert x == 3", "check"), solution("def f(): return 3"), graded("check(f())", "t")
    theirs = [source[0], solution("def check(x): pass\ndef f(): return 4"), source[2]]
    assert judged(zygote, *source).scores == {"t": 1}
    assert judged(zygote, *source, submission=theirs).scores == {"t": 0}


def test_locked_cells_are_there_for_the_student_too(zygote):
    trial = judged(
        zygote,
        locked("import math\nK = 3", "given"),
        solution("def f(): return math.floor(K + 0.5)"),
        graded("assert f() == K", "t"),
    )
    assert trial.scores == {"t": 1}


def test_a_locked_cell_that_runs_the_students_code_runs_there(zygote):
    trial = judged(
        zygote,
        solution("class Net:\n    def size(self): return 3"),
        locked("net = Net()", "made"),
        graded("assert net.size() == 3", "t"),
    )
    assert trial.scores == {"t": 1}


def test_a_check_beside_such_a_cell_stays_the_judges(zygote):
    source = (
        solution("class Net:\n    def size(self): return 3"),
        locked("net = Net()\ndef check(x): assert x == 3", "made"),
        graded("check(net.size())", "t"),
    )
    theirs = [solution("class Net:\n    def size(self): return 4"), source[1], cell("def check(x): pass"), source[2]]
    assert judged(zygote, *source).scores == {"t": 1}
    assert judged(zygote, *source, submission=theirs).scores == {"t": 0}


def test_functions_that_a_test_lent_are_not_honoured_in_the_next(zygote):
    trial = judged(
        zygote,
        locked("def given(x): return x + 1", "given"),
        solution("kept = []\ndef keep(*fs): kept.extend(fs)\ndef use(k): return kept[k](1)"),
        graded("keep(given, lambda x: x)\nassert use(0) == 2 and use(1) == 1", "lends"),
        graded("assert use(0) == 2", "lasts"),
        graded("use(1)", "oracle"),
    )
    assert trial.scores == {"lends": 1, "lasts": 1, "oracle": 0}
    assert "lent by another test" in error(trial, 4)["evalue"]


def test_magics_in_locked_cells_and_tests_pass(zygote):
    given = locked("%matplotlib inline\nx = 3", "given")
    assert judged(zygote, given, graded("%%time\nassert x == 3", "t")).scores == {"t": 1}


def test_mistakes_are_named_and_only_by_the_judge(zygote):
    trial = judged(
        zygote,
        locked(MISTAKE, "given"),
        solution("def f():\n    class Mistake(AssertionError): pass\n    raise Mistake('forged')\ndef g(): return 1"),
        graded("f()", "forged"),
        graded("if g() == 1: raise Mistake('takes one for two\\nthe answer is 2')", "named"),
        graded(hidden("if g() == 1: raise Mistake('takes one for two\\nthe answer is 2')"), "hidden"),
    )
    assert trial.mistakes == [("named", "takes one for two"), ("hidden", "takes one for two")]
    assert trial.scores == {"forged": 0, "named": 0, "hidden": 0}
    assert "the answer" not in str(trial.cells[4].outputs)


def test_prints_of_visible_calls_are_shown_and_those_of_hidden_ones_are_not(zygote):
    trial = judged(
        zygote,
        solution("def f(x):\n    print('got', x)\n    return x"),
        graded("f(1)\n" + hidden("f(42)", "print('we print 43')") + "\nf(2)\nprint('end')", "t"),
    )
    assert printed(trial, 1) == "got 1\ngot 2\nend\n"


def test_a_warning_in_a_test_names_no_file_of_the_host(zygote):
    trial = judged(zygote, solution("x = 1"), graded("import warnings\nwarnings.warn('careful')", "t"))
    assert printed(trial, 1) == "UserWarning: careful\n"


def test_a_test_reads_what_the_student_prints(zygote):
    test = """import contextlib, io
with contextlib.redirect_stdout(io.StringIO()) as printed:
    greet()
assert printed.getvalue() == "hello\\n", printed.getvalue()
greet()"""
    trial = judged(zygote, solution("def greet():\n    print('hello')"), graded(test, "t"))
    assert trial.scores == {"t": 1}
    assert printed(trial, 1) == "hello\n"


SWALLOWS = """points = 0
try:
    points += f() == (1, 2)
except Exception:
    pass
points"""


def test_a_refusal_that_the_test_swallows_is_told(zygote):
    student = "import collections\ndef f(): return collections.namedtuple('Pair', 'a b')(1, 2)"
    trial = judged(zygote, solution(student), graded(SWALLOWS, "t"))
    assert trial.scores == {"t": 0}
    ((kind, detail),) = trial.remarks
    assert kind == "test"
    assert detail.startswith("t, swallowed by the test: <test t>, line 3: `==` on the student's 'Pair' is not carried")


@pytest.mark.parametrize("where", ["visible", "hidden"])
def test_the_message_of_a_function_in_hidden_lines_is_hidden(zygote, where):
    function = ["def check(x):", "    assert x == 43, 'expected 43'"]
    test = hidden(*function) + "\ncheck(f())" if where == "hidden" else "\n".join([*function, "check(f())"])
    trial = judged(zygote, solution("def f(): return 42"), graded(test, "t"))
    assert ("expected 43" in str(trial.cells)) == (where == "visible")


def test_a_hidden_failure_tells_nothing_of_the_input(zygote):
    trial = judged(
        zygote,
        solution("def f(x):\n    raise type(f'saw{x}', (KeyError,), {})(f'saw {x}')"),
        graded(hidden("f(42)"), "t"),
    )
    assert "42" not in str(trial.cells[1].outputs)
    assert error(trial, 1)["traceback"] == [f"{HIDDEN} Your code raised KeyError."]


def test_a_judge_that_is_killed_leaves_no_file_of_the_lab(zygote):
    name = f"{secrets.token_hex(8)}.csv"
    killed = graded(f"import os, signal\nassert os.path.exists({name!r})\nos.kill(os.getpid(), signal.SIGKILL)", "t")
    with pytest.raises(Crashed, match="SIGKILL"):
        judged(zygote, killed, files=((name, b"1,2"),))
    assert not list(Path(SCRATCH).glob(f"nbjudge-*/**/{name}"))


def test_partial_credit(zygote):
    trial = judged(
        zygote,
        solution("def share(): return 0.5"),
        graded("2 * share()", "half", 2),
        graded("3", "above", 2),
        graded("float('nan')", "nan", 2),
        graded("'a word'", "word", 2),
    )
    assert trial.scores == {"half": 1, "above": 0, "nan": 0, "word": 2}
    assert remarks(trial) == ["credit", "credit"]
    assert trial.cells[1].outputs[0]["data"] == {"text/plain": "1.0"}


def test_tests_that_cannot_be_run_are_the_instructors_and_told(zygote):
    trial = judged(
        zygote,
        solution("class A: pass\ndef f(): return A()"),
        graded("x = 1\nassert f( == 3", "syntax"),
        graded("assert f() == 3", "refused"),
        locked("1 / 0", "setup"),
        graded("assert True", "right"),
    )
    assert trial.scores == {"syntax": 0, "refused": 0, "right": 1}
    said = [remark.detail for remark in trial.remarks if remark.kind == "test"]
    assert [text.split(":")[0] for text in said] == ["syntax, line 2", "refused, line 1", "setup"]
    assert said[1].endswith("`==` on the student's 'A' is not carried by the judge; " + BY_VALUE + ".")
    assert error(trial, 2)["evalue"] == REFUSED, "that is for the author of the test"


def test_a_tests_own_slip_is_shown_as_the_tests_line(zygote):
    trial = judged(zygote, solution("def f(): return None"), graded("x = 1\nassert f() + 1 == 3", "t"))
    assert error(trial, 1)["traceback"][0] == "line 2 of this test:  assert f() + 1 == 3"


@pytest.mark.parametrize("loop", ["while True: pass", "import time\nwhile True: time.sleep(0.01)"])
def test_an_endless_loop_costs_its_own_points_only(hasty, loop):
    trial = judged(
        hasty,
        solution("def f(): return 1\nn = 1"),
        cell(f"n = 2\n{loop}\nn = 3"),
        solution(f"def g():\n    {loop.replace(chr(10), chr(10) + '    ')}", "g"),
        graded("g()", "calls g"),
        graded("assert f() == 1", "calls f"),
        graded("assert n == 2, 'what ran before the loop stays'", "n"),
    )
    assert trial.scores == {"calls g": 0, "calls f": 1, "n": 1}
    assert trial.contestants == 1, "an interrupt is enough"
    assert error(trial, 1)["ename"] == error(trial, 3)["ename"] == "CellTimeoutError"


def test_a_cell_that_the_machine_kept_waiting_is_not_late(hasty):
    """What counts is what it used of the processor, up to four times its seconds."""
    cells = cell("import time\ntime.sleep(1)"), solution("def f(): time.sleep(1)"), graded("f()", "t")
    trial = judged(hasty, *cells)
    assert trial.scores == {"t": 1}
    assert trial.cells[0].outputs == []


STUBBORN = "import time\nwhile True:\n    try:\n        time.sleep(60)\n    except BaseException: pass"


@pytest.mark.parametrize("ending", [STUBBORN, "import os\nos._exit(0)", "import ctypes\nctypes.string_at(0)"])
def test_what_ends_the_contestant_costs_its_own_points_only(hasty, ending):
    inside = ending.replace("\n", "\n    ")
    trial = judged(
        hasty,
        solution("n = globals().get('n', 0) + 1\ndef f(): return n"),
        cell(ending),
        solution(f"def g():\n    {inside}", "g"),
        graded("g()", "calls g"),
        graded("assert f() == 1", "calls f"),
    )
    assert trial.scores == {"calls g": 0, "calls f": 1}
    assert trial.contestants == 3
    assert error(trial, 1)["ename"] == ("CellTimeoutError" if ending == STUBBORN else "DeadKernelError")
    assert ("died" in remarks(trial)) == (ending != STUBBORN)


def test_a_test_that_swallows_a_death_does_not_pass(zygote):
    trial = judged(
        zygote,
        solution("import os\ndef f(): os._exit(0)"),
        graded("try:\n    f()\nexcept Exception:\n    pass", "t"),
        graded("assert callable(f)", "after"),
    )
    assert trial.scores == {"t": 0, "after": 1}


def test_contestants_are_not_made_for_ever(zygote):
    tests = [graded("f()", f"t{number}") for number in range(8)]
    trial = judged(zygote, solution("import os\ndef f(): os._exit(0)"), *tests)
    assert set(trial.scores.values()) == {0}
    assert trial.contestants == 5
    assert all(error(trial, at)["ename"] == "DeadKernelError" for at in range(1, 9))


def test_a_loop_of_the_tests_own_is_stopped(hasty):
    trial = judged(hasty, solution("def f(): return 1"), graded("while f(): pass", "t"), graded("assert f()", "u"))
    assert trial.scores == {"t": 0, "u": 1}, trial
    trial = judged(hasty, graded("while True: pass", "t"), graded("pass", "u"))
    assert trial.scores == {"t": 0, "u": 1}


def test_the_marks_so_far_stay_when_the_time_for_all_is_used_up():
    loop = graded("while True: f()", "loop")
    with Zygote([], Limits(cell_seconds=20, seconds=4)) as zygote:
        cells = solution("def f(): return 1"), graded("assert f()", "first"), loop, graded("assert f()", "last")
        trial = judged(zygote, *cells)
    assert trial.scores == {"first": 1, "loop": 0, "last": 0}
    assert "limit" in remarks(trial)


def test_nobody_answers_input(zygote):
    trial = judged(zygote, cell("name = input('who?')"))
    assert "nobody can answer input('who?')" in error(trial, 0)["evalue"]


def test_output_is_capped(zygote):
    limits = Limits(cell_seconds=20, output_bytes=1000)
    source = (
        solution("print('x' * 10**6)\ndef f(): print('y' * 10**6)"),
        graded("f()", "t"),
        cell("raise ValueError('z' * 10**7)"),
    )
    trial = judged(zygote, *source, limits=limits)
    assert len(printed(trial, 0)) < 1100
    assert len(printed(trial, 1)) < 1100
    assert len(trial.pack()) < 200_000


def test_forbidden_names_are_told_and_cost_nothing(zygote):
    trial = judged(
        zygote,
        solution("def f(x): return sorted(x)", "f"),
        solution("def g(x): return sorted(x)", "g"),
        graded("assert f([2, 1]) == [1, 2]", "t", forbid=["sorted"]),
        graded("assert g([2, 1]) == [1, 2]", "u"),
    )
    assert trial.scores == {"t": 1, "u": 1}
    assert [tuple(remark) for remark in trial.remarks] == [("forbidden", "the source mentions sorted")]


def test_random_numbers_are_the_same_every_time(zygote):
    cells = locked("import random", "given"), solution("x = 3"), graded("print(random.random())", "a")
    first, again = (printed(judged(zygote, *cells, graded("print(random.random())", "b")), 2) for _ in range(2))
    assert first == again
    trial = judged(zygote, *cells, graded("print(random.random())", "b"))
    assert printed(trial, 2) != printed(trial, 3)


def test_the_students_code_does_not_see_the_tests(zygote):
    """Neither in the frames of its callers nor in IPython's history."""
    look = """
import sys
def f():
    frame, texts = sys._getframe(1), []
    while frame:
        texts.append(str(frame.f_locals) + str(frame.f_globals) + str(frame.f_code.co_names))
        frame = frame.f_back
    return texts
"""
    trial = judged(
        zygote, solution(look), graded("s3cret = 1\nassert 's3cret' not in str(f())", "t"), cell("print(In, Out)")
    )
    assert trial.scores == {"t": 1}
    assert "s3cret" not in printed(trial, 2)


def test_submissions_do_not_see_each_other(zygote):
    for number in range(3):
        cells = solution("seen = 'mark' in globals()\nmark = 1"), graded("assert not seen", "t")
        assert judged(zygote, *cells).scores == {"t": 1}, number


def test_files_that_came_with_the_lab_lie_where_both_sides_look(zygote):
    files = ("data/numbers.csv", b"1,2\n"), ("helpers.py", b"def double(x): return 2 * x\n")
    look = "import helpers\nassert helpers.double(2) == 4\nassert open('data/numbers.csv').read() == '1,2\\n'"
    trial = judged(
        zygote,
        solution(f"{look}\nfound = 1\nimport os"),
        graded(f"{look}\nassert found == 1", "t"),
        cell("os._exit(0)"),
        graded("assert found == 1, 'the next contestant has them, too'", "after"),
        cell("print(In[1][:6])"),
        files=files,
    )
    assert trial.scores == {"t": 1, "after": 1}
    assert printed(trial, 4) == "import\n"
    assert judged(zygote, solution("import helpers")).cells[0].outputs[0]["ename"] == "ModuleNotFoundError"


def test_a_global_that_a_test_took_away_is_back_after_it(zygote):
    """As nbgrader's documentation teaches to test whether one function uses another."""
    trial = judged(
        zygote,
        solution("def square(x): return x * x\ndef squares(xs): return [square(x) for x in xs]"),
        graded(
            "del square\ntry:\n    squares([1])\nexcept NameError:\n    pass\nelse:\n    raise AssertionError", "uses"
        ),
        graded("assert squares([2]) == [4]", "back"),
    )
    assert trial.scores == {"uses": 1, "back": 1}
