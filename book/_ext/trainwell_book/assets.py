"""The book's own style and script; when one of them changes, all pages name its new checksum."""

from __future__ import annotations

from filecmp import cmp
from pathlib import Path

from sphinx.application import Sphinx
from sphinx.config import Config
from sphinx.environment import BuildEnvironment


def configure(app: Sphinx, config: Config) -> None:
    config.html_static_path = [str(Path(app.srcdir) / "_static")]


def is_stale(source: Path, site: Path) -> bool:
    """Whether the site holds another version of the file, or none."""
    copy = site / "_static" / source.name
    return not (copy.exists() and cmp(source, copy, shallow=False))


def pages_to_write(app: Sphinx, env: BuildEnvironment) -> set[str]:
    """Sphinx looks at the pages alone: with none to write it would copy nothing."""
    changed = any(is_stale(source, Path(app.outdir)) for source in Path(app.srcdir, "_static").iterdir())
    return env.found_docs if changed and app.builder.format == "html" else set()


def setup(app: Sphinx) -> None:
    app.connect("config-inited", configure, priority=100)
    app.connect("env-updated", pages_to_write)
    app.add_css_file("trainwell.css")
    app.add_js_file("explore.js")
