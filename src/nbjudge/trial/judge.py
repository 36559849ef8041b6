"""The trusted process: it runs one submission's cells in order and answers with a Trial."""

from __future__ import annotations

import contextlib
import gc
import os
import resource
import signal
import socket
import sys
import time
import warnings
from collections.abc import Callable, Iterator
from tempfile import TemporaryDirectory
from types import FrameType

from nbjudge.box.messages import read_bytes, write_bytes
from nbjudge.box.spawned import Spawned
from nbjudge.remarks import Remark
from nbjudge.trial import forbidden, messages
from nbjudge.trial.job import CellVerdict, Job, Trial, laying_out
from nbjudge.trial.kinds import Kind
from nbjudge.trial.lifeline import BROKE, DIED, GRACE, SPENT, Lifeline, Stopped
from nbjudge.trial.messages import Reason
from nbjudge.trial.outputs import Output, Outputs, Stream, clean, line
from nbjudge.trial.plan import Step, plan, scores
from nbjudge.trial.prepared import filename
from nbjudge.trial.shell import RARELY, Shell
from nbjudge.trial.testcell import Property
from nbjudge.wire import Judge, Refused
from nbjudge.wire.proxies import refusals

REMARKS = {DIED: "died", BROKE: "wire", SPENT: "limit"}  # what is slow shows in the cell
LOCKED = filename(Kind.LOCKED, "")[:-1]  # how the names of their files begin
CELLS = 10  # so many cells may show as much as a cell may


def main(job: socket.socket, spawn: Callable[[], Spawned]) -> None:
    """Read the Job, answer with the Trial."""
    gc.set_threshold(*RARELY)
    warnings.formatwarning = lambda message, category, *_: f"{category.__name__}: {message}\n"  # no paths of the host
    asked = Job.unpack(read_bytes(job))
    with TemporaryDirectory(prefix="nbjudge-") if asked.files else contextlib.nullcontext() as folder:
        if folder:
            os.chdir(folder)
            sys.path.insert(0, folder)  # of the instructor's files alone
            exec(laying_out(asked.files), {})
        answer = Run(asked, spawn).trial().pack()
        os.chdir("/")
    write_bytes(job, answer)


class OutOfTime(BaseException):
    """The judge's own alarm: the test itself ran too long, not one of its calls."""


