"""What this host offers, layer by layer, found out by trying each in a process of its own."""

from __future__ import annotations

import enum
import json
import os
import shlex
import subprocess
import sys
from collections.abc import Callable, Collection, Sequence
from contextlib import suppress
from pathlib import Path
from typing import NamedTuple

from nbjudge.box import kernel, landlock, paths, seal, syscalls, usage
from nbjudge.limits import Limits

PROTECTS = {
    "user": "files and processes of other users, root's rights",
    "namespaces": "seeing the host's files, processes and network",
    "landlock": "reading and writing files, TCP, signals to others",
    "seccomp": "tracing processes, mounts, rarely used kernel code",
    "limits": "endless CPU, memory, processes, files",
    "memory": "memory of all its processes together (a cgroup)",
}
CONTAINER = (
    "Grade in a container instead, from the folder of the course:\n"
    "  docker build -t nbjudge PATH_TO_THIS_REPOSITORY\n"
    '  docker run --rm --cap-add SYS_ADMIN --security-opt apparmor=unconfined -v "$PWD:/course" nbjudge grade LAB'
)


FORBIDS = {
    "kernel/apparmor_restrict_unprivileged_userns": "1",
    "kernel/unprivileged_userns_clone": "0",
    "user/max_user_namespaces": "0",
}


class Offer(NamedTuple):
    """One layer: whether this host has it, and how, or why not."""

    layer: str
    available: bool
    how: str


class Verdict(enum.Enum):
    """The value is the exit code of `nbjudge check`."""

    SEALED = 0
    PARTLY = 1
    NOT = 2


def verdict(layers: Collection[str]) -> Verdict:
    """Sealed by two independent layers on every side; partly by one; or not enough to run strangers' code."""
    have = set(layers)
    if {"namespaces", "landlock", "seccomp", "limits"} <= have:
        return Verdict.SEALED
    fallback = {"user", "landlock", "seccomp"} <= have
    if "limits" in have and ("namespaces" in have or fallback):
        return Verdict.PARTLY
    return Verdict.NOT


def advice(offers: Collection[Offer]) -> str:
    """What is missing, and the ways out."""
    missing = "; ".join(f"{offer.layer} ({offer.how})" for offer in offers if not offer.available)
    return f"this host cannot keep students' code away from your files. Missing: {missing}.\n{ways_out()}"


def ways_out() -> str:
    """What to do where nothing can be sealed; running unsealed needs Linux all the same."""
    if not sys.platform.startswith("linux"):
        return CONTAINER
    return f"{CONTAINER}\nOr give --unsealed: students' code then runs with your rights, and the marks say so."


def offers(python: Sequence[str] = (sys.executable,)) -> list[Offer]:
    """Every layer in order; starts a short process, because only one with a single thread can try them."""
    if not sys.platform.startswith("linux"):
        return [Offer(layer, False, f"needs Linux, this is {sys.platform}") for layer in seal.LAYERS]
    command = [*python, "-P", "-m", "nbjudge.box.host"]
    done = subprocess.run(command, cwd="/", capture_output=True, text=True, timeout=60)
    if done.returncode:
        raise RuntimeError(f"{shlex.join(command)} failed; is nbjudge installed for it? {done.stderr[-500:]}")
    return [Offer(*offer) for offer in json.loads(done.stdout)]


def _user() -> str:
    user = seal.dedicated_user()
    if user is None:
        raise OSError("only root can change to another user; namespaces take this one's rights away instead")
    seal.drop_user(user)
    return "a user that owns nothing on this host" if user > 65535 else f"user {user}"


def _namespaces() -> str:
    layers = {"namespaces"} if seal.dedicated_user() is None else {"user", "namespaces"}  # as they will be applied
    plan = seal.Plan(Limits(), frozenset(layers), tuple(paths.readable([], ["/"])))
    try:
        seal.enter_namespaces()
        seal.seal(plan)
    except OSError as error:
        raise OSError(f"{error.strerror or error}{_forbidden()}") from None
    return "user, mount, pid, network, ipc and uts namespaces"


def _forbidden() -> str:
    """Which of the settings that distributions know keeps users other than root from making namespaces."""
    for setting, forbids in FORBIDS.items():
        with suppress(OSError):
            if Path("/proc/sys", setting).read_text().strip() == forbids:
                return f" (sysctl {setting.replace('/', '.')}={forbids} forbids it)"
    return ""


def _landlock() -> str:
    landlock.restrict(["/usr"], [])
    return f"version {landlock.version()}"


def _seccomp() -> str:
    program = syscalls.program()
    kernel.no_new_privileges()
    kernel.load_filter(program)
    return "libseccomp"


def _limits() -> str:
    usage.limit(Limits(), 64)
    return "rlimits"


def _memory() -> str:
    group = usage.MemoryGroup(f"nbjudge-{os.getpid()}-check", 64)
    group.remove()
    return f"in {group.folder.parent}"


def _try(layer: str, attempt: Callable[[], str]) -> Offer:
    """In a fork, so that the next layer is tried by a process without this one."""
    reading, writing = os.pipe()
    pid = os.fork()
    if pid == 0:
        try:
            offer = Offer(layer, True, attempt())
        except Exception as error:
            offer = Offer(layer, False, str(error))
        os.write(writing, json.dumps(offer).encode())
        os._exit(0)
    os.close(writing)
    with open(reading) as pipe:
        told = pipe.read()
    os.waitpid(pid, 0)
    return Offer(*json.loads(told)) if told else Offer(layer, False, "the attempt ended the process")


if __name__ == "__main__":
    attempts = (_user, _namespaces, _landlock, _seccomp, _limits, _memory)
    print(json.dumps([_try(layer, attempt) for layer, attempt in zip(seal.LAYERS, attempts, strict=True)]))
