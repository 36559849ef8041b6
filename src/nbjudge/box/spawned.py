"""What the judge holds of a contestant."""

from __future__ import annotations

import os
import signal
import socket
import time
from contextlib import suppress

from nbjudge.box.messages import Crashed, Ending, ready, receive


class Spawned:
    """What the judge holds of a contestant: its wire, and the means to stop it and to learn how it ended.

    `layers` are those that seal it. Raises `Crashed` when it could not be sealed.
    """

    def __init__(self, wire: socket.socket, process: int, status: socket.socket) -> None:
        self.wire, self._process, self._status = wire, process, status
        self._ending: Ending | None = None
        message, _ = receive(status)
        if not message or "layers" not in message:
            self.close()
            raise Crashed(f"the contestant was not started: {(message or {}).get('error', 'it ended at once')}")
        self.layers: list[str] = message["layers"]

    def interrupt(self) -> None:
        """As Ctrl-C does: KeyboardInterrupt in the contestant's main thread, if it still is there."""
        self._signal(signal.SIGINT)

    def kill(self) -> None:
        """End it and everything that it started."""
        self._signal(signal.SIGKILL)

    def _signal(self, number: int) -> None:
        with suppress(ProcessLookupError):
            signal.pidfd_send_signal(self._process, number)

    def cpu_seconds(self) -> float:
        """What it and its ended children have used of the processor; 0 when it cannot be told any more."""
        try:
            with open(f"/proc/self/fdinfo/{self._process}") as file:
                pid = next(line.split()[1] for line in file if line.startswith("Pid:"))
            with open(f"/proc/{pid}/stat") as file:
                fields = file.read().rpartition(")")[2].split()
        except (OSError, StopIteration):
            return 0.0
        return sum(map(int, fields[11:15])) / os.sysconf("SC_CLK_TCK")

    def ending(self, timeout: float | None = None) -> Ending | None:
        """How it ended; None while it runs and `timeout` seconds more. Afterwards nothing of its box is left."""
        deadline = None if timeout is None else time.monotonic() + timeout
        if self._ending is None and ready(self._status, deadline):
            message, _ = receive(self._status)
            if message is None:
                raise Crashed("the zygote ended")
            self._ending = Ending(*message["ending"])
        return self._ending

    def close(self) -> None:
        """Let go of the descriptors; the contestant is killed when its judge ends, or by `kill`."""
        self.wire.close()
        self._status.close()
        if self._process >= 0:
            os.close(self._process)
        self._process = -1
