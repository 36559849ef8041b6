"""The report in a browser: light, dark, on a phone, with names and without."""

from __future__ import annotations

import os
import shutil
from collections.abc import Iterator
from pathlib import Path

import pytest
from playwright.sync_api import Browser, sync_playwright
from tiny import Tiny

AXE = Path(__file__).parents[2] / "node_modules/axe-core/axe.min.js"


@pytest.fixture(scope="module")
def browser() -> Iterator[Browser]:
    chromium = shutil.which("chromium") or shutil.which("chromium-browser") or shutil.which("google-chrome")
    if chromium is None or not AXE.exists():
        if os.environ.get("CI") == "true":
            pytest.fail("no Chromium or no axe on CI: install them before the tests")
        pytest.skip("THE REPORT WAS NOT LOOKED AT: no Chromium or no axe here (`make test` gets both)")
    with sync_playwright() as playwright:
        chrome = playwright.chromium.launch(executable_path=chromium, args=["--no-sandbox"])
        yield chrome
        chrome.close()


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
