"""Reading notebooks that strangers wrote: a notebook of today's format with values of the right types, or a reason.

What grading needs must be right: cells with a text each. What it does not need may be as broken as it likes: outputs,
widgets' state and ids of an honest notebook from Colab or an old editor often are.
"""

from __future__ import annotations

import json
import math
import re
from collections.abc import Iterator
from itertools import count, islice
from pathlib import Path
from typing import Any

import nbformat
from nbformat import NotebookNode

MAX_BYTES = 20_000_000  # a notebook full of plots has two or three million
MAX_VALUES = 3_000_000  # each takes some fifty bytes of memory, more than its text
MAX_CELLS = 1_000
MAX_NAME = 160
MAX_COUNT = 2**31  # of executions
PLAIN_ID = re.compile(r"[\w-]{1,64}", re.ASCII)  # nbformat's rule
KINDS = {"code": "code", "markdown": "markdown", "heading": "markdown", "html": "markdown", "text": "markdown"}
TEXTS = {"stream": ("name", "text"), "error": ("ename", "evalue")}


class UnreadableError(Exception):
    """The message says why in plain words."""


def read(content: bytes | Path) -> NotebookNode:
    """The notebook in format 4, its cells with texts, metadata and outputs of the right types.

    Raises UnreadableError, and nothing else, whatever the bytes are.
    """
    try:
        if isinstance(content, Path):
            content = content.read_bytes()
        return _parse(content)
    except UnreadableError:
        raise
    except UnicodeDecodeError as error:
        raise UnreadableError(f"it is not text: {type(error).__name__}") from None
    except OSError as error:
        raise UnreadableError(f"it cannot be opened: {type(error).__name__}") from None
    except (Exception, RecursionError) as error:  # nbformat meets a stranger's file with many kinds of exception
        raise UnreadableError(f"{type(error).__name__}: {_first_line(error)}") from None


def _parse(content: bytes) -> NotebookNode:
    if not content.strip():
        raise UnreadableError("the file is empty")
    if len(content) > MAX_BYTES:
        raise UnreadableError(f"the file is larger than {MAX_BYTES // 1_000_000} MB")
    found = _json(content.decode("utf-8-sig"))
    if not isinstance(found, dict):
        raise UnreadableError(f"a notebook is a JSON object, this is a {type(found).__name__}")
    return _notebook(found)


def _json(text: str) -> Any:
    """What JSON allows and no more: NaN and numbers beyond a float become null, half a surrogate pair a sign."""
    if text.count(",") + text.count("[") + text.count("{") > MAX_VALUES:
        raise UnreadableError(f"it holds more than {MAX_VALUES} values")
    try:
        found = json.loads(text, parse_constant=lambda name: None, parse_float=_finite)
    except RecursionError:
        raise UnreadableError("it is nested too deeply") from None
    except ValueError:
        raise UnreadableError("it is not valid JSON") from None
    return _whole(found) if "\\u" in text else found


def _finite(digits: str) -> float | None:
    return value if math.isfinite(value := float(digits)) else None


def _whole(value: Any) -> Any:
    if isinstance(value, str):
        return value.encode("utf-16", "surrogatepass").decode("utf-16", "replace")
    if isinstance(value, list):
        return [_whole(item) for item in value]
    return {_whole(key): _whole(item) for key, item in value.items()} if isinstance(value, dict) else value


def _notebook(found: dict[str, Any]) -> NotebookNode:
    """From any format so far: 2 and 3 put the cells on worksheets and called the source input, 1 called it code."""
    version = found.get("nbformat", 1)
    if isinstance(version, bool) or version not in (1, 2, 3, 4):
        raise UnreadableError(f"nbformat is {str(version)[:MAX_NAME]!r}, expected 1, 2, 3 or 4")
    sheets = found.get("worksheets", []) if version in (2, 3) else [found]
    cells = [_cell(number, cell) for number, cell in enumerate(islice(_cells(sheets), MAX_CELLS + 1), start=1)]
    if len(cells) > MAX_CELLS:
        raise UnreadableError(f"it has more than {MAX_CELLS} cells")
    return NotebookNode(nbformat=4, nbformat_minor=5, metadata=_node(found.get("metadata")), cells=_named(cells))