class Run:
    """One submission on its way through the notebook."""

    def __init__(self, job: Job, spawn: Callable[[], Spawned]) -> None:
        self.job, self.limits = job, job.limits
        self.started = time.monotonic()
        self.contestant = Lifeline(spawn, job, self.started + _time(job.limits.seconds))
        self.result = Trial(cells=[CellVerdict() for _ in job.submission["cells"]])
        self.result.scores = dict.fromkeys(scores(job), 0.0)
        self.written: list[str] = []  # the student's cells
        self.number = 0
        self.room = CELLS * job.limits.output_bytes  # for the outputs of all cells together

    def trial(self) -> Trial:
        signal.signal(signal.SIGALRM, self._alarm)
        for step in plan(self.job):
            self._cell(step)
        self.contestant.close()
        return self._closed()

    def _closed(self) -> Trial:
        used, result = resource.getrusage(resource.RUSAGE_SELF), self.result
        result.remarks = list(dict.fromkeys(result.remarks))
        result.layers, result.contestants = self.contestant.layers, self.contestant.count
        result.cpu_seconds = round(used.ru_utime + used.ru_stime + self.contestant.cpu_seconds, 3)
        result.peak_mb = self.contestant.peak_mb
        result.seconds = round(time.monotonic() - self.started, 3)
        return result

    def _cell(self, step: Step) -> None:
        self.number += 1
        verdict = self.result.cells[step.position]
        verdict.execution_count, began = self.number, time.monotonic()
        outputs = Outputs(min(self.limits.output_bytes, self.room))
        try:
            self._test(step, outputs) if step.kind is Kind.TEST else self._given(step, outputs)
        except Stopped as stop:
            self._stopped(step, stop.reason, outputs)
        self.room = max(0, self.room - outputs.limit + outputs.room)
        verdict.outputs, verdict.seconds = outputs.take(), round(time.monotonic() - began, 3)

    def _given(self, step: Step, outputs: Outputs) -> None:
        """A cell of the contestant's; one that came with the lab runs in the judge, too."""
        if step.kind is Kind.STUDENT:
            self.written.append(step.source)
            self._mentions(self.job.source.get("metadata", {}).get("nbjudge", {}).get("forbid", ()), [step.source])
        if step.kind is Kind.LOCKED:
            self._locked(step)
        answer = self.contestant.run(step.source, self.number)
        for output in clean(answer.get("outputs"), self.limits.output_bytes):
            outputs.add(output)

    def _locked(self, step: Step) -> None:
        cell = Property(step.grade_id, step.source, 0, self.job.delimiters, step.kind, step.code)
        namespace = self.contestant.ready().namespace
        try:
            with self._running(Outputs(0)):
                cell.run(namespace)
        except (Exception, OutOfTime) as error:
            if isinstance(error, OutOfTime):
                self.contestant.drop()  # it may have been in the middle of a message
            if self.contestant.verdict() is None:
                self._remark("test", f"{step.grade_id}: {_brief(error, cell)}")

    def _test(self, step: Step, outputs: Outputs) -> None:
        test = Property(step.grade_id, step.source, step.points, self.job.delimiters, step.kind, step.code)
        outputs.shown = lambda: not test.stands_hidden()
        if step.forbid:
            self._mentions(step.forbid, forbidden.cells_under(step.source, self.written))
        peer = self.contestant.ready()
        peer.on_outputs = lambda sent: _add(outputs, clean(sent, self.limits.output_bytes))
        peer.changes_inputs = "changes-inputs" in step.tags
        peer.seed(step.seed)
        names = {*step.forbid, *self.job.source.get("metadata", {}).get("nbjudge", {}).get("forbid", ())}
        value, error = None, None
        refusals.clear()
        try:
            with self._running(outputs), forbidden.watching(sorted(names), lambda name: self._forbidden(step, name)):
                value = test.run(peer.namespace)
        except OutOfTime:
            self.contestant.drop()  # it may have been in the middle of a message
            raise Stopped(self.contestant.slow()) from None
        except BaseException as raised:
            error = raised
        reason = self.contestant.verdict()
        for refusal in refusals:
            if refusal != str(error):
                self._remark("test", f"{test.grade_id}, swallowed by the test: {refusal}")
        self._leave(peer)
        if reason:
            raise Stopped(reason)
        outputs.shown = lambda: True
        self._failed(error, test, outputs) if error else self._passed(value, test, outputs)

    def _leave(self, peer: Judge) -> None:
        """After a test: what it lent is no longer honoured, and the student's globals are as before."""
        peer.retire(_lasts)
        peer.deadline = self.contestant.deadline()
        with contextlib.suppress(Exception):  # the next cell meets what is wrong
            peer.namespace.restore()

    def _passed(self, value: object, test: Property, outputs: Outputs) -> None:
        points, strange = test.credit(value)
        self.result.scores[test.grade_id] = points
        if strange:
            self._remark("credit", strange)
        if type(value) in (int, float, str, bool) and not test.quiet:
            outputs.result({"text/plain": repr(value)}, self.number)

    def _failed(self, error: BaseException, test: Property, outputs: Outputs) -> None:
        if isinstance(error, SyntaxError) and not messages.is_remote(error) and not test.lines(error.__traceback__):
            self._remark("test", f"{test.grade_id}, line {error.lineno}: {error.msg}")
            outputs.add(messages.broken(error, test))
            return
        if isinstance(error, Refused):
            self._remark("test", f"{test.grade_id}, {_brief(error, test)}")
        if name := messages.mistake(error):
            self.result.mistakes.append((test.grade_id, name))
        outputs.add(messages.failure(error, test))

    def _stopped(self, step: Step, reason: Reason, outputs: Outputs) -> None:
        if kind := REMARKS.get(reason.kind):
            self._remark(kind, f"{step.grade_id or f'cell [{self.number}]'}: {reason.text}")
        outputs.shown = lambda: True
        outputs.add(messages.stopped(reason))

    @contextlib.contextmanager
    def _running(self, outputs: Outputs) -> Iterator[None]:
        """Code of the instructor's runs: its prints are collected, and it has the time of one cell."""
        peer = self.contestant.ready()
        peer.trouble, peer.deadline = None, self.contestant.deadline()
        if Shell.initialized():
            Shell.instance().outputs = outputs
        signal.setitimer(signal.ITIMER_REAL, max(0.1, peer.deadline - time.monotonic()) + 2 * GRACE, 1)
        said, warned = Stream("stdout", lambda: outputs), Stream("stderr", lambda: outputs)
        with contextlib.redirect_stdout(said), contextlib.redirect_stderr(warned):
            try:
                yield
            finally:
                signal.setitimer(signal.ITIMER_REAL, 0)

    def _alarm(self, number: int, frame: FrameType | None) -> None:
        if not self.contestant.more_time():
            raise OutOfTime

    def _mentions(self, names: tuple[str, ...], sources: list[str]) -> None:
        own = forbidden.defined(self.written) if names else set()
        for source in sources if names else []:
            for name in forbidden.in_source(names, source, own):
                self._remark("forbidden", f"the source mentions {name}")

    def _forbidden(self, step: Step, name: str) -> None:
        self._remark("forbidden", f"{step.grade_id}: {name} was called")

    def _remark(self, kind: str, detail: str) -> None:
        self.result.remarks.append(Remark(kind, line(detail)))


def _time(seconds: float) -> float:
    """Of the submission's time what its cells may use: the marks have to arrive before the driver gives up."""
    return max(0.5 * seconds, seconds - max(0.1 * seconds, 2 * GRACE))


def _lasts(lent: object) -> bool:
    """Whether a function that was lent stays callable after its test: those of locked cells do."""
    code = getattr(getattr(lent, "__func__", lent), "__code__", None)
    return code is not None and code.co_filename.startswith(LOCKED)


def _add(outputs: Outputs, cleaned: list[Output]) -> None:
    """What student code printed goes where the test has print go, into the cell unless the test redirects it."""
    for output in cleaned:
        stream = {"stdout": sys.stdout, "stderr": sys.stderr}.get(output.get("name", ""))
        if stream is not None and type(stream) is not Stream:
            stream.write(output["text"])
        elif outputs.shown():
            outputs.add(output)


def _brief(error: BaseException, cell: Property) -> str:
    lines = cell.lines(error.__traceback__)
    return f"line {lines[-1] if lines else '?'}: {type(error).__name__}: {error}"[:500]
