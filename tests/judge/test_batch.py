"""A run that is killed goes on where it was; a full disk and a locked gradebook are told and lose nothing."""

from __future__ import annotations

import errno
import os
import random
import signal
import sqlite3
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path
from unittest import mock

import nbformat
import psutil
import pytest
from conftest import copy
from sqlalchemy import event
from sqlalchemy.engine import Engine
from test_plugin import files, rows
from tiny import GOOD_ADD, GOOD_TOTAL, SUBTRACT, Tiny

from nbjudge import feedback, judging, verdicts

KINDS = [
    {"add": GOOD_ADD, "total": GOOD_TOTAL},
    {"add": SUBTRACT},
    {"total": GOOD_TOTAL},
    {"add": "import os; os._exit(1)"},
]


def a_class(tiny: Tiny, students: int) -> Tiny:
    for number in range(students):
        tiny.hand_in(f"stu-{number:03}", tiny.answer(**KINDS[number % len(KINDS)]))
    tiny.hand_in("stu-broken", "{ not json")
    return tiny


def in_a_process(tiny: Tiny) -> subprocess.Popen[bytes]:
    command = [sys.executable, "-m", "nbjudge", "grade", "sums", "--from", "incoming", "--jobs", "2"]
    return subprocess.Popen(command, cwd=tiny.folder, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)


def verdicts_of(tiny: Tiny) -> int:
    return len(list(tiny.class_folder.glob("verdicts/*/sums/verdict.json")))


def killed_and_resumed(tiny: Tiny, kills: int, students: int) -> int:
    """Kill the run at random moments, mostly while it grades; then let it finish. Gives how often it was killed."""
    chance, done = random.Random(kills), 0
    for number in range(kills):
        running, aim = in_a_process(tiny), (number + chance.random()) * students / kills
        while running.poll() is None and verdicts_of(tiny) < aim:
            time.sleep(0.005)
        time.sleep(chance.random() * 0.1)
        done += running.poll() is None
        started = psutil.Process(running.pid).children(recursive=True)
        running.send_signal(signal.SIGKILL)
        running.wait()
        assert not psutil.wait_procs(started, timeout=60)[1], "what it started ends with it"
    assert in_a_process(tiny).wait() == 0
    return done


def check_that_kills_change_nothing(tiny: Tiny, other: Tiny, kills: int, students: int) -> None:
    assert in_a_process(a_class(tiny, students)).wait() == 0
    assert killed_and_resumed(a_class(other, students), kills, students) >= kills // 2
    assert rows(other) == rows(tiny)
    for folder in ("autograded", "submitted"):
        assert files(other.class_folder / folder) == files(tiny.class_folder / folder)
    assert set(files(other.class_folder / "feedback")) == set(files(tiny.class_folder / "feedback"))
    assert {name: row["final mark"] for name, row in other.marks().items()} == {
        name: row["final mark"] for name, row in tiny.marks().items()
    }
    assert not list(other.class_folder.rglob("trial.msgpack")), "the journal is empty in the end"
    assert not list(other.class_folder.rglob("*.draft"))


def test_a_run_that_is_killed_goes_on(tiny: Tiny, built: Tiny, tmp_path_factory: pytest.TempPathFactory) -> None:
    check_that_kills_change_nothing(tiny, copy(built, tmp_path_factory.mktemp("killed")), kills=4, students=12)


@pytest.mark.slow
def test_twenty_kills_in_a_class_of_two_hundred(
    tiny: Tiny, built: Tiny, tmp_path_factory: pytest.TempPathFactory
) -> None:
    check_that_kills_change_nothing(tiny, copy(built, tmp_path_factory.mktemp("killed")), kills=20, students=200)


def test_what_was_judged_is_not_judged_again(tiny: Tiny) -> None:
    """A trial that is written down is entered by the next run, whatever became of the one that wrote it."""
    a_class(tiny, 4)
    with mock.patch("nbjudge.entering.Writer.enter", side_effect=KeyboardInterrupt), pytest.raises(KeyboardInterrupt):
        tiny.judge("grade", "sums", "--from", "incoming", "--jobs", "1")
    judged = {path.parent.parent.name for path in tiny.class_folder.rglob("trial.msgpack")}
    assert judged
    asked = []
    with mock.patch.object(
        judging, "judge", side_effect=lambda setup, job, judge=judging.judge: asked.append(job) or judge(setup, job)
    ):
        tiny.done("grade", "sums", "--from", "incoming")
    assert len(asked) == 4 - len(judged)
    assert float(tiny.marks()["stu-000"]["final mark"]) == 6


def test_a_run_killed_before_it_cleared_the_journal_leaves_nothing_in_it(tiny: Tiny) -> None:
    a_class(tiny, 1)
    with mock.patch("nbjudge.entering.drop_trial", side_effect=KeyboardInterrupt), pytest.raises(KeyboardInterrupt):
        tiny.judge("grade", "sums", "--from", "incoming", "--jobs", "1")
    assert list(tiny.class_folder.rglob("trial.msgpack"))
    tiny.done("grade", "sums", "--from", "incoming")
    assert not list(tiny.class_folder.rglob("trial.msgpack"))


def full_disk(after: int) -> Callable[..., int]:
    """Path.write_bytes on a disk that has room for so many files."""
    count, write = iter(range(after)), Path.write_bytes

    def write_bytes(path: Path, content: bytes) -> int:
        if next(count, None) is None:
            raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC), str(path))
        return write(path, content)

    return write_bytes


