"""The zygote: jobs in, answers out, contestants at the judge's word, and nothing left behind."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import nullcontext
from pathlib import Path

import psutil
import pytest
from boxes import ALL, FALLBACK, HERE, USERS, StandIns, need

from nbjudge.box import host
from nbjudge.box.messages import Crashed, Stopped
from nbjudge.box.zygote import SealError, Zygote
from nbjudge.limits import Limits

pytestmark = pytest.mark.skipif(not psutil.LINUX, reason="the zygote needs Linux")
PID = "import os; answer = int(os.readlink('/proc/self'))"
SLOW = 60.0  # seconds; nothing here takes as long, however busy the machine


@pytest.fixture(scope="module", params=USERS)
def zygote(request: pytest.FixtureRequest) -> Iterator[StandIns]:
    need(request.param)
    with StandIns(request.param, limits=Limits(seconds=SLOW)) as started:
        yield started


def gone(*pids: int) -> bool:
    """Whether these processes end, waited for."""
    alive = []
    for pid in pids:
        try:
            alive.append(psutil.Process(pid))
        except psutil.NoSuchProcess:
            continue
    return not psutil.wait_procs(alive, SLOW)[1]


def sleepers(seconds: str) -> list[int]:
    """Processes `sleep SECONDS`, by a number of seconds that only one test uses."""
    return [process.pid for process in psutil.process_iter(["cmdline"]) if seconds in (process.info["cmdline"] or ())]


def test_a_judge_runs_code_in_a_contestant(zygote: StandIns) -> None:
    assert zygote.run("answer = ask(spawn(), 'answer = 6 * 7')") == 42


def test_a_judge_and_its_contestant_stay_on_one_core_and_two_judges_on_two(zygote: StandIns) -> None:
    cores = "import os; answer = sorted(os.sched_getaffinity(0))"
    job = f"{cores}\nanswer = [answer, ask(spawn(), {cores!r})]\nimport time; time.sleep(3)"
    until = time.monotonic() + SLOW / 2
    with ThreadPoolExecutor(2) as pool:
        first = pool.submit(zygote.run, job)
        while not any(map(stays, zygote.processes())) and time.monotonic() < until:
            time.sleep(0.01)
        second = pool.submit(zygote.run, job)
        (one, same), (other, _) = first.result(), second.result()  # type: ignore[misc]
    assert len(one) == 1
    assert one == same
    assert one != other or len(os.sched_getaffinity(0)) == 1


def stays(process: psutil.Process) -> bool:
    """Whether it is kept on one core of several."""
    try:
        return len(process.cpu_affinity()) < len(os.sched_getaffinity(0))
    except psutil.Error:
        return False


def test_layers_are_told_to_driver_and_judge(zygote: StandIns) -> None:
    assert zygote.run("answer = sorted(spawn().layers)") == sorted(zygote.layers)
    assert not zygote.unsealed


def test_a_contestant_holds_its_wire_and_nothing_else(zygote: StandIns) -> None:
    code = """import os
answer = []
for number in os.listdir('/proc/self/fd'):
    try: answer.append(os.readlink(f'/proc/self/fd/{number}').split(':')[0])
    except OSError: pass"""
    assert zygote.attempt(code) == ["/dev/null"] * 3 + ["socket"]


def test_the_environment_holds_no_secret(zygote: StandIns, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("COURSE_SECRET", "hunter2")
    monkeypatch.setenv("AWS_ACCESS_KEY_ID", "key")
    with StandIns(zygote.user) as fresh:
        known = fresh.attempt("import os; answer = [dict(os.environ), open('/proc/self/environ').read()]")
    assert "PATH" in known[0]
    assert not {"COURSE_SECRET", "AWS_ACCESS_KEY_ID"} & set(known[0])
    assert "hunter2" not in str(known)


def test_each_contestant_has_its_own_scratch(zygote: StandIns) -> None:
    code = "import os, tempfile; tempfile.NamedTemporaryFile(delete=False); answer = [os.getcwd()]"
    code += "; answer.append(sum(map(os.path.isfile, os.listdir('.'))))"
    assert zygote.run(f"answer = [ask(spawn(), {code!r}) for _ in range(2)]") == [["/tmp", 1], ["/tmp", 1]]


def test_interrupt(zygote: StandIns) -> None:
    job = """
