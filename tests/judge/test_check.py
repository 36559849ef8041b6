"""`nbjudge check`: one line a layer, a verdict, an exit code."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import psutil
import pytest
from boxes import ALL, need, python

from nbjudge.box import host
from nbjudge.box.check import check
from nbjudge.box.host import Offer, Verdict

RULES = [
    (ALL, Verdict.SEALED),
    (ALL - {"memory", "user"}, Verdict.SEALED),
    (ALL - {"namespaces"}, Verdict.PARTLY),
    (ALL - {"landlock"}, Verdict.PARTLY),
    (ALL - {"seccomp"}, Verdict.PARTLY),
    ({"namespaces", "limits"}, Verdict.PARTLY),
    ({"namespaces", "landlock", "seccomp"}, Verdict.NOT),
    ({"landlock", "seccomp", "limits"}, Verdict.NOT),
    ({"user", "seccomp", "limits"}, Verdict.NOT),
    ({"user", "landlock", "limits"}, Verdict.NOT),
    (set(), Verdict.NOT),
]


@pytest.mark.parametrize(("layers", "verdict"), RULES)
def test_the_verdict(
    layers: set[str], verdict: Verdict, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    offers = [Offer(layer, layer in layers, "as it is") for layer in host.PROTECTS]
    monkeypatch.setattr(host, "offers", lambda: offers)
    assert check() == verdict.value
    lines = capsys.readouterr().out.splitlines()
    assert [line.split()[:2] for line in lines[:6]] == [
        [name, "yes" if name in layers else "no"] for name in host.PROTECTS
    ]
    assert lines[6].split(":")[0] == {0: "sealed", 1: "partly sealed", 2: "not sealed"}[verdict.value]
    assert ("docker run" in "\n".join(lines)) == (verdict is Verdict.NOT)


def test_a_mac_is_told_what_is_missing_and_the_way_out(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(sys, "platform", "darwin")
    assert check() == 2
    printed = capsys.readouterr().out
    assert printed.count("needs Linux, this is darwin") == 6
    assert "docker build" in printed
    assert "--unsealed" not in printed


@pytest.mark.skipif(not psutil.LINUX, reason="on Linux the layers are tried")
@pytest.mark.parametrize("user", ["root", "nobody", "plain", "recipe"])
def test_this_host(user: str) -> None:
    need(user)
    script = "import sys; from nbjudge.box.check import check; sys.exit(check())"
    done = subprocess.run([*python(user), "-c", script], capture_output=True, text=True, timeout=60)
    assert done.returncode in (0, 1, 2), done.stderr
    lines = done.stdout.splitlines()
    assert [line.split()[0] for line in lines[:6]] == list(host.PROTECTS)
    assert len(lines) >= 7
    if user == "plain":
        assert lines[1].startswith("namespaces  no   unshare: Operation not permitted")
        assert done.returncode > 0


@pytest.mark.skipif(not psutil.LINUX, reason="on Linux the layers are tried")
def test_missing_libseccomp_is_a_missing_layer(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """As on a system without libseccomp.so, where importing pyseccomp raises."""
    (tmp_path / "pyseccomp.py").write_text("raise RuntimeError('Unable to find libseccomp')")
    monkeypatch.setenv("PYTHONPATH", str(tmp_path))
    offers = {offer.layer: offer for offer in host.offers()}
    assert not offers["seccomp"].available
    assert offers["seccomp"].how == "Unable to find libseccomp"


def test_the_recipe_stands_in_the_dockerfile() -> None:
    text = (Path(__file__).parents[2] / "Dockerfile").read_text()
    commands = [line.strip() for line in host.CONTAINER.splitlines()[1:]]
    assert commands
    for command in commands:
        assert f"#   {command}\n" in text


def test_a_setting_that_forbids_namespaces_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    real = Path.read_text
    setting = "/proc/sys/kernel/apparmor_restrict_unprivileged_userns"
    monkeypatch.setattr(Path, "read_text", lambda path, *rest: "1\n" if str(path) == setting else real(path, *rest))
    assert host._forbidden() == " (sysctl kernel.apparmor_restrict_unprivileged_userns=1 forbids it)"


def test_the_command_needs_no_course(tmp_path: Path) -> None:
    done = subprocess.run([sys.executable, "-m", "nbjudge", "check"], cwd=tmp_path, capture_output=True, text=True)
    assert "Traceback" not in done.stderr
    assert done.stdout.startswith("user ")


def test_it_imports_without_linux() -> None:
    """All modules of the box, with the calls gone that only Linux has."""
    script = """
import os, signal, sys
sys.platform = "darwin"
for name in ("unshare", "pidfd_open", "waitid", "setns"):
    os.__dict__.pop(name, None)
signal.__dict__.pop("pidfd_send_signal", None)
import nbjudge.box.zygote, nbjudge.box.server, nbjudge.box.seal, nbjudge.box.check
sys.exit(nbjudge.box.check.check())
"""
    done = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True)
    assert done.returncode == 2, done.stderr
