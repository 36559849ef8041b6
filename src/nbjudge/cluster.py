"""Judges on the workers of a Dask cluster; each worker has a zygote of its own, which it keeps.

The driver stays the only one that reads submissions and writes marks: a job goes out, a trial comes back. Dask itself
talks pickle, so scheduler and workers must be trusted and talk over a network that strangers cannot reach.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

from distributed import CancelledError, Client, KilledWorker

from nbjudge import judging
from nbjudge.box.messages import Crashed
from nbjudge.judging import Answer, Judge, Setup
from nbjudge.settings import CourseError

AHEAD = 2  # jobs for each thread of a worker: one runs, one waits there


@contextmanager
def judges(address: str, setup: Setup) -> Iterator[tuple[Judge, int]]:
    """What has a job judged by some worker, and how many jobs to hand out at once.

    Raises `CourseError` when there is no scheduler or it has no workers. A worker that is lost costs nothing but time:
    its jobs are given to others. A job that takes three workers with it is refused, as `Crashed`.
    """
    try:
        client = Client(address, timeout=10, set_as_default=False)
    except (OSError, ValueError) as error:
        raise CourseError(f"--scheduler: no scheduler answers at {address}: {error}") from None
    with client:
        slots = sum(client.ncores().values())
        if not slots:
            raise CourseError(f"--scheduler: {address} has no workers")

        def judge(job: bytes) -> Answer:
            try:
                return Answer(*client.submit(judging.judge, setup, job, pure=False).result())
            except KilledWorker as error:
                raise Crashed(f"several workers ended while they judged it: {error}") from None
            except CancelledError as error:
                raise CourseError(f"--scheduler: {address} is gone: {error}; run the same command again") from None

        yield judge, AHEAD * slots
