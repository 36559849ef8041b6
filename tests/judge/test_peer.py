"""Judge and contestant over the wire, in two processes: requests, callbacks, proxies, errors, interrupts."""

from __future__ import annotations

import contextlib
import copy
import gc
import inspect
import os
import pickle
import signal
import time

import pytest
from wires import contested, run

from nbjudge.wire import Caps, Closed, Judge, Late, Refused, WireError
from nbjudge.wire.namespace import Namespace

STUDENT = '''
import threading

class Odd(ValueError):
    """Odd numbers are not wanted."""

class Unwritten(NotImplementedError):
    def _render_traceback_(self):
        return ["This task is not written yet."]

class Point:
    """A point."""
    def __init__(self, x, y=0):
        self.x, self.y = x, y
    def moved(self, by):
        return Point(self.x + by, self.y)
    def __add__(self, other):
        return Point(self.x + (other if isinstance(other, int) else other.x))
    def __radd__(self, other):
        return self + other
    def __iadd__(self, other):
        self.x += other
        return self
    def __neg__(self):
        return Point(-self.x)
    def __len__(self):
        return 2
    def __iter__(self):
        return iter((self.x, self.y))
    def __getitem__(self, key):
        return (self.x, self.y)[key]
    def __setitem__(self, key, value):
        self.x = value
    def __float__(self):
        return float(self.x)
    def __repr__(self):
        return f"Point({self.x}, {self.y})"
    def __eq__(self, other):
        return True
    __hash__ = None

class Liar:
    def __len__(self):
        return 10**30
    def __str__(self):
        return "x" * 200_000

p = Point(3, 4)
data = {"a": [1, (2.5, None)], 5: {1, 2}}
square_ = lambda x: x * x
quit = "a student's own name"
len_calls = 0

def double(xs):
    print("doubling", len(xs))
    return [2 * x for x in xs]
def same(x):
    return x
def apply(f, *args, **kwargs):
    return f(*args, **kwargs)
def total(it):
    return sum(it)
def first(it, n):
    return [next(it) for _ in range(n)]
def odd(x):
    raise Odd(f"{x} is odd")
def fails(kind, *args):
    raise kind(*args)
def unwritten():
    raise Unwritten("not written")
def leave():
    raise SystemExit(3)
def count():
    n = 0
    while True:
        yield n
        n += 1
def keep(f):
    global kept
    kept = f
def use():
    return kept()
def in_thread(f, n):
    out = []
    threads = [threading.Thread(target=lambda i=i: out.append(f(i))) for i in range(n)]
    [t.start() for t in threads]
    [t.join() for t in threads]
    return sorted(out)
def in_fork(f):
    import os
    r, w = os.pipe()
    if not os.fork():
        try:
            f()
        except RuntimeError as error:
            os.write(w, str(error).encode())
        os._exit(0)
    os.wait()
    return os.read(r, 1000).decode()
def swallow(f):
    try:
        f()
    except Exception:
        return "swallowed"
def wrap(f):
    try:
        f()
    except Exception as error:
        raise RuntimeError("wrapped") from error
def helper():
    return 7
def needs_helper():
    return helper() + 1
def forever():
    while True:
        pass
def stubborn():
    while True:
        try:
            while True:
                pass
        except KeyboardInterrupt:
            pass
def die():
    import os
    os._exit(1)
def back(f, n):
    return f(n)
def ring():
    x = []
    x.append(x)
    return x
'''


@pytest.fixture(scope="module")
def talk():
    with contested(STUDENT) as judge:
        yield judge


@pytest.fixture
def judge(talk):
    """A judge with a fresh namespace, at the contestant that all tests share."""
    talk.namespace = Namespace()
    talk.namespace.judge = talk
    talk.deadline = time.monotonic() + 60
    yield talk
    assert talk.broken is None


