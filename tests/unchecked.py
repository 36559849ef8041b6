"""Files of tests that run without the shape checks: those wrap every function, which breaks torch.compile's graph,
and they refuse a wrong argument before the library does.

Such a file runs itself again in a process of its own, in which it defines its tests:

    if CHECKED:

        def test_in_a_process_without_shape_checks():
            run_unchecked(__file__)

    else:
        ...
"""

from __future__ import annotations

import os
import subprocess
import sys

CHECKED = not os.environ.get("NO_SHAPE_CHECKS")


def run_unchecked(file: str) -> None:
    """Runs a file of tests in a process without the shape checks; fails with what it printed."""
    command = [sys.executable, "-m", "pytest", "-q", "-p", "no:cacheprovider", "-p", "no:xdist", file]
    run = subprocess.run(command, env={**os.environ, "NO_SHAPE_CHECKS": "1"}, capture_output=True, text=True)
    assert run.returncode == 0, run.stdout + run.stderr
