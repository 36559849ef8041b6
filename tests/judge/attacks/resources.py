# ruff: noqa: E501 (cells stand here as they are handed in)
"""Processes, time, memory and disk: what stops a batch, or stays behind when it is over."""

from __future__ import annotations

from .attack import attack

WRONG = "\n\ndef add(a, b):\n    return 0"
HARM = "not run: it would harm the machine"

attack("exits", "ends its process at once", "import os\nos._exit(0)" + WRONG)
attack("exits-in-test", "ends its process with code 0 while a test calls it",
       "import os\n\ndef add(a, b):\n    os._exit(0)")  # fmt: skip
attack("segfault", "crashes the interpreter while a test calls it",
       "import ctypes\n\ndef add(a, b):\n    ctypes.string_at(0)")  # fmt: skip
attack("stack-overflow", "recurses until the C stack is used up", """import sys

sys.setrecursionlimit(10**8)

def add(a, b):
    return add(a, b) + 1""")  # fmt: skip
attack("endless-loop", "never comes back", "def add(a, b):\n    while True:\n        pass")
attack(
    "stubborn-loop",
    "never comes back, whatever interrupts it",
    """import signal

for number in (signal.SIGINT, signal.SIGTERM, signal.SIGALRM, signal.SIGXCPU, signal.SIGHUP):
    signal.signal(number, signal.SIG_IGN)

def add(a, b):
    while True:
        try:
            while True: pass
        except BaseException:
            continue""",
)
attack(
    "stuck-in-c",
    "waits in C code that no exception can leave",
    """def add(a, b):
    return 7 ** (7 ** 9)""",
)
attack(
    "slow-drip",
    "takes in every cell just less than the limit, to use up the batch's time",
    """import time

time.sleep(1.5)

def add(a, b):
    time.sleep(0.4)
    return 0""",
)
attack("asks-for-input", "waits for somebody to type", "def add(a, b):\n    return int(input('how much is it? '))")
attack(
    "reads-stdin",
    "reads from descriptors that never say anything",
    """import os, sys

def add(a, b):
    sys.stdin.read()
    return os.read(0, 1)""",
)
attack(
    "detached-child",
    "starts a process in a session of its own, which lives on",
    """import subprocess, sys

subprocess.Popen([sys.executable, "-c", "import time; time.sleep(300)", "<<token>>"], start_new_session=True)"""
    + WRONG,
)
attack(
    "double-fork",
    "forks twice, so that its grandchild belongs to nobody, ignores all signals and goes on",
    """import os, signal, time

if os.fork() == 0:
    os.setsid()
    if os.fork() == 0:
        for number in range(1, 64):
            try: signal.signal(number, signal.SIG_IGN)
            except (OSError, ValueError): pass
        time.sleep(300)
    os._exit(0)"""
    + WRONG,
)
attack(
    "fork-in-test",
    "returns twice from one call: its child answers too, on the same channel",
    """import os

def add(a, b):
    os.fork()
    return 0""",
)
attack("fork-bomb", "starts processes until no more can be started", """import os

def add(a, b):
    while True:
        try: os.fork()
        except OSError: pass""", stock=HARM)  # fmt: skip
attack("thread-bomb", "starts threads until no more can be started", """import threading, time

def add(a, b):
    while True:
        threading.Thread(target=time.sleep, args=(300,)).start()""", stock=HARM)  # fmt: skip
attack("fills-memory", "takes memory until none is left", """def add(a, b):
    blocks = []
    while True:
        blocks.append(bytearray(64_000_000))""", stock=HARM)  # fmt: skip
attack("fills-memory-by-mapping", "takes memory that is shared and locked, past what counts as the heap's", """import mmap

def add(a, b):
    blocks = []
    while True:
        blocks.append(mmap.mmap(-1, 64_000_000))
        blocks[-1].write(bytes(64_000_000))""", stock=HARM)  # fmt: skip
attack("fills-disk", "writes files until the disk is full", """def add(a, b):
    with open("<<token>>", "wb") as file:
        while True:
            file.write(bytes(16_000_000))""", stock=HARM)  # fmt: skip