GOOD = {
    "values": "assert data == {'a': [1, (2.5, None)], 5: {1, 2}}",
    "calls": "assert double([1, 2]) == [2, 4]",
    "named arguments": "assert Point(1, y=2).y == 2",
    "attributes": "assert (p.x, p.moved(2).x) == (3, 5)",
    "setting": "q = Point(1); q.x = [5]; assert q.x == [5]; q[0] = 6; assert q[0] == 6",
    "length": "assert len(p) == 2",
    "iteration": "a, b = p; assert [a, b] == [3, 4] == list(p)",
    "membership": "assert 4 in p and 5 not in p",
    "float, str": "assert float(p) == 3.0 and str(p) == repr(p) == f'{p}' == 'Point(3, 4)'",
    "arithmetic": "assert (p + p).x == 6 == (3 + p).x and (-p).x == -3",
    "in place": "q = r = Point(1); q += 2; assert r.x == 3",
    "callable": "assert callable(double) and callable(p.moved) and callable(Point) and not callable(p)",
    "hasattr": "assert hasattr(p, 'x') and not hasattr(p, 'z') and not hasattr(p, '__array__')",
    "getattr": "assert getattr(p, 'z', 5) == 5",
    "names": "assert (double.__name__, Point.__doc__) == ('double', 'A point.')",
    "identity": "q = p; assert q is p and p in [p]",
    "none": "assert same(None) is None and (p is not None)",
    "callbacks": "assert apply(lambda x, k=1: x + k, 4, k=2) == 6",
    "callbacks by name": "assert apply(sorted, [2, 1]) == [1, 2] and apply(max, 1, 2) == 2",
    "a callback's name": "def mine(): pass\nassert apply(lambda f: f is mine, mine)",
    "students' functions in callbacks": "assert apply(lambda f: f([3]), double) == [6]",
    "students' functions to students": "assert apply(double, [1]) == [2]",
    "judge's own back": "f = lambda: 0\nassert same(f) is f",
    "iterators": "assert total(i for i in range(5)) == 10 and total(map(int, '12')) == 3",
    "endless iterators": "import itertools; assert first(itertools.count(), 3) == [0, 1, 2]",
    "students' iterators": "g = count(); assert [next(g), next(g)] == [0, 1]",
    "lazily": "assert [x for x, _ in zip(count(), range(3))] == [0, 1, 2]",
    "functions of tests": "def f():\n    return double([1])\nassert f() == [2]",
    "lambdas and comprehensions": "assert [(lambda: same(i))() for i in range(2)] == [0, 1]",
    "a student's name that Python's prompt has": 'assert quit == "a student\'s own name"',
    "annotations": "x: int = 3\nclass A:\n    y: int = same(4)\nassert A.y == 4",
    "assignment stays here": "p = 1\nassert p == 1",
    "globals": "global g\ng = 3\ndef f():\n    global g\n    g = same(4)\nf(); assert g == 4",
    "partial": "import functools; assert functools.partial(same, 3)() == 3",
    "wraps": "import functools\nw = functools.wraps(double)(lambda x: double(x))\nassert w.__name__ == 'double'",
    "deep": "x = []\nfor _ in range(50): x = [x]\nassert same(x) == x",
    "long": "x = list(range(100_000)); assert same(x) == x; y = 'ü' * 10**6; assert same(y) == y",
    "many strings": "x = [str(i) for i in range(50_000)]; assert same(x) == x",
    "threads": "assert in_thread(lambda i: same(i), 5) == [0, 1, 2, 3, 4]",
}


@pytest.mark.parametrize("source", GOOD.values(), ids=GOOD)
def test_what_tests_do_with_students_objects(judge, source):
    run(judge, source)


