"""When the cells of a page run again: when they change, and when what they import or load changes."""

from __future__ import annotations

import functools
import hashlib
import os
import resource
from collections.abc import Callable
from pathlib import Path
from typing import Any

from myst_nb.core.execute import cache
from sphinx.application import Sphinx
from sphinx.config import Config

QUIET = "--log-level=ERROR"  # a kernel warns that other users of this machine could listen to it
SOURCES = ("src/trainwell/**/*.py", "book/experiments/*.json")


def fingerprint(root: Path) -> str:
    """A name for the state of everything that the cells depend on."""
    digest = hashlib.sha256()
    for path in sorted(path for pattern in SOURCES for path in root.glob(pattern)):
        digest.update(path.relative_to(root).as_posix().encode() + b"\0" + path.read_bytes() + b"\0")
    return digest.hexdigest()[:16]


def configure(app: Sphinx, config: Config) -> None:
    # The cache compares cells and does not see imports. A path of its own for each state of the library
    # repairs that; and as the path belongs to the environment, Sphinx reads every page again when it changes.
    config.nb_execution_cache_path = str(Path(app.outdir).parent / "executed" / fingerprint(Path(app.confdir)))


def processor_seconds() -> float:
    """What the processes that this one started, and that have ended, took of the processor."""
    spent = resource.getrusage(resource.RUSAGE_CHILDREN)
    return spent.ru_utime + spent.ru_stime


def measured(execute: Callable[..., Any]) -> Callable[..., Any]:
    """`execute` timed by the processor, not by the clock: a busy machine changes nothing."""

    @functools.wraps(execute)
    def run(*args: Any, **kwargs: Any) -> Any:
        before = processor_seconds()
        result = execute(*args, extra_arguments=[QUIET], **kwargs)
        result.time = processor_seconds() - before
        return result

    return run


def setup(app: Sphinx) -> None:
    os.environ["TRAINWELL_STATIC"] = "1"  # the kernels inherit it: figures draw every frame
    os.environ.setdefault("OMP_NUM_THREADS", "1")  # pages run side by side
    cache.single_nb_execution = measured(cache.single_nb_execution)
    app.connect("config-inited", configure)
