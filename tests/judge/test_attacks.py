"""The attack bank against the judge: all that are quick in one class, the rest with `-m slow`."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from tests.judge.attacks.__main__ import choose
from tests.judge.attacks.families import BANK
from tests.judge.attacks.labs import LABS
from tests.judge.attacks.ours import Outcome, grade
from tests.judge.attacks.stock import RECORD
from tests.judge.attacks.victims import expected

REFUSED = {"two-notebooks", "link-as-notebook", "broken-timestamp"}  # nbgrader itself gives these no marks
QUICK = [attack for attack in BANK.values() if attack.quick]


@pytest.fixture(scope="module")
def outcome() -> Outcome:
    return grade(QUICK)


@pytest.mark.parametrize("name", [attack.name for attack in QUICK])
def test_held(outcome: Outcome, name: str) -> None:
    assert outcome.broken[name] == []


def test_the_honest_get_their_marks_and_nothing_is_left(outcome: Outcome) -> None:
    assert outcome.common == []


@pytest.mark.slow
def test_files_are_held_by_the_plug_in_too() -> None:
    """nbgrader's own command takes whatever lies in the submission's folder; under the plug-in only the notebook."""
    chosen = [attack for attack in QUICK if attack.files and attack.name not in REFUSED]
    outcome = grade(chosen, plugged=True)
    assert (outcome.broken, outcome.common) == ({attack.name: [] for attack in chosen}, [])


@pytest.mark.slow
def test_the_heavy_ones_are_held() -> None:
    outcome = grade([attack for attack in BANK.values() if not attack.quick])
    assert (outcome.broken, outcome.common) == ({name: [] for name in outcome.broken}, [])


def test_every_attack_says_what_it_tries_and_what_it_should_come_to() -> None:
    for attack in BANK.values():
        full = LABS[attack.lab].full
        assert set(expected(attack)) == set(full), attack.name
        assert all(points <= full[name] for name, points in expected(attack).items()), attack.name
        assert attack.absent or attack.expects is not None or sum(expected(attack).values()) < sum(full.values())
    assert len({attack.tries for attack in BANK.values()}) == len(BANK), "two attacks try the same"
    assert len(BANK) >= 60


def test_every_attack_was_tried_on_stock_nbgrader_or_says_why_not() -> None:
    outcomes = json.loads(RECORD.read_text())["outcomes"]
    assert set(outcomes) == set(BANK)
    for attack in BANK.values():
        assert outcomes[attack.name].startswith("not ") == bool(attack.stock), attack.name


def test_attacks_are_chosen_by_name_and_family_and_a_slip_is_told() -> None:
    assert {attack.name for attack in choose("wire, endless-loop")} == {
        "endless-loop",
        *(attack.name for attack in BANK.values() if attack.family == "wire"),
    }
    assert choose("") == list(BANK.values())
    with pytest.raises(ValueError, match="nothing is called endles-loop; there are the\nfamilies\n  answers, files"):
        choose("endles-loop,wire")


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_a_run_that_is_stopped_leaves_nothing(tmp_path: Path, number: int) -> None:
    command = [sys.executable, "-m", "tests.judge.attacks", "--only", "endless-loop"]
    running = subprocess.Popen(
        command, env={**os.environ, "TMPDIR": str(tmp_path)}, stdout=subprocess.DEVNULL, start_new_session=True
    )
    deadline = time.monotonic() + 120
    while not list(tmp_path.glob("attacked-*/course/class/verdicts")):  # grading has begun
        assert running.poll() is None
        assert time.monotonic() < deadline
        time.sleep(0.05)
    os.killpg(running.pid, number)
    assert running.wait(60) == 128 + number
    assert list(tmp_path.iterdir()) == []
