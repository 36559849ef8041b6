"""The notebook reader meets malformed files: a notebook or UnreadableError, in little time and memory."""

from __future__ import annotations

import copy
import json
import random
import time
from collections.abc import Callable
from typing import Any

import nbformat
import psutil
import pytest
from test_align import handed_in, source

from nbjudge.align import align
from nbjudge.reader import MAX_BYTES, MAX_CELLS, UnreadableError, read

CASES = 12_000
JUNK: list[Any] = [
    *(None, True, False, 0, -1, 3, 2**31, 2**63, -(2**200), 10**400, 0.5, 1e308, float("nan"), float("inf")),
    *(
        "",
        "code",
        "markdown",
        "heading",
        "raw",
        "\ud800",
        "a\udfffb",
        "\x00",
        "\u202e",
        "a\r\nb",
        "é" * 300,
        "=" * 5000,
    ),
    *([], {}, [None], [[]], ["a", "b"], ["a", 1], {"": ""}, {"a": {"b": []}}, [{}] * 20),
    *({"grade_id": "add"}, {"nbgrader": {"grade_id": "add-value", "points": "NaN"}}, {"nbgrader": 3}),
    *({"nbgrader": {"grade_id": ["add"], "solution": {}}}, {"id": ["x"]}, {"attachments": {"a": 1}}),
]
KEYS = [
    "cells",
    "metadata",
    "nbformat",
    "nbformat_minor",
    "worksheets",
    "source",
    "input",
    "outputs",
    "id",
    "cell_type",
]
KEYS += ["nbgrader", "grade_id", "attachments", "execution_count", "level", "output_type", "data", "text"]
BYTES = [b"\x00", b"\xff", b"\xef\xbb\xbf", b"{", b"[", b'"', b",", b"\\u", b"\\ud83d", b"NaN", b"-Infinity", b"1e999"]
BYTES += [b"[" * 3000, b'{"a":' * 3000, b"9" * 5000, b'"cells": [], ', b'"nbformat": 3, ', b"\r", b"\xe2\x80\xa8"]


def in_format_3(notebook: dict[str, Any]) -> dict[str, Any]:
    """As IPython 1 to 2 wrote it."""
    cells = []
    for cell in notebook["cells"]:
        old = {"cell_type": cell["cell_type"], "metadata": cell["metadata"]}
        if cell["cell_type"] == "code":
            cells.append({**old, "input": cell["source"], "language": "python", "outputs": [], "prompt_number": 1})
        elif cell["source"].startswith("# "):
            cells.append({"cell_type": "heading", "level": 1, "source": cell["source"][2:], "metadata": {}})
        else:
            cells.append({**old, "source": cell["source"]})
    sheets = [{"cells": cells[:3], "metadata": {}}, {"cells": cells[3:]}]
    return {"nbformat": 3, "nbformat_minor": 0, "metadata": {"name": ""}, "worksheets": sheets}


def with_outputs(notebook: dict[str, Any]) -> dict[str, Any]:
    outputs = [
        {"output_type": "stream", "name": "stdout", "text": ["a\n", "b"]},
        {"output_type": "error", "ename": "E", "evalue": "v", "traceback": ["t"]},
        {"output_type": "display_data", "data": {"text/plain": ["x"], "application/json": {"a": [1]}}, "metadata": {}},
        {"output_type": "execute_result", "data": {"image/png": "aGk="}, "metadata": {}, "execution_count": 3},
    ]
    for cell in notebook["cells"]:
        if cell["cell_type"] == "code":
            cell.update(outputs=copy.deepcopy(outputs), execution_count=7)
    return notebook


@pytest.fixture(scope="module")
def seeds() -> list[dict[str, Any]]:
    plain = json.loads(json.dumps(handed_in()))
    return [plain, with_outputs(copy.deepcopy(plain)), in_format_3(plain), {**in_format_3(plain), "nbformat": 2}]


def spots(value: Any) -> list[tuple[Any, Any]]:
    """Every container and key in it."""
    keys = list(value) if isinstance(value, dict) else range(len(value)) if isinstance(value, list) else []
    return [pair for key in keys for pair in ((value, key), *spots(value[key]))]


def twisted(notebook: dict[str, Any], rng: random.Random) -> bytes:
    """Some values replaced, removed, repeated, exchanged; then perhaps some bytes."""
    notebook = copy.deepcopy(notebook)
    for _ in range(rng.choice([0, 1, 1, 2, 5])):
        places = spots(notebook)
        if places:
            twist(*rng.choice(places), places, rng)
    content = json.dumps(notebook, ensure_ascii=rng.random() < 0.5).encode("utf-8", "surrogatepass")
    for _ in range(rng.choice([0, 0, 0, 1, 3])):
        at = rng.randrange(len(content) + 1)
        content = content[:at] + rng.choice(BYTES) + content[at + rng.choice([0, 1, 50]) :]
    return content[: rng.randrange(len(content) + 1)] if rng.random() < 0.02 else content


def twist(holder: Any, key: Any, places: list[tuple[Any, Any]], rng: random.Random) -> None:
    what = rng.random()
    if what < 0.6:
        holder[key] = copy.deepcopy(rng.choice(JUNK))
    elif what < 0.7:
        del holder[key]
    elif what < 0.8:
        other, its = rng.choice(places)
        holder[key] = copy.deepcopy(other[its])
    elif isinstance(holder, list):
        holder[key:key] = [copy.deepcopy(holder[key]) for _ in range(rng.choice([1, 2, 30]))]
    else:
        holder[rng.choice(KEYS)] = copy.deepcopy(rng.choice(JUNK))


