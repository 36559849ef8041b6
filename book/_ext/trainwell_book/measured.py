"""`{measured}`: a page's words, minutes to read and seconds of its cells, none of them written by hand."""

from __future__ import annotations

import math

from docutils import nodes
from sphinx.application import Sphinx
from sphinx.util.docutils import SphinxDirective

WORDS_A_MINUTE = 200
NOT_PROSE = (nodes.literal_block, nodes.math, nodes.math_block, nodes.raw, nodes.comment, nodes.table)


class Facts(nodes.paragraph):
    """Stands in for the numbers until the whole page has been read."""


class Measured(SphinxDirective):
    def run(self) -> list[nodes.Node]:
        return [Facts(classes=["tw-measured"])]


def words(doctree: nodes.document) -> int:
    """Words of running prose: no code, formulas, tables or cell outputs."""

    def is_prose(node: nodes.Node | None) -> bool:
        return node is None or (not isinstance(node, NOT_PROSE) and is_prose(node.parent))

    return sum(len(text.split()) for text in doctree.findall(nodes.Text) if is_prose(text.parent))


def sentence(count: int, seconds: float | None) -> str:
    minutes = math.ceil(count / WORDS_A_MINUTE)
    about = f"{count:,} words, about {minutes} {'minute' if minutes == 1 else 'minutes'} to read"
    return f"{about}; the cells run in about {math.ceil(seconds)} s on one core." if seconds else f"{about}."


def seconds_of(app: Sphinx, name: str) -> float | None:
    """What the execution record says; a page without cells has none."""
    record = getattr(app.env, "nb_metadata", {}).get(name, {}).get("exec_data")
    return record["runtime"] if record else None


def fill(app: Sphinx, doctree: nodes.document, name: str) -> None:
    for facts in list(doctree.findall(Facts)):
        text = sentence(words(doctree), seconds_of(app, name))
        facts.replace_self(nodes.paragraph(text, text, classes=facts["classes"]))


def setup(app: Sphinx) -> None:
    app.add_node(Facts)
    app.add_directive("measured", Measured)
    app.connect("doctree-resolved", fill)
