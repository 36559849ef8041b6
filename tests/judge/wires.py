"""Wires for the tests: a judge with a contestant in a process of its own, or with nobody who reads."""

from __future__ import annotations

import contextlib
import os
import signal
import socket
import sys
import time
import traceback
from collections.abc import Iterator
from typing import Any

from nbjudge.wire import Caps, Channel, Contestant, Judge

CAPS = Caps()
SOON = 60.0  # seconds: a deadline that only a test that hangs meets


class Shell:
    """As little of a shell as a contestant needs; prints are its outputs."""

    def __init__(self, source: str) -> None:
        self.namespace: dict[str, Any] = {"__name__": "__main__"}
        self._printed: list[str] = []
        sys.stdout = self  # type: ignore[assignment]
        exec(compile(source, "<student>", "exec"), self.namespace)

    def write(self, text: str) -> int:
        self._printed.append(text)
        return len(text)

    def flush(self) -> None:
        pass

    def run(self, source: str, number: int) -> dict[str, Any]:
        exec(compile(source, f"<cell {number}>", "exec"), self.namespace)
        return {"number": number}

    def take(self) -> list[Any]:
        printed, self._printed = self._printed, []
        return printed

    def render(self, error: BaseException) -> list[str]:
        return traceback.format_exception_only(error)


@contextlib.contextmanager
def contested(source: str = "", caps: Caps = CAPS, judge_caps: Caps | None = None) -> Iterator[Judge]:
    """A judge, and a contestant that has run `source`; `judge.pid` is the contestant's process."""
    ours, theirs = socket.socketpair()
    pid = os.fork()
    if not pid:
        try:
            ours.close()
            shell = Shell(source)
            contestant = shell.namespace["peer"] = Contestant(Channel(theirs, caps), shell)
            contestant.serve()
        except BaseException:
            traceback.print_exc(file=sys.__stderr__)
        finally:
            os._exit(0)
    theirs.close()
    judge = Judge(Channel(ours, judge_caps or caps))
    judge.deadline = time.monotonic() + SOON
    judge.pid = pid  # type: ignore[attr-defined]
    try:
        yield judge
    finally:
        ours.close()
        os.kill(pid, signal.SIGKILL)
        os.waitpid(pid, 0)


def run(judge: Judge, source: str) -> None:
    """Runs a test cell."""
    exec(compile(source, "<test cell>", "exec"), judge.namespace)


@contextlib.contextmanager
def ends(caps: Caps = CAPS) -> Iterator[tuple[Channel, socket.socket]]:
    """A channel, and the bare socket of the other end."""
    ours, theirs = socket.socketpair()
    with ours, theirs:
        yield Channel(ours, caps), theirs