REFUSED = {
    "==": "p == 3",
    "!=": "p != 3",
    "reflected ==": "3 == p",
    "in a list": "[3] == [p]",
    "assert_equal": "import unittest; unittest.TestCase().assertEqual(3, p)",
    "truth": "if p: pass",
    "not": "not p",
    "order": "p < 3",
    "max": "max(p, 3)",
    "hash": "{p: 1}",
    "a set": "{p}",
    "isinstance": "isinstance(p, int)",
    "isinstance of an abstract class": "import collections.abc; isinstance(p, collections.abc.Sized)",
    "isinstance of a student's class": "isinstance(3, Point)",
    "issubclass": "issubclass(int, Point)",
    "subclass": "class Q(Point): pass",
    "copy": "import copy; copy.copy(p)",
    "deepcopy": "import copy; copy.deepcopy(p)",
    "deepcopy in a list": "import copy; copy.deepcopy([p])",
    "pickle": "import pickle; pickle.dumps(p)",
    "with": "with p: pass",
    "inspect": "import inspect; inspect.getsource(double)",
    "signature": "import inspect; inspect.signature(double)",
    "code": "double.__code__",
    "dict": "p.__dict__",
    "globals": "double.__globals__",
    "class": "p.__class__",
    "dir": "dir(p)",
    "del": "del p.x",
    "an object of the judge's": "class A: pass\nsame(A())",
    "an object within": "class A: pass\nsame([1, {2: A()}])",
    "a module": "threading.Thread",
}


@pytest.mark.parametrize("source", REFUSED.values(), ids=REFUSED)
def test_what_would_let_a_student_s_object_decide_or_cannot_be_carried_is_refused(judge, source):
    with pytest.raises(Refused) as refused:
        run(judge, "\n\n" + source)
    line = 2 + len(source.splitlines())
    assert str(refused.value).startswith(f"<test cell>, line {line}: "), refused.value
    assert ";" in str(refused.value), "the way round"


def test_the_line_named_is_the_innermost_of_the_test_s_own(judge):
    with pytest.raises(Refused, match="line 2: "):
        run(judge, "def f(x):\n    return x == 1\n\nf(p)")


def test_a_conversion_s_result_is_of_the_exact_type(judge):
    with pytest.raises(OverflowError):
        run(judge, "len(Liar())")
    run(judge, "assert len(str(Liar())) == 200_000")


def test_names(judge):
    with pytest.raises(NameError, match="name 'nothing' is not defined"):
        run(judge, "nothing")
    with pytest.raises(NameError):
        run(judge, "def f():\n    return nothing\nf()")
    run(judge, "assert len([1]) == 1 and sum((1, 2)) == 3")


def test_a_global_taken_away_and_given_back(judge):
    run(
        judge,
        "kept_here = helper\ndel helper\ntry: needs_helper()\nexcept NameError: pass\nelse: raise AssertionError\n"
        "helper = kept_here\nassert needs_helper() == 8 and 'helper' not in globals()",
    )
    run(judge, "del helper")
    with pytest.raises(NameError):
        run(judge, "helper")
    judge.namespace.restore()
    run(judge, "assert needs_helper() == 8")
    with pytest.raises(NameError):
        run(judge, "del nothing")


def test_a_student_s_function_is_fetched_once_unless_it_is_rebound(judge, monkeypatch):
    judge.run_cell("def half(x): return x[0] / 2", 3)
    asked = []
    request = judge.request
    monkeypatch.setattr(
        judge, "request", lambda name, *rest, **named: asked.append(name) or request(name, *rest, **named)
    )
    run(judge, "for _ in range(5): half([1])")
    judge.retire(bool)  # a test has ended
    run(judge, "half([1])")
    assert asked == ["global", *["call"] * 6]
    judge.run_cell("def swap():\n    global version\n    version = lambda: 2\nversion = lambda: 1", 3)
    run(judge, "assert version() == 1; swap(); assert version() == 2 == version()")
    judge.run_cell("version = lambda: 3", 4)
    run(judge, "assert version() == 3; apply(lambda: swap()); assert version() == 2")
    judge.run_cell("version = 4", 5)
    run(judge, "assert version == 4")
    judge.run_cell("del version", 6)
    with pytest.raises(NameError):
        run(judge, "version")


def test_prints_ride_along_in_order(judge, monkeypatch):
    printed = []
    monkeypatch.setattr(judge, "on_outputs", printed.extend)
    run(judge, "apply(lambda x: double([x, x]), double([1])[0])")
    assert "".join(printed) == "doubling 1\ndoubling 2\n"


