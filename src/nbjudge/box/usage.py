"""Limits on what a contestant uses: rlimits of each process; a memory cgroup for all of them where that can be made.

Of memory, `RLIMIT_DATA` counts what a program allocates for itself and `RLIMIT_AS` also what it maps to share, with
room for the address space that threads and their allocators reserve and never touch.
"""

from __future__ import annotations

import os
import resource
from contextlib import suppress
from pathlib import Path

from nbjudge.limits import Limits

_MB = 1 << 20
_RESERVED_MB = 4096
_MOUNT = Path("/sys/fs/cgroup")


def limit(limits: Limits, processes: int) -> None:
    """Set for this process and its children; nobody can raise them again without being root."""
    _set(
        *_memory(limits),
        (resource.RLIMIT_FSIZE, limits.disk_mb * _MB),
        (resource.RLIMIT_CPU, limits.cpu_seconds),
        (resource.RLIMIT_NOFILE, limits.open_files),
        (resource.RLIMIT_NPROC, processes),
    )


def limit_judge(limits: Limits) -> None:
    """A number that a student's code answers can make the test itself take memory: `list(range(answer))`."""
    _set(*_memory(limits))


def _memory(limits: Limits) -> tuple[tuple[int, int], ...]:
    memory = limits.memory_mb * _MB
    return (
        (resource.RLIMIT_DATA, _held("VmData") + memory),
        (resource.RLIMIT_AS, _held("VmSize") + 2 * memory + _RESERVED_MB * _MB),
        (resource.RLIMIT_CORE, 0),
    )


def _set(*pairs: tuple[int, int]) -> None:
    for kind, most in pairs:
        hard = resource.getrlimit(kind)[1]
        most = most if hard == resource.RLIM_INFINITY else min(most, hard)
        resource.setrlimit(kind, (most, most))


def _held(field: str) -> int:
    for line in Path("/proc/self/status").read_text().splitlines():
        if line.startswith(f"{field}:"):
            return int(line.split()[1]) * 1024
    raise OSError(f"/proc/self/status has no {field}")


def threads_of(user: int) -> int:
    """Threads that a user of the host runs now: where a box shares that user, its limit counts them too."""
    total = 0
    for folder in Path("/proc").glob("[0-9]*"):
        with suppress(OSError):
            if folder.stat().st_uid == user:
                total += len(os.listdir(folder / "task"))
    return total


def together_mb(limits: Limits) -> int:
    """For all processes and what they keep in scratch; more than one may have, which gets a MemoryError before."""
    return limits.memory_mb * 5 // 4 + 2 * limits.disk_mb


class MemoryGroup:
    """One memory cgroup, for one contestant. Making it raises `OSError` where this process may not."""

    def __init__(self, name: str, memory_mb: int) -> None:
        parent, self._unified = _parent()
        self.folder = parent / name
        self.folder.mkdir()
        try:
            self._write("memory.max" if self._unified else "memory.limit_in_bytes", memory_mb * _MB)
        except OSError:
            self.folder.rmdir()
            raise
        with suppress(OSError):  # no swap to hide in; not every kernel counts it
            self._write("memory.swap.max" if self._unified else "memory.memsw.limit_in_bytes", self._swap(memory_mb))

    def _swap(self, memory_mb: int) -> int:
        return 0 if self._unified else memory_mb * _MB

    def _write(self, name: str, value: int) -> None:
        (self.folder / name).write_text(str(value))

    def join(self) -> None:
        """Put the calling process into it; its children follow."""
        self._write("cgroup.procs", 0)

    def peak_mb(self) -> float:
        name = "memory.peak" if self._unified else "memory.max_usage_in_bytes"
        try:
            return int((self.folder / name).read_text()) / _MB
        except (OSError, ValueError):  # memory.peak came with Linux 5.19
            return 0.0

    def ran_out(self) -> bool:
        """Whether the kernel had to kill in it."""
        name = "memory.events" if self._unified else "memory.oom_control"
        with suppress(OSError):
            pairs = dict(line.split() for line in (self.folder / name).read_text().splitlines())
            return int(pairs.get("oom_kill", 0)) > 0
        return False

    def remove(self) -> bool:
        """False while the kernel still holds on to it: try again later."""
        try:
            self.folder.rmdir()
        except FileNotFoundError:
            return True
        except OSError:
            return False
        return True


def sweep(begins: str = "") -> None:
    """Remove the groups of a zygote that has ended, by how their names begin; or of every driver that was killed."""
    with suppress(OSError):
        for folder in _parent()[0].glob(f"{begins or 'nbjudge'}-*"):
            if begins or not Path("/proc", folder.name.split("-")[1]).exists():
                with suppress(OSError):
                    folder.rmdir()


def _parent() -> tuple[Path, bool]:
    """The cgroup that may hold ours, and whether it is of the unified hierarchy (version 2)."""
    for line in Path("/proc/self/cgroup").read_text().splitlines():
        _, controllers, path = line.split(":", 2)
        if "memory" in controllers.split(","):
            return _MOUNT / "memory" / path.lstrip("/"), False
        if not controllers:
            unified = _MOUNT / path.lstrip("/")
            for folder in (unified, unified.parent):  # one that holds processes itself can have no groups with limits
                with suppress(OSError):
                    if "memory" in (folder / "cgroup.subtree_control").read_text().split():
                        return folder, True
    raise OSError("no memory cgroup in which groups can be made")
