"""One style sheet out of many, without the rules that no page and no script of this site can meet."""

from __future__ import annotations

import os
import re
from pathlib import Path

IMPORT = re.compile(r'@import\s*(?:url\()?["\']([^"\']+\.css)["\']\)?;')
URL = re.compile(r"""url\((["']?)(?!data:|#|/|https?:)([^)'"]+)\1\)""")
COMMENT = re.compile(r"/\*.*?\*/|@charset \"UTF-8\";", re.S)
SPACE = re.compile(r"\s+")
OLD_FONT = re.compile(r',\s*url\([^)]*\.ttf\) format\("truetype"\)')
RULE = re.compile(r"([^{}@;]+)\{([^{}]*)\}")
EMPTY = re.compile(r"@(?:media|supports|container)[^{};]+\{\s*\}")
NOT = re.compile(r":not\([^()]*(?:\([^()]*\)[^()]*)*\)")
NAME = re.compile(r"[.#](-?[A-Za-z_][\w-]*)")
WORD = re.compile(r"-*[A-Za-z_][\w-]*")
PROPERTY = re.compile(r"""(--[\w-]+)\s*:(?:[^;{}"']|"[^"]*"|'[^']*')*(?:;|(?=\}))""")
BUILT_BY_SCRIPTS = ("bs-tooltip-",)  # names that are put together from pieces


def read(static: Path, name: str) -> str:
    """A style sheet with what it imports, its addresses as seen from `_static`."""
    folder = os.path.dirname(name)
    css = COMMENT.sub("", (static / name).read_text())
    css = IMPORT.sub(lambda m: read(static, os.path.normpath(os.path.join(folder, m[1]))), css)
    return URL.sub(lambda m: f"url({os.path.normpath(os.path.join(folder, m[2]))})", css) if folder else css


def can_match(selector: str, words: set[str]) -> bool:
    """Whether each class and id that the selector asks for occurs somewhere."""
    names = NAME.findall(NOT.sub("", selector))
    return all(name in words or name.startswith(BUILT_BY_SCRIPTS) for name in names)


def keep(rule: re.Match[str], words: set[str]) -> str:
    selectors, body = rule.groups()
    if "(" in NOT.sub("", selectors):  # `:is(a, b)`: its commas separate no selectors
        return rule[0]
    kept = [selector for selector in selectors.split(",") if can_match(selector, words)]
    return f"{','.join(kept)}{{{body}}}" if kept else ""


def words_of(texts: list[str]) -> set[str]:
    """Every word, with and without the hyphens before it."""
    found = {word for text in texts for word in WORD.findall(text)}
    return found | {word.lstrip("-") for word in found}


def without_unused_properties(css: str, words: set[str]) -> str:
    used = words | set(re.findall(r"var\(\s*(--[\w-]+)", css))
    return PROPERTY.sub(lambda found: found[0] if found[1] in used else "", css)


def prune(css: str, texts: list[str]) -> str:
    """`css` for pages and scripts with these texts."""
    words = words_of(texts)
    css = RULE.sub(lambda rule: keep(rule, words), SPACE.sub(" ", OLD_FONT.sub("", css)))
    return EMPTY.sub("", without_unused_properties(css, words))
