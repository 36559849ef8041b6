"""Which files of the host a contestant may read: the interpreter, installed packages, the system's libraries."""

from __future__ import annotations

import os
import sys
from collections.abc import Iterable, Sequence

SCRATCH = "/tmp"  # in the box's own file tree
SHARED_MEMORY = "/dev/shm"
DEVICES = ("/dev/null", "/dev/zero", "/dev/full", "/dev/random", "/dev/urandom")
_SYSTEM = ("/usr", "/bin", "/sbin", "/lib", "/lib32", "/lib64", "/nix/store", "/gnu/store", "/sys/devices/system/cpu")
_SETTINGS = (
    "ld.so.cache ld.so.conf ld.so.conf.d localtime timezone fonts alternatives mime.types services protocols "
    "ssl/certs ssl/openssl.cnf"
)
_EXCHANGES = ("/usr/local/share/nbgrader", "/usr/share/nbgrader")  # of nbgrader: everybody's submissions
ACCOUNTS = ("/etc/passwd", "/etc/group", "/etc/nsswitch.conf", "/etc/hosts")  # the box's own where it has a file tree


def readable(listed: Sequence[str], private: Iterable[str]) -> list[str]:
    """Absolute paths that exist, parents first. Call it in the zygote after its imports.

    A folder on `sys.path` that holds one of the `private` ones (the class folder, home) is not opened; of what was
    imported from it, the single packages are. What is `listed` by name is opened even then. Raises `ValueError` if that
    is a folder which the box has a private one of, `FileNotFoundError` if it is not there.
    """
    inside = [os.path.realpath(path) for path in (*private, SCRATCH, SHARED_MEMORY)]
    for path in listed:
        if not os.path.exists(path):
            raise FileNotFoundError(f"readable: expected a file or a folder, there is none at {path}")
        if _holds(os.path.realpath(path), (SCRATCH, SHARED_MEMORY)):
            raise ValueError(f"readable: a contestant has its own {SCRATCH} and {SHARED_MEMORY}, {path} hides them")
    settings = [f"/etc/{name}" for name in _SETTINGS.split()]
    found = [*_SYSTEM, *settings, sys.prefix, sys.base_prefix, sys.exec_prefix, *listed]
    for folder in _searched():
        found += _imported_from(folder) if _holds(os.path.realpath(folder), inside) else [folder]
    return _parents_first(path for path in found if os.path.exists(path))


def hidden(opened: Sequence[str], listed: Sequence[str], private: Iterable[str]) -> list[str]:
    """The private folders that lie in opened ones, to be covered; not one that holds what is needed or listed."""
    needed = [os.path.realpath(path) for path in (sys.prefix, sys.base_prefix, *_searched(), *listed)]
    found = {os.path.realpath(path) for path in (*private, *_EXCHANGES)}
    inside = {path for path in found if os.path.isdir(path) and any(_holds(parent, [path]) for parent in opened)}
    return sorted(path for path in inside if not _holds(path, needed))


def _searched() -> list[str]:
    folders = [folder for folder in sys.path if os.path.isabs(folder)]
    for name, module in list(sys.modules.items()):
        if name.startswith("__editable__"):  # setuptools keeps editable packages out of sys.path
            folders += [os.fspath(folder) for folder in getattr(module, "MAPPING", {}).values()]
    return folders


def _imported_from(folder: str) -> list[str]:
    files = [getattr(module, "__file__", None) for name, module in list(sys.modules.items()) if "." not in name]
    packages = [os.path.dirname(file) if os.path.basename(file) == "__init__.py" else file for file in files if file]
    return [package for package in packages if os.path.dirname(package) == folder]


def _holds(folder: str, paths: Iterable[str]) -> bool:
    return any(os.path.commonpath([folder, path]) == folder for path in paths)


def _parents_first(paths: Iterable[str]) -> list[str]:
    """Each at its own name and where links lead; those inside another one are left out."""
    every = {name for path in paths for name in (os.path.abspath(path), os.path.realpath(path))}
    kept: list[str] = []
    for path in sorted(every):
        if not any(path.startswith(f"{parent}/") for parent in kept):
            kept.append(path)
    return kept
