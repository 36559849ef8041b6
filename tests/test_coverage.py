"""Every pointer of book/coverage.csv leads somewhere, and the topics that are done have all that they need."""

from __future__ import annotations

import ast
import csv
import importlib
import json
import re
from collections import Counter
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]
ROWS = {row["id"]: row for row in csv.DictReader((ROOT / "book/coverage.csv").open())}

REGULARIZATION = {  # the topic's rows by kind, and those that a lab asks for
    "code lab": "l2 l1 elastic-net early-stopping dropout dropconnect stochastic-depth label-smoothing",
    "code": "dropblock fractional-pooling weight-noise gradient-penalty adversarial-training ensembles "
    "snapshot-ensembles weight-averaging",
    "claim": "decay-visual dropout-ensemble co-adaptation train-random-test-average",
    "text": "four-mechanisms",
}
COMPLETE = {row: kinds for kinds, rows in REGULARIZATION.items() for row in rows.split()}
NEEDED = {"code": ["symbol", "test"], "claim": ["result"], "text": [], "lab": ["lab"]}


def pointers(column):
    """Each (id, pointer) of a column; a cell may hold several, separated by spaces."""
    return [pytest.param(pointer, id=f"{i}-{pointer}") for i, row in ROWS.items() for pointer in row[column].split()]


def labels():
    """The labels of the book's headings."""
    texts = [path.read_text() for path in (ROOT / "book").rglob("*.md")]
    return {label for text in texts for label in re.findall(r"^\(([\w-]+)\)=\n#", text, re.M)}


@pytest.mark.parametrize("label", pointers("section"))
def test_the_section_exists(label):
    assert label in labels(), f"no heading of the book has the label ({label})="


@pytest.mark.parametrize("name", pointers("symbol"))
def test_the_symbol_imports(name):
    module, _, attribute = name.rpartition(".")
    assert callable(getattr(importlib.import_module(module), attribute))


@pytest.mark.parametrize("name", pointers("test"))
def test_the_test_exists(name):
    path, _, function = name.partition("::")
    defined = {
        node.name for node in ast.walk(ast.parse((ROOT / path).read_text())) if isinstance(node, ast.FunctionDef)
    }
    assert function in defined


@pytest.mark.parametrize("task", pointers("lab"))
def test_the_lab_has_the_task(task):
    text = (ROOT / "solutions/regularization/regularization.md").read_text()
    assert re.search(rf"nbgrader: solution {re.escape(task)}$", text, re.M), f"the lab has no task {task!r}"


@pytest.mark.parametrize("claim", pointers("result"))
def test_the_claim_was_measured(claim):
    files = [json.loads(path.read_text())["claims"] for path in (ROOT / "book/experiments").glob("*.json")]
    assert any(claim in claims for claims in files)


@pytest.mark.parametrize("row", COMPLETE)
def test_regularization_is_complete(row):
    columns = ["section", *(column for kind in COMPLETE[row].split() for column in NEEDED[kind])]
    assert not [column for column in columns if not ROWS[row][column]]


@pytest.mark.parametrize("row", [name for name, row in ROWS.items() if row["kind"] == "code"])
def test_what_is_code_is_in_the_library_and_tested(row):
    assert ROWS[row]["symbol"], "what implements it?"
    assert ROWS[row]["test"], "which test checks it, against what?"


def test_the_ids_are_those_of_the_whole_course():
    assert len(ROWS) == 131
    assert Counter(row["kind"] for row in ROWS.values()) == {"code": 90, "claim": 34, "text": 7}
    assert len(COMPLETE) == 21
    assert set(COMPLETE) <= set(ROWS)
