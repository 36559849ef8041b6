"""Figures of `trainwell.widgets` become Sphinx's own: numbered, and with a name that prose can refer to."""

from __future__ import annotations

import html
import re

from docutils import nodes
from sphinx.application import Sphinx
from sphinx.transforms import SphinxTransform

FIGURE = re.compile(
    r'\s*<figure class="tw-figure" id="([^"]+)">(.*)<figcaption>(.*?)</figcaption>\s*</figure>\s*', re.S
)
INLINE = re.compile(r"\$([^$]+)\$|`([^`]+)`")


def caption_nodes(text: str) -> list[nodes.Node]:
    """Text with `$formulas$` and `` `code` ``."""
    parts: list[nodes.Node] = []
    end = 0
    for match in INLINE.finditer(text):
        parts.append(nodes.Text(text[end : match.start()]))
        latex, code = match.groups()
        parts.append(nodes.math(latex, latex) if latex else nodes.literal(code, code))
        end = match.end()
    return [*parts, nodes.Text(text[end:])]


class TakeFigures(SphinxTransform):
    """Turn the HTML that `explore` and `show` left in a cell's output into a figure node."""

    default_priority = 400

    def apply(self, **kwargs: object) -> None:
        for raw in list(self.document.findall(nodes.raw)):
            match = FIGURE.fullmatch(raw.astext()) if raw.get("format") == "html" else None
            if match:
                self.replace(raw, *match.groups())

    def replace(self, raw: nodes.raw, name: str, body: str, caption: str) -> None:
        figure = nodes.figure("", nodes.raw("", body, format="html"), classes=["tw-figure"], names=[name])
        figure.source, figure.line = raw.source, raw.line
        if caption:
            figure += nodes.caption("", "", *caption_nodes(html.unescape(caption)))
        self.document.note_explicit_target(figure, figure)
        raw.parent.replace(raw, figure)  # `replace_self` would keep the classes that give outputs a light ground


def setup(app: Sphinx) -> None:
    app.add_transform(TakeFigures)
