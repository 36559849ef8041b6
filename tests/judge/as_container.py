"""`python as_container.py plain|recipe FOLDER PROGRAM…`: run a program as root of a container.

With plain settings it has no right to namespaces or mounts: its capabilities are those of a container, and seccomp
refuses the calls. With the recipe's (`--cap-add SYS_ADMIN`) it has, but pivot_root is refused all the same.
"""

from __future__ import annotations

import errno
import os
import sys
import tempfile

import pyseccomp
from as_user import open_up

from nbjudge.box import kernel

LEFT = {0, 1, 3, 4, 5, 6, 7, 8, 10, 13, 18, 27, 29, 31}  # chown, dac_override, kill, setgid, setuid, sys_chroot, …
ADMIN = 21
REFUSED = {"plain": ("unshare", "setns", "mount", "umount2", "pivot_root", "clone3"), "recipe": ("pivot_root",)}


def drop(left: set[int]) -> None:
    for capability in set(range(41)) - left:
        kernel.call("prctl", 24, capability, 0, 0, 0)


def refuse(settings: str) -> None:
    made = pyseccomp.SyscallFilter(pyseccomp.ALLOW)
    for name in REFUSED[settings]:
        made.add_rule(pyseccomp.ERRNO(errno.ENOSYS if name == "clone3" else errno.EPERM), name)
    if settings == "plain":
        made.add_rule(pyseccomp.ERRNO(errno.EPERM), "clone", pyseccomp.Arg(0, pyseccomp.MASKED_EQ, 1 << 28, 1 << 28))
    with tempfile.TemporaryFile() as file:
        made.export_bpf(file)
        file.seek(0)
        kernel.load_filter(file.read())


if __name__ == "__main__":
    settings = sys.argv[1]
    open_up(os.path.realpath(sys.argv[2]))
    drop(LEFT | {ADMIN} if settings == "recipe" else LEFT)
    refuse(settings)
    os.execv(sys.argv[3], sys.argv[3:])
