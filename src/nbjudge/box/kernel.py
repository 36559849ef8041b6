"""System calls that Python does not offer. Each raises `OSError` that names the call; importable everywhere."""

from __future__ import annotations

import ctypes
import os
import struct

NEW_MOUNT, NEW_UTS, NEW_IPC, NEW_USER = 0x20000, 0x4000000, 0x8000000, 0x10000000
NEW_PID, NEW_NET = 0x20000000, 0x40000000
READ_ONLY, NO_SUID, NO_DEVICES, REMOUNT, BIND, MOVE, RECURSIVE, PRIVATE = 1, 2, 4, 32, 4096, 8192, 16384, 1 << 18
_SET_PDEATHSIG, _SET_DUMPABLE, _CAPBSET_DROP, _SET_NO_NEW_PRIVS, _SET_SECCOMP, _CAP_AMBIENT = 1, 4, 24, 38, 22, 47
_MOUNT_SETATTR = 442  # these newer numbers are the same on every architecture
_MOUNT_SETATTR_RECURSIVE = 0x8000
_DETACH = 2

_libc = ctypes.CDLL(None, use_errno=True)


def call(name: str, *arguments: int | bytes | None, what: str = "") -> int:
    """Call libc's function; whole numbers are passed as C's long."""
    passed = [ctypes.c_long(value) if isinstance(value, int) else value for value in arguments]
    result = int(getattr(_libc, name)(*passed))
    if result < 0:
        number = ctypes.get_errno()
        raise OSError(number, f"{what or name}: {os.strerror(number)}")
    return result


def unshare(flags: int) -> None:
    call("unshare", flags)


def enter(namespace: int, kind: int) -> None:
    call("setns", namespace, kind)


def mount(source: str, target: str, kind: str | None, flags: int, data: str = "") -> None:
    encoded = kind.encode() if kind else None
    call("mount", source.encode(), target.encode(), encoded, flags, data.encode() or None, what=f"mount {target}")


def bind(source: str, target: str) -> None:
    """Show `source` at `target`, and what is mounted below it, to read only."""
    mount(source, target, None, BIND | RECURSIVE)
    attributes = struct.pack("=QQQQ", READ_ONLY | NO_SUID, 0, 0, 0)  # the numbers of MOUNT_ATTR_ equal those of MS_
    where = (-100, target.encode(), _MOUNT_SETATTR_RECURSIVE)
    call("syscall", _MOUNT_SETATTR, *where, attributes, len(attributes), what=f"mount {target} read-only")


def change_root(folder: str) -> None:
    """Make `folder`, a mount, the root; for this mount namespace the old one cannot be reached any more.

    Container runtimes refuse pivot_root even to those who may mount; there the folder is moved over the old root.
    """
    os.chdir(folder)
    try:
        call("pivot_root", b".", b".")
        call("umount2", b".", _DETACH)
    except PermissionError:
        mount(folder, "/", None, MOVE)
        os.chroot(".")
    os.chdir("/")


def map_user(user: int, group: int) -> None:
    """In a new user namespace: user and group keep their numbers and are the only ones there."""
    for name, text in (("setgroups", "deny"), ("uid_map", f"{user} {user} 1"), ("gid_map", f"{group} {group} 1")):
        with open(f"/proc/self/{name}", "w") as file:
            file.write(text)


def die_with_parent() -> None:
    call("prctl", _SET_PDEATHSIG, 9, 0, 0, 0)


def own_proc_files() -> None:
    """Files of /proc/self belong to the user again; after a change of user they are root's."""
    call("prctl", _SET_DUMPABLE, 1, 0, 0, 0)


def no_new_privileges() -> None:
    call("prctl", _SET_NO_NEW_PRIVS, 1, 0, 0, 0)


def drop_capabilities() -> None:
    """None of them, and none to come by running a program."""
    for capability in range(64):
        try:
            call("prctl", _CAPBSET_DROP, capability, 0, 0, 0)
        except OSError:  # without the right to drop there is nothing to drop; or past the last one
            break
    call("prctl", _CAP_AMBIENT, 4, 0, 0, 0)  # PR_CAP_AMBIENT_CLEAR_ALL
    header = struct.pack("=Ii", 0x20080522, 0)
    call("capset", header, bytes(24))


def load_filter(program: bytes) -> None:
    """Load a seccomp program (as libseccomp exports it) for this process and its children."""
    code = ctypes.create_string_buffer(program, len(program))
    head = struct.pack("HxxxxxxP", len(program) // 8, ctypes.addressof(code))
    call("prctl", _SET_SECCOMP, 2, head, 0, 0, what="seccomp")