attack("fills-inodes", "makes empty files until no more can be made", """def add(a, b):
    for number in range(10**7):
        open(f"<<token>>-{number}", "w").close()""", stock=HARM)  # fmt: skip
attack("fills-shared-memory", "fills /dev/shm", """def add(a, b):
    with open("/dev/shm/<<token>>", "wb") as file:
        while True:
            file.write(bytes(16_000_000))""", stock=HARM)  # fmt: skip
attack("fills-descriptors", "opens files, pipes and sockets until no more can be opened", """import os, socket

def add(a, b):
    kept = []
    while True:
        kept += [os.pipe(), socket.socketpair()]""")  # fmt: skip
attack(
    "kills-others",
    "sends every signal to every process that it can name, first of all its parent",
    """import os, signal

mine = os.getpid()
for number in (signal.SIGSTOP, signal.SIGKILL):
    for other in [os.getppid(), *range(2, 100), -1]:
        if other not in (mine, 0, -0):
            try: os.kill(other, number)
            except OSError as error: pass
os.killpg(os.getpgid(0), 0)"""
    + WRONG,
    stock="not run: it would kill the processes of this machine",
)
attack(
    "stops-itself",
    "stops itself by a signal, so that it neither answers nor ends",
    """import os, signal

def add(a, b):
    os.kill(os.getpid(), signal.SIGSTOP)
    return 0""",
)
attack(
    "traces-sibling",
    "starts a child and reads it by ptrace, process_vm_readv and pidfd_getfd, the way to any sibling",
    """import ctypes, os, time

libc = ctypes.CDLL(None, use_errno=True)
child = os.fork()
if child == 0:
    time.sleep(20)
    os._exit(0)
if libc.ptrace(16, child, 0, 0) == 0: print("LEAK" + "ED ptrace")
pidfd = libc.syscall(434, child, 0)
if pidfd >= 0 and libc.syscall(438, pidfd, 0, 0) >= 0: print("LEAK" + "ED pidfd_getfd")
os.kill(child, 9)"""
    + WRONG,
    absent=("LEAKED",),
)
attack(
    "leaves-the-box",
    "mounts, makes namespaces, changes its root and asks the kernel for what needs privileges",
    """import ctypes, os

libc = ctypes.CDLL(None, use_errno=True)
calls = {"unshare user": (272, 0x10000000), "unshare mount": (272, 0x20000), "mount": (165, b"none", b"/tmp", b"tmpfs", 0, 0),
         "chroot": (161, b"/tmp"), "setns": (308, os.open("/proc/self/ns/net", os.O_RDONLY), 0), "bpf": (321, 0, 0, 0),
         "io_uring": (425, 1, ctypes.create_string_buffer(120)), "perf": (298, ctypes.create_string_buffer(120), 0, -1, -1, 0),
         "keyctl": (250, 0, -3, 0), "userfaultfd": (323, 0)}
for name, call in calls.items():
    if libc.syscall(*call) >= 0: print("LEAK" + "ED", name)"""
    + WRONG,
    absent=("LEAKED",),
    stock="not applicable: a kernel stands in no box",
)
attack(
    "raises-limits",
    "raises its own limits, its priority and its user's rights",
    """import os, resource

for kind in (resource.RLIMIT_CPU, resource.RLIMIT_FSIZE, resource.RLIMIT_NOFILE):
    before = resource.getrlimit(kind)[1]
    try: resource.setrlimit(kind, (before, resource.RLIM_INFINITY))
    except (OSError, ValueError) as error: print(error)
    print("LEAK" + "ED limit", kind) if resource.getrlimit(kind)[1] != before else None
for call in (lambda: os.setuid(0), lambda: os.setgid(0), lambda: os.nice(-5), lambda: os.setgroups([0])):
    try: call()
    except OSError as error: print(error)"""
    + WRONG,
    absent=("LEAKED",),
    stock="not applicable: there are no limits",
)
