"""`{coverage}`: the table of book/coverage.csv, each entry linked to what it points to."""

from __future__ import annotations

import csv
from pathlib import Path

from docutils import nodes
from sphinx.application import Sphinx
from sphinx.util.docutils import SphinxDirective

HEADER = "| what | where in the book | in the library | in the lab | measured by |\n|---|---|---|---|---|"


def line(row: dict[str, str]) -> str:
    section = f"{{ref}}`{row['section']}`" if row["section"] else ""
    symbols = " ".join(f"{{py:obj}}`~{name}`" for name in row["symbol"].split())
    cells = [row["id"], section, symbols, row["lab"], row["result"]]
    return f"| {' | '.join(cells)} |"


class Coverage(SphinxDirective):
    def run(self) -> list[nodes.Node]:
        path = Path(self.env.srcdir) / "coverage.csv"
        self.env.note_dependency(str(path))
        rows = list(csv.DictReader(path.open()))
        return self.parse_text_to_nodes("\n".join([HEADER, *map(line, rows)]))


def setup(app: Sphinx) -> None:
    app.add_directive("coverage", Coverage)
