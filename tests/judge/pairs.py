"""A judge and a contestant over a socketpair, the contestant forked and not sealed."""

from __future__ import annotations

import contextlib
import os
import socket
import sys
import textwrap
import traceback
from collections.abc import Iterator
from typing import Any

from nbjudge.wire import Caps, Channel, Contestant, Judge


class Shell:
    """Runs a student's cells in a plain namespace."""

    def __init__(self) -> None:
        self.namespace: dict[str, Any] = {"__name__": "__main__"}

    def run(self, source: str, number: int) -> dict[str, Any]:
        try:
            exec(compile(source, f"cell {number}", "exec"), self.namespace)
        except Exception:
            return {"error": traceback.format_exc()}
        return {"error": None}

    def take(self) -> list[Any]:
        return []

    def render(self, error: BaseException) -> list[str]:
        return []


class Pair:
    """The judge of a contestant that has run some cells; `run` executes a test cell in the judge."""

    def __init__(self, *cells: str, caps: Caps = Caps()) -> None:  # noqa: B008  (frozen)
        ours, theirs = socket.socketpair()
        self.pid = os.fork()
        if not self.pid:
            ours.close()
            _contestant(theirs, caps)
        theirs.close()
        self.judge = Judge(Channel(ours, caps))
        self.cells = 0
        for cell in cells:
            self.student(cell)

    def student(self, source: str) -> None:
        """Has the contestant run a cell."""
        self.cells += 1
        said: Any = self.judge.run_cell(textwrap.dedent(source), self.cells)
        assert said["error"] is None, said["error"]

    def run(self, source: str) -> dict[str, Any]:
        """Executes a test cell; its namespace."""
        exec(compile(textwrap.dedent(source), "<test>", "exec"), self.judge.namespace)
        return self.judge.namespace

    def close(self) -> None:
        self.judge.channel.close()
        os.waitpid(self.pid, 0)


def _contestant(sock: socket.socket, caps: Caps) -> None:
    if "torch" in sys.modules:  # threads that the tests' process used do not live on in a fork, and are waited for
        sys.modules["torch"].set_num_threads(1)
    try:
        Contestant(Channel(sock, caps), Shell()).serve()
    except BaseException:
        traceback.print_exc(file=sys.stderr)
        os._exit(1)
    os._exit(0)


@contextlib.contextmanager
def pair(*cells: str, caps: Caps = Caps()) -> Iterator[Pair]:  # noqa: B008  (frozen)
    """A pair that is closed at the end."""
    both = Pair(*cells, caps=caps)
    try:
        yield both
    finally:
        both.close()
