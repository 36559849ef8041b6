"""formgrader, in a Jupyter server as an instructor starts one, lists and shows what was judged."""

from __future__ import annotations

import json
import os
import socket
import subprocess
import sys
import time
import urllib.request
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

from test_plugin import autograded as autograded
from test_plugin import fuller_class as fuller_class
from tiny import Tiny


def test_formgrader_lists_and_shows_what_was_judged(autograded: Tiny) -> None:
    """Its pages, from a Jupyter server as an instructor starts one."""
    with serving(autograded.folder) as fetch:
        listed = json.loads(fetch("/formgrader/api/submissions/sums"))
        assert {one["student"]: one["score"] for one in listed} == {"ada": 6.0, "ben": 2.0, "cleo": 0.0, "dan": 0.0}
        notebooks = {
            one["student"]: one["id"] for one in json.loads(fetch("/formgrader/api/submitted_notebooks/sums/sums"))
        }
        page = fetch(f"/formgrader/submissions/{notebooks['ada']}")
        assert "is associative" in page
        assert "HIDDEN" not in page


@contextmanager
def serving(folder: Path) -> Iterator[Callable[[str], str]]:
    """A Jupyter server with formgrader in that folder, on a socket of its own; gives what fetches a page."""
    runtime = folder / "runtime"
    extensions = {"nbgrader.server_extensions.formgrader": True}
    with socket.create_server(("127.0.0.1", 0)) as free:
        port = free.getsockname()[1]
    options = ["--allow-root", "--no-browser", f"--ServerApp.port={port}", "--IdentityProvider.token=secret"]
    options += [f"--ServerApp.jpserver_extensions={extensions}", f"--ServerApp.root_dir={folder}"]
    environment = os.environ | {"JUPYTER_RUNTIME_DIR": str(runtime)}
    with (folder / "server.log").open("w") as log:
        server = subprocess.Popen(
            [sys.executable, "-m", "jupyter_server", *options], cwd=folder, env=environment, stderr=log
        )
    try:
        until = time.monotonic() + 120
        while not (found := list(runtime.glob("jpserver-*.json"))) and server.poll() is None:
            assert time.monotonic() < until
            time.sleep(0.1)
        assert found, (folder / "server.log").read_text()
        place = json.loads(found[0].read_text())["url"].rstrip("/")

        direct = urllib.request.build_opener(urllib.request.ProxyHandler({}))

        def fetch(path: str) -> str:
            request = urllib.request.Request(place + path, headers={"Authorization": "token secret"})
            with direct.open(request, timeout=60) as answer:
                return str(answer.read().decode())

        yield fetch
    finally:
        server.terminate()
        server.wait(30)