@pytest.mark.parametrize("room", [0, 1, 2, 3, 4, 9, 17])
def test_a_full_disk_is_told_and_loses_nothing(tiny: Tiny, room: int) -> None:
    a_class(tiny, 4)
    with mock.patch.object(Path, "write_bytes", full_disk(room)):
        done = tiny.judge("grade", "sums", "--from", "incoming", "--jobs", "1")
    assert done.code == 2
    assert "No space left on device; nothing is lost: make room, then run the same command again" in done.stderr
    tiny.done("grade", "sums", "--from", "incoming")
    assert {name: row["final mark"] for name, row in tiny.marks().items()} == MARKS


MARKS = {"stu-000": "6", "stu-001": "0", "stu-002": "3", "stu-003": "0", "stu-broken": "0"}


DRIVER = """import time
from nbjudge.course import Course
from nbjudge.feedback import Worker
workers = [Worker(Course.here(), "sums") for _ in range(3)]
workers[0].renew()
print(*(worker.process.pid for worker in workers), flush=True)
time.sleep(600)
"""


def test_those_who_make_pages_end_with_a_driver_that_is_killed(tiny: Tiny) -> None:
    with subprocess.Popen([sys.executable, "-c", DRIVER], cwd=tiny.folder, stdout=subprocess.PIPE) as driver:
        assert driver.stdout is not None
        makers = [psutil.Process(int(pid)) for pid in driver.stdout.readline().split()]
        driver.kill()
    assert len(makers) == 3
    assert not psutil.wait_procs(makers, timeout=60)[1]


HOLD = """import sqlite3, sys
held = sqlite3.connect(sys.argv[1], isolation_level=None)
held.execute("BEGIN IMMEDIATE")
print(1, flush=True)
input()
"""


def test_a_gradebook_that_another_holds_is_told_and_loses_nothing(tiny: Tiny) -> None:
    a_class(tiny, 4)
    place = tiny.class_folder / "gradebook.db"
    with (tiny.folder / "nbgrader_config.py").open("a") as config:
        config.write(f"c.CourseDirectory.db_url = 'sqlite:///{place}?timeout=1'\n")
    with subprocess.Popen(
        [sys.executable, "-c", HOLD, str(place)], stdin=subprocess.PIPE, stdout=subprocess.PIPE
    ) as other:
        assert other.stdout is not None
        other.stdout.readline()
        done = tiny.judge("grade", "sums", "--from", "incoming")
        other.communicate(b"\n")
    assert done.code == 2
    assert "gradebook: database is locked; nothing is lost: close what else uses it" in done.stderr
    assert list(tiny.class_folder.rglob("trial.msgpack")), "what was judged is written down"
    tiny.done("grade", "sums", "--from", "incoming")
    assert {name: row["final mark"] for name, row in tiny.marks().items()} == MARKS


def test_a_gradebook_with_no_room_is_told(tiny: Tiny) -> None:
    names = [f"stu-{number:02}" for number in range(60)]
    for name in names:
        tiny.hand_in(name, "{ broken")
    with sqlite3.connect(tiny.class_folder / "gradebook.db") as connection:
        (pages,) = connection.execute("pragma page_count").fetchone()

    def small(connection: sqlite3.Connection, record: object) -> None:
        connection.execute(f"pragma max_page_count = {pages}")

    event.listen(Engine, "connect", small)
    try:
        done = tiny.judge("grade", "sums", "--from", "incoming")
    finally:
        event.remove(Engine, "connect", small)
    assert done.code == 2
    assert "gradebook: database or disk is full; nothing is lost" in done.stderr
    tiny.done("grade", "sums", "--from", "incoming")
    assert set(tiny.marks()) == set(names)


def test_a_page_that_takes_too_long_costs_that_page(tiny: Tiny, monkeypatch: pytest.MonkeyPatch) -> None:
    a_class(tiny, 3)
    monkeypatch.setattr(feedback, "SECONDS", 5.0)
    write = feedback.Pages.write
    monkeypatch.setattr(
        feedback.Pages, "write", lambda pages, name: time.sleep(600) if name == "stu-001" else write(pages, name)
    )
    assert "2 with new feedback" in tiny.done("grade", "sums", "--from", "incoming", "--jobs", "1")
    assert tiny.marks()["stu-001"]["final mark"] == "0"
    log = tiny.class_folder / "verdicts" / "stu-001" / "sums" / "log.txt"
    assert "took longer than 5 s" in log.read_text()
    assert "with new feedback" not in tiny.done("grade", "sums", "--from", "incoming"), "it is not tried over and over"


def test_a_verdict_that_was_cut_off_is_judged_again(tiny: Tiny) -> None:
    a_class(tiny, 1)
    tiny.done("grade", "sums", "--from", "incoming")
    place = tiny.class_folder / "verdicts" / "stu-000" / "sums" / "verdict.json"
    place.write_bytes(place.read_bytes()[:50])
    assert verdicts.Verdict.read(place) is None
    assert "1 graded, 1 unchanged" in tiny.done("grade", "sums", "--from", "incoming").replace("counted as zero", "")


def test_a_notebook_that_is_gone_is_graded_again(tiny: Tiny) -> None:
    a_class(tiny, 1)
    tiny.done("grade", "sums", "--from", "incoming")
    place = tiny.class_folder / "autograded" / "stu-000" / "sums" / "sums.ipynb"
    place.unlink()
    tiny.done("grade", "sums", "--from", "incoming")
    assert nbformat.read(place, as_version=4).cells
