"""The zygote: jobs in, answers out, contestants at the judge's word, and nothing left behind."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path

import pytest

from nbjudge.box.zygote import Zygote
from nbjudge.limits import Limits


class StandIns(Zygote):
    """A zygote for the tests' own judge and contestant."""

    mains = ("stand_ins.judge", "stand_ins.contestant")

    def environment(self) -> dict[str, str]:
        return super().environment() | {"PYTHONPATH": str(Path(__file__).parent)}

    def run(self, job: str) -> object:
        return json.loads(self.judge(job.encode()))


@pytest.fixture(scope="module")
def zygote() -> Iterator[StandIns]:
    with StandIns([], Limits()) as started:
        yield started


def test_a_judge_runs_code_in_a_contestant(zygote: StandIns) -> None:
    assert zygote.run("answer = ask(spawn(), 'answer = 6 * 7')") == 42