contestant = spawn()
tell(contestant, "say('started')\\nwhile True: pass")
answer = [hear(contestant)]
contestant.interrupt()
answer += [hear(contestant), ask(contestant, "answer = 1 + 1")]
"""
    assert zygote.run(job) == ["started", "KeyboardInterrupt: ", 2]


@pytest.mark.parametrize(
    ("code", "why"),
    [
        ("import os; os._exit(7)", "ended with exit code 7"),
        ("import ctypes; ctypes.string_at(0)", "was ended by the signal SIGSEGV"),
        ("import os; os.abort()", "was ended by the signal SIGABRT|was ended by the signal SIGSEGV"),
        ("raise SystemExit(3)", "ended with exit code 3"),
    ],
)
def test_how_a_contestant_ended(zygote: StandIns, code: str, why: str) -> None:
    job = f"contestant = spawn(); tell(contestant, {code!r}); answer = contestant.ending(60)"
    ending = zygote.run(job)
    assert ending[2] in why.split("|")
    assert ending[3] >= 0
    assert ending[4] > 1


def test_a_contestant_that_runs_has_no_ending(zygote: StandIns) -> None:
    assert zygote.run("answer = spawn().ending(0.01)") is None


def test_another_contestant_after_one_died(zygote: StandIns) -> None:
    job = """
first = spawn()
first.kill()
answer = [first.ending(60)[1], first.ending(0)[1], ask(spawn(), "answer = 'again'")]
first.interrupt()
first.kill()
"""
    assert zygote.run(job) == [signal.SIGKILL, signal.SIGKILL, "again"]


def test_cpu_time_is_limited() -> None:
    with StandIns("root" if os.geteuid() == 0 else "nobody", limits=Limits(cpu_seconds=1)) as zygote:
        ending = zygote.run("c = spawn(); tell(c, 'while True: pass'); answer = c.ending(60)")
    assert ending[2] == "used up its 1 s of CPU time"
    assert ending[3] >= 0.5


def test_a_judge_that_fails_says_why(zygote: StandIns) -> None:
    with pytest.raises(Crashed, match="the judge failed: ZeroDivisionError: division by zero"):
        zygote.run("1 / 0")
    with pytest.raises(Crashed, match="the judge ended with exit code 5"):
        zygote.run("import os; os._exit(5)")


@pytest.mark.parametrize("last", ["", "os._exit(0)", "os.kill(os.getpid(), 9)"], ids=["answer", "exit", "killed"])
def test_contestants_do_not_survive_their_judge(zygote: StandIns, last: str) -> None:
    with tempfile.TemporaryDirectory(dir="/var/tmp") as folder:
        os.chmod(folder, 0o777)
        job = f"""
