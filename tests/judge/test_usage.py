"""What a contestant may use up: it meets its limits, the neighbour notices nothing; and honest work meets none."""

from __future__ import annotations

import os
import re
from collections.abc import Iterator
from pathlib import Path

import psutil
import pytest
from boxes import ALL, USERS, StandIns, need

from nbjudge.box import usage
from nbjudge.limits import Limits

pytestmark = pytest.mark.skipif(not psutil.LINUX, reason="the box needs Linux")
SMALL = Limits(memory_mb=256, processes=20, disk_mb=8, open_files=64)
FILL = """
import os
answer, error = 0, ''
try:
    for number in range(100):
        with open(f'{}/{{number}}', 'wb') as file:
            file.write(bytes({}))
        answer += {}
except OSError as failed:
    error = failed.strerror
answer = [answer, error]
"""


@pytest.fixture(scope="module", params=USERS)
def box(request: pytest.FixtureRequest) -> Iterator[StandIns]:
    need(request.param, "namespaces", "limits")
    with StandIns(request.param, limits=SMALL) as started:
        yield started


@pytest.mark.parametrize("folder", [".", "/tmp", "/dev/shm", "/var/tmp"])
def test_the_disk_is_small(box: StandIns, folder: str) -> None:
    written, error = box.attempt(FILL.format(folder, 1 << 20, 1))
    assert error == "No space left on device"
    assert 6 <= written <= 8


def test_so_are_its_files_and_their_number(box: StandIns) -> None:
    assert box.attempt(FILL.format(".", 9 << 20, 9)) == [0, "File too large"]
    assert box.attempt("import os\nopened = [open('/dev/null') for _ in range(100)]").startswith("OSError: [Errno 24]")
    many = "for number in range(50_000): open(f'{number}', 'w').close()"
    assert box.attempt(many).startswith("OSError: [Errno 28] No space left")


@pytest.mark.parametrize(
    "take",
    [
        "bytearray(10 << 30)",
        "[bytearray(1 << 20) for _ in range(10_000)]",
        "__import__('mmap').mmap(-1, 10 << 30)",
        "__import__('numpy').ones(10 << 27)",
    ],
)
def test_memory_is_limited(box: StandIns, take: str) -> None:
    answer = box.attempt(f"x = {take}; answer = 'taken'")
    assert "MemoryError" in answer or "Cannot allocate memory" in answer, answer


def test_shared_memory_in_many_pieces_is_limited(box: StandIns) -> None:
    need(box.user, "memory")
    code = "import mmap\\nkept = []\\nwhile True: kept.append(mmap.mmap(-1, 1 << 24)); kept[-1].write(bytes(1 << 24))"
    ending = box.run(f"c = spawn(); tell(c, '{code}'); answer = c.ending(60)")
    assert ending[2] == "ran out of memory"
    assert ending[4] > 200


BOMB = """
import os, time
count = 0
try:
    while True:
        if os.fork() == 0:
            time.sleep(600)
        count += 1
except BlockingIOError:
    answer = count
"""


def test_a_fork_bomb_meets_its_limit_and_hurts_nobody(box: StandIns) -> None:
    job = f"""
bomb, neighbour = spawn(), spawn()
answer = [ask(bomb, {BOMB!r}), ask(neighbour, "import subprocess; answer = subprocess.run('true').returncode")]
bomb.kill()
answer.append(bomb.ending(60)[1])
"""
    assert box.run(job) == [SMALL.processes - 1, 0, 9]
    assert box.attempt("answer = 1") == 1


def test_threads_count_as_processes(box: StandIns) -> None:
    code = "import threading\nfor _ in range(100): threading.Thread(target=threading.Event().wait, daemon=True).start()"
    assert box.attempt(code) == "RuntimeError: can't start new thread"


def test_kill_all_reaches_only_its_own(box: StandIns) -> None:
    job = """
attacker, neighbour = spawn(), spawn()
answer = [ask(attacker, f"import os; os.kill(-1, {number})") for number in (19, 9)] + [ask(neighbour, "answer = 1")]
"""
    refused = "ProcessLookupError: [Errno 3] No such process"
    assert box.run(job) == [refused, refused, 1]


def test_nothing_is_left_on_the_host(box: StandIns) -> None:
    before = {folder: set(os.listdir(folder)) for folder in ("/tmp", "/dev/shm", "/var/tmp")}
    code = "".join(f"open('{folder}/nbjudge-left', 'w').close()\n" for folder in before)
    assert box.attempt(code) is None
    for folder, names in before.items():
        assert "nbjudge-left" not in set(os.listdir(folder)) - names


