"""Every page with cells is offered as a notebook: a file to download, and a button that opens it on Colab."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import jinja2
import jupytext
import nbformat
from docutils import nodes
from sphinx.application import Sphinx

import trainwell

from .links import Links
from .maths import expand
from .plain import BRACES, plain

COLAB = "https://colab.research.google.com/github/{repository}/blob/{pages_branch}/_sources/{page}.ipynb"
SETUP = """\
import importlib.util

if importlib.util.find_spec("trainwell") is None:  # on Colab: only what is missing, and never another torch
    %pip install --quiet --no-deps {site}/trainwell-{version}-py3-none-any.whl\
"""


def has_cells(app: Sphinx, page: str) -> bool:
    return "kernelspec" in app.env.metadata.get(page, {})


def convert(app: Sphinx, page: str) -> nbformat.NotebookNode:
    """The page as a notebook without outputs."""
    source = Path(app.env.doc2path(page))
    template = jinja2.Environment(undefined=jinja2.StrictUndefined)
    links = Links(app, page)
    cells: list[nbformat.NotebookNode] = []
    for cell in jupytext.read(source).cells:
        if cell.cell_type == "code":
            cells.append(nbformat.v4.new_code_cell(cell.source))
            continue
        text = BRACES.sub(lambda m: template.from_string(m[0]).render(app.config.myst_substitutions), cell.source)
        cells.append(nbformat.v4.new_markdown_cell(plain(expand(text), source.parent, links)))
    first = next(number for number, cell in enumerate(cells) if cell.cell_type == "code")
    cells.insert(first, nbformat.v4.new_code_cell(SETUP.format(version=trainwell.__version__, **app.config.course)))
    for number, cell in enumerate(cells):
        cell["id"] = f"cell-{number}"  # the same bytes from every build
    kernel = {"name": "python3", "display_name": "Python 3", "language": "python"}
    return nbformat.v4.new_notebook(cells=cells, metadata={"kernelspec": kernel})


def offer(app: Sphinx, page: str, template: str, context: dict[str, Any], doctree: nodes.document | None) -> None:
    """Write the notebook before the theme draws its buttons, and name it to them."""
    if app.builder.format != "html" or not has_cells(app, page):
        return
    notebook = convert(app, page)
    nbformat.validate(notebook)
    target = Path(app.outdir, "_sources", page + ".ipynb")
    target.parent.mkdir(parents=True, exist_ok=True)
    nbformat.write(notebook, target)
    context["ipynb_source"] = page + ".ipynb"
    button = {"type": "link", "url": COLAB.format(page=page, **app.config.course), "text": "Colab"}
    more = {"tooltip": "Open this page on Colab", "icon": "fas fa-rocket", "label": "colab-button"}
    context["header_buttons"].append(button | more)


def setup(app: Sphinx) -> None:
    # After the theme prepared an empty list of buttons (500), before it fills it (501).
    app.connect("html-page-context", offer, priority=500)
