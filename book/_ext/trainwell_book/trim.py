"""After the build: one style sheet, only the icons in use, scripts that wait, and nothing left over."""

from __future__ import annotations

import hashlib
import json
import re
from pathlib import Path

import pydata_sphinx_theme
from fontTools import subset
from sphinx.application import Sphinx

from . import css
from .pages import repair

FONTS = Path(pydata_sphinx_theme.__file__).parent / "theme/pydata_sphinx_theme/static/vendor/fontawesome/webfonts"
LINK = re.compile(r'\s*<link (?:rel="stylesheet" (?:type="text/css" )?)?href="(?:\.\./)*_static/([^"?]+\.css)[^>]*>')
GLYPH = re.compile(r'(?:--pst-icon[\w-]*|content):\s*"\\(f[0-9a-f]{2,3})"')
UNUSED = ("scripts/fontawesome.js", "scripts/*.map", "styles/*.map", "vendor/fontawesome/webfonts/*.ttf")


def subset_fonts(static: Path, style: str) -> None:
    glyphs = ",".join(sorted(set(GLYPH.findall(style))))
    for font in FONTS.glob("*.woff2"):
        target = static / "vendor/fontawesome/webfonts" / font.name
        options = ["--flavor=woff2", "--layout-features=", f"--unicodes={glyphs}"]
        subset.main([str(font), f"--output-file={target}", *options])


def sheets(pages: dict[Path, str], record: Path) -> list[str]:
    """The style sheets in the theme's order; a build that wrote no page goes by the last one's record."""
    for text in pages.values():
        names = [name for name in LINK.findall(text) if name != "book.css"]
        if names:
            record.write_text(json.dumps(names))
            return names
    return json.loads(record.read_text())


def one_sheet(text: str, page: Path, out: Path, version: str) -> str:
    up = "../" * (len(page.relative_to(out).parts) - 1)
    link = f'<link rel="stylesheet" href="{up}_static/book.css?v={version}" />'
    return LINK.sub("", text).replace("</title>", f"</title>\n{link}", 1)


def finish(app: Sphinx, error: Exception | None) -> None:
    if error or app.builder.format != "html":
        return
    out, static = Path(app.outdir), Path(app.outdir, "_static")
    for path in [path for pattern in UNUSED for path in static.glob(pattern)]:
        path.unlink()
    pages = {path: path.read_text() for path in sorted(out.rglob("*.html"))}
    pages = {path: repair(text, is_search=path.name == "search.html") for path, text in pages.items()}
    scripts = [path.read_text() for path in static.rglob("*.js")]
    names = sheets(pages, out.parent / "sheets.json")
    style = css.prune("\n".join(css.read(static, name) for name in names), [*pages.values(), *scripts])
    (static / "book.css").write_text(style)
    subset_fonts(static, style)
    version = hashlib.sha256(style.encode()).hexdigest()[:10]
    for path, text in pages.items():
        path.write_text(one_sheet(text, path, out, version))
    (out / ".nojekyll").touch()  # GitHub Pages would leave out folders that begin with an underscore


def setup(app: Sphinx) -> None:
    app.connect("build-finished", finish, priority=900)  # the theme still writes style sheets at 500
