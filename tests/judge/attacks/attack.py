"""What an attack is. A family's file calls `attack(...)` once for each of its own; importing it fills BANK."""

from __future__ import annotations

import sys
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

Change = Callable[[dict[str, Any]], None]
Upload = Callable[[Path, bytes], None]


@dataclass(frozen=True)
class Link:
    """A symbolic link that is handed in."""

    to: str


@dataclass(frozen=True)
class Attack:
    """One hostile submission, and what it must come to.

    `answer` stands in the cell of `task`; the other tasks are answered rightly, so that what it breaks shows. In all
    texts `<<class>>`, `<<home>>` and `<<token>>` stand for the class folder, the instructor's home and a word that
    marks what this attack leaves behind.
    """

    name: str  # the student's id, too
    tries: str
    family: str
    lab: str
    task: str
    answer: str | None  # None: the right one
    change: Change | None = None  # alters the notebook before it is handed in
    content: bytes | None = None  # the file's bytes, where it is no notebook
    filename: str = ""  # of the notebook; the lab's name where empty
    files: Mapping[str, bytes | Link] = field(default_factory=dict)  # beside the notebook
    upload: Upload | None = None  # writes the zip that it arrives in, into a folder, with the notebook's bytes
    expects: Mapping[str, float] | None = None  # points by test; by default the task's own are lost and no other
    risks: tuple[str, ...] = ()  # tests further down that it may cost itself, as chance will have it
    absent: tuple[str, ...] = ()  # texts that must not stand in what comes out
    shows: tuple[str, ...] = ()  # texts that its cells print, so that we know it had its go
    stock: str = ""  # why it is not run under stock nbgrader

    @property
    def quick(self) -> bool:
        """Belongs to the part that `make test` runs."""
        return self.name not in HEAVY

    @property
    def token(self) -> str:
        return f"left-by-{self.name}"


BANK: dict[str, Attack] = {}
HEAVY = {  # those that take more than some seconds, most of them because they wait for a limit
    "buffers-announced",
    "closes-the-wire",
    "colliding-keys",
    "fills-memory-by-mapping",
    "fork-bomb",
    "forged-calls",
    "half-frame",
    "late-answers",
    "loud-cells",
    "many-cells",
    "one-long-cell",
    "reads-nothing",
    "slow-drip",
    "slow-to-highlight",
    "slow-to-render",
    "stack-overflow",
    "stuck-in-c",
    "thread-pools",
    "too-large",
    "zip-bomb",
}


def attack(name: str, tries: str, answer: str | None = None, *, lab: str = "sums", task: str = "", **more: Any) -> None:
    """Add one to the bank; its family is the file it stands in, `wire` for all that speak on the wire."""
    family = sys._getframe(1).f_globals["__name__"].rpartition(".")[2]
    assert name not in BANK, f"two attacks are called {name}"
    BANK[name] = Attack(name, tries, family, lab, task or {"sums": "add", "tensors": "double"}[lab], answer, **more)
