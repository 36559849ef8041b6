"""`{api} trainwell.regularization`: the public names of a module, under the files that hold them.

Under each stand the lectures that teach it and the section that explains it, from book/coverage.csv.
"""

from __future__ import annotations

import csv
import importlib
import inspect
import re
import sys
from collections import defaultdict
from functools import partial
from pathlib import Path
from types import ModuleType

from docutils import nodes
from sphinx.application import Sphinx
from sphinx.pycode import ModuleAnalyzer
from sphinx.util.docutils import SphinxDirective


def public(module: ModuleType) -> dict[str, list[str]]:
    """The names that the module shows, in their order in the file that holds them, file by file."""
    groups: dict[str, list[str]] = {}
    for name in getattr(module, "__all__", [name for name in vars(module) if not name.startswith("_")]):
        home = getattr(getattr(module, name), "__module__", None) or home_of_constant(module, name)
        if home and home.startswith(module.__name__):
            groups.setdefault(home, []).append(name)
    return {home: sorted(names, key=partial(place, home)) for home, names in sorted(groups.items())}


def home_of_constant(module: ModuleType, name: str) -> str | None:
    """The file that assigns the constant; a number or a tuple does not know it itself."""
    inside = [home for home in sorted(sys.modules) if f"{home}.".startswith(f"{module.__name__}.")]
    return next((home for home in inside if place(home, name)), None)


def place(home: str, name: str) -> int:
    """The line of the file at which the name is defined; 0 where it is not."""
    defined = re.compile(rf"^(?:class |def )?{name}\b\s*[(:=]", re.MULTILINE)
    source = inspect.getsource(sys.modules[home])
    found = defined.search(source)
    return source.count("\n", 0, found.start()) + 1 if found else 0


def entry(module: ModuleType, name: str) -> str:
    if not hasattr(getattr(module, name), "__module__"):
        return constant(module, name)
    kind = "class" if inspect.isclass(getattr(module, name)) else "function"
    body = f".. auto{kind}:: {module.__name__}.{name}" + "\n   :members:" * (kind == "class")
    return f"```{{eval-rst}}\n{body}\n```"


def constant(module: ModuleType, name: str) -> str:
    """A line with the value, and what stands under the constant in its file."""
    home = home_of_constant(module, name)
    about = ModuleAnalyzer.for_module(home).find_attr_docs().get(("", name), [])
    value = " ".join(repr(getattr(module, name)).split())
    lines = [f".. py:data:: {module.__name__}.{name}", f"   :value: {value}", "", *(f"   {line}" for line in about)]
    return "\n".join(["```{eval-rst}", *lines, "```"])


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
