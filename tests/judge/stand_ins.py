"""A judge and a contestant for the tests of the box: Python source goes to the judge, which has it run where it says.

The judge runs the job's text with `spawn` in reach; `ask(contestant, code)` runs code in a contestant and gives what it
left in `answer`, or the first line of what it raised.
"""

from __future__ import annotations

import json
import socket
from collections.abc import Callable
from typing import Any

from nbjudge.box.messages import read_bytes, write_bytes
from nbjudge.box.spawned import Spawned


def judge(job: socket.socket, spawn: Callable[[], Spawned]) -> None:
    names: dict[str, Any] = {"spawn": spawn, "ask": ask, "answer": None}
    exec(read_bytes(job).decode(), names)
    write_bytes(job, json.dumps(names["answer"]).encode())


def ask(contestant: Spawned, code: str) -> Any:
    write_bytes(contestant.wire, code.encode())
    return json.loads(read_bytes(contestant.wire))


def contestant(wire: socket.socket) -> None:
    names: dict[str, Any] = {"answer": None}
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
            told = json.dumps(f"{type(error).__name__}: {str(error).splitlines()[0] if str(error) else ''}")
        write_bytes(wire, told.encode())
