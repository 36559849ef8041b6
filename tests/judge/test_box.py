"""Contestants try what each layer forbids, with that layer alone: so every one is known to hold by itself.

The same attempts succeed without a box, which shows that they could.
"""

from __future__ import annotations

import os
import platform
import re
import shutil
import socket
import tempfile
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from pathlib import Path
from typing import NamedTuple

import psutil
import pytest
from boxes import ALL, FALLBACK, USERS, StandIns, need

from nbjudge.box import kernel
from nbjudge.limits import Limits

pytestmark = pytest.mark.skipif(not psutil.LINUX, reason="the box needs Linux")
Boxes = Callable[..., StandIns]
REFUSED = (
    "No such file|Permission denied|not permitted|No such process|unreachable|refused|not supported|not allowed|"
    "Function not implemented|Read-only|Invalid cross-device|Invalid argument"
)
CALL = "import ctypes, os\nlibc = ctypes.CDLL(None, use_errno=True)\nbuffer = ctypes.create_string_buffer(8)\n"
CALL += "MINE = (ctypes.c_long * 2)(ctypes.addressof(buffer), 8)\nresult = {}\n"
CALL += "answer = 'done' if result >= 0 or ctypes.get_errno() == 14 else os.strerror(ctypes.get_errno())"  # bad address


class Attempt(NamedTuple):
    """What a contestant tries; which layers refuse it, each alone; who is refused without any."""

    code: str
    layers: str
    never: str = ""


ATTEMPTS = {
    "reads a file": Attempt("answer = open(SECRET).read()", "namespaces landlock"),
    "lists a folder": Attempt("import os; answer = os.listdir(FOLDER)", "namespaces landlock"),
    "reads the class": Attempt("answer = open(CLASS + '/pyproject.toml').read()", "namespaces landlock"),
    "reads the passwords": Attempt("answer = len(open('/etc/shadow').read())", "namespaces landlock user", "nobody"),
    "writes to a file": Attempt("answer = open(SECRET, 'a').write('!')", "namespaces landlock"),
    "plants a file": Attempt("open(FOLDER + '/planted', 'w'); answer = 'done'", "namespaces landlock"),
    "removes a file": Attempt("import os; os.unlink(FOLDER + '/rubbish'); answer = 'done'", "namespaces landlock"),
    "links to a file": Attempt("import os; os.link(SECRET, 'x'); answer = open('x').read()", "namespaces landlock"),
    "changes a file's mode": Attempt("import os; answer = os.chmod(SECRET, 0o666)", "namespaces user"),
    "connects by TCP": Attempt(
        "import socket; socket.create_connection(('127.0.0.1', TCP), 5); answer = 'done'", "namespaces landlock seccomp"
    ),
    "sends by UDP": Attempt(
        "import socket; s = socket.socket(type=socket.SOCK_DGRAM); answer = s.sendto(b'!', ('127.0.0.1', UDP))",
        "namespaces seccomp",
    ),
    "connects to an abstract socket": Attempt(
        "import socket; socket.socket(socket.AF_UNIX).connect(ABSTRACT); answer = 'done'", "namespaces landlock"
    ),
    "connects to a socket's file": Attempt(
        "import socket; socket.socket(socket.AF_UNIX).connect(FOLDER + '/socket'); answer = 'done'", "namespaces"
    ),
    "asks the kernel by netlink": Attempt("import socket; socket.socket(16, 3, 0); answer = 'done'", "seccomp"),
    "sees another process": Attempt("answer = open(f'/proc/{VICTIM}/cmdline').read()", "namespaces"),
    "signals another process": Attempt("import os; os.kill(VICTIM, 0); answer = 'done'", "namespaces landlock user"),
    "stops another process": Attempt("import os; os.kill(VICTIM, 18); answer = 'done'", "namespaces landlock user"),
    "reads another's memory": Attempt(
        "open(f'/proc/{VICTIM}/mem', 'rb'); answer = 'done'", "namespaces landlock user"
    ),
    "reads another's memory by a call": Attempt(
        CALL.format("libc.process_vm_readv(VICTIM, MINE, 1, (ctypes.c_long * 2)(1, 8), 1, 0)"),
        "namespaces landlock user seccomp",
    ),
    "traces another process": Attempt(
        CALL.format("libc.ptrace(0x4206, VICTIM, 0, 0)"), "namespaces landlock user seccomp"
    ),
    "mounts": Attempt(CALL.format("libc.mount(b'none', b'/tmp', b'tmpfs', 0, None)"), "seccomp", "root nobody"),
    "changes its root": Attempt("import os; os.chroot('/tmp'); answer = 'done'", "seccomp", "root nobody"),
    "makes a user namespace": Attempt(CALL.format("libc.unshare(0x10000000)"), "seccomp"),
    "becomes root": Attempt("import os; answer = os.setuid(0)", "user", "nobody"),
    "opens memory that no limit counts": Attempt("import os; answer = os.memfd_create('x')", "seccomp"),
    "raises its limits": Attempt(
        "import resource as r; answer = r.setrlimit(r.RLIMIT_CPU, (90000, 90000))", "limits"
    ),
    "raises them by its number": Attempt(
        "import resource as r; answer = r.prlimit(0, r.RLIMIT_FSIZE, (1 << 40, 1 << 40))", "limits"
    ),
}  # fmt: skip
if platform.machine() == "x86_64":
    ATTEMPTS |= {
        "forks into a namespace": Attempt(
            CALL.format("libc.syscall(56, 0x10000011, 0, 0, 0, 0) or os._exit(0)"), "seccomp"
        ),
        "asks for io_uring": Attempt(CALL.format("libc.syscall(425, 1, ctypes.create_string_buffer(120))"), "seccomp"),
        "asks for a keyring": Attempt(CALL.format("libc.syscall(250, 0, -3, 1, 0, 0)"), "seccomp"),
    }


