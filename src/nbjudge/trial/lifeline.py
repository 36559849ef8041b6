"""The judge's hold on its contestants: deadlines, interrupts, and a new contestant when one died or got stuck."""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import Any

from nbjudge.box.messages import Crashed
from nbjudge.box.spawned import Spawned
from nbjudge.trial.job import Job, laying_out
from nbjudge.trial.messages import Reason
from nbjudge.trial.shell import PLAIN
from nbjudge.wire import Channel, Closed, Judge, Late, WireError

CONTESTANTS = 5  # as many a submission; after that what remains fails
PATIENCE = 4  # times its seconds a cell may last where the processor is busy with others
OLD = 0.02  # of a cell's time may the reckoning of its CPU time have begun before it
GRACE = 2.0  # seconds for a cell to end after its interrupt
LEAVING = 5.0  # seconds for a contestant to end after its last cell
SLOW, DIED, BROKE = "CellTimeoutError", "DeadKernelError", "ProtocolError"  # the first two are nbgrader's names
SPENT = "TimeLimitError"


class Stopped(Exception):  # noqa: N818 (what became of a cell)
    """A cell could not be run to its end; `reason` says why."""

    def __init__(self, reason: Reason) -> None:
        super().__init__(reason.text)
        self.reason = reason


class Lifeline:
    """The present contestant, made anew when it is needed and the last one is gone.

    A new one gets the cells that the others ran to their end, so that what stands below finds its names.
    """

    def __init__(self, spawn: Callable[[], Spawned], job: Job, until: float) -> None:
        self._spawn, self._limits, self._until = spawn, job.limits, until
        self._files = [(laying_out(job.files), PLAIN)] if job.files else []
        self._ran: list[tuple[str, int]] = []
        self._spawned: Spawned | None = None
        self._last = Reason(DIED, "the contestant did not start")
        self.peer: Judge | None = None
        self._namespace: Any = None  # of the tests; it outlives a contestant
        self._began = self._used = self._looked = 0.0
        self.count, self.cpu_seconds, self.peak_mb = 0, 0.0, 0.0
        self.layers: list[str] = []

    def ready(self) -> Judge:
        """The peer of a contestant that has run the cells above. Raises `Stopped` when there can be no more of them."""
        if time.monotonic() >= self._until:
            raise Stopped(self.slow())
        while self.peer is None:
            if self.count == CONTESTANTS:
                raise Stopped(self._last)
            self._begin()
        return self.peer

    def run(self, source: str, number: int) -> dict[str, Any]:
        """The contestant's answer to one of its cells. Raises `Stopped`."""
        answer = self._run(self.ready(), source, number)
        self._ran.append((source, number))
        return answer

    def deadline(self) -> float:
        """When a cell that begins now has to end, on a machine that is not overloaded."""
        self._began = time.monotonic()
        if self._began >= self._looked + self._limits.cell_seconds * OLD:  # to look opens two files
            self._looked, self._used = self._began, self._cpu_seconds()
        return min(self._began + self._limits.cell_seconds, self._until)

    def more_time(self) -> bool:
        """Past that deadline: whether the cell was short of the processor rather than slow, and may go on."""
        now = time.monotonic()
        if now >= min(self._until, self._began + PATIENCE * self._limits.cell_seconds):
            return False
        return self._cpu_seconds() - self._used < self._limits.cell_seconds / 2

    def _cpu_seconds(self) -> float:
        return time.process_time() + (self._spawned.cpu_seconds() if self._spawned else 0.0)

    def verdict(self) -> Reason | None:
        """What went wrong on the wire while a cell ran, also where the test swallowed it; None if nothing did.

        A contestant that is of no more use is ended, and the next cell gets another.
        """
        if self.peer is None or self.peer.trouble is None:
            return None
        reason = self._last = self._reason(self.peer.trouble)
        self.peer.trouble = None
        if self.peer.broken is not None:
            self.drop()
        return reason

    def drop(self) -> None:
        """End the contestant, whatever it does."""
        if self._spawned is not None:
            self._spawned.kill()
            self._bury()

    def close(self) -> None:
        """Let the contestant go after its last cell."""
        if self._spawned is None:
            return
        self._spawned.wire.close()
        if self._spawned.ending(LEAVING) is None:
            self._spawned.kill()
        self._bury()

    def _begin(self) -> None:
        self.count += 1
        try:
            self._spawned = self._spawn()
        except Crashed as error:
            self._last = Reason(DIED, str(error))
            return
        self.layers, self._looked = self._spawned.layers, 0.0
        self.peer = self._judge(self._spawned)
        for cell in [*self._files, *self._ran]:
            try:
                self._run(self.peer, *cell)
            except Stopped:
                self._ran = [other for other in self._ran if other != cell]
                if self.peer is None:
                    return

    def _judge(self, spawned: Spawned) -> Judge:
        peer = Judge(Channel(spawned.wire), namespace=self._namespace)
        peer.on_late = self._interrupt
        peer.channel.more_time = self.more_time
        self._namespace = peer.namespace
        return peer

    def _interrupt(self) -> float:
        """As Ctrl-C does; until when to wait for an answer all the same."""
        if self._spawned is not None:
            self._spawned.interrupt()
        return time.monotonic() + GRACE

    def _run(self, peer: Judge, source: str, number: int) -> dict[str, Any]:
        peer.trouble = None
        try:
            answer = peer.run_cell(source, number, self.deadline())
            return answer if type(answer) is dict else {}
        except Exception as error:  # also what an extension or the contestant's end of the wire raises
            raise Stopped(self.verdict() or Reason(BROKE, f"{type(error).__name__}: {error}"[:500])) from None

    def _reason(self, trouble: WireError) -> Reason:
        if isinstance(trouble, Late):
            return self.slow()
        if isinstance(trouble, Closed):
            ending = self._spawned.ending(LEAVING) if self._spawned else None
            return Reason(DIED, f"your code's process {ending.why if ending else 'closed its connection'}")
        return Reason(BROKE, f"your code's process sent what no notebook sends: {trouble}"[:500])

    def slow(self) -> Reason:
        """Why a cell was stopped that ran too long."""
        if time.monotonic() >= self._until:
            return Reason(SPENT, f"the time for the whole notebook, {self._limits.seconds:g} s, was used up")
        return Reason(SLOW, f"it ran longer than {self._limits.cell_seconds:g} s and was stopped; a loop may never end")

    def _bury(self) -> None:
        assert self._spawned is not None
        ending = self._spawned.ending(LEAVING)
        if ending is not None:
            self.cpu_seconds += ending.cpu_seconds
            self.peak_mb = max(self.peak_mb, ending.peak_mb)
        self._spawned.close()
        self._spawned = self.peer = None