def test_the_seeds_are_right_before_they_are_twisted(seeds: list[dict[str, Any]]) -> None:
    for seed in seeds:
        notebook = read(json.dumps(seed).encode())
        nbformat.validate(notebook)
        assert [cell.source for cell in notebook.cells] == [cell.source for cell in handed_in().cells]
        assert notebook.cells[-1].metadata.nbgrader.grade_id == "essay"


@pytest.mark.parametrize("seed", range(4))
def test_ten_thousand_malformed_notebooks(
    seeds: list[dict[str, Any]], seed: int, capsys: pytest.CaptureFixture[str]
) -> None:
    rng, release, process = random.Random(seed), source(), psutil.Process()
    refused, longest, slowest, memory = 0, 0, 0.0, 0
    for number in range(CASES // 4):
        content = twisted(seeds[seed], rng)
        started = time.process_time()
        try:
            notebook = read(content)
        except UnreadableError as reason:
            refused += 1
            longest = max(longest, len(str(reason)))
        else:
            result, matches = align(notebook, release)
            assert json.dumps([result, matches], allow_nan=False, ensure_ascii=False).encode()
            if number % 20 == 0:
                nbformat.validate(result)
        slowest = max(slowest, time.process_time() - started)
        memory = process.memory_info().rss if number == 1000 else memory
    with capsys.disabled():
        print(
            f"\n{CASES // 4} malformed notebooks, {refused} refused, the rest aligned; slowest {slowest:.2f} s of CPU"
        )
    assert 0 < refused < CASES // 4
    assert longest < 400
    assert slowest < 5
    assert process.memory_info().rss - memory < 50_000_000


def enormous(cells: list[dict[str, Any]], **more: Any) -> bytes:
    return json.dumps({"cells": cells, "nbformat": 4, "nbformat_minor": 5, "metadata": {}, **more}).encode()


def code(text: Any) -> dict[str, Any]:
    return {"cell_type": "code", "source": text, "metadata": {}, "outputs": [], "execution_count": None}


BIG = MAX_BYTES - 1000


@pytest.mark.parametrize(
    "content",
    [
        lambda: b"[" * BIG,
        lambda: b"[" + b"{}," * (BIG // 3) + b"{}]",
        lambda: b'{"a":' * (BIG // 5),
        lambda: b'{"nbformat": 4, "cells": [' + b"[]," * (BIG // 3) + b"[]]}",
        lambda: b"9" * BIG,
        lambda: enormous([code("x")] * (MAX_CELLS + 1)),
        lambda: enormous([code("x")], worksheets=[{"cells": [code("x")] * 5}] * 900, nbformat=3),
        lambda: b" " * MAX_BYTES + b"{}",
    ],
)
def test_what_is_too_much_is_refused_before_it_takes_memory(content: Callable[[], bytes]) -> None:
    before = psutil.Process().memory_info().rss
    with pytest.raises(UnreadableError):
        read(content())
    assert psutil.Process().memory_info().rss - before < 400_000_000


@pytest.mark.parametrize(
    "cells",
    [
        lambda: [code("def add" * (BIG // 8))],
        lambda: [code("(" * BIG)],
        lambda: [code("\n" * (BIG // 3))],
        lambda: [code("a\n" * (BIG // 4))],
        lambda: [code("### BEGIN SOLUTION\n" * 500_000)],
        lambda: [code("x: " * (BIG // 4))],
        lambda: [code("def add(a):\n    return " + "a " * 200 + str(n)) for n in range(MAX_CELLS)],
        lambda: [code("assert add(1, 2) == 3, " + "a " * 9000) for n in range(MAX_CELLS)],
        lambda: [code(" ".join(f"w{n % 97}" for n in range(400))) for _ in range(MAX_CELLS)],
    ],
)
def test_an_enormous_notebook_takes_seconds_and_not_minutes(cells: Callable[[], list[dict[str, Any]]]) -> None:
    content = enormous(cells())
    started = time.process_time()
    align(read(content), source())
    assert time.process_time() - started < 30


def test_what_grading_does_not_need_may_be_broken() -> None:
    content = {
        "nbformat": 4,
        "metadata": None,
        "cells": [
            {"cell_type": "code", "source": ["a = 1\n", "b"], "outputs": "gone", "id": "a b", "execution_count": "3"},
            {"cell_type": "code", "source": "c", "outputs": [{"output_type": "error"}, 3, {"output_type": "widget"}]},
            {"cell_type": "markdown", "source": "\ud83d", "attachments": {"a": {"image/png": 3}}, "id": 5},
        ],
    }
    notebook = read(b"\xef\xbb\xbf" + json.dumps(content).encode())
    nbformat.validate(notebook)
    assert [cell.source for cell in notebook.cells] == ["a = 1\nb", "c", "\ufffd"]


def test_numbers_that_json_does_not_know_become_nothing() -> None:
    content = b'{"nbformat": 4, "metadata": {"a": NaN, "b": 1e999, "c": -Infinity, "d": 1.5}, "cells": []}'
    assert read(content).metadata == {"a": None, "b": None, "c": None, "d": 1.5}


@pytest.mark.parametrize("version", [0, 5, -1, True, "4", None, [4], 10**30])
def test_formats_that_nobody_knows_are_named(version: object) -> None:
    with pytest.raises(UnreadableError, match="nbformat is"):
        read(json.dumps({"nbformat": version, "cells": [], "metadata": {}}).encode())


def test_the_oldest_format() -> None:
    cells = [{"cell_type": "code", "code": "x = 1"}, {"cell_type": "text", "text": "why"}]
    notebook = read(json.dumps({"cells": cells}).encode())
    assert [(cell.cell_type, cell.source) for cell in notebook.cells] == [("code", "x = 1"), ("markdown", "why")]
