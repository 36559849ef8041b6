"""Submissions that are alike: copies found under other names, the release's own text left out."""

from __future__ import annotations

import random
import time

import pytest
from test_align import handed_in, source
from test_report import report, text_of
from tiny import GOOD_ADD, GOOD_TOTAL, Tiny

from nbjudge.alike import LONGEST, own, pairs, release_lines

MINE = """def total(xs):
    result, seen = 0, []
    for position, x in enumerate(xs):
        if x in seen and position % 7 == 3:
            continue  # never twice
        result += x * (1 if position >= 0 else -1)
        seen.append(x)
    while len(seen) > 100 or result is None:
        seen = [s for s in seen if s not in (None, "nothing")]
        result = {"sum": result}.get("sum", 0) or 0
    return result
"""
THEIRS = MINE.replace("result", "r").replace("position", "k").replace("seen", "done").replace("# never twice", "")
OTHER = """def total(xs):
    try:
        return functools.reduce(lambda left, right: left.__add__(right), list(xs))
    except TypeError as error:
        print(f"cannot add {xs!r}: {error}", file=sys.stderr)
        raise ValueError("numbers only") from error
    finally:
        assert isinstance(xs, (list, tuple, set, frozenset)), type(xs).__name__
        del xs
"""


def test_a_copy_under_other_names_is_found() -> None:
    (found,) = pairs({"ada": MINE, "ben": OTHER, "cleo": THEIRS, "dora": "\n" + OTHER[:200]})
    assert (found.one, found.other) == ("ada", "cleo")
    assert found.share > 0.9
    assert found.texts == (MINE, THEIRS)


def test_half_a_copy_within_own_work_counts_by_the_shorter_text() -> None:
    (found,) = pairs({"ada": MINE, "ben": OTHER + THEIRS})
    assert found.share > 0.8


def test_short_answers_say_nothing() -> None:
    assert pairs({"ada": GOOD_TOTAL, "ben": GOOD_TOTAL}) == []


def test_only_what_the_student_wrote_counts() -> None:
    notebook = handed_in(add=GOOD_ADD, total=MINE)
    written = own(notebook, release_lines(source()))
    assert "result += x" in written
    assert "assert" not in written, "no test"
    assert "def total" not in written, "no line of the release"
    assert own(handed_in("", ""), release_lines(source())) == ""


@pytest.mark.parametrize(
    "text", ["a." * 50_000, "'" * 99_999, "(" * 50_000, "\\\n" * 40_000, "#" * 99_999, "ab " * 30_000]
)
def test_hostile_text_takes_a_moment(text: str) -> None:
    started = time.process_time()
    pairs({"ada": text[:LONGEST], "ben": text[:LONGEST], "cleo": MINE})
    assert time.process_time() - started < 20


def test_a_class_of_hundreds_takes_seconds() -> None:
    rng = random.Random(1)
    lines = MINE.splitlines() + OTHER.splitlines()
    started = time.process_time()
    pairs({f"s{n}": "\n".join(rng.sample(lines, 12)) for n in range(200)})
    assert time.process_time() - started < 60


def test_the_report_lists_them_when_asked(tiny: Tiny) -> None:
    for name, total in {"ada": MINE, "ben": THEIRS, "cleo": OTHER}.items():
        tiny.hand_in(name, tiny.answer(GOOD_ADD, total))
    tiny.done("grade", "sums", "--from", "incoming")
    assert "are alike" not in text_of(report(tiny))
    seen = text_of(report(tiny, "--likeness"))
    assert "ada and ben" in seen
    assert "cleo and" not in seen