def test_nothing_is_left_without_namespaces(tmp_path: Path) -> None:
    need("root", "user", "landlock")
    with StandIns("root", ALL - {"namespaces"}) as box:
        code = """
import os
open('mine', 'w').close(); open('/dev/shm/nbjudge-left', 'w').close(); os.makedirs('/dev/shm/nbjudge-folder/in')
answer = os.getcwd()"""
        folder = box.run(f"c = spawn(); answer = ask(c, {code!r}); c.kill(); c.ending(60)")
        assert folder.startswith(("/tmp/nbjudge-", os.environ.get("TMPDIR", "/tmp")))
        assert not os.path.exists(folder)
        assert not [name for name in os.listdir("/dev/shm") if name.startswith("nbjudge-")]


HONEST = {
    "threads": "with concurrent.futures.ThreadPoolExecutor(4) as pool: answer = sum(pool.map(abs, range(-3, 3)))",
    "a shell's command": "answer = subprocess.check_output('echo $((4 + 5))', shell=True, text=True)",
    "processes": "with multiprocessing.get_context('fork').Pool(2) as pool: answer = pool.map(abs, [-9])",
    "shared memory": "block = shared_memory.SharedMemory(create=True, size=9); answer = block.size; block.unlink()",
    "temporary files": "with tempfile.NamedTemporaryFile('w+') as file: answer = file.write('123456789')",
    "its name": "answer = [getpass.getuser(), pathlib.Path.home() == pathlib.Path.cwd()]",
    "torch's threads": "torch.set_num_threads(2); x = torch.ones(600, 600); answer = (x @ x).mean().item()",
    "workers": "answer = [len(x[0]) for x in DataLoader(TensorDataset(torch.ones(9)), 3, num_workers=2)]",
    "autograd": "x = torch.ones(3, requires_grad=True); (3 * x).sum().backward(); answer = x.grad.tolist()",
    "a plot": "figure, axes = pyplot.subplots(); axes.plot([1]); figure.savefig('a'); answer = os.path.isfile('a.png')",
    "the clock": "time.sleep(0.01); answer = time.localtime().tm_year > 2000",
    "a link and a pipe": "os.symlink('a', 'b'); os.mkfifo('c'); answer = os.readlink('b'), os.path.exists('c')",
}
ANSWERS = [9, "9\n", [9], 9, 9, ["contestant", True], 600.0, [3, 3, 3], [3.0] * 3, True, True, ["a", True]]
IMPORTS = """
import concurrent.futures, getpass, multiprocessing, os, pathlib, subprocess, tempfile, time
from multiprocessing import shared_memory
"""
TORCH = "import torch\nfrom torch.utils.data import DataLoader, TensorDataset\nfrom matplotlib import pyplot\n"


@pytest.fixture(scope="module", params=USERS)
def warm(request: pytest.FixtureRequest) -> Iterator[StandIns]:
    need(request.param, "namespaces")
    with StandIns(request.param, imports=("torch", "numpy", "matplotlib.pyplot")) as started:
        yield started


@pytest.mark.parametrize(("name", "expected"), list(zip(HONEST, ANSWERS, strict=True)))
def test_honest_work_passes(warm: StandIns, name: str, expected: object) -> None:
    code = IMPORTS + (TORCH if re.search("torch|plot", HONEST[name]) else "") + HONEST[name]
    assert warm.attempt(code) == expected


def test_compiling_finds_what_was_warmed(warm: StandIns) -> None:
    code = "import sys; answer = [name in sys.modules for name in ('torch._dynamo', 'torch.testing', 'torch.optim')]"
    assert warm.attempt(code) == [True] * 3


class TestMemoryGroup:
    """On a made-up file system, for both versions; on the real one in the tests above."""

    @pytest.fixture
    def unified(self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
        monkeypatch.setattr(usage, "_MOUNT", tmp_path)
        own = Path("/proc/self/cgroup").read_text()
        real = Path.read_text
        lines = {"/proc/self/cgroup": "0::/user/job\n"}
        monkeypatch.setattr(Path, "read_text", lambda path, *rest: lines.get(str(path)) or real(path, *rest))
        assert own
        (tmp_path / "user/job").mkdir(parents=True)
        return tmp_path / "user"

    def test_version_two(self, unified: Path) -> None:
        (unified / "cgroup.subtree_control").write_text("cpu memory pids\n")
        group = usage.MemoryGroup("nbjudge-1-2", 64)
        assert group.folder == unified / "nbjudge-1-2"
        assert (group.folder / "memory.max").read_text() == str(64 << 20)
        assert (group.folder / "memory.swap.max").read_text() == "0"
        (group.folder / "memory.peak").write_text(f"{3 << 20}\n")
        (group.folder / "memory.events").write_text("low 0\noom 1\noom_kill 1\n")
        assert group.peak_mb() == 3
        assert group.ran_out()

    def test_no_controller_is_an_error(self, unified: Path) -> None:
        (unified / "cgroup.subtree_control").write_text("cpu\n")
        with pytest.raises(OSError, match="no memory cgroup"):
            usage.MemoryGroup("nbjudge-1-2", 64)
