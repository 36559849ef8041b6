"""What the driver asks of a judge, and what it gets back. Both travel as msgpack, never as pickle."""

from __future__ import annotations

from dataclasses import asdict, dataclass, field
from typing import Any

import msgpack

from nbjudge.limits import Limits
from nbjudge.remarks import Remark
from nbjudge.trial.outputs import Output

Notebook = dict[str, Any]
DELIMITERS = ("BEGIN HIDDEN TESTS", "END HIDDEN TESTS")  # nbgrader's own: a line that holds one
DEFAULTS = Limits()


@dataclass(frozen=True)
class Job:
    """One submission to grade.

    `source` is the instructor's notebook, with its tests; `submission` is the student's, aligned to the release: its
    cells in their order, each locked and test cell where the release has it.
    """

    source: Notebook
    submission: Notebook
    limits: Limits = DEFAULTS
    delimiters: tuple[str, str] = DELIMITERS
    files: tuple[tuple[str, bytes], ...] = ()  # that came with the lab: relative path and content
    prepared: bytes = b""  # by `prepared.prepare`; without it each judge does that itself

    def pack(self) -> bytes:
        """The job as bytes; outputs that the notebooks came with stay behind."""
        limits = asdict(self.limits)
        return _pack([_lean(self.source), _lean(self.submission), limits, self.delimiters, self.files, self.prepared])

    @classmethod
    def unpack(cls, packed: bytes) -> Job:
        source, submission, limits, (begin, end), files, prepared = _unpack(packed)
        laid_out = tuple((path, data) for path, data in files)
        return cls(source, submission, Limits(**limits), (begin, end), laid_out, prepared)


@dataclass
class CellVerdict:
    """What one cell of the submission shows after grading. A cell that was not run has no execution count."""

    outputs: list[Output] = field(default_factory=list)
    execution_count: int | None = None
    seconds: float = 0.0


@dataclass
class Trial:
    """What came out: one verdict for each cell of the submission, and points for each test cell of the source."""

    cells: list[CellVerdict] = field(default_factory=list)
    scores: dict[str, float] = field(default_factory=dict)
    mistakes: list[tuple[str, str]] = field(default_factory=list)  # grade id, name
    remarks: list[Remark] = field(default_factory=list)
    layers: list[str] = field(default_factory=list)  # of the box
    contestants: int = 0  # how many there had to be; more than one where one died
    cpu_seconds: float = 0.0  # judge and contestants
    peak_mb: float = 0.0  # of the largest contestant
    seconds: float = 0.0

    def pack(self) -> bytes:
        return _pack(asdict(self) | {"remarks": [list(remark) for remark in self.remarks]})

    @classmethod
    def unpack(cls, packed: bytes) -> Trial:
        values = _unpack(packed)
        values["cells"] = [CellVerdict(**cell) for cell in values["cells"]]
        values["mistakes"] = [(grade_id, name) for grade_id, name in values["mistakes"]]
        values["remarks"] = [Remark(*remark) for remark in values["remarks"]]
        return cls(**values)


def laying_out(files: tuple[tuple[str, bytes], ...]) -> str:
    """Python that writes these files into the working directory."""
    return f"""
from pathlib import Path
for path, data in {files!r}:
    Path(path).parent.mkdir(parents=True, exist_ok=True)
    Path(path).write_bytes(data)
"""


def _lean(notebook: Notebook) -> Notebook:
    cells = [{key: value for key, value in cell.items() if key != "outputs"} for cell in notebook["cells"]]
    return {"metadata": notebook.get("metadata", {}), "cells": cells}


def _pack(value: object) -> bytes:
    return msgpack.packb(value, unicode_errors="surrogatepass")


def _unpack(packed: bytes) -> Any:
    return msgpack.unpackb(packed, unicode_errors="surrogatepass", strict_map_key=False)