import os
first, second = spawn(), spawn()
tell(first, "while True: pass")
open("{folder}/pids", "w").write(f"{{host_pid(first)}} {{host_pid(second)}}")
{last}
"""
        with pytest.raises(Crashed) if last else nullcontext():
            zygote.run(job)
        assert gone(*map(int, Path(folder, "pids").read_text().split()))


def test_a_late_judge_is_killed(zygote: StandIns) -> None:
    with StandIns(zygote.user, limits=Limits(seconds=1)) as hasty:
        with pytest.raises(Stopped, match="took longer than 1 s"):
            hasty.run("contestant = spawn(); tell(contestant, 'while True: pass'); contestant.ending()")
        assert hasty.attempt("answer = 1") == 1


@pytest.mark.parametrize("layers", [ALL, FALLBACK, frozenset()], ids=["all", "fallback", "none"])
def test_a_detached_child_dies_with_its_box(zygote: StandIns, layers: frozenset[str]) -> None:
    if layers == FALLBACK:
        need(zygote.user, "user")
    number = f"{7000 + len(layers)}.{USERS.index(zygote.user)}{os.getpid()}"
    code = f"import os, subprocess; subprocess.run(['/bin/sh', '-c', 'setsid sleep {number} & exit'])"
    with StandIns(zygote.user, layers) as box:
        job = f"c = spawn(); ask(c, {code!r}); c.kill(); answer = c.ending(60) is not None"
        assert box.run(job)
        assert not sleepers(number)


@pytest.mark.parametrize("layers", [ALL, FALLBACK], ids=["all", "fallback"])
def test_nothing_survives_a_killed_driver(zygote: StandIns, layers: frozenset[str]) -> None:
    if layers == FALLBACK:
        need(zygote.user, "user")
    number = f"{8000 + len(layers)}.{USERS.index(zygote.user)}{os.getpid()}"
    script = f"""
import os, sys
from boxes import StandIns
code = "import subprocess; subprocess.Popen(['sleep', '{number}'], start_new_session=True); answer = 1"
with StandIns({zygote.user!r}, {sorted(layers)!r}) as zygote:
    zygote.run(f"import sys; c = spawn(); ask(c, {{code!r}}); print('up', file=sys.stderr, flush=True); c.ending()")
