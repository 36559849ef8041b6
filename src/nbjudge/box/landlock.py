"""Landlock: files by an allow list, no TCP, no signals or abstract sockets out of the box (by the kernel's version)."""

from __future__ import annotations

import os
import struct
from collections.abc import Iterable
from contextlib import suppress

from nbjudge.box import kernel

_CREATE, _ADD, _RESTRICT = 444, 445, 446
_EXECUTE, _WRITE_FILE, _READ_FILE, _READ_FOLDER = 1, 2, 4, 8
_REFER, _TRUNCATE, _DEVICE_CONTROL = 1 << 13, 1 << 14, 1 << 15
_MAKE_DEVICES = 1 << 6 | 1 << 11
_OF_A_FILE = _EXECUTE | _WRITE_FILE | _READ_FILE | _TRUNCATE | _DEVICE_CONTROL
_READ = _EXECUTE | _READ_FILE | _READ_FOLDER
_SIGNALS_FROM = 6  # the version that keeps signals and abstract sockets inside


def version() -> int:
    """The kernel's Landlock version; raises `OSError` where there is none."""
    return kernel.call("syscall", _CREATE, None, 0, 1, what="Landlock")


def holds_signals() -> bool:
    with suppress(OSError):
        return version() >= _SIGNALS_FROM
    return False


def restrict(readable: Iterable[str], writable: Iterable[str]) -> None:
    """Only these paths from now on, for this process and its children; paths that do not exist are passed over."""
    newest = version()
    files = _handled(newest)
    attributes = struct.pack("=QQQ", files, 3 if newest >= 4 else 0, 3 if newest >= _SIGNALS_FROM else 0)
    size = 24 if newest >= _SIGNALS_FROM else 16 if newest >= 4 else 8
    rules = kernel.call("syscall", _CREATE, attributes[:size], size, 0, what="Landlock")
    for paths, rights in ((readable, _READ), (writable, files & ~_MAKE_DEVICES)):
        for path in paths:
            _allow(rules, path, rights & files)
    kernel.no_new_privileges()
    kernel.call("syscall", _RESTRICT, rules, 0, what="Landlock")
    os.close(rules)


def _handled(newest: int) -> int:
    known = (1 << 13) - 1
    known |= _REFER if newest >= 2 else 0
    known |= _TRUNCATE if newest >= 3 else 0
    return known | (_DEVICE_CONTROL if newest >= 5 else 0)


def _allow(rules: int, path: str, rights: int) -> None:
    try:
        place = os.open(path, os.O_PATH | os.O_CLOEXEC)
    except OSError:
        return
    rights = rights if os.path.isdir(path) else rights & _OF_A_FILE
    try:
        kernel.call("syscall", _ADD, rules, 1, struct.pack("=Qi", rights, place), 0, what=f"Landlock {path}")
    finally:
        os.close(place)
