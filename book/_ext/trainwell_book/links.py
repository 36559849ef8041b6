"""Where a page's references lead to on the published site, for the page's notebook."""

from __future__ import annotations

from functools import cache
from pathlib import Path

from pybtex.database import BibliographyData, parse_file
from sphinx.application import Sphinx


@cache
def bibliography(path: Path) -> BibliographyData:
    return parse_file(path)


def author_year(path: Path, key: str) -> str:
    entry = bibliography(path).entries[key]
    people = [" ".join(person.last_names) for person in entry.persons["author"]]
    names = " and ".join(people) if len(people) < 3 else f"{people[0]} et al."
    return f"{names}, {entry.fields['year']}"


class Links:
    """Called with a role, its target and its text, gives Markdown."""

    def __init__(self, app: Sphinx, page: str) -> None:
        self.env, self.page = app.env, page
        self.site = app.config.html_baseurl
        self.references = Path(app.confdir) / app.config.bibtex_bibfiles[0]
        self.std = app.env.get_domain("std")

    def __call__(self, role: str, target: str, text: str) -> str:
        if role.startswith("cite"):
            return f"({'; '.join(author_year(self.references, key.strip()) for key in target.split(','))})"
        if role == "math":
            return f"${target}$"
        if role in ("ref", "numref", "prf:ref"):
            return self.label(target, text, numbered=role == "numref")
        if role == "eq":
            page, number = self.env.get_domain("math").equations[target]
            return self.to(page, f"equation-{target}", f"({number})")
        if role == "term":
            return self.term(target, text)
        if role == "doc":
            return self.to(target.strip("/"), "", text or self.env.titles[target.strip("/")].astext())
        return f"`{text or target}`"

    def term(self, name: str, text: str) -> str:
        places = {key.lower(): place for (kind, key), place in self.std.objects.items() if kind == "term"}
        return self.to(*places[name.lower()], text or name) if name.lower() in places else text or name

    def label(self, name: str, text: str, *, numbered: bool) -> str:
        if name not in self.std.anonlabels:  # Sphinx has warned of it already
            return text or name
        page, anchor = self.std.anonlabels[name]
        title = self.std.labels.get(name, ("", "", name))[2]
        number = self.env.toc_fignumbers.get(page, {}).get("figure", {}).get(anchor)
        if numbered and number:
            title = f"Fig. {'.'.join(map(str, number))}"
        return self.to(page, anchor, text or title)

    def to(self, page: str, anchor: str, text: str) -> str:
        return f"[{text}]({self.site}{page}.html{'#' * bool(anchor)}{anchor})"
