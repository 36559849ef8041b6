"""`{api} trainwell.regularization`: the public names of a module, under the files that hold them.

Under each stand the lectures that teach it and the section that explains it, from book/coverage.csv.
"""

from __future__ import annotations

import csv
import importlib
import inspect
from collections import defaultdict
from pathlib import Path
from types import ModuleType

from docutils import nodes
from sphinx.application import Sphinx
from sphinx.util.docutils import SphinxDirective


def public(module: ModuleType) -> dict[str, list[str]]:
    """The names that the module shows, in their order in the file that holds them, file by file."""
    groups: dict[str, list[str]] = {}
    for name in getattr(module, "__all__", [name for name in vars(module) if not name.startswith("_")]):
        home = getattr(getattr(module, name), "__module__", None)
        if home and home.startswith(module.__name__):
            groups.setdefault(home, []).append(name)
    place = lambda name: inspect.getsourcelines(getattr(module, name))[1]  # noqa: E731
    return {home: sorted(names, key=place) for home, names in sorted(groups.items())}


def entry(module: ModuleType, name: str) -> str:
    kind = "class" if inspect.isclass(getattr(module, name)) else "function"
    body = f".. auto{kind}:: {module.__name__}.{name}" + "\n   :members:" * (kind == "class")
    return f"```{{eval-rst}}\n{body}\n```"


def sources(table: Path) -> dict[str, str]:
    """A line for each public name of the library: where it is taught, and where this book explains it."""
    lectures, sections = defaultdict(set), defaultdict(set)
    for row in csv.DictReader(table.open()):
        for symbol in row["symbol"].split():
            lectures[symbol] |= set(row["lectures"].split())
            sections[symbol] |= set(row["section"].split())
    return {symbol: origin(sorted(lectures[symbol]), sorted(sections[symbol])) for symbol in lectures}


def origin(lectures: list[str], sections: list[str]) -> str:
    taught = f"*Lectures:* {{cite:t}}`{','.join(lectures)}`."
    return taught + "".join(f" *Explained in* {{ref}}`{section}`." for section in sections)


class Api(SphinxDirective):
    required_arguments = 1

    def run(self) -> list[nodes.Node]:
        module = importlib.import_module(self.arguments[0])
        table = Path(self.env.srcdir) / "coverage.csv"
        self.env.note_dependency(str(table))
        taught, parts = sources(table), []
        for home, names in public(module).items():
            source = importlib.import_module(home)
            self.env.note_dependency(inspect.getsourcefile(source))
            if home != module.__name__:
                parts.append(f"## {home.rsplit('.', 1)[1]}\n\n{inspect.getdoc(source).splitlines()[0]}")
            for name in names:
                parts += [entry(module, name), taught.get(f"{module.__name__}.{name}", "")]
        return self.parse_text_to_nodes("\n\n".join(parts), allow_section_headings=True)


def setup(app: Sphinx) -> None:
    app.add_directive("api", Api)
