"""Zygotes with the stand-ins, as root and as nobody, with all layers or with few of them."""

from __future__ import annotations

import atexit
import json
import os
import shutil
import sys
import tempfile
from collections.abc import Collection
from functools import cache
from pathlib import Path
from unittest import mock

import psutil
import pytest

from nbjudge.box import host
from nbjudge.box.zygote import Zygote
from nbjudge.limits import Limits

HERE = Path(__file__).parent
USERS = ("root", "nobody")
CONTAINERS = ("plain", "recipe")  # root of a container, with default settings and with those of the Dockerfile
ALL = frozenset(host.PROTECTS)
FALLBACK = ALL - {"namespaces"}


class StandIns(Zygote):
    """A zygote for the tests' own judge and contestant; `layers` instead of all that the host offers."""

    mains = ("stand_ins.judge", "stand_ins.contestant")

    def __init__(
        self,
        user: str = "",
        layers: Collection[str] = ALL,
        limits: Limits | None = None,
        imports: tuple[str, ...] = (),
        readable: tuple[Path, ...] = (),
    ) -> None:
        self.user, self.wanted = user, layers
        found = offered(tuple(self.python()))
        offers = [offer._replace(available=offer.available and offer.layer in layers) for offer in found]
        with mock.patch.object(host, "offers", return_value=offers):
            super().__init__(imports, limits or Limits(), readable, unsealed=not ALL.issubset(layers))

    def python(self) -> list[str]:
        return python(self.user, self.wanted)

    def environment(self) -> dict[str, str]:
        return super().environment() | {"PYTHONPATH": str(HERE), "MPLBACKEND": "agg", "MPLCONFIGDIR": cache_folder()}

    def run(self, job: str) -> object:
        return json.loads(self.judge(job.encode()))

    def attempt(self, code: str) -> object:
        """What a contestant answers that runs the code."""
        return self.run(f"answer = ask(spawn(), {code!r})")

    def processes(self) -> list[psutil.Process]:
        """All that the zygote has started."""
        assert self._process is not None
        return psutil.Process(self._process.pid).children(recursive=True)


def need(user: str, *layers: str) -> None:
    """Skip, and say so, where this host or this user cannot do it."""
    if user in ("root", *CONTAINERS) and os.geteuid() != 0:
        pytest.skip(f"not tested as {user}: the tests run as another user")
    if user == "nobody" and os.geteuid() == 0 and not psutil.LINUX:
        pytest.skip("not tested as nobody: needs Linux")
    have = {offer.layer for offer in offered(tuple(python(user))) if offer.available}
    if missing := set(layers) - have:
        pytest.skip(f"not tested as {user}: this host does not offer {', '.join(sorted(missing))}")


def python(user: str, layers: Collection[str] = ALL) -> list[str]:
    """Where the interpreter lies in a folder of root's, only a file tree of its own shows it to another user."""
    if os.geteuid() != 0 or (user == "root" and "namespaces" in layers):
        return [sys.executable]
    if user in CONTAINERS:
        return [sys.executable, str(HERE / "as_container.py"), user, sys.base_prefix, sys.executable]
    number = "65534" if user == "nobody" else "0"
    return [sys.executable, str(HERE / "as_user.py"), number, sys.base_prefix, sys.executable]


@cache
def cache_folder() -> str:
    """Where matplotlib keeps what it knows of fonts; anybody may write there."""
    folder = tempfile.mkdtemp()
    os.chmod(folder, 0o777)
    atexit.register(shutil.rmtree, folder, ignore_errors=True)
    return folder


offered = cache(host.offers)
