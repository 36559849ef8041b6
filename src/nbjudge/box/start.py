"""Start the zygote: `python -P -m nbjudge.box.start DESCRIPTOR`, with the driver's socket."""

from __future__ import annotations

import os
import signal
import socket
import sys
from typing import Any, NoReturn

from nbjudge.box import kernel, paths, syscalls, usage
from nbjudge.box.messages import receive, send
from nbjudge.box.seal import Plan, dedicated_user, drop_user, enter_namespaces
from nbjudge.box.server import Server, children_of_mine
from nbjudge.box.warm import warm
from nbjudge.limits import Limits


def main() -> NoReturn:
    control = socket.socket(fileno=int(sys.argv[1]))
    driver = os.pidfd_open(os.getppid())
    name = f"nbjudge-{os.getppid()}-{os.getpid()}"
    config, _ = receive(control)
    if config is None:  # the driver ended before it said what it wants
        sys.exit(1)
    try:
        if "namespaces" in config["layers"]:
            enter_namespaces()
        else:
            stand_guard()
        _adopt_orphans()
        plan = prepare(config)
    except Exception as error:
        send(control, {"error": f"{type(error).__name__}: {error}"})
        sys.exit(1)
    send(control, {"layers": sorted(plan.layers)})
    Server(control, driver, plan, config["mains"], name).serve()


def stand_guard() -> None:
    """Continue in a fork; whatever ends that, this process ends what it has left, as a pid namespace would."""
    _adopt_orphans()
    pid = os.fork()
    if pid == 0:
        kernel.die_with_parent()
        return
    os.closerange(3, 1 << 20)
    os.waitpid(pid, 0)
    while left := children_of_mine():
        for orphan in left:
            os.kill(orphan, signal.SIGKILL)
            os.waitpid(orphan, 0)
    os._exit(0)


def _adopt_orphans() -> None:
    kernel.call("prctl", 36, 1, 0, 0, 0)  # PR_SET_CHILD_SUBREAPER


def prepare(config: dict[str, Any]) -> Plan:
    """Import, warm up and work out what is the same for every contestant."""
    layers = frozenset(config["layers"])
    warm([*config["imports"], *(name.rpartition(".")[0] for name in config["mains"])])
    program = syscalls.program() if "seccomp" in layers else b""
    usage.sweep()
    readable = paths.readable(config["readable"], config["private"])
    if "user" in layers and "namespaces" not in layers:
        _see_for_another_user(readable)
    hidden = paths.hidden(readable, config["readable"], config["private"])
    return Plan(Limits(**config["limits"]), layers, tuple(readable), tuple(hidden), program)


def _see_for_another_user(readable: list[str]) -> None:
    """Without a file tree of its own, the box's user meets the host's permissions: better said now than later."""
    pid = os.fork()
    if pid == 0:
        drop_user(dedicated_user() or 0)
        closed = next((number for number, path in enumerate(readable) if not os.access(path, os.R_OK)), 255)
        os._exit(min(closed, 255))
    number = os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1])
    if number != 255:
        raise PermissionError(f"{readable[number]} is closed to other users, and a contestant is one: open it to all")


if __name__ == "__main__":
    main()
