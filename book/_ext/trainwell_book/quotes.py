"""Quotes of the library show a definition without its docstring, which stands on the library's page."""

from __future__ import annotations

import ast
import subprocess
import sys
from textwrap import dedent

from docutils import nodes
from sphinx.application import Sphinx
from sphinx.directives.code import LiteralInclude

WIDTH = 84  # letters that fit a code block of the page


def definition(source: str, dotted: str) -> str:
    """The lines of the function, class or method with this name, decorators included."""
    body: list[ast.stmt] = ast.parse(source).body
    for name in dotted.split("."):
        found = next(node for node in body if getattr(node, "name", None) == name)
        body = getattr(found, "body", [])
    first = min([found.lineno, *(decorator.lineno for decorator in getattr(found, "decorator_list", []))])
    return without_docstrings(dedent("\n".join(source.splitlines()[first - 1 : found.end_lineno])))


def without_docstrings(source: str) -> str:
    lines: list[str | None] = [*source.splitlines()]
    for node in ast.walk(ast.parse(source)):
        if isinstance(node, ast.FunctionDef | ast.ClassDef) and ast.get_docstring(node) and len(node.body) > 1:
            start, end = node.body[0].lineno - 1, node.body[0].end_lineno or 0
            lines[start:end] = [None] * (end - start)
    return "\n".join(line for line in lines if line is not None)


def narrow(source: str) -> str:
    """The same code in lines that fit the page."""
    command = [sys.executable, "-m", "ruff", "format", "--isolated", f"--line-length={WIDTH}", "-"]
    return subprocess.run(command, input=source, capture_output=True, text=True, check=True).stdout


class Quote(LiteralInclude):
    """`literalinclude`, and with `:pyobject:` without docstrings."""

    def run(self) -> list[nodes.Node]:
        found = super().run()
        for block in [block for node in found for block in node.findall(nodes.literal_block)]:
            if "pyobject" in self.options and block.get("language", "python") == "python":
                text = narrow(without_docstrings(dedent(block.astext())))
                block.rawsource, block.children = text, [nodes.Text(text)]
        return found


def setup(app: Sphinx) -> None:
    app.add_directive("literalinclude", Quote, override=True)