class Host:
    """What a contestant would like to reach, owned by the user it would run as without a box."""

    def __init__(self, folder: Path, user: str) -> None:
        self.folder = folder
        owner = 65534 if user == "nobody" and os.geteuid() == 0 else os.geteuid()
        self.unix = socket.socket(socket.AF_UNIX)
        self.unix.bind(str(folder / "socket"))
        self.tcp = socket.create_server(("127.0.0.1", 0))
        self.udp = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
        self.udp.bind(("127.0.0.1", 0))
        self.abstract = socket.socket(socket.AF_UNIX)
        self.abstract.bind(f"\0nbjudge-test-{folder.name}")
        for sock in (self.unix, self.abstract):
            sock.listen()
        self.owner = owner
        self.lay_out()
        kept = {"user": owner, "group": owner, "extra_groups": []} if os.geteuid() == 0 else {}
        self.victim = psutil.Popen(["/bin/sleep", "600"], preexec_fn=kernel.drop_capabilities, **kept)

    def lay_out(self) -> Host:
        """As it was before the last attempt."""
        (self.folder / "planted").unlink(missing_ok=True)
        for name in ("secret", "rubbish"):
            (self.folder / name).write_text("the solution")
        for path in (self.folder, *self.folder.iterdir()):
            os.chown(path, self.owner, -1)
            path.chmod(0o777)
        return self

    def close(self) -> None:
        for sock in (self.tcp, self.udp, self.unix, self.abstract):
            sock.close()
        self.victim.kill()
        self.victim.wait()
        shutil.rmtree(self.folder)

    def fill_in(self, code: str) -> str:
        values = {
            "SECRET": str(self.folder / "secret"),
            "FOLDER": str(self.folder),
            "CLASS": str(Path(__file__).parents[2]),
            "TCP": self.tcp.getsockname()[1],
            "UDP": self.udp.getsockname()[1],
            "ABSTRACT": self.abstract.getsockname().decode(),
            "VICTIM": self.victim.pid,
        }
        return re.sub("|".join(rf"\b{name}\b" for name in values), lambda found: repr(values[found[0]]), code)


@pytest.fixture(scope="module")
def boxes() -> Iterator[Boxes]:
    """Zygotes by user and layers, each started once."""
    started: dict[object, StandIns] = {}
    with ExitStack() as stack:

        def get(user: str, *layers: str, limits: Limits | None = None, imports: tuple[str, ...] = ()) -> StandIns:
            need(user, *layers)
            key = (user, layers, limits, imports)
            if key not in started:
                started[key] = stack.enter_context(StandIns(user, layers, limits, imports))
            return started[key]

        yield get


@pytest.fixture(scope="module", params=USERS)
def user(request: pytest.FixtureRequest) -> str:
    return request.param


@pytest.fixture(scope="module")
def hosts() -> Iterator[Callable[[str], Host]]:
    made: dict[str, Host] = {}

    def get(user: str) -> Host:
        need(user)
        if user not in made:
            made[user] = Host(Path(tempfile.mkdtemp(prefix="nbjudge-outside-", dir="/var/tmp")), user)
        return made[user].lay_out()

    yield get
    for host in made.values():
        host.close()


@pytest.fixture
def outside(user: str, hosts: Callable[[str], Host]) -> Host:
    return hosts(user)


@pytest.mark.parametrize("name", ATTEMPTS)
def test_without_a_box_it_works(user: str, name: str, boxes: Boxes, outside: Host) -> None:
    answer = str(boxes(user).attempt(outside.fill_in(ATTEMPTS[name].code)))
    assert bool(re.search(REFUSED, answer)) == (user in ATTEMPTS[name].never), answer


@pytest.mark.parametrize(
    ("layer", "name"), [(layer, name) for name in ATTEMPTS for layer in ATTEMPTS[name].layers.split()]
)
def test_one_layer_alone_refuses_it(user: str, layer: str, name: str, boxes: Boxes, outside: Host) -> None:
    answer = boxes(user, layer).attempt(outside.fill_in(ATTEMPTS[name].code))
    assert re.search(REFUSED, str(answer)), answer


@pytest.mark.parametrize("name", ATTEMPTS)
def test_the_box_refuses_it(user: str, name: str, boxes: Boxes, outside: Host) -> None:
    answer = boxes(user, *sorted(FULL[user])).attempt(outside.fill_in(ATTEMPTS[name].code))
    assert re.search(REFUSED, str(answer)), answer
    assert sorted(os.listdir(outside.folder)) == ["rubbish", "secret", "socket"]
    assert (outside.folder / "secret").read_text() == "the solution"


@pytest.mark.parametrize("name", [name for name in ATTEMPTS if ATTEMPTS[name].layers != "namespaces"])
def test_in_a_container_without_namespaces_the_others_refuse_it(
    name: str, boxes: Boxes, hosts: Callable[[str], Host]
) -> None:
    box = boxes("plain", *sorted(FALLBACK - {"memory"}))
    answer = box.attempt(hosts("root").fill_in(ATTEMPTS[name].code))
    assert re.search(REFUSED, str(answer)), answer


@pytest.mark.parametrize("name", ATTEMPTS)
def test_in_the_container_of_the_recipe_the_box_refuses_it(
    name: str, boxes: Boxes, hosts: Callable[[str], Host]
) -> None:
    answer = boxes("recipe", *sorted(FULL["root"])).attempt(hosts("root").fill_in(ATTEMPTS[name].code))
    assert re.search(REFUSED, str(answer)), answer


FULL = {"root": ALL - {"memory"}, "nobody": ALL - {"memory", "user"}}
