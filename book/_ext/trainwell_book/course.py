"""The course's own settings (course.toml), and repairs that let Sphinx read pages in parallel."""

from __future__ import annotations

import tomllib
from pathlib import Path
from typing import Any

from sphinx.application import Sphinx
from sphinx.config import Config
from sphinx_proof.domain import ProofDomain

INVENTORIES = Path(__file__).parent.parent / "inventories"
ELSEWHERE = {  # kept in the repository, so that a build needs no network
    "python": ("https://docs.python.org/3/", str(INVENTORIES / "python.inv")),
    "torch": ("https://docs.pytorch.org/docs/stable/", str(INVENTORIES / "torch.inv")),
    "matplotlib": ("https://matplotlib.org/stable/", str(INVENTORIES / "matplotlib.inv")),
}


def load(root: Path) -> dict[str, Any]:
    return tomllib.loads((root / "course.toml").read_text())


def configure(app: Sphinx, config: Config) -> None:
    config.course = load(Path(app.confdir))
    config.project = config.html_title = config.course["title"]
    config.html_context = {**config.html_context, "default_mode": "auto"}
    config.html_baseurl = config.course["site"].rstrip("/") + "/"
    config.html_static_path = [str(Path(app.srcdir) / "_static")]
    config.external_toc_path = str(Path(app.confdir) / "_toc.yml")
    config.intersphinx_mapping = {**ELSEWHERE}


def setup(app: Sphinx) -> None:
    app.add_config_value("course", {}, "html", [dict])
    app.connect("config-inited", configure, priority=100)
    # sphinx-proof says that it can be read in parallel, but fails where the readers' results are merged;
    # the domain keeps nothing of its own that would need merging.
    ProofDomain.merge_domaindata = lambda self, docnames, otherdata: None
