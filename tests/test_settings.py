"""What an instructor gets wrong in course.toml is one line that names the key, what came and what was expected."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

from tools import labs
from tools.settings import COURSE, SettingsError, settings


@pytest.mark.parametrize(
    ("old", "new", "said"),
    [
        ('title = "', 'titel = "', "unknown key titel: expected one of title, site"),
        ("[late]", "[lates]", "unknown key lates: expected one of title, "),
        ('name = "public"', 'nam = "public"', "unknown key offering.nam: expected one of offering.name, "),
        ("penalty_per_day", "penalty_perday", "unknown key late.penalty_perday: expected one of late.penalty_per_day"),
        ("penalty_per_day = 0.0", "", "late.penalty_per_day is missing: expected a number from 0 to 1"),
        (
            "penalty_per_day = 0.0",
            "penalty_per_day = 10",
            "late.penalty_per_day: expected a number from 0 to 1, got 10",
        ),
        ("penalty_per_day = 0.0", 'penalty_per_day = "0.1"', "expected a number from 0 to 1, got '0.1'"),
        ('name = "public"', 'name = "cs 101/fall"', "offering.name: expected a plain name"),
        ('name = "public"', 'name = ".."', "offering.name: expected a plain name"),
        (
            "[points]",
            "[points]\ndropout-forward = -1\n",
            "points.dropout-forward: expected a number, zero or more, got -1",
        ),
        (
            "[points]",
            '[points]\ndropout-forward = "3"\n',
            "points.dropout-forward: expected a number, zero or more, got",
        ),
        (
            "[points]",
            "[points]\ndropout-forward = nan\n",
            "points.dropout-forward: expected a number, zero or more, got",
        ),
        (
            "[points]",
            "[points]\ndropout-forward = true\n",
            "points.dropout-forward: expected a number, zero or more, got",
        ),
        ("[points]", "[[points]]", "points: expected a table, [points], got [{}]"),
        ("[offering]", "[offering", "line"),
    ],
)
def test_what_is_wrong_is_said_in_one_line(tmp_path, old, new, said):
    text = COURSE.read_text()
    assert old in text
    (tmp_path / "course.toml").write_text(text.replace(old, new, 1))
    with pytest.raises(SettingsError) as error:
        settings(tmp_path / "course.toml")
    assert str(error.value).startswith("course.toml: ")
    assert said in str(error.value)
    assert "\n" not in str(error.value)


def test_the_commands_stop_without_a_stack(tmp_path):
    (tmp_path / "tools").mkdir()
    for name in ("course.toml", "nbgrader_config.py", "tools/labs.py", "tools/settings.py"):
        (tmp_path / name).write_text(
            (labs.ROOT / name).read_text().replace("penalty_per_day = 0.0", "penalty_perday = 0")
        )
    for module in (
        ["tools.labs", "release", "any"],
        ["nbjudge", "report", "any"],
        ["nbgrader", "db", "student", "list"],
    ):
        done = subprocess.run([sys.executable, "-m", *module], cwd=tmp_path, capture_output=True, text=True)
        assert (done.returncode, done.stderr.count("\n")) == (2, 1), done.stderr
        assert "unknown key late.penalty_perday" in done.stderr


def test_a_missing_secret_is_mentioned_and_an_empty_one_refused(monkeypatch, tmp_path, capsys):
    path, course = tmp_path / "secret", settings()
    course["offering"] |= {"name": "test", "secret_file": str(path)}
    monkeypatch.setattr(labs, "settings", lambda: course)
    monkeypatch.setenv("TRAINWELL_CLASS", str(tmp_path / "class"))
    assert labs.main("stage", "regularization") == 0
    assert capsys.readouterr().err == f"no secret at {path}: the hidden tests use the public value\n"
    path.write_text(" \n")
    assert labs.main("stage", "regularization") == 2
    assert f"the secret file {path} is empty" in capsys.readouterr().err
    path.write_text("ours")
    assert labs.main("stage", "regularization") == 0
    assert capsys.readouterr().err == ""


def test_points_for_unknown_tests_are_no_stack_either(monkeypatch, tmp_path, capsys):
    monkeypatch.setattr(labs, "settings", lambda: settings() | {"points": {"no-such-test": 1}})
    monkeypatch.setenv("TRAINWELL_CLASS", str(tmp_path))
    assert labs.main("stage", "regularization") == 2
    assert "no-such-test" in capsys.readouterr().err


def test_nbgraders_own_export_stays_in_the_class_folder(tmp_path):
    path = f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}"  # nbgrader calls `alembic` by name
    environment = {**os.environ, "TRAINWELL_CLASS": str(tmp_path), "PATH": path}
    command = [sys.executable, "-m", "nbgrader", "export"]
    subprocess.run(command, cwd=labs.ROOT, env=environment, check=True, capture_output=True)
    assert (tmp_path / "grades.csv").is_file()
