"""`{coverage}`: the table of book/coverage.csv, each entry linked to what it points to."""

from __future__ import annotations

import csv
from pathlib import Path

from docutils import nodes
from sphinx.application import Sphinx
from sphinx.util.docutils import SphinxDirective

HEADER = "| what | in the book | in the library | in the lab | measured by |\n|---|---|---|---|---|"


def code(names: str) -> str:
    return ", ".join(f"`{name}`" for name in names.split())


def line(row: dict[str, str]) -> str:
    section = f"{{ref}}`{row['section']}`" if row["section"] else ""
    symbols = ", ".join(f"{{py:obj}}`~{name}`" for name in row["symbol"].split())
    return f"| {' | '.join([row['id'], section, symbols, code(row['lab']), code(row['result'])])} |"


def is_treated(row: dict[str, str]) -> bool:
    return any(value for key, value in row.items() if key != "id")


class Coverage(SphinxDirective):
    def run(self) -> list[nodes.Node]:
        path = Path(self.env.srcdir) / "coverage.csv"
        self.env.note_dependency(str(path))
        rows = list(csv.DictReader(path.open()))
        treated = [line(row) for row in rows if is_treated(row)]
        missing = [row["id"] for row in rows if not is_treated(row)]
        table = "\n".join([HEADER, *treated])
        return self.parse_text_to_nodes(f"{table}\n\n**Still to come ({len(missing)}):** {', '.join(missing)}.")


def setup(app: Sphinx) -> None:
    app.add_directive("coverage", Coverage)
