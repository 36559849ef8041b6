"""The bank against the judge: one class, one batch; every attack must be held, and the honest must get their marks."""

from __future__ import annotations

import contextlib
import json
import sys
import tempfile
import time
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import ThreadPoolExecutor, wait
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeElapsedColumn
from rich.table import Table

from .attack import Attack
from .labs import LABS
from .stock import RECORD
from .traces import end, files, left_behind, remove, secrets_in, still_running
from .victims import HONEST, Class, expected


@dataclass
class Outcome:
    """By attack, what was not held; and what went wrong for all."""

    broken: dict[str, list[str]] = field(default_factory=dict)
    common: list[str] = field(default_factory=list)
    seconds: float = 0.0


def run(attacks: Iterable[Attack]) -> int:
    """All of them, as a table that ends with how many are held; the exit code tells whether all are."""
    chosen = list(attacks)
    outcome = grade(chosen, progress=True)
    stock = json.loads(RECORD.read_text())["outcomes"] if RECORD.exists() else {}
    table = Table("attack", "tries", "stock nbgrader", "here")
    for attack in sorted(chosen, key=lambda one: (one.family, one.name)):
        said = "; ".join(outcome.broken[attack.name])
        table.add_row(attack.name, attack.tries, stock.get(attack.name, attack.stock or "not run yet"), said or "held")
    console = Console(width=None if sys.stdout.isatty() else 200)
    console.print(table, markup=False)
    for line in outcome.common:
        console.print(f"NOT HELD: {line}", markup=False)
    held = sum(not said for said in outcome.broken.values())
    print(f"{held} attacks held" + (f", {len(chosen) - held} not" if held < len(chosen) else ""))
    return int(held < len(chosen) or bool(outcome.common))


def grade(attacks: list[Attack], progress: bool = False, plugged: bool = False) -> Outcome:
    """Hand them in, grade the class, and look at everything that came out of it.

    `plugged` grades by nbgrader's own command with the judge plugged in, not by `nbjudge grade`.
    """
    with tempfile.TemporaryDirectory(prefix="attacked-") as folder:
        class_ = Class(Path(folder, "course"))
        class_.folder.mkdir()
        class_.build()
        if plugged:
            class_.plug_in()
        before = fingerprint(class_)
        outcome = Outcome({attack.name: [] for attack in attacks})
        started = time.monotonic()
        with _bar(class_, attacks, progress) as tell:
            for lab, uploads in ((lab, uploads) for lab in LABS for uploads in (False, True)):
                chosen = [one for one in attacks if one.lab == lab and bool(one.upload) == uploads]
                if chosen and plugged:
                    outcome.common += _plugged(class_, lab, chosen)
                elif chosen:
                    outcome.common += _batch(class_, lab, chosen, uploads, tell)
        outcome.seconds = time.monotonic() - started
        outcome.common += ["the course's own files were changed"] if fingerprint(class_) != before else []
        for attack in attacks:
            outcome.broken[attack.name] = look(class_, attack)
        outcome.common += _after(class_)
    return outcome


@contextlib.contextmanager
def _bar(class_: Class, attacks: list[Attack], shown: bool) -> Iterator[Callable[[], None]]:
    """How many of them have a verdict: a bar on a terminal, elsewhere a line for twenty."""
    console = Console(highlight=False)
    verdicts = [class_.root / "verdicts" / attack.name / attack.lab / "verdict.json" for attack in attacks]
    told = 0

    def tell() -> None:
        nonlocal told
        done = sum(path.exists() for path in verdicts)
        bar.update(task, completed=done)
        if shown and not console.is_terminal and done >= told + 20:
            told = done
            console.print(f"{done} of {len(attacks)} attacks graded", soft_wrap=True)

    columns = (TextColumn("attacking"), BarColumn(), MofNCompleteColumn(), TimeElapsedColumn())
    with Progress(*columns, console=console, transient=True, disable=not (shown and console.is_terminal)) as bar:
        task = bar.add_task("attacking", total=len(attacks))
        yield tell


@contextlib.contextmanager
def _clearing(class_: Class) -> Iterator[None]:
    """Whoever stops us stops what grading started, so that nothing writes into a folder that goes."""
    try:
        yield
    except BaseException:
        while running := still_running(class_):
            end(running)
            time.sleep(0.05)
        raise


def _watched(class_: Class, tell: Callable[[], None], *arguments: str) -> Any:
    """`nbjudge …`, while the number of those graded is told."""
    with ThreadPoolExecutor(1) as pool, _clearing(class_):  # cleared first: the thread waits for its process
        doing = pool.submit(class_.run, "nbjudge", *arguments, timeout=1500)
        while wait([doing], timeout=0.5).not_done:
            tell()
        return doing.result()


