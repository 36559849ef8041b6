"""What a cell shows, as a notebook holds it: collected while it runs, and cleaned when it came from a stranger."""

from __future__ import annotations

import base64
import io
import re
from collections.abc import Callable
from typing import Any

Output = dict[str, Any]

IMAGES = ("image/png", "image/jpeg")  # what a page can show without running anything: no HTML, no SVG, no scripts
CONTROL = re.compile(r"[\x00-\x08\x0b\x0c\x0e-\x1a\x1c-\x1f\x7f]")  # but tab, newline, return and escape
BASE64 = re.compile(r"[A-Za-z0-9+/=\s]*")
MOST, ERRORS = 1000, 10  # outputs a cell, and errors
CUT = "\n… the rest of the output was cut"


class Outputs:
    """The outputs of one cell, in the form that nbformat gives them, at most `limit` characters of them.

    `shown` is asked before each one is added; what it refuses is dropped.
    """

    def __init__(self, limit: int, shown: Callable[[], bool] = lambda: True) -> None:
        self.limit, self.shown = limit, shown
        self._clear()

    def _clear(self) -> None:
        self._list: list[Output] = []
        self.room, self._errors = self.limit, 0
        self._displays: dict[str, Output] = {}
        self._clear_next = False

    def take(self) -> list[Output]:
        """All that was collected; the collection starts anew."""
        taken = self._list
        self._clear()
        return taken

    def clear(self, wait: bool = False) -> None:
        """IPython's `clear_output`; with `wait` as soon as something else comes."""
        if wait:
            self._clear_next = True
        else:
            self._clear()

    def write(self, name: str, text: str) -> None:
        """Text on stdout or stderr; it joins what stands there last, if that is of the same stream."""
        if not text or not self._begin():
            return
        text = self._fitting(text)
        last = self._list[-1] if self._list else {}
        if last.get("name") == name:
            last["text"] += text
        else:
            self._list.append({"output_type": "stream", "name": name, "text": text})

    def display(self, data: dict[str, Any], display_id: str | None = None, update: bool = False) -> None:
        """A figure or another rich value; an update takes the place of what was displayed with the same id."""
        self._show({"output_type": "display_data", "data": _plain(data), "metadata": {}}, display_id, update)

    def result(self, data: dict[str, Any], number: int) -> None:
        """The value of a cell's last line."""
        found = {"output_type": "execute_result", "data": _plain(data), "metadata": {}, "execution_count": number}
        self._show(found, None, False)

    def error(self, name: str, text: str, traceback: list[str]) -> None:
        """An exception. A few are shown even where there is no room left, the text of these cut short."""
        if self._errors == ERRORS:
            return
        most, self._errors = min(max(self.room, 2000), 20_000), self._errors + 1
        said, lines = text[:most], list[str]()
        for part in traceback[:200]:
            lines.append(part[:most])
            most -= len(lines[-1])
        self.room -= len(said) + sum(map(len, lines))
        self._list.append({"output_type": "error", "ename": line(name, 200), "evalue": said, "traceback": lines})

    def add(self, output: Output) -> None:
        """An output that was collected elsewhere and cleaned."""
        if output["output_type"] == "stream":
            self.write(output["name"], output["text"])
        elif output["output_type"] == "error":
            self.error(output["ename"], output["evalue"], output["traceback"])
        else:
            self._show(output, None, False)

    def _show(self, output: Output, display_id: str | None, update: bool) -> None:
        if not self._begin():
            return
        size = sum(map(len, output["data"].values()))
        if update and display_id in self._displays:
            self._displays[str(display_id)]["data"] = output["data"] if size <= self.room else {}
        elif size > self.room:
            self._fitting(CUT + " " * size)
            self._list.append({"output_type": "stream", "name": "stderr", "text": CUT})
        elif not update:
            self._list.append(output)
            if display_id is not None:
                self._displays[display_id] = output
        self.room -= size

    def _begin(self) -> bool:
        if self._clear_next:
            self._clear()
        return self.room > 0 and len(self._list) < MOST and self.shown()

    def _fitting(self, text: str) -> str:
        room, self.room = self.room, self.room - len(text)
        return text if len(text) <= room else text[:room] + CUT


class Stream(io.TextIOBase):
    """A sys.stdout or sys.stderr that writes into whichever collection is the present one."""

    encoding = "utf-8"
    errors = "replace"

    def __init__(self, name: str, outputs: Callable[[], Outputs]) -> None:
        self._name, self._outputs = name, outputs

    @property
    def name(self) -> str:
        return f"<{self._name}>"

    def writable(self) -> bool:
        return True

    def write(self, text: str) -> int:
        if not isinstance(text, str):
            raise TypeError(f"write() argument must be str, not {type(text).__name__}")
        self._outputs().write(self._name, text)
        return len(text)


def clean(outputs: object, limit: int) -> list[Output]:
    """Outputs that a contestant sent, made anew from what is of the right form; whatever else it sent is left out."""
    collected = Outputs(limit)
    for output in outputs if type(outputs) is list else []:
        if type(output) is not dict:
            continue
        kind, data = output.get("output_type"), output.get("data")
        if kind == "stream" and output.get("name") in ("stdout", "stderr"):
            collected.write(output["name"], text(output.get("text")))
        elif kind == "error":
            lines = output.get("traceback")
            lines = [text(part) for part in lines] if type(lines) is list else []
            collected.error(line(text(output.get("ename"))), text(output.get("evalue")), lines)
        elif kind in ("display_data", "execute_result") and type(data) is dict:
            collected.display(data) if kind == "display_data" else collected.result(data, _count(output))
    return [_tidy(output) for output in collected.take()]


def text(value: object) -> str:
    """A string that every file can hold: without halves of surrogate pairs and control signs but colours; else ''."""
    return CONTROL.sub("", value.encode("utf-8", "replace").decode()) if type(value) is str else ""


def line(value: str, most: int = 300) -> str:
    """A text as one line without any control sign, for names and remarks."""
    return CONTROL.sub("", " ".join(text(value).replace("\x1b", "").split()))[:most]


def _count(output: dict[str, Any]) -> int:
    value = output.get("execution_count")
    return value if type(value) is int and 0 <= value < 2**31 else 0


def _tidy(output: Output) -> Output:
    """Without what a progress bar has overwritten."""
    if output["output_type"] == "stream":
        lines = output["text"].replace("\r\n", "\n").split("\n")
        output["text"] = "\n".join(line.rstrip("\r").rpartition("\r")[2] for line in lines)
    return output


def _plain(data: dict[str, Any]) -> dict[str, str]:
    """Of a value's forms those that are shown: its text, or a picture and its text."""
    kept = {}
    for kind in IMAGES:
        picture = data.get(kind)
        if type(picture) is bytes:
            picture = base64.b64encode(picture).decode()
        if type(picture) is str and BASE64.fullmatch(picture):
            kept[kind] = picture
    return kept | {"text/plain": text(data.get("text/plain"))}
