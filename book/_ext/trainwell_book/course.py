"""The course's own settings (course.toml), and repairs that let Sphinx read pages in parallel."""

from __future__ import annotations

import runpy
from pathlib import Path
from typing import Any

from sphinx.application import Sphinx
from sphinx.config import Config
from sphinx_proof.domain import ProofDomain


def load(root: Path) -> dict[str, Any]:
    """As `tools.settings` reads and checks it; by its path, for the root is not where Sphinx looks for modules."""
    settings: dict[str, Any] = runpy.run_path(str(root / "tools/settings.py"))["settings"]()
    return settings


def configure(app: Sphinx, config: Config) -> None:
    config.course = load(Path(app.confdir))
    config.project = config.html_title = config.course["title"]
    config.html_context = {**config.html_context, "default_mode": "auto"}
    config.html_baseurl = config.course["site"].rstrip("/") + "/"
    config.external_toc_path = str(Path(app.confdir) / "_toc.yml")
    app.extensions["sphinx_multitoc_numbering"].parallel_read_safe = True  # it is, and does not say so


def setup(app: Sphinx) -> None:
    app.add_config_value("course", {}, "html", [dict])
    app.connect("config-inited", configure, priority=100)
    # sphinx-proof says that it can be read in parallel, but fails where the readers' results are merged;
    # the domain keeps nothing of its own that would need merging.
    ProofDomain.merge_domaindata = lambda self, docnames, otherdata: None
