"""The two kinds of process that the zygote forks: what it remembers of each, and what each does after the fork."""

from __future__ import annotations

import importlib
import os
import resource
import shutil
import signal
import socket
import sys
import tempfile
import traceback
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass, field
from typing import Any

from nbjudge.box import kernel, usage
from nbjudge.box.messages import Crashed, Ending, receive, send
from nbjudge.box.paths import SHARED_MEMORY
from nbjudge.box.seal import Plan, seal
from nbjudge.box.spawned import Spawned


@dataclass
class Judge:
    status: socket.socket  # to the driver
    spawns: socket.socket  # the judge asks for contestants here
    scratch: str
    contestants: set[int] = field(default_factory=set)


@dataclass
class Contestant:
    status: socket.socket  # to the judge
    scratch: str | None = None
    group: usage.MemoryGroup | None = None

    def clean(self) -> None:
        """Remove what it may have left on the host where it had no file tree of its own."""
        if self.scratch is None:
            return
        user = os.stat(self.scratch).st_uid
        shutil.rmtree(self.scratch, ignore_errors=True)
        if user != os.getuid():
            for entry in list(os.scandir(SHARED_MEMORY)):
                if entry.stat(follow_symlinks=False).st_uid == user:
                    _remove(entry.path)


def _remove(path: str) -> None:
    if os.path.isdir(path) and not os.path.islink(path):
        shutil.rmtree(path, ignore_errors=True)
    else:
        os.unlink(path)


def ending(status: int, used: resource.struct_rusage, cpu_limit: int, group: usage.MemoryGroup | None) -> Ending:
    """What `os.wait4` told, in words."""
    cpu = used.ru_utime + used.ru_stime
    peak = max(group.peak_mb() if group else 0.0, used.ru_maxrss / 1024)  # of all it took; of its largest process
    if os.WIFEXITED(status):
        code = os.WEXITSTATUS(status)
        return Ending(code, None, f"ended with exit code {code}", cpu, peak)
    number = os.WTERMSIG(status)
    why = f"was ended by the signal {signal.Signals(number).name if number in set(signal.Signals) else number}"
    if number == signal.SIGKILL and group and group.ran_out():
        why = "ran out of memory"
    elif number in (signal.SIGKILL, signal.SIGXCPU) and cpu >= cpu_limit - 1:
        why = f"used up its {cpu_limit} s of CPU time"
    return Ending(None, number, why, cpu, peak)


def run(child: Callable[[], Any], report: socket.socket) -> None:
    """In the fork: run `child` and end the process; a failure is told on `report`."""
    code = 1
    try:
        signal.set_wakeup_fd(-1)
        signal.signal(signal.SIGCHLD, signal.SIG_DFL)
        signal.signal(signal.SIGINT, signal.default_int_handler)  # ignored where the driver runs in the background
        signal.pthread_sigmask(signal.SIG_SETMASK, ())
        os.setsid()
        child()
        code = 0
    except SystemExit as error:
        code = error.code if isinstance(error.code, int) else int(error.code is not None)
    except BaseException as error:
        with suppress(OSError):
            send(report, {"error": f"{type(error).__name__}: {str(error)[:2000]}"})
        traceback.print_exc()
    finally:
        with suppress(Exception):
            sys.stdout.flush()
            sys.stderr.flush()
        os._exit(code)


def become_judge(
    job: socket.socket,
    spawns: socket.socket,
    status: socket.socket,
    scratch: str,
    busy: list[int],
    plan: Plan,
    main: str,
) -> None:
    """Its temporary files lie in `scratch`, which the zygote removes, whatever ends the judge."""

    def spawn() -> Spawned:
        send(spawns, "spawn")
        message, received = receive(spawns, 3)
        if len(received) < 3:
            raise Crashed(f"no contestant: {message or 'the zygote ended'}")
        process, wire, status_of_it = received
        return Spawned(socket.socket(fileno=wire), process, socket.socket(fileno=status_of_it))

    _close_all_but(job, spawns, status)
    _stay_on_one_core(busy)
    os.environ["TMPDIR"] = scratch
    tempfile.tempdir = None
    if "limits" in plan.layers:
        usage.limit_judge(plan.limits)
    function(main)(job, spawn)


def _stay_on_one_core(busy: list[int]) -> None:
    """A judge and its contestants take turns, and on two cores each waits for the other's to wake.

    The core is the one where the kernel put this process, unless more of the others are at work there than elsewhere.
    """
    with suppress(OSError):  # a host may forbid it
        here = kernel.call("sched_getcpu")
        os.sched_setaffinity(0, {min(os.sched_getaffinity(0), key=lambda core: (busy.count(core), core != here))})


def become_contestant(wire: socket.socket, record: Contestant, plan: Plan, main: str) -> None:
    """Sealed, it holds its wire and nothing else; the layers are told before anything of the student's runs."""
    _close_all_but(wire, record.status)
    null = os.open(os.devnull, os.O_RDWR)
    for standard in (0, 1, 2):
        os.dup2(null, standard)
    os.close(null)
    layers = seal(plan, record.scratch, record.group)
    send(record.status, {"layers": layers})
    record.status.close()
    function(main)(wire)


def function(name: str) -> Callable[..., Any]:
    module, _, attribute = name.rpartition(".")
    return getattr(importlib.import_module(module), attribute)


def _close_all_but(*kept: socket.socket) -> None:
    """Sockets of the zygote's stay referenced until the process ends: nothing closes a number a second time."""
    numbers = sorted({0, 1, 2, *(sock.fileno() for sock in kept)})
    for number, following in zip(numbers, [*numbers[1:], 1 << 20], strict=True):
        os.closerange(number + 1, following)
