"""What course.toml says, checked: a misspelt key would otherwise change nothing and say nothing."""

from __future__ import annotations

import math
import re
import tomllib
from collections.abc import Callable
from pathlib import Path
from typing import Any

COURSE = Path(__file__).resolve().parents[1] / "course.toml"
Rule = tuple[Callable[[Any], bool], str]  # whether a value will do, and what is expected


class SettingsError(ValueError):
    """What an instructor can mend in course.toml, in one line."""


def _number(most: float) -> Callable[[Any], bool]:
    return lambda value: isinstance(value, int | float) and not isinstance(value, bool) and 0 <= value <= most


TEXT: Rule = (lambda value: isinstance(value, str) and bool(value.strip()), "text in quotes")
NAME: Rule = (
    lambda value: isinstance(value, str) and re.fullmatch(r"\w[\w.-]*", value) is not None,
    'a plain name (letters, digits and ._-, no spaces), such as "cs101-fall"',
)
SHARE: Rule = (_number(1), "a number from 0 to 1")
POINTS: Rule = (_number(math.nextafter(math.inf, 0)), "a number, zero or more")
RULES = dict.fromkeys(("title", "site", "repository", "branch", "pages_branch"), TEXT) | {
    "offering.name": NAME,
    "offering.secret_file": TEXT,
    "late.penalty_per_day": SHARE,
}
TABLES = ("offering", "late", "points")


def settings(path: Path = COURSE) -> dict[str, Any]:
    """The settings as course.toml nests them."""
    try:
        course = tomllib.loads(path.read_text(encoding="utf-8"))
        _check(course)
    except (OSError, UnicodeDecodeError, tomllib.TOMLDecodeError, SettingsError) as error:
        raise SettingsError(f"{path.name}: {error}") from None
    return course


def _check(course: dict[str, Any]) -> None:
    for table in TABLES:
        if not isinstance(course.get(table, {}), dict):
            raise SettingsError(f"{table}: expected a table, [{table}], got {course[table]!r}")
    found = {key: value for key, value in course.items() if key not in TABLES}
    found |= {f"{table}.{key}": value for table in TABLES for key, value in course.get(table, {}).items()}
    for key, value in found.items():
        _check_one(key, value)
    for key in [key for key in RULES if key not in found]:
        raise SettingsError(f"{key} is missing: expected {RULES[key][1]}")


def _check_one(key: str, value: object) -> None:
    table = key.rpartition(".")[0]
    if key not in RULES and not key.startswith("points."):
        known = [name for name in RULES if name.rpartition(".")[0] == table]
        known += [f"[{name}]" for name in TABLES if not table]
        raise SettingsError(f"unknown key {key}: expected one of {', '.join(known)}")
    fits, expected = RULES.get(key, POINTS)
    if not fits(value):
        raise SettingsError(f"{key}: expected {expected}, got {value!r}")
