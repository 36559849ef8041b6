"""`{api} trainwell.regularization`: the public names of a module, under the files that hold them."""

from __future__ import annotations

import importlib
import inspect
from types import ModuleType

from docutils import nodes
from sphinx.application import Sphinx
from sphinx.util.docutils import SphinxDirective


def public(module: ModuleType) -> dict[str, list[str]]:
    """The names that the module shows, by the module in which each is defined."""
    groups: dict[str, list[str]] = {}
    for name in getattr(module, "__all__", [n for n in vars(module) if not n.startswith("_")]):
        home = getattr(getattr(module, name), "__module__", None)
        if home and home.startswith(module.__name__):
            groups.setdefault(home, []).append(name)
    return groups


def entry(module: ModuleType, name: str) -> str:
    is_class = inspect.isclass(getattr(module, name))
    body = f".. autoclass:: {module.__name__}.{name}\n   :members:" if is_class else f".. autofunction:: {module.__name__}.{name}"
    return f"```{{eval-rst}}\n{body}\n```"


class Api(SphinxDirective):
    required_arguments = 1

    def run(self) -> list[nodes.Node]:
        module = importlib.import_module(self.arguments[0])
        parts = []
        for home, names in public(module).items():
            source = importlib.import_module(home)
            self.env.note_dependency(inspect.getsourcefile(source))
            if home != module.__name__:
                parts.append(f"**{home.rsplit('.', 1)[1]}**: {inspect.getdoc(source).splitlines()[0]}")
            parts += [entry(module, name) for name in names]
        return self.parse_text_to_nodes("\n\n".join(parts))


def setup(app: Sphinx) -> None:
    app.add_directive("api", Api)
