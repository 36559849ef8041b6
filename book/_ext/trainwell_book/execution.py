"""When the cells of a page run again: when they change, and when what they import or load changes."""

from __future__ import annotations

import hashlib
import os
from pathlib import Path

from sphinx.application import Sphinx
from sphinx.config import Config

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


def setup(app: Sphinx) -> None:
    os.environ["TRAINWELL_STATIC"] = "1"  # the kernels inherit it: figures draw every frame
    os.environ.setdefault("OMP_NUM_THREADS", "1")  # pages run side by side
    app.connect("config-inited", configure)
