"""The zygote's own process: warm, single-threaded, without secrets. It forks judges and contestants and reaps them.

It is the first process of a pid namespace, where namespaces are to be had, so that whatever ends it ends all of them.
"""

from __future__ import annotations

import itertools
import os
import selectors
import signal
import socket
import sys
import tempfile
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from typing import Any, NoReturn

from nbjudge.box import children, kernel, paths, syscalls, usage
from nbjudge.box.children import Contestant, Judge
from nbjudge.box.messages import receive, send
from nbjudge.box.seal import Plan, enter_namespaces
from nbjudge.box.warm import warm
from nbjudge.limits import Limits


class Server:
    """Serves one driver until it is gone."""

    def __init__(self, control: socket.socket, driver: int, plan: Plan, mains: list[str], name: str) -> None:
        self.control, self.plan, self.mains = control, plan, mains
        self.names = (f"{name}-{count}" for count in itertools.count())
        self.judges: dict[int, Judge] = {}
        self.contestants: dict[int, Contestant] = {}
        self.left: list[usage.MemoryGroup] = []  # groups that the kernel still held on to
        self.isolated = "namespaces" in plan.layers
        self.selector = selectors.DefaultSelector()
        self.selector.register(control, selectors.EVENT_READ, self.start_judge)
        self.selector.register(driver, selectors.EVENT_READ, self.stop)
        self.selector.register(self._wake_at_endings(), selectors.EVENT_READ, self.reap)

    def _wake_at_endings(self) -> socket.socket:
        self.woken, self.waker = socket.socketpair()
        self.woken.setblocking(False)
        self.waker.setblocking(False)
        signal.signal(signal.SIGCHLD, lambda *_: None)
        signal.set_wakeup_fd(self.waker.fileno(), warn_on_full_buffer=False)
        return self.woken

    def serve(self) -> NoReturn:
        while True:
            for key, _ in self.selector.select():
                key.data()

    def stop(self) -> NoReturn:
        """The driver is gone, and so is everybody else."""
        for pid in (*self.judges, *self.contestants):
            self._kill(pid)
        while self.judges or self.contestants:
            self.reap(block=True)
        os._exit(0)

    def start_judge(self) -> None:
        message, received = receive(self.control, 2)
        if message is None:
            self.stop()
        job, status = (socket.socket(fileno=number) for number in received)
        spawns, theirs = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
        with job, theirs:
            pid = self._fork(lambda: children.become_judge(job, theirs, status, self.mains[0]), status)
            self.judges[pid] = Judge(status, spawns)
            self.selector.register(spawns, selectors.EVENT_READ, lambda: self.start_contestant(pid))
            _hand_over(status, pid)

    def start_contestant(self, judge: int) -> None:
        asked = self.judges[judge].spawns
        if receive(asked)[0] is None:
            self.selector.unregister(asked)
            return
        wire, theirs = socket.socketpair()
        status, told = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
        with wire, theirs, told:
            try:
                record = self._contestant(status)
                with self._new_pid_namespace():
                    pid = self._fork(
                        lambda: children.become_contestant(theirs, record, self.plan, self.mains[1]), status
                    )
            except OSError as error:
                status.close()
                send(asked, str(error))
                return
            self.contestants[pid] = record
            self.judges[judge].contestants.add(pid)
            _hand_over(asked, pid, wire, told)

    def _contestant(self, status: socket.socket) -> Contestant:
        name = next(self.names)
        scratch = None if self.isolated else tempfile.mkdtemp(prefix=f"{name}-")
        group = usage.MemoryGroup(name, self.plan.limits.memory_mb) if "memory" in self.plan.layers else None
        return Contestant(status, scratch, group)

    @contextmanager
    def _new_pid_namespace(self) -> Iterator[None]:
        """The next fork is the first process of a namespace of its own; its end is the end of all that it started."""
        if not self.isolated:
            yield
            return
        mine = os.open("/proc/thread-self/ns/pid", os.O_RDONLY)
        try:
            kernel.unshare(kernel.NEW_PID)
            yield
        finally:
            kernel.enter(mine, kernel.NEW_PID)
            os.close(mine)

    def _fork(self, child: Callable[[], object], report: socket.socket) -> int:
        pid = os.fork()
        if pid == 0:
            children.run(child, report)
        return pid

    def reap(self, block: bool = False) -> None:
        with suppress(BlockingIOError):
            self.woken.recv(4096)
        options = os.WEXITED | os.WNOWAIT
        with suppress(ChildProcessError):
            while ended := os.waitid(os.P_ALL, 0, options if block else options | os.WNOHANG):
                self._bury(ended.si_pid)
                block = False
        self.left = [group for group in self.left if not group.remove()]

    def _bury(self, pid: int) -> None:
        if pid in self.judges:
            self._kill(pid, group=True)  # what it started, while its number is still its own
        _, status, used = os.wait4(pid, 0)
        child = self.judges.pop(pid, None) or self.contestants.pop(pid, None)
        group = child.group if isinstance(child, Contestant) else None
        if child is None:  # somebody's orphan
            return
        if isinstance(child, Judge):
            self._dismiss(child)
        else:
            self._clean(child)
        with child.status, suppress(OSError):
            send(child.status, {"ending": children.ending(status, used, self.plan.limits.cpu_seconds, group)})

    def _dismiss(self, judge: Judge) -> None:
        with suppress(KeyError):
            self.selector.unregister(judge.spawns)
        judge.spawns.close()
        for pid in judge.contestants & set(self.contestants):
            self._kill(pid)

    def _clean(self, contestant: Contestant) -> None:
        if not self.isolated:
            self._end_orphans()
        contestant.clean()
        if contestant.group:
            self.left.append(contestant.group)

    def _end_orphans(self) -> None:
        """Without a pid namespace, what detached itself has become our child."""
        known = {*self.judges, *self.contestants}
        while orphans := set(_children()) - known:
            for pid in orphans:
                self._kill(pid)
                os.waitpid(pid, 0)

    def _kill(self, pid: int, group: bool = False) -> None:
        with suppress(ProcessLookupError):
            (os.killpg if group else os.kill)(pid, signal.SIGKILL)