def _cells(sheets: object) -> Iterator[dict[str, Any]]:
    for sheet in _expect(list, sheets, "worksheets"):
        for cell in _expect(list, _expect(dict, sheet, "a worksheet").get("cells"), "cells"):
            yield _expect(dict, cell, "a cell")


def _expect(kind: type[Any], value: Any, name: str) -> Any:
    if not isinstance(value, kind):
        raise UnreadableError(f"{name}: expected {kind.__name__}, got {type(value).__name__}")
    return value


def _cell(number: int, cell: dict[str, Any]) -> NotebookNode:
    kind = KINDS.get(str(cell.get("cell_type")), "raw")
    text = _joined(next((cell[key] for key in ("source", "input", "code", "text") if key in cell), None))
    if text is None:
        raise UnreadableError(f"cell {number} has no text")
    if cell.get("cell_type") == "heading":
        text = f"{'#' * (cell['level'] if cell.get('level') in range(1, 7) else 1)} {text}"
    node = NotebookNode(cell_type=kind, id=cell.get("id"), metadata=_node(cell.get("metadata")), source=text)
    if kind == "code":
        runs, outputs = cell.get("execution_count"), cell.get("outputs")
        node.execution_count = runs if type(runs) is int and 0 <= runs < MAX_COUNT else None
        node.outputs = list(filter(None, map(_output, outputs))) if isinstance(outputs, list) else []
    elif isinstance(cell.get("attachments"), dict):
        node.attachments = _attachments(cell["attachments"])
    return node


def _node(value: object) -> NotebookNode:
    return nbformat.from_dict(value) if isinstance(value, dict) else NotebookNode()


def _joined(text: object) -> str | None:
    """A text, or its lines."""
    if isinstance(text, list) and all(isinstance(line, str) for line in text):
        return "".join(text)
    return text if isinstance(text, str) else None


def _attachments(found: dict[str, Any]) -> NotebookNode:
    return nbformat.from_dict({name: bundle for name, bundle in found.items() if _bundle(bundle) is not None})


def _bundle(value: object) -> dict[str, Any] | None:
    """A value by media type, as nbformat wants it: texts, but JSON as it is."""
    if not isinstance(value, dict):
        return None
    joined = {kind: item if kind.endswith("json") else _joined(item) for kind, item in value.items()}
    return joined if None not in joined.values() else None


def _output(output: object) -> NotebookNode | None:
    """An output of today's format, or none."""
    kind = output.get("output_type") if isinstance(output, dict) else None
    if not isinstance(output, dict) or not isinstance(kind, str):
        return None
    if kind in TEXTS:
        texts = {name: _joined(output.get(name)) for name in TEXTS[kind]}
        lines = {"traceback": _lines(output.get("traceback"))} if kind == "error" else {}
        return None if None in texts.values() else NotebookNode(output_type=kind, **texts, **lines)
    data = _bundle(output.get("data"))
    if kind not in ("display_data", "execute_result") or data is None:
        return None
    runs = {"execution_count": None} if kind == "execute_result" else {}
    return nbformat.from_dict({"output_type": kind, "data": data, "metadata": {}, **runs})


def _lines(value: object) -> list[str]:
    return [line for line in value if isinstance(line, str)] if isinstance(value, list) else []


def _named(cells: list[NotebookNode]) -> list[NotebookNode]:
    """Ids that nbformat accepts, each once."""
    taken: set[str] = set()
    for number, cell in enumerate(cells):
        if not isinstance(cell.id, str) or cell.id in taken or not PLAIN_ID.fullmatch(cell.id):
            cell.id = next(name for more in count() if (name := f"unnamed-{number}-{more}") not in taken)
        taken.add(cell.id)
    return cells


def _first_line(error: BaseException) -> str:
    return next(iter(str(error).splitlines()), "")[:MAX_NAME]
