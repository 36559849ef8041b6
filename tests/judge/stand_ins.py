"""A judge and a contestant for the tests of the box: Python source goes to the judge, which has it run where it says.

The judge runs the job's text with `spawn` in reach; `ask(contestant, code)` runs code in a contestant and gives what it
left in `answer`, or the first line of what it raised.
"""

from __future__ import annotations

import json
import socket
from collections.abc import Callable
from pathlib import Path
from typing import Any

from nbjudge.box.messages import read_bytes, write_bytes
from nbjudge.box.spawned import Spawned


def judge(job: socket.socket, spawn: Callable[[], Spawned]) -> None:
    names: dict[str, Any] = {"spawn": spawn, "ask": ask, "tell": tell, "hear": hear, "host_pid": host_pid}
    exec(read_bytes(job).decode(), names)
    write_bytes(job, json.dumps(names.get("answer")).encode())


def tell(contestant: Spawned, code: str) -> None:
    write_bytes(contestant.wire, code.encode())


def hear(contestant: Spawned) -> Any:
    return json.loads(read_bytes(contestant.wire))


def ask(contestant: Spawned, code: str) -> Any:
    tell(contestant, code)
    return hear(contestant)


def host_pid(contestant: Spawned) -> int:
    """Its number as the host counts, which /proc here shows."""
    for line in Path(f"/proc/self/fdinfo/{contestant._process}").read_text().splitlines():
        if line.startswith("Pid:"):
            return int(line.split()[1])
    raise OSError("no process")


def contestant(wire: socket.socket) -> None:
    """Answers with `answer`; the code may also say something meanwhile, by `say`."""

    def say(what: object) -> None:
        write_bytes(wire, json.dumps(what).encode())

    names: dict[str, Any] = {"say": say}
    while True:
        try:
            code = read_bytes(wire)
        except EOFError:
            return
        try:
            names["answer"] = None
            exec(code.decode(), names)
            told = json.dumps(names["answer"])
        except (Exception, KeyboardInterrupt) as error:
            told = json.dumps(f"{type(error).__name__}: {(str(error).splitlines() or [''])[0]}")
        write_bytes(wire, told.encode())
