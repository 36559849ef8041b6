"""MyST for Sphinx turned into the Markdown that every notebook shows."""

from __future__ import annotations

import re
from collections.abc import Callable
from pathlib import Path

from .quotes import definition

Link = Callable[[str, str, str], str]  # role, target and text (or nothing), to Markdown

FENCE = re.compile(r"^(`{3,}|:{3,})\{([\w:.-]+)\}[ ]*(.*?)\n(.*?)^\1[ ]*$", re.M | re.S)
OPTION = re.compile(r"^:([\w-]+):[ ]*(.*)\n", re.M)
OPTIONS = re.compile(r"\A(?::[\w-]+:.*\n)+\s*")
ROLE = re.compile(r"\{([\w:]+)\}`(?:([^`<]*?)\s*<([^`>]+)>|~?([^`]+))`")
TARGET = re.compile(r"^\([\w:-]+\)=\n", re.M)
LABELLED = re.compile(r"^\$\$[ ]*\([\w:-]+\)", re.M)
DISPLAY = re.compile(r"^\$\$\n(.*?)\n\$\$", re.M | re.S)
BRACES = re.compile(r"\{\{\s*(.+?)\s*\}\}")

SILENT = {"measured", "contents", "tableofcontents", "bibliography"}
FOLDED = {"dropdown": "", "solution": "Solution", "solution-start": "Solution"}


def quoted(path: Path, options: dict[str, str]) -> str:
    """The lines that a `literalinclude` shows."""
    source = path.read_text()
    if "pyobject" in options:
        return definition(source, options["pyobject"])
    if "start-after" in options:
        source = source.split(options["start-after"].strip("\"'"), 1)[1]
    if "end-before" in options:
        source = source.split(options["end-before"].strip("\"'"), 1)[0]
    return source.strip("\n")


def quote(title: str, body: str) -> str:
    return "\n".join(f"> {line}".rstrip() for line in f"**{title}**\n\n{body}".splitlines())


def fold(title: str, body: str) -> str:
    return f"<details><summary>{title}</summary>\n\n{body}\n\n</details>"


def directive(match: re.Match[str], folder: Path, link: Link) -> str:
    _, name, argument, body = match.groups()
    options = dict(OPTION.findall(OPTIONS.match(body)[0] if OPTIONS.match(body) else ""))
    body = OPTIONS.sub("", body)
    if name in SILENT:
        return ""
    if name == "literalinclude":
        return f"```python\n{quoted(folder / argument, options)}\n```"
    if name == "math":
        return f"$$\n{body.strip()}\n$$"
    inner = plain(body, folder, link).strip()
    if name in FOLDED:
        return fold(FOLDED[name] or argument, inner)
    if name in ("glossary", "list-table", "div", "container"):
        return inner
    return quote(argument if name == "admonition" else f"{name.split(':')[-1].capitalize()} {argument}".strip(), inner)


def align(match: re.Match[str]) -> str:
    latex = match[1]
    if r"\begin{" in latex or ("&" not in latex and r"\\" not in latex):
        return match[0]
    return f"$$\n\\begin{{aligned}}\n{latex}\n\\end{{aligned}}\n$$"


def plain(text: str, folder: Path, link: Link) -> str:
    """`text` without directives, roles, targets and labels; `folder` is where quoted files are looked for."""
    text = FENCE.sub(lambda match: directive(match, folder, link), text)
    text = LABELLED.sub("$$", TARGET.sub("", text))
    text = DISPLAY.sub(align, text)
    return ROLE.sub(lambda m: link(m[1], m[3] or m[4], m[2] or ""), text)
