"""Seal the calling process: every layer that the plan names, in the order in which one makes the next one possible.

Mounts come before the user is dropped (an interpreter in /root can be shown to a user who may not enter /root), and
everything that takes rights comes before the rights are given up. The user is dropped before the limits, because root
is not held by the one on processes; seccomp comes last, because it refuses what the others are made with.
"""

from __future__ import annotations

import os
import pwd
import secrets
import tempfile
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

from nbjudge.box import kernel, landlock, paths, usage, view
from nbjudge.limits import Limits

LAYERS = ("user", "namespaces", "landlock", "seccomp", "limits", "memory")
_FIRST_USER, _USERS = 3_000_000_000, 1_000_000_000  # numbers that no directory service hands out
_NOBODY = 65534


@dataclass(frozen=True)
class Plan:
    """What the zygote works out once: the layers to apply and what they need."""

    limits: Limits
    layers: frozenset[str]
    readable: tuple[str, ...] = ()
    hidden: tuple[str, ...] = ()  # inside of readable
    program: bytes = b""  # of seccomp


def seal(plan: Plan, scratch: str | None = None, group: usage.MemoryGroup | None = None) -> list[str]:
    """Seal this process, forked for it and single-threaded, and return the layers applied.

    `scratch` is its folder where it gets no file tree of its own. Raises `OSError` if a layer of the plan fails: the
    process must then end.
    """
    layers = plan.layers - (set() if group else {"memory"})
    _prepare(group)
    user = _dedicated() if "user" in layers else None
    owner = os.getuid() if user is None else user
    processes = plan.limits.processes
    if "namespaces" in layers:
        kernel.unshare(kernel.NEW_MOUNT | kernel.NEW_NET | kernel.NEW_IPC | kernel.NEW_UTS)
        _rename_host()
        group_id = owner if user is not None else os.getgid()
        view.build(plan.readable, plan.hidden, plan.limits.disk_mb, owner, group_id)
    elif user is None:
        processes += usage.threads_of(owner)
    home = paths.SCRATCH if "namespaces" in layers else _own(scratch, owner)
    if user is not None:
        drop_user(user)
    if "namespaces" in layers:
        _own_user_namespace()
    _give_up_rights()
    _settle(home)
    if "landlock" in layers:
        writable = [home, paths.SHARED_MEMORY, *paths.DEVICES]
        landlock.restrict([*plan.readable, *paths.ACCOUNTS, "/proc"], writable)
    if "limits" in layers:
        usage.limit(plan.limits, processes)
    if "seccomp" in layers:
        kernel.load_filter(plan.program)
    return [layer for layer in LAYERS if layer in layers]


def _dedicated() -> int:
    user = dedicated_user()
    if user is None:
        raise OSError("only root can change to a user of the box's own")
    return user


def enter_namespaces() -> None:
    """Continue as the first process of a pid namespace, with the rights to make more; the first process only waits."""
    try:
        kernel.unshare(kernel.NEW_PID)
    except PermissionError:
        user, group = os.getuid(), os.getgid()
        kernel.unshare(kernel.NEW_USER | kernel.NEW_PID)
        kernel.map_user(user, group)
    pid = os.fork()
    if pid:
        os.closerange(3, 1 << 20)
        os._exit(os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1]) & 0xFF)
    kernel.die_with_parent()


def dedicated_user() -> int | None:
    """A number that only this box has, so that nothing on the host belongs to it; None if we may not change ours."""
    if os.geteuid() != 0:
        return None
    ranges = [line.split() for line in Path("/proc/self/uid_map").read_text().splitlines()]
    chosen = _FIRST_USER + secrets.randbelow(_USERS)
    for user in (chosen, _NOBODY):
        if any(int(first) <= user < int(first) + int(count) for first, _, count in ranges):
            return user
    return None


def drop_user(user: int) -> None:
    os.setgroups([])
    os.setresgid(user, user, user)
    os.setresuid(user, user, user)
    kernel.die_with_parent()  # a change of user clears it
    kernel.own_proc_files()


def _prepare(group: usage.MemoryGroup | None) -> None:
    kernel.die_with_parent()
    with suppress(OSError):
        Path("/proc/self/oom_score_adj").write_text("800")  # when memory is short, this goes first
    if group:
        group.join()


def _rename_host() -> None:
    kernel.call("sethostname", b"box", 3)


def _own(scratch: str | None, user: int) -> str:
    if scratch is None:
        raise OSError("a box without namespaces needs a scratch folder")
    with suppress(PermissionError):
        os.chown(scratch, user, -1)
    return scratch


def _own_user_namespace() -> None:
    """In it the limit on processes counts this box alone."""
    user, group = os.getuid(), os.getgid()
    kernel.unshare(kernel.NEW_USER)
    kernel.map_user(user, group)


def _give_up_rights() -> None:
    kernel.no_new_privileges()
    kernel.drop_capabilities()


def _settle(home: str) -> None:
    """Make the scratch home; nothing of the instructor's environment is here, the zygote was started without."""
    try:
        name = pwd.getpwuid(os.getuid()).pw_name
    except KeyError:
        name = "contestant"
    os.environ.update(HOME=home, TMPDIR=home, USER=name, LOGNAME=name)
    tempfile.tempdir = None
    os.chdir(home)
    os.umask(0o077)
