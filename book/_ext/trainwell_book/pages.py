"""What each page's HTML says and does not say: no third-party script, a description, names for what is clicked."""

from __future__ import annotations

import html
import re
from typing import Any

from docutils import nodes
from sphinx.application import Sphinx

LONGEST = 155  # letters of a description that search engines show
SEARCH = re.compile(r'\s*<script[^>]*src="[^"]*(?:searchtools|language_data|searchindex)\.js[^"]*"></script>')
ICON_SCRIPT = re.compile(
    r'\s*<(?:script|link)[^>]*(?:src|href)="[^"]*scripts/fontawesome\.js[^"]*"[^>]*>(?:</script>)?'
)
PLAIN_SCRIPT = re.compile(r'<script (?=(?:data-[\w-]+="[^"]*" )?src="(?![^"]*documentation_options))')
DARK = '(matchMedia("(prefers-color-scheme: dark)").matches ? "dark" : "light")'
REPAIRS = {
    # Light or dark from the first paint, and light where no script runs.
    'localStorage.getItem("theme") || "auto"': f'localStorage.getItem("theme") || {DARK}',
    'data-theme="auto"': 'data-theme="light"',
    # What axe finds in the theme's pages.
    '<summary aria-label="Toggle hidden content">': "<summary>",
    '<summary><span class="toctree-toggle"': '<summary aria-label="Pages of this part"><span class="toctree-toggle"',
    '<div role="list" class="citation-list">': '<div class="citation-list">',
    ' role="doc-biblioentry"': "",
    '<div id="pst-primary-sidebar"': '<div role="complementary" aria-label="Book" id="pst-primary-sidebar"',
}
SIGNATURE = re.compile(r'<dt class="sig .*?</dt>', re.S)
PLAIN_SPAN = re.compile(r'<span class="(?:pre|w|p|o)">([^<]*)</span>')  # of these, a page of the library has thousands
SEARCH_LABEL = re.compile(r'(<button class="btn search-button-field[^>]*?) aria-label="Search"')


def first_paragraph(doctree: nodes.document | None) -> str:
    paragraphs = doctree.findall(nodes.paragraph) if doctree else []
    return next((" ".join(p.astext().split()) for p in paragraphs if len(p.astext()) > 40), "")


def describe(app: Sphinx, page: str, template: str, context: dict[str, Any], doctree: nodes.document | None) -> None:
    """Search engines and link previews get the page's own first sentences."""
    text = first_paragraph(doctree) or f"{context.get('title', page)}: a page of {app.config.project}."
    if len(text) > LONGEST:
        text = text[:LONGEST].rsplit(" ", 1)[0] + " …"
    if 'name="description"' not in context.get("metatags", ""):
        context["metatags"] = (
            context.get("metatags", "") + f'\n<meta name="description" content="{html.escape(text)}" />'
        )


def repair(text: str, *, is_search: bool) -> str:
    """A finished page, with the theme's slow and unnamed parts mended."""
    text = ICON_SCRIPT.sub("", text)
    if not is_search:
        text = SEARCH.sub("", text)
    for old, new in REPAIRS.items():
        text = text.replace(old, new)
    text = SIGNATURE.sub(lambda signature: lighten(signature[0]), text)
    return PLAIN_SCRIPT.sub("<script defer ", SEARCH_LABEL.sub(r"\1", text))


def lighten(signature: str) -> str:
    """The same text with fewer elements: what stands around plain text goes, from the inside to the outside."""
    while (lighter := PLAIN_SPAN.sub(r"\1", signature)) != signature:
        signature = lighter
    return signature


def setup(app: Sphinx) -> None:
    app.connect("html-page-context", describe, priority=900)
