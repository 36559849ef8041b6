"""After the build: one style sheet, only the icons in use, scripts that wait, and nothing left over."""

from __future__ import annotations

import hashlib
import json
import os
import re
from pathlib import Path

import pydata_sphinx_theme
from fontTools import subset
from sphinx.application import Sphinx

from .pages import repair

FONTS = Path(pydata_sphinx_theme.__file__).parent / "theme/pydata_sphinx_theme/static/vendor/fontawesome/webfonts"
LINK = re.compile(r'\s*<link (?:rel="stylesheet" (?:type="text/css" )?)?href="(?:\.\./)*_static/([^"?]+\.css)[^>]*>')
IMPORT = re.compile(r'@import\s*(?:url\()?["\']([^"\']+\.css)["\']\)?;')
URL = re.compile(r"""url\((["']?)(?!data:|#|/|https?:)([^)'"]+)\1\)""")
COMMENT = re.compile(r"/\*.*?\*/|@charset \"UTF-8\";", re.S)
ICON = re.compile(r'((?:\.fa-[a-z0-9-]+:before,?)+)\{content:"\\([0-9a-f]+)"\}')
GLYPH = re.compile(r'(?:--pst-icon[\w-]*|content):\s*"\\(f[0-9a-f]{2,3})"')
OLD_FONT = re.compile(r',\s*url\([^)]*\.ttf\) format\("truetype"\)')
ICON_NAME = re.compile(r"\bfa-[a-z0-9-]+")
UNUSED = ("scripts/fontawesome.js", "scripts/*.map", "styles/*.map", "vendor/fontawesome/webfonts/*.ttf")


def read_css(static: Path, name: str) -> str:
    """A style sheet with what it imports, its addresses as seen from `_static`."""
    folder = os.path.dirname(name)
    css = COMMENT.sub("", (static / name).read_text())
    css = IMPORT.sub(lambda m: read_css(static, os.path.normpath(os.path.join(folder, m[1]))), css)
    return URL.sub(lambda m: f"url({os.path.normpath(os.path.join(folder, m[2]))})", css) if folder else css


def keep_icons(css: str, used: set[str]) -> str:
    """Without the rules of icons that no page shows."""
    return ICON.sub(lambda m: m[0] if used & set(ICON_NAME.findall(m[1])) else "", css)


def subset_fonts(static: Path, css: str) -> None:
    glyphs = ",".join(sorted(set(GLYPH.findall(css))))
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
    css = "\n".join(read_css(static, name) for name in sheets(pages, out.parent / "sheets.json"))
    used = set(ICON_NAME.findall("\n".join([*pages.values(), *scripts])))
    css = OLD_FONT.sub("", keep_icons(css, used))
    (static / "book.css").write_text(css)
    subset_fonts(static, css)
    version = hashlib.sha256(css.encode()).hexdigest()[:10]
    for path, text in pages.items():
        path.write_text(one_sheet(text, path, out, version))
    (out / ".nojekyll").touch()  # GitHub Pages would leave out folders that begin with an underscore


def setup(app: Sphinx) -> None:
    app.connect("build-finished", finish, priority=900)  # the theme still writes style sheets at 500