"""
    driver = subprocess.Popen([sys.executable, "-c", script], stderr=subprocess.PIPE, text=True, cwd=HERE)
    assert driver.stderr is not None
    assert driver.stderr.readline() == "up\n"
    started = [process.pid for process in psutil.Process(driver.pid).children(recursive=True)]
    assert set(sleepers(number)) & set(started)
    driver.kill()
    driver.communicate()
    assert gone(*started, *sleepers(number))


def test_a_killed_zygote_takes_everybody_along_and_is_started_anew(zygote: StandIns) -> None:
    with StandIns(zygote.user) as box:
        box.attempt("answer = 1")
        started = box.processes()
        with ThreadPoolExecutor() as pool:
            judging = pool.submit(box.run, "c = spawn(); tell(c, 'while True: pass'); c.ending()")
            until = time.monotonic() + SLOW  # killed before the job came, another would take it
            while len(box.processes()) <= len(started) and time.monotonic() < until:
                time.sleep(0.01)
            box._process.kill()
            with pytest.raises(Crashed):
                judging.result()
        assert gone(*(process.pid for process in started))
        assert box.attempt("answer = 1") == 1


@pytest.mark.parametrize("layers", [ALL, FALLBACK], ids=["all", "fallback"])
def test_a_killed_server_leaves_nothing(zygote: StandIns, layers: frozenset[str]) -> None:
    if layers == FALLBACK:
        need(zygote.user, "user")
    number = f"{9000 + len(layers)}.{USERS.index(zygote.user)}{os.getpid()}"
    detach = f"import subprocess; subprocess.run(['/bin/sh', '-c', 'setsid sleep {number} & exit'])"
    with StandIns(zygote.user, layers) as box, ThreadPoolExecutor() as pool:
        judging = pool.submit(box.run, f"c = spawn(); ask(c, {detach!r}); c.ending()")
        until = time.monotonic() + SLOW
        while not sleepers(number) and time.monotonic() < until:
            time.sleep(0.01)
        started = [*(process.pid for process in box.processes()), *sleepers(number)]
        assert len(started) > 3
        box.processes()[0].kill()
        with pytest.raises(Crashed):
            judging.result()
        assert gone(*started)
    assert not list(Path("/tmp").glob(f"nbjudge-{os.getpid()}-*"))


def test_many_judges_at_once(zygote: StandIns) -> None:
    with ThreadPoolExecutor(8) as pool:
        answers = pool.map(lambda n: zygote.run(f"answer = ask(spawn(), 'answer = {n} + 1')"), range(40))
        assert list(answers) == list(range(1, 41))


def test_two_hundred_judges_leave_nothing_behind(zygote: StandIns) -> None:
    for _ in range(3):
        zygote.attempt("answer = 1")
    before = weigh(zygote)
    for number in range(200):
        zygote.run("answer = 1" if number % 4 else "answer = ask(spawn(), 'answer = 1')")
    until = time.monotonic() + SLOW
    while (after := weigh(zygote))["descriptors"] > before["descriptors"] and time.monotonic() < until:
        time.sleep(0.01)  # the server may still be clearing up after the last judge
    assert after["zombies"] == 0
    assert after["descriptors"] == before["descriptors"]
    assert after["ours"] == before["ours"]
    assert after["memory"] - before["memory"] < 4 << 20


def weigh(zygote: StandIns) -> dict[str, int]:
    """Once only the server and the contestant that waits are left."""
    until = time.monotonic() + SLOW
    while len(processes := zygote.processes()) != 2 and time.monotonic() < until:
        time.sleep(0.01)
    server, spare = processes
    return {
        "zombies": sum(process.status() == psutil.STATUS_ZOMBIE for process in (server, spare)),
        "descriptors": server.num_fds(),
        "ours": psutil.Process().num_fds(),
        "memory": server.memory_info().rss,
    }


def test_no_memory_group_is_left(zygote: StandIns) -> None:
    need(zygote.user, "memory")
    from nbjudge.box.usage import _parent

    with StandIns(zygote.user) as box:
        box.attempt("answer = 1")
        assert list(_parent()[0].glob(f"nbjudge-{os.getpid()}-{box._process.pid}-*"))
        number = box._process.pid
    assert not list(_parent()[0].glob(f"nbjudge-{os.getpid()}-{number}-*"))


def test_an_import_that_fails_is_named() -> None:
    with (
        pytest.raises(Crashed, match="the zygote did not start: ModuleNotFoundError: No module named 'no_such'"),
        StandIns(imports=("no_such",)),
    ):
        pass  # fmt: skip


def test_an_import_that_starts_a_thread_is_refused() -> None:
    with (
        pytest.raises(Crashed, match="RuntimeError: 1 threads were started by importing stand_in_thread"),
        StandIns(imports=("stand_in_thread",)),
    ):
        pass  # fmt: skip


@pytest.mark.parametrize("layers", [{"landlock", "seccomp", "limits"}, {"user", "seccomp", "limits"}, set()])
def test_too_few_layers_are_refused(layers: set[str], monkeypatch: pytest.MonkeyPatch) -> None:
    offers = [host.Offer(layer, layer in layers, "not on this host") for layer in host.PROTECTS]
    monkeypatch.setattr(host, "offers", lambda *_: offers)
    with pytest.raises(SealError, match=r"(?s)Missing: .*namespaces \(not on this host\).*docker run"):
        Zygote([], Limits())
    assert Zygote([], Limits(), unsealed=True).unsealed


def test_a_mac_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sys, "platform", "darwin")
    with pytest.raises(SealError, match="needs Linux, this is darwin"):
        Zygote([], Limits(), unsealed=True)


def test_threads_may_start_it(zygote: StandIns) -> None:
    with StandIns(zygote.user) as box:
        box.close()
        starter = threading.Thread(target=box.attempt, args=("answer = 1",))
        starter.start()
        starter.join()
        assert box.attempt("answer = 2") == 2, "the thread that started it has ended, it has not"


@pytest.mark.parametrize("field", ["seconds", "memory_mb", "processes"])
def test_limits_are_numbers_above_zero(field: str) -> None:
    with pytest.raises(ValueError, match=f"limits.{field}: expected a number above zero, got 0"):
        Limits(**{field: 0})
