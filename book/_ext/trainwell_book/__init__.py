"""What the book needs beyond its extensions: pages that ask no other host, real notebooks, measured facts."""

from __future__ import annotations

import gc

from sphinx.application import Sphinx

from . import (
    api,
    assets,
    course,
    coverage,
    elsewhere,
    execution,
    figures,
    labs,
    maths,
    measured,
    notebooks,
    pages,
    quotes,
    results,
    trim,
)

SETTINGS = (course, assets, elsewhere, execution, results)
CONTENT = (maths, figures, quotes, measured, coverage, api, labs)
OUTPUT = (notebooks, pages, trim)


def setup(app: Sphinx) -> dict[str, bool]:
    gc.set_threshold(100_000)  # pages are large trees: at its default the collector takes half of a build's time
    for part in (*SETTINGS, *CONTENT, *OUTPUT):
        part.setup(app)
    return {"parallel_read_safe": True, "parallel_write_safe": True}
