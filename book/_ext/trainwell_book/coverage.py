"""`{coverage}`: the table of book/coverage.csv, each entry linked to what it points to."""

from __future__ import annotations

import csv
from itertools import groupby
from pathlib import Path

from docutils import nodes
from sphinx.application import Sphinx
from sphinx.util.docutils import SphinxDirective

HEADER = "| what | in the book | in the library | in the lab | measured by |\n|---|---|---|---|---|"
POINTERS = ("section", "symbol", "lab", "result")  # the columns that lead somewhere


def code(names: str) -> str:
    return ", ".join(f"`{name}`" for name in names.split())


def line(row: dict[str, str]) -> str:
    section = f"{{ref}}`{row['section']}`" if row["section"] else ""
    symbols = ", ".join(f"{{py:obj}}`~{name}`" for name in row["symbol"].split())
    return f"| {' | '.join([row['what'], section, symbols, code(row['lab']), code(row['result'])])} |"


def is_treated(row: dict[str, str]) -> bool:
    return any(row[column] for column in POINTERS)


def missing(rows: list[dict[str, str]]) -> str:
    """What is still to come: a list for each topic, in the order of the file."""
    texts = []
    for topic, group in groupby(rows, key=lambda row: row["topic"]):
        items = [f"- {row['what']}" for row in group]
        texts.append(f"**{topic.capitalize()}** ({len(items)})\n\n" + "\n".join(items))
    return "\n\n".join(texts)


class Coverage(SphinxDirective):
    def run(self) -> list[nodes.Node]:
        path = Path(self.env.srcdir) / "coverage.csv"
        self.env.note_dependency(str(path))
        rows = list(csv.DictReader(path.open()))
        table = "\n".join([HEADER, *(line(row) for row in rows if is_treated(row))])
        later = [row for row in rows if not is_treated(row)]
        return self.parse_text_to_nodes(f"{table}\n\n**Still to come: {len(later)} lines.**\n\n{missing(later)}")


def setup(app: Sphinx) -> None:
    app.add_directive("coverage", Coverage)