def _batch(class_: Class, lab: str, attacks: list[Attack], uploads: bool, tell: Callable[[], None]) -> list[str]:
    """One call of `nbjudge grade`; what it did to the honest students."""
    incoming = class_.folder / "incoming" / (f"{lab}-zip" if uploads else lab)
    for student in HONEST:
        class_.hand_in_honestly(incoming / student, lab)
    for attack in attacks:
        if not attack.upload:
            class_.hand_in(incoming / attack.name, attack)
    origin = _zipped(class_, incoming, attacks) if uploads else incoming
    done = _watched(class_, tell, "grade", lab, "--from", str(origin), "--jobs", "2")
    said = f"{done.stdout}{done.stderr}"
    found = [f"nbjudge grade {lab} ended with {done.returncode}: {said[-1500:]}"] if done.returncode else []
    return found + _printed(class_, said) + _honest(class_, lab)


def _plugged(class_: Class, lab: str, attacks: list[Attack]) -> list[str]:
    """The same by nbgrader's own commands, which complain of what cannot be graded and go on."""
    for student in HONEST:
        class_.hand_in_honestly(class_.root / "submitted" / student / lab, lab)
    for attack in attacks:
        class_.hand_in(class_.root / "submitted" / attack.name / lab, attack)
    done = [class_.nbgrader(command, lab, timeout=1500) for command in ("autograde", "generate_feedback")]
    return _printed(class_, "".join(one.stdout + one.stderr for one in done)) + _honest(class_, lab)


def _printed(class_: Class, said: str) -> list[str]:
    return [f"a secret was printed: {place}" for place in secrets_in(class_, said.encode(), ("neighbour",))]


def _honest(class_: Class, lab: str) -> list[str]:
    found = []
    for student in HONEST:
        if (marks := class_.marks(student, lab)) != LABS[lab].full:
            found.append(f"{student} in {lab}: {marks}")
    return found


def _zipped(class_: Class, incoming: Path, attacks: list[Attack]) -> Path:
    import zipfile

    place = incoming.with_suffix(".zip")
    with zipfile.ZipFile(place, "w") as archive:
        for path in files(incoming):
            archive.write(path, path.relative_to(incoming))
    for attack in attacks:
        assert attack.upload is not None
        attack.upload(place, class_.submission(attack))
    return place


def look(class_: Class, attack: Attack) -> list[str]:
    """What of the attack was not held."""
    marks, fair = class_.marks(attack.name, attack.lab), expected(attack)
    fair |= {name: 0.0 for name in attack.risks if marks and marks.get(name) == 0}
    found = [] if marks == fair else [f"marks: {_difference(marks, fair)}"]
    shown = b""
    for path in _came_out(class_, attack):
        content = path.read_bytes()
        found += [f"{path.name} holds the secret: {place}" for place in secrets_in(class_, content)]
        found += [f"{path.name} shows {text!r}" for text in attack.absent if _shows(path, content, text)]
        shown += content
    found += [f"it had not its go: {text!r} is not shown" for text in attack.shows if text.encode() not in shown]
    left = left_behind(class_, attack)
    remove(left)
    return found + [f"left behind: {path}" for path in left]


def _shows(path: Path, content: bytes, text: str) -> bool:
    """Tags do harm in pages only; elsewhere they are text."""
    page = path.suffix == ".html" or not text.startswith("<")
    return page and text.encode() in content


def _difference(marks: dict[str, float] | None, fair: dict[str, float]) -> str:
    if marks is None:
        return "none at all"
    return ", ".join(
        f"{name} {marks.get(name)} instead of {fair[name]}" for name in fair if marks.get(name) != fair[name]
    )


def _came_out(class_: Class, attack: Attack) -> list[Path]:
    """All files about this student: the graded notebook, the feedback, the verdict, the logs."""
    folders = [path for path in class_.root.iterdir() if path.is_dir() and path.name not in ("source", "submitted")]
    return [path for folder in folders for path in files(folder) if attack.name in path.parts]


def _after(class_: Class) -> list[str]:
    """What is left when the batch is over."""
    running = still_running(class_)
    found = [f"still running: {process.pid} {process.name()}" for process in running]
    end(running)
    for path in files(class_.root / "report"):
        secret = ("gradebook", "neighbour")  # of a name, and of an honest student's own answer
        found += [f"{path.name} holds the secret: {place}" for place in secrets_in(class_, path.read_bytes(), secret)]
    return found


def fingerprint(class_: Class) -> dict[str, bytes]:
    """The instructor's files, which grading never changes."""
    own = [class_.root / "source", class_.root / "release", class_.home / ".ssh"]
    kept = [*files(*own), class_.root / "secret.txt", class_.folder / "nbgrader_config.py"]
    return {str(path): path.read_bytes() for path in kept}
