"""The zygote's own process: warm, single-threaded, without secrets. It forks judges and contestants and reaps them.

It is the first process of a pid namespace, where namespaces are to be had, so that whatever ends it ends all of them.
"""

from __future__ import annotations

import itertools
import os
import selectors
import shutil
import signal
import socket
import tempfile
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from typing import NamedTuple, NoReturn

from nbjudge.box import children, kernel, usage
from nbjudge.box.children import Contestant, Judge
from nbjudge.box.messages import receive, send
from nbjudge.box.paths import SCRATCH
from nbjudge.box.seal import Plan


class Spare(NamedTuple):
    """A contestant that waits, sealed, for a judge."""

    pid: int
    wire: socket.socket
    told: socket.socket


class Server:
    """Serves one driver until it is gone."""

    def __init__(self, control: socket.socket, driver: int, plan: Plan, mains: list[str], name: str) -> None:
        self.control, self.plan, self.mains = control, plan, mains
        self.names = (f"{name}-{count}" for count in itertools.count())
        self.judges: dict[int, Judge] = {}
        self.contestants: dict[int, Contestant] = {}
        self.left: list[usage.MemoryGroup] = []  # groups that the kernel still held on to
        self.spare: Spare | None = None
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
        self.prepare()
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
            scratch, main, busy = "", self.mains[0], self._busy()
            try:
                scratch = self._scratch(next(self.names))
                pid = self._fork(
                    lambda: children.become_judge(job, theirs, status, scratch, busy, self.plan, main), status
                )
            except OSError as error:
                shutil.rmtree(scratch, ignore_errors=True)
                _refuse(status, error)
                status.close()
                spawns.close()
                return
            self.judges[pid] = Judge(status, spawns, scratch)
            self.selector.register(spawns, selectors.EVENT_READ, lambda: self.hand_out(pid))
            _hand_over(status, pid)

    def _busy(self) -> list[int]:
        """The cores of the judges that are at work."""
        cores: list[int] = []
        for judge in self.judges:
            with suppress(OSError):  # it ended
                cores += os.sched_getaffinity(judge)
        return cores

    def hand_out(self, judge: int) -> None:
        """Give a judge that asks the contestant that waits, and prepare the next: sealing takes longer than a call."""
        if judge not in self.judges:  # reaped by the call before this one
            return
        asked = self.judges[judge].spawns
        if receive(asked)[0] is None:
            self.selector.unregister(asked)
            return
        try:
            spare, self.spare = self.spare, None
            spare = spare if spare and spare.pid in self.contestants else self._contestant()
        except OSError as error:
            _refuse(asked, error)
            return
        self.judges[judge].contestants.add(spare.pid)
        with suppress(OSError):  # one of them ended
            os.sched_setaffinity(spare.pid, os.sched_getaffinity(judge))
        with spare.wire, spare.told:
            _hand_over(asked, spare.pid, spare.wire, spare.told)
        self.prepare()

    def prepare(self) -> None:
        with suppress(OSError):  # the judge that needs it will be told
            self.spare = self._contestant()

    def _contestant(self) -> Spare:
        wire, theirs = socket.socketpair()
        status, told = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
        record = Contestant(status)
        try:
            with theirs:
                self._equip(record)
                with self._new_pid_namespace():
                    pid = self._fork(
                        lambda: children.become_contestant(theirs, record, self.plan, self.mains[1]), status
                    )
        except OSError:
            for sock in (wire, told, status):
                sock.close()
            self._clean(record)
            raise
        self.contestants[pid] = record
        return Spare(pid, wire, told)

    def _equip(self, record: Contestant) -> None:
        name = next(self.names)
        if not self.isolated:
            record.scratch = self._scratch(name)
        if "memory" in self.plan.layers:
            record.group = usage.MemoryGroup(name, usage.together_mb(self.plan.limits))

    def _scratch(self, name: str) -> str:
        """By its name the driver finds it, should the zygote be killed."""
        return tempfile.mkdtemp(prefix=f"{name}-", dir=SCRATCH)

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
        shutil.rmtree(judge.scratch, ignore_errors=True)
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
        while orphans := set(children_of_mine()) - known:
            for pid in orphans:
                self._kill(pid)
                os.waitpid(pid, 0)

    def _kill(self, pid: int, group: bool = False) -> None:
        with suppress(ProcessLookupError):
            (os.killpg if group else os.kill)(pid, signal.SIGKILL)


def _hand_over(sock: socket.socket, pid: int, *others: socket.socket) -> None:
    process = os.pidfd_open(pid)
    with suppress(OSError):  # the other end is gone, and its process will be reaped
        send(sock, "started", process, *(other.fileno() for other in others))
    os.close(process)


def _refuse(sock: socket.socket, error: OSError) -> None:
    with suppress(OSError):
        send(sock, str(error))


def children_of_mine() -> list[int]:
    with open("/proc/thread-self/children") as file:
        return [int(pid) for pid in file.read().split()]
