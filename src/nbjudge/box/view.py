"""A file tree of the box's own: what it may read, a private scratch and shared memory, its own /proc, nothing else."""

from __future__ import annotations

import os
from collections.abc import Sequence
from contextlib import suppress

from nbjudge.box import kernel
from nbjudge.box.paths import ACCOUNTS, DEVICES, SCRATCH, SHARED_MEMORY

_SAFE = kernel.NO_SUID | kernel.NO_DEVICES
_BASES = ("/dev/shm", "/tmp", "/run", "/mnt", "/var/tmp")
_LINKS = {"/dev/fd": "/proc/self/fd", "/dev/stdin": "/proc/self/fd/0", "/dev/stdout": "/proc/self/fd/1"}
_LINKS |= {"/dev/stderr": "/proc/self/fd/2", "/var/tmp": SCRATCH}


def build(readable: Sequence[str], hidden: Sequence[str], disk_mb: int, user: int, group: int) -> None:
    """Needs a new mount and pid namespace; the working directory is the scratch afterwards.

    The base is a folder that hides nothing of what is to be shown. Everything but scratch and shared memory is
    read-only.
    """
    base = next(base for base in _BASES if os.path.isdir(base) and not any(path.startswith(base) for path in readable))
    kernel.mount("none", "/", None, kernel.RECURSIVE | kernel.PRIVATE)
    kernel.mount("tmpfs", base, "tmpfs", _SAFE, "size=1m,mode=755")
    for place in (SCRATCH, SHARED_MEMORY):
        os.makedirs(base + place)
        options = f"size={disk_mb}m,nr_inodes=20k,mode=700,uid={user},gid={group}"
        kernel.mount("tmpfs", base + place, "tmpfs", _SAFE, options)
    for path in (*readable, *DEVICES):
        _show(path, base + path)
    for path in hidden:
        kernel.mount("tmpfs", base + path, "tmpfs", _SAFE | kernel.READ_ONLY, "size=4k,mode=0")
    _proc(base)
    _names(base, user, group)
    kernel.mount("none", base, None, kernel.REMOUNT | kernel.BIND | kernel.READ_ONLY | _SAFE)
    kernel.change_root(base)
    os.chdir(SCRATCH)


def _show(source: str, target: str) -> None:
    if os.path.isdir(source):
        os.makedirs(target, exist_ok=True)
    else:
        os.makedirs(os.path.dirname(target), exist_ok=True)
        with open(target, "x"):
            pass
    kernel.bind(os.path.realpath(source), target)


def _proc(base: str) -> None:
    os.mkdir(f"{base}/proc")
    kernel.mount("proc", f"{base}/proc", "proc", _SAFE)


def _names(base: str, user: int, group: int) -> None:
    """One account and one host, so that looking up the user's name works and tells nothing about the host."""
    lines = (
        f"contestant:x:{user}:{group}::{SCRATCH}:/bin/sh",
        f"contestant:x:{group}:",
        "passwd: files\ngroup: files\nhosts: files",
        "127.0.0.1 localhost",
    )
    os.makedirs(f"{base}/etc", exist_ok=True)
    for path, text in zip(ACCOUNTS, lines, strict=True):
        with open(base + path, "w") as file:
            file.write(f"{text}\n")
    for path, target in _LINKS.items():
        os.makedirs(os.path.dirname(base + path), exist_ok=True)
        with suppress(FileExistsError):  # something readable lies there
            os.symlink(target, base + path)
