"""What grading left: secrets and forbidden texts in what comes out, processes that still run, files elsewhere."""

from __future__ import annotations

import contextlib
import json
import os
from collections.abc import Iterator
from pathlib import Path

import psutil

from .attack import Attack
from .victims import MARK, Class

ELSEWHERE = ("/tmp", "/var/tmp", "/dev/shm", "/run/lock", "/dev/mqueue")


def files(*folders: Path) -> Iterator[Path]:
    for folder in folders:
        for place, _, names in os.walk(folder):
            yield from (Path(place, name) for name in names)


def outputs(notebook: Path, errors: bool = True) -> str:
    """What the cells of a graded notebook show, without their source."""
    cells = json.loads(notebook.read_text())["cells"]
    shown = [output for cell in cells for output in cell.get("outputs", [])]
    return json.dumps([one for one in shown if errors or one["output_type"] != "error"], ensure_ascii=False)


def secrets_in(class_: Class, content: bytes, besides: tuple[str, ...] = ()) -> list[str]:
    return [place for place, word in class_.secret.items() if place not in besides and word.encode() in content]


def left_behind(class_: Class, attack: Attack) -> list[str]:
    """Files that bear the attack's token, outside the folders that hold what was handed in and what came out."""
    near = [name for name in os.listdir(class_.folder) if attack.token in name]
    own = [class_.home, *(path for path in class_.root.iterdir() if path.is_dir() and path.name == "source")]
    found = [str(path) for path in files(*own) if attack.token in path.name]
    found += [name for name in os.listdir(class_.root) if attack.token in name]
    for folder in filter(os.path.isdir, ELSEWHERE):
        found += [f"{folder}/{name}" for name in os.listdir(folder) if attack.token in name]
    return near + found


def still_running(class_: Class) -> list[psutil.Process]:
    """Processes that grading started: the mark in their environment is inherited."""
    found = []
    for process in psutil.process_iter():
        with contextlib.suppress(psutil.Error, OSError):
            if process.pid != os.getpid() and process.environ().get(MARK) == str(class_.folder):
                found.append(process)
    return [process for process in found if process.status() != psutil.STATUS_ZOMBIE]


def end(processes: list[psutil.Process]) -> None:
    for process in processes:
        with contextlib.suppress(psutil.Error):
            process.kill()


def remove(paths: list[str]) -> None:
    for path in paths:
        if path.startswith(ELSEWHERE):
            Path(path).unlink(missing_ok=True)
