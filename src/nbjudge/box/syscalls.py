"""The system calls that a contestant is refused: what reaches other processes, mounts, or rarely used kernel code."""

from __future__ import annotations

import errno
import tempfile

REFUSED = """
    ptrace process_vm_readv process_vm_writev process_madvise kcmp pidfd_getfd
    mount umount umount2 pivot_root chroot open_tree move_mount fsopen fsconfig fsmount fspick mount_setattr
    setns unshare open_by_handle_at name_to_handle_at quotactl quotactl_fd fanotify_init
    bpf perf_event_open userfaultfd io_uring_setup io_uring_enter io_uring_register
    keyctl add_key request_key memfd_create memfd_secret
    init_module finit_module delete_module kexec_load kexec_file_load reboot swapon swapoff acct syslog
    sethostname setdomainname settimeofday clock_settime clock_adjtime adjtimex
    personality iopl ioperm modify_ldt vhangup migrate_pages move_pages lookup_dcookie nfsservctl
"""  # memfd_create: no limit but a cgroup counts that memory
_UNIX = 1
_NEW_NAMESPACES = 0x7E020080  # user, mount, pid, net, ipc, uts, cgroup, time
_FAKE_TYPING = 0x5412  # TIOCSTI


def program() -> bytes:
    """The filter, ready to be loaded. Raises `OSError` or `RuntimeError` where libseccomp is missing."""
    import pyseccomp as library  # it raises where libseccomp.so is missing: importing this module must not

    refuse = library.ERRNO(errno.EPERM)
    made = library.SyscallFilter(library.ALLOW)
    for name in REFUSED.split():
        if _known(library, name):
            made.add_rule(refuse, name)
    made.add_rule(refuse, "socket", library.Arg(0, library.NE, _UNIX))
    made.add_rule(refuse, "socketpair", library.Arg(0, library.NE, _UNIX))
    made.add_rule(refuse, "ioctl", library.Arg(1, library.MASKED_EQ, 0xFFFFFFFF, _FAKE_TYPING))
    for bit in (1 << place for place in range(32) if _NEW_NAMESPACES >> place & 1):
        made.add_rule(refuse, "clone", library.Arg(0, library.MASKED_EQ, bit, bit))
    made.add_rule(library.ERRNO(errno.ENOSYS), "clone3")  # its flags cannot be read; libc then uses clone
    with tempfile.TemporaryFile() as file:
        made.export_bpf(file)
        file.seek(0)
        return file.read()


def _known(library: object, name: str) -> bool:
    """Whether this architecture, and this version of libseccomp, has the call."""
    try:
        return bool(library.resolve_syscall(library.Arch.NATIVE, name) >= 0)  # type: ignore[attr-defined]
    except (OSError, ValueError):
        return False
