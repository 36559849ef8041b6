"""Judges on the workers of a Dask cluster: the same marks, and a lost worker costs nothing but time."""

from __future__ import annotations

import os
import signal
import threading
import time
from collections.abc import Iterator
from pathlib import Path

import pytest
from conftest import copy
from distributed import Client, LocalCluster
from test_batch import a_class
from test_plugin import files, rows
from tiny import Tiny

from nbjudge import judging


@pytest.fixture(scope="module")
def cluster(tmp_path_factory: pytest.TempPathFactory) -> Iterator[LocalCluster]:
    """Two worker processes, each with one thread."""
    with LocalCluster(
        n_workers=2,
        threads_per_worker=1,
        processes=True,
        dashboard_address=None,
        local_directory=str(tmp_path_factory.mktemp("dask")),
    ) as running:
        yield running


def test_two_workers_give_the_same_marks(cluster: LocalCluster, tiny: Tiny, built: Tiny, tmp_path: Path) -> None:
    other = copy(built, tmp_path / "other")
    a_class(tiny, 8).done("grade", "sums", "--from", "incoming")
    judging.close()  # what judges here now would be seen
    a_class(other, 8).done("grade", "sums", "--from", "incoming", "--scheduler", cluster.scheduler_address)
    assert rows(other) == rows(tiny)
    assert files(other.class_folder / "autograded") == files(tiny.class_folder / "autograded")
    assert not judging._zygotes


def test_a_worker_that_is_killed_costs_nothing_but_time(cluster: LocalCluster, tiny: Tiny) -> None:
    a_class(tiny, 12)
    with Client(cluster, set_as_default=False) as client:
        workers = list(client.run(os.getpid).values())
    killer = threading.Thread(target=kill_after_first_verdict, args=(tiny, workers[0]))
    killer.start()
    tiny.done("grade", "sums", "--from", "incoming", "--scheduler", cluster.scheduler_address)
    killer.join()
    marks = {name: row["final mark"] for name, row in tiny.marks().items() if name != "stu-broken"}
    assert list(marks.values()) == ["6", "0", "3", "0"] * 3


def kill_after_first_verdict(tiny: Tiny, worker: int) -> None:
    while not list(tiny.class_folder.glob("verdicts/*/sums/verdict.json")):
        time.sleep(0.005)
    os.kill(worker, signal.SIGKILL)


def test_no_scheduler_is_an_error_that_says_so(tiny: Tiny) -> None:
    a_class(tiny, 1)
    done = tiny.judge("grade", "sums", "--from", "incoming", "--scheduler", "tcp://127.0.0.1:9")
    assert done.code == 2
    assert "--scheduler: no scheduler answers at tcp://127.0.0.1:9" in done.stderr
