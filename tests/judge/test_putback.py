"""Lists, dicts, sets and arrays that student code changes: only where the test says so, and then all the way down."""

from __future__ import annotations

import numpy as np
import pytest
from pairs import pair

from nbjudge.wire import WireError
from nbjudge.wire.putback import put_back

STUDENT = """
    import numpy as np
    def grow(xs): xs.append(9)
    def grow_(xs): xs.append(9)
    def change_(first, *others, **named):
        first[0].append(1)
        first[1]["b"] = {3}
        del first[1]["a"]
        others[0].add(5)
        others[1][0] = 7
        named["deep"][0]["x"] = (1, [2])
        return first
    def fail_(xs):
        xs.append(9)
        raise ValueError("too late")
    def keep_(x): return x
"""


@pytest.fixture(scope="module")
def both():
    with pair(STUDENT) as both:
        yield both


def test_by_an_underscore_and_not_otherwise(both):
    both.run("""
        xs = [1]
        grow(xs)
        assert xs == [1]
        assert grow_(xs) is None and xs == [1, 9]
        grow_(xs)
        assert xs == [1, 9, 9]
    """)


def test_a_cell_may_say_that_inputs_change(both, monkeypatch):
    monkeypatch.setattr(both.judge, "changes_inputs", True)
    both.run("xs = [1]\ngrow(xs)\nassert xs == [1, 9]")


def test_containers_change_all_the_way_down(both):
    both.run("""
        import numpy as np
        inner, table, some, array, deep = [0], {"a": 1}, {4}, np.zeros(2), ({"x": (0, [0])},)
        first = [inner, table]
        held = deep[0]
        assert change_(first, some, array, deep=deep) == [[0, 1], {"b": {3}}]
        assert inner == [0, 1] and table == {"b": {3}} and some == {4, 5} and array.tolist() == [7.0, 0.0]
        assert held == {"x": (1, [2])}
    """)


def test_an_error_leaves_them_as_they_were(both):
    both.run("""
        xs = [1]
        try:
            fail_(xs)
        except ValueError:
            pass
        assert xs == [1]
        assert keep_([1, 2]) == [1, 2] and keep_(3) == 3
    """)


def test_callbacks_among_them_stay_themselves(both):
    both.run("""
        calls = [len, lambda x: x]
        before = list(calls)
        grow_(calls)
        assert calls == [*before, 9]
    """)


@pytest.mark.parametrize("answer", [None, 5, [], [1], [1, 2, 3], [1, [], []], [1, {}, {}], [1, [], {}, 2], "abc"])
def test_a_forged_answer_is_a_wire_error(both, answer, monkeypatch):
    monkeypatch.setattr(both.judge, "request", lambda operation, *arguments: answer)
    monkeypatch.setattr(both.judge, "changes_inputs", True)
    with pytest.raises(WireError):
        both.judge.call(None, [[1]], {})


def test_what_has_become_something_else_is_left_alone():
    ours = {"list": [1], "array": np.zeros(2), "set": {1}}
    inner = dict(ours)
    assert put_back([ours], [{"list": (2,), "array": np.zeros(3), "set": [2]}])[0] is ours
    assert [ours["list"], ours["set"], ours["array"].shape] == [(2,), [2], (3,)]
    assert [inner["list"], inner["set"], inner["array"].tolist()] == [[1], {1}, [0.0, 0.0]]