def _hand_over(sock: socket.socket, pid: int, *others: socket.socket) -> None:
    process = os.pidfd_open(pid)
    with suppress(OSError):  # the other end is gone, and its process will be reaped
        first, last = others[:1], others[1:]
        send(sock, "started", *(one.fileno() for one in first), process, *(one.fileno() for one in last))
    os.close(process)


def _children() -> list[int]:
    with open("/proc/thread-self/children") as file:
        return [int(pid) for pid in file.read().split()]


def main() -> NoReturn:
    """`python -P -m nbjudge.box.server DESCRIPTOR`, with the driver's socket."""
    control = socket.socket(fileno=int(sys.argv[1]))
    driver = os.pidfd_open(os.getppid())
    name = f"nbjudge-{os.getppid()}-{os.getpid()}"
    config, _ = receive(control)
    try:
        if "namespaces" in config["layers"]:
            enter_namespaces()
        kernel.call("prctl", 36, 1, 0, 0, 0)  # PR_SET_CHILD_SUBREAPER: orphans become our children
        plan = prepare(config)
    except Exception as error:
        send(control, {"error": f"{type(error).__name__}: {error}"})
        sys.exit(1)
    send(control, {"layers": sorted(plan.layers)})
    Server(control, driver, plan, config["mains"], name).serve()


def prepare(config: dict[str, Any]) -> Plan:
    """Import, warm up and work out what is the same for every contestant."""
    layers = frozenset(config["layers"])
    warm([*config["imports"], *(name.rpartition(".")[0] for name in config["mains"])])
    program = syscalls.program() if "seccomp" in layers else b""
    usage.sweep()
    return Plan(
        Limits(**config["limits"]), layers, tuple(paths.readable(config["readable"], config["private"])), program
    )


if __name__ == "__main__":
    main()
