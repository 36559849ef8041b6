"""The driver's end of the zygote: start it once, hand it one job after another, from as many threads as wanted."""

from __future__ import annotations

import os
import shutil
import signal
import socket
import subprocess
import sys
import threading
import time
from collections.abc import Sequence
from contextlib import suppress
from dataclasses import asdict
from pathlib import Path
from types import TracebackType
from typing import Any, Self

from nbjudge.box import host, usage
from nbjudge.box.messages import Crashed, Ending, Stopped, read_bytes, ready, receive, send, write_bytes
from nbjudge.box.paths import SCRATCH
from nbjudge.box.warm import HUGE_PAGES, ONE_THREAD
from nbjudge.limits import Limits

_KEPT = ("PATH", "HOME", "TZ", "LANG", "LC_ALL", "LC_CTYPE", "LD_LIBRARY_PATH")
_WARM_SECONDS = 300.0


class SealError(Exception):
    """This host offers too little to run strangers' code; says what is missing and what to do."""


class Zygote:
    """A warm process that forks a judge, and at its word sealed contestants, for each submission.

    Leave the context, or end the driver in any way, and all of them are gone. `readable` are files and folders that
    contestants may read besides Python and its packages. `layers` are what seals them. Raises `SealError` where the
    host offers too little, unless `unsealed` says that students' code may run with the driver's rights, and when it is
    entered `Crashed` if one of the `imports` fails.
    """

    mains: tuple[str, str] = ("nbjudge.trial.judge.main", "nbjudge.trial.contestant.main")

    def __init__(
        self, imports: Sequence[str], limits: Limits, readable: Sequence[Path] = (), unsealed: bool = False
    ) -> None:
        self.limits = limits
        self.layers = _layers(host.offers(self.python()), unsealed)
        self.unsealed = host.verdict(self.layers) is host.Verdict.NOT
        self._config = {
            "imports": list(imports),
            "limits": asdict(limits),
            "readable": [str(path.absolute()) for path in readable],
            "private": [os.getcwd(), str(Path.home())],
            "layers": self.layers,
            "mains": list(self.mains),
        }
        self._lock = threading.Lock()
        self._process: subprocess.Popen[bytes] | None = None
        self._control: socket.socket | None = None

    def __enter__(self) -> Self:
        with self._lock:
            self._running()
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, at: TracebackType | None) -> None:
        self.close()

    def close(self) -> None:
        with self._lock:
            self._end()

    def judge(self, job: bytes) -> bytes:
        """The judge's answer to the job; blocks, and may be called from several threads at once.

        Raises `Stopped` when it takes longer than `limits.seconds`, `Crashed` when the judge ends without an answer.
        """
        deadline = time.monotonic() + self.limits.seconds
        ours, theirs = socket.socketpair()
        status, told = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
        with ours, status:
            with theirs, told:
                self._ask(theirs, told)
            return self._answer(job, ours, status, deadline)

    def _ask(self, *sockets: socket.socket) -> None:
        with self._lock:
            try:
                send(self._running(), "judge", *(sock.fileno() for sock in sockets))
            except OSError as error:
                raise Crashed(f"the zygote ended: {error}") from None

    def _answer(self, job: bytes, ours: socket.socket, status: socket.socket, deadline: float) -> bytes:
        message, received = receive(status, 1) if ready(status, deadline) else ("the zygote does not answer", [])
        if not received:
            raise Crashed(f"no judge: {message or 'the zygote ended'}")
        try:
            ours.settimeout(self.limits.seconds)
            write_bytes(ours, job)
            return read_bytes(ours, deadline)
        except TimeoutError:
            raise Stopped(f"took longer than {self.limits.seconds:g} s") from None
        except (EOFError, OSError):
            raise Crashed(f"the judge {_why(status)}") from None
        finally:
            _kill(received[0])

    def _running(self) -> socket.socket:
        if self._control is None or self._process is None or self._process.poll() is not None:
            self._end()
            self._start()
        assert self._control is not None
        return self._control

    def _start(self) -> None:
        self._control, theirs = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
        with theirs:
            self._process = subprocess.Popen(
                [*self.python(), "-P", "-m", "nbjudge.box.start", str(theirs.fileno())],
                stdin=subprocess.DEVNULL,
                stdout=subprocess.DEVNULL,
                pass_fds=[theirs.fileno()],
                env=self.environment(),
                cwd="/",
                start_new_session=True,
            )
        send(self._control, self._config)
        self._control.settimeout(_WARM_SECONDS)
        self._check(receive(self._control)[0])

    def _check(self, message: dict[str, Any] | None) -> None:
        if not message or "error" in message:
            self._end()
            raise Crashed(f"the zygote did not start: {(message or {}).get('error', 'it ended')}")

    def _end(self) -> None:
        if self._control is not None:
            self._control.close()
        if self._process is not None:
            try:
                self._process.wait(10)
            except subprocess.TimeoutExpired:
                self._process.kill()
                self._process.wait()
            _sweep(f"nbjudge-{os.getpid()}-{self._process.pid}")
        self._control = self._process = None

    def python(self) -> list[str]:
        """The command that starts the interpreter."""
        return [sys.executable]

    def environment(self) -> dict[str, str]:
        """What contestants may know of the driver's environment."""
        kept = {name: os.environ[name] for name in _KEPT if name in os.environ}
        return kept | ONE_THREAD | HUGE_PAGES | {"PYTHONDONTWRITEBYTECODE": "1"}


def _layers(offers: list[host.Offer], unsealed: bool) -> list[str]:
    layers = [offer.layer for offer in offers if offer.available]
    if not sys.platform.startswith("linux"):
        raise SealError(host.advice(offers))
    if host.verdict(layers) is host.Verdict.NOT and not unsealed:
        raise SealError(host.advice(offers))
    return layers


def _why(status: socket.socket) -> str:
    """From the judge's last words, or from how it ended."""
    said = None
    while (message := receive(status)[0]) is not None:
        said = said or message.get("error")
        if "ending" in message:
            return f"failed: {said}" if said else Ending(*message["ending"]).why
    return "ended with its zygote"


def _sweep(name: str) -> None:
    """What a zygote that was killed had no time to remove."""
    usage.sweep(name)
    for scratch in Path(SCRATCH).glob(f"{name}-*"):
        shutil.rmtree(scratch, ignore_errors=True)


def _kill(process: int) -> None:
    with suppress(ProcessLookupError):
        signal.pidfd_send_signal(process, signal.SIGKILL)
    os.close(process)