@pytest.mark.parametrize(
    ("source", "kind", "text"),
    [
        ("odd(3)", ValueError, "3 is odd"),
        ("fails(KeyError, 'a')", KeyError, "'a'"),
        ("fails(FileNotFoundError, 2, 'gone')", FileNotFoundError, "[Errno 2] gone"),
        ("fails(StopIteration)", RuntimeError, "your code raised StopIteration"),
        ("fails(ValueError, 'x' * 5000)", ValueError, "x" * 2000 + " …"),
        ("fails(UnicodeDecodeError, 'utf-8', b'x', 0, 1, 'why')", UnicodeError, "why"),
        ("leave()", RuntimeError, "your code raised SystemExit"),
        ("same()", TypeError, "missing 1 required"),
        ("ring()", ValueError, "holds itself"),
        ("unwritten()", NotImplementedError, "not written"),
    ],
    ids=lambda part: part if isinstance(part, str) and "(" in part else None,
)
def test_errors_of_students_are_of_the_nearest_builtin_class(judge, source, kind, text):
    with pytest.raises(kind) as caught:
        run(judge, source)
    assert text in str(caught.value)
    assert caught.value._nbjudge_remote
    assert all(type(line) is str for line in caught.value._nbjudge_traceback)


def test_a_student_s_class_of_errors_is_caught_by_its_name(judge):
    run(judge, "try: odd(3)\nexcept Odd as error: assert type(error).__name__ == 'Odd'\nelse: raise AssertionError")


def test_how_a_student_s_error_shows_itself_comes_along(judge):
    with pytest.raises(NotImplementedError) as caught:
        run(judge, "unwritten()")
    assert caught.value._render_traceback_() == ["This task is not written yet."]


def test_an_error_of_a_callback_comes_back_as_itself(judge):
    run(
        judge,
        "mine = AssertionError('secret')\ndef f(): raise mine\n"
        "try: apply(f)\nexcept AssertionError as error: assert error is mine\nelse: raise RuntimeError\n"
        "assert swallow(f) == 'swallowed'\n"
        "try: wrap(f)\nexcept RuntimeError as error: assert str(error) == 'wrapped'",
    )


def test_a_callback_s_findings_are_not_told_to_the_student(judge):
    spy = "def spy(f):\n    try: f()\n    except Exception as error: return str(error)"
    judge.run_cell(spy, 1)
    run(judge, "def f(): raise AssertionError('expected 42')\nassert spy(f) == ''")
    run(judge, "def f(): raise ValueError('n must be positive')\nassert spy(f) == 'n must be positive'")


def test_what_a_test_lent_is_refused_after_it(judge):
    run(judge, "def own(): return 1\ndef lasting(): return 2\nkeep(own); assert use() == 1")
    judge.retire(lambda value: getattr(value, "__name__", "") == "lasting")
    with pytest.raises(RuntimeError, match="another test"):
        run(judge, "use()")
    run(judge, "keep(lasting); assert use() == 2")
    judge.retire(lambda value: getattr(value, "__name__", "") == "lasting")
    run(judge, "assert use() == 2; keep(None)")


def test_a_worker_process_cannot_ask(judge):
    run(judge, "assert 'process' in in_fork(lambda: 1)")


def test_dropped_handles_are_freed_at_both_ends(judge):
    run(judge, "assert same(p) is p")
    gc.collect()
    run(judge, "same(1)")
    before = len(judge.exports), len(judge.standins)
    judge.run_cell("def held(): return len(peer.exports)", 3)
    run(judge, "same(1)")
    before = len(judge.exports), len(judge.standins)
    judge.run_cell("def held(): return len(peer.exports)", 3)
    run(judge, "n = held()\nfor i in range(500):\n    q = Point(i).moved(1); apply(lambda: i)\ndel q\nsame(1); same(1)")
    run(judge, "assert held() <= n + 3, (held(), n)")
    assert len(judge.exports) <= before[0] + 2
    assert len(judge.standins) <= before[1] + 2


