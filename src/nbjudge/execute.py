"""How one submission is executed: by stock nbgrader, in a process of its own with a limit on its time.

This is the seam: `execute` is all that the rest of the package knows of it. Stock nbgrader runs the student's code
and the tests in one kernel, so a student who sets out to cheat can; a judge that seals the student's code off takes
this module's place.
"""

from __future__ import annotations

import contextlib
import multiprocessing
import os
import sys
import tempfile
from multiprocessing.process import BaseProcess
from pathlib import Path

import psutil

from nbjudge.course import Course
from nbjudge.remarks import Remark

GRADED, FAILED, NO_FEEDBACK = 0, 3, 4  # exit codes of the process
SERVER = multiprocessing.get_context("forkserver")  # imports nbgrader once, two seconds, and forks from there
SERVER.set_forkserver_preload(["nbjudge.execute"])


def execute(lab: str, student: str, *, limit: float, log: Path, grade: bool = True) -> Remark | None:
    """Grade one submission and write its feedback; None when all went well, else what went wrong.

    Without `grade` only the feedback is written, anew, from what was graded before.
    """
    log.parent.mkdir(parents=True, exist_ok=True)
    log.unlink(missing_ok=True)
    with tempfile.TemporaryDirectory(prefix="nbjudge-") as sockets:
        process = SERVER.Process(target=_process, args=(lab, student, log, Path.cwd(), sockets, grade))
        process.start()
        process.join(limit)
        if process.is_alive():
            _kill(process)
            return Remark("stopped", f"limit {limit:g} s")
    if process.exitcode in (GRADED, NO_FEEDBACK):
        return None if process.exitcode == GRADED else Remark("feedback")
    return _reason(log)


def _reason(log: Path) -> Remark:
    said = log.read_text() if log.is_file() else ""
    if "DeadKernelError" in said:
        return Remark("crashed")
    if "CellTimeoutError: A cell timed out" in said:
        return Remark("stopped", "a cell did not let itself be interrupted")
    return Remark("failed", f"log: {log}")


def _kill(process: BaseProcess) -> None:
    """End the process and everything it started: a kernel leads a process group of its own, so by descent."""
    with contextlib.suppress(psutil.NoSuchProcess):
        parent = psutil.Process(process.pid)
        family = [parent, *parent.children(recursive=True)]
        for member in family:
            with contextlib.suppress(psutil.NoSuchProcess):
                member.kill()
        psutil.wait_procs(family, timeout=10)
    process.join()


def _process(lab: str, student: str, log: Path, folder: Path, sockets: str, grade: bool) -> None:
    """In the process: let nbgrader grade one submission and make its feedback.

    nbgrader talks to its kernel through files of ours: TCP ports are picked free and bound a moment later, and of
    several kernels that start at once two can pick the same.
    """
    os.chdir(folder)  # the server's is where the first submission was started
    silence = os.open(os.devnull, os.O_RDWR)
    for stream in (0, 1, 2):  # what the kernel prints past the notebook
        os.dup2(silence, stream)
    course = Course.here()
    course.config.KernelManager.transport = "ipc"
    course.config.KernelManager.ip = f"{sockets}/kernel"
    api = course.api()
    graded = api.autograde(lab, student, force=True, create=True) if grade else {"success": True}
    feedback = api.generate_feedback(lab, student, force=True) if graded["success"] else {}
    texts = [str(result.get(key) or "") for result in (graded, feedback) for key in ("log", "error")]
    log.write_text("\n".join(filter(None, texts)))
    if not graded["success"]:
        sys.exit(FAILED)
    sys.exit(GRADED if feedback["success"] else NO_FEEDBACK)
