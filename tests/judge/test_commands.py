"""Bad input gets an error that names the argument, not a traceback."""

from __future__ import annotations

import subprocess
import sys

import pytest
from tiny import Tiny

QUICKLY = """import sys
import nbjudge.__main__
assert "jsonschema" in sys.modules and "rfc3987_syntax" not in sys.modules
import rfc3987_syntax
"""


def test_commands_begin_without_a_grammar_that_nobody_needs() -> None:
    subprocess.run([sys.executable, "-c", QUICKLY], check=True)


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["grade", "summs"], "lab: the gradebook in"),
        (["report", "summs"], "lab: the gradebook in"),
        (["grade", "sums", "--from", "nowhere"], "--from: no such folder or zip: nowhere"),
        (["grade", "sums", "--from", "nbgrader_config.py"], "--from: expected a folder or a zip"),
        (["grade", "sums", "--jobs", "0"], "argument --jobs: expected a number above zero, got 0"),
        (["grade", "sums", "--limit", "soon"], "argument --limit: invalid float value: 'soon'"),
        (["marks"], "argument command: invalid choice: 'marks'"),
    ],
)
def test_errors_name_the_argument(tiny: Tiny, arguments: list[str], message: str) -> None:
    done = tiny.judge(*arguments)
    assert done.code == 2
    assert message in done.stderr
    assert "Traceback" not in done.stderr


def test_a_lab_whose_source_is_gone(tiny: Tiny) -> None:
    (tiny.class_folder / "source" / "sums" / "sums.ipynb").unlink()
    done = tiny.judge("grade", "sums")
    assert done.code == 2
    assert "sums.ipynb is missing" in done.stderr


def test_an_empty_place_is_an_error(tiny: Tiny) -> None:
    done = tiny.judge("grade", "sums", "--from", "incoming")
    assert done.code == 2
    assert "--from: nothing in incoming has a student's name\n" in done.stderr
    (tiny.incoming / "sums.ipynb").write_text("{}")
    assert "name, only './sums.ipynb'" in tiny.judge("grade", "sums", "--from", "incoming").stderr
    assert "no submissions" in tiny.done("grade", "sums"), "before anybody handed in, that is no error"