def test_a_handle_dropped_while_it_comes_again_stays_alive(judge):
    run(
        judge,
        "for _ in range(50):\n    q = Point(1)\n    apply(lambda x: None, q)\n"
        "    r = same(q)\n    del q\n    assert r.x == 1",
    )


def test_calls_to_and_fro_are_not_nested_without_end(judge):
    with pytest.raises(RecursionError):
        run(judge, "def down(n): return back(down, n + 1)\ndown(0)")
    run(judge, "def down(n): return n if n == 10 else back(down, n + 1)\nassert down(0) == 10")


def test_a_worker_process_of_the_judge_cannot_ask(judge):
    reader, writer = os.pipe()
    pid = os.fork()
    if not pid:
        with contextlib.suppress(BaseException):
            try:
                judge.fetch("p")
            except RuntimeError as error:
                os.write(writer, str(error).encode())
        os._exit(0)
    os.waitpid(pid, 0)
    assert b"process" in os.read(reader, 1000)


def test_without_time_nothing_is_asked(judge):
    judge.deadline = time.monotonic() - 1
    with pytest.raises(Late):
        judge.fetch("p")
    judge.deadline = time.monotonic() + 60
    run(judge, "assert p.x == 3")


def test_a_late_contestant_that_is_interrupted_goes_on():
    with contested(STUDENT) as judge:

        def interrupt():
            os.kill(judge.pid, signal.SIGINT)
            return time.monotonic() + 60

        judge.on_late = interrupt
        run(judge, "assert same(1) == 1")
        for source in ("forever()", "apply(lambda: forever())", "try: forever()\nexcept Exception: pass"):
            judge.trouble = None
            judge.deadline = time.monotonic() + 0.1
            with contextlib.suppress(Late):
                run(judge, source)
            assert type(judge.trouble) is Late
            assert judge.broken is None
            judge.deadline = time.monotonic() + 60
            run(judge, "assert same(1) == 1")


def test_a_late_contestant_that_cannot_be_interrupted_is_given_up():
    with contested(STUDENT) as judge:

        def interrupt():
            os.kill(judge.pid, signal.SIGINT)
            return time.monotonic() + 0.2

        judge.on_late = interrupt
        judge.deadline = time.monotonic() + 0.1
        with pytest.raises(Late):
            run(judge, "stubborn()")
        judge.deadline = time.monotonic() + 60
        assert judge.broken
        with pytest.raises(WireError):
            run(judge, "same(1)")


def test_a_late_answer_swallowed_by_a_callback_is_trouble_all_the_same():
    with contested(STUDENT) as judge:
        judge.deadline = time.monotonic() + 0.2
        with pytest.raises(WireError):
            run(judge, "def f():\n    try: forever()\n    except Exception: return 1\napply(f)")
        assert judge.broken


def test_a_contestant_that_dies_is_closed_and_another_takes_the_namespace_over():
    with contested(STUDENT) as judge:
        run(judge, "mine = 5\ndef f(): return double([mine])")
        with pytest.raises(Closed):
            run(judge, "die()")
        with contested(STUDENT) as other:
            successor = Judge(other.channel, judge.namespace)
            successor.deadline = other.deadline
            run(successor, "assert f() == [10]")


def test_more_calls_back_than_the_cap_end_the_talk():
    with contested(STUDENT, judge_caps=Caps(callbacks=100)) as judge:
        run(judge, "for _ in range(3): apply(lambda: [apply(lambda: 1) for _ in range(20)])")
        with pytest.raises(WireError, match="more than 100 calls back"):
            run(judge, "import itertools; total(itertools.repeat(1))")


def test_a_cell_is_run_by_the_contestant_s_shell(judge):
    assert judge.run_cell("made_here = 12", 7) == {"number": 7}
    run(judge, "assert made_here == 12")


def test_proxies_keep_to_themselves():
    """What the modules of the standard library do with any object must not get around the refusals."""
    with contested(STUDENT) as judge:
        value = judge.fetch("p")
        for call in (copy.copy, copy.deepcopy, pickle.dumps, hash, bool, dir, inspect.getsource):
            with pytest.raises(Refused):
                call(value)
