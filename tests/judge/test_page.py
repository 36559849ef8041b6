"""The report in a browser: light, dark, on a phone, with names and without."""

from __future__ import annotations

from pathlib import Path

import pytest
from playwright.sync_api import Browser
from tiny import Tiny

AXE = Path(__file__).parents[2] / "node_modules/axe-core/axe.min.js"


@pytest.mark.parametrize("options", [[], ["--anonymous"]], ids=["names", "anonymous"])
@pytest.mark.parametrize("scheme", ["light", "dark"])
@pytest.mark.parametrize("width", [1200, 360])
def test_axe_finds_nothing_and_nothing_sticks_out(
    browser: Browser, graded_class: Tiny, options: list[str], scheme: str, width: int
) -> None:
    place = Path(graded_class.done("report", "sums", *options).strip())
    page = browser.new_page(viewport={"width": width, "height": 800}, color_scheme=scheme)
    asked: list[str] = []
    page.on("request", lambda request: asked.append(request.url))
    page.on("console", lambda message: asked.append(message.text))
    page.goto(place.as_uri())
    assert asked == [place.as_uri()], "no other request, nothing on the console"
    page.evaluate(AXE.read_text())
    found = page.evaluate("axe.run(document, {resultTypes: ['violations']})")["violations"]
    assert [violation["help"] for violation in found] == []
    assert page.evaluate("document.documentElement.scrollWidth") == width
    page.close()
