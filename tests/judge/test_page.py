"""The report in a browser: light, dark, on a phone, with names and without."""

from __future__ import annotations

import io
from pathlib import Path
from typing import Literal

import pytest
from matplotlib.image import imread
from playwright.sync_api import Browser
from test_report import PAIRS, report_place, rich
from tiny import Tiny

from nbjudge.names import Gaps
from nbjudge.page import render

Scheme = Literal["light", "dark"]
AXE = Path(__file__).parents[2] / "node_modules/axe-core/axe.min.js"


@pytest.mark.parametrize("options", [[], ["--anonymous"]], ids=["names", "anonymous"])
@pytest.mark.parametrize("scheme", ["light", "dark"])
@pytest.mark.parametrize("width", [1200, 360])
def test_axe_finds_nothing_and_nothing_sticks_out(
    browser: Browser, graded_class: Tiny, options: list[str], scheme: Scheme, width: int
) -> None:
    place = report_place(graded_class, *options)
    look(browser, place, scheme, width)


@pytest.mark.parametrize("scheme", ["light", "dark"])
@pytest.mark.parametrize("width", [1200, 360])
def test_a_report_with_everything_in_it(browser: Browser, tmp_path: Path, scheme: Scheme, width: int) -> None:
    """Also with everything that can be opened open."""
    place = tmp_path / "report.html"
    place.write_text(render(rich(), None, PAIRS, Gaps(["dora"], ["guest"])).replace("<details>", "<details open>"))
    look(browser, place, scheme, width)


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_a_table_that_is_cut_off_shows_that_there_is_more(browser: Browser, tmp_path: Path, scheme: Scheme) -> None:
    place = tmp_path / "report.html"
    place.write_text(render(rich()))
    page = browser.new_page(viewport={"width": 390, "height": 800}, color_scheme=scheme)
    page.goto(place.as_uri())
    table = page.locator(".wide", has=page.locator("th", has_text="Nine in ten"))
    assert table.evaluate("box => box.scrollWidth > box.clientWidth")

    def edges() -> tuple[bool, bool]:
        """Whether the left and the right edge are shaded, in the row of pixels above all text."""
        row = imread(io.BytesIO(table.screenshot()), format="png")[1]
        middle = row[len(row) // 2]
        return bool(abs(row[1] - middle).max() > 0.2), bool(abs(row[-2] - middle).max() > 0.2)

    assert edges() == (False, True)
    table.evaluate("box => box.scrollLeft = box.scrollWidth")
    assert edges() == (True, False)
    page.set_viewport_size({"width": 1200, "height": 800})
    assert edges() == (False, False)
    page.close()


def test_paper_shows_it_all(browser: Browser, tmp_path: Path) -> None:
    place = tmp_path / "report.html"
    place.write_text(render(rich(), None, PAIRS))
    page = browser.new_page()
    page.goto(place.as_uri())
    page.emulate_media(media="print")
    assert page.pdf(format="A4").startswith(b"%PDF")
    assert page.evaluate("getComputedStyle(document.querySelector('.wide')).overflowX") == "visible"
    page.close()


def look(browser: Browser, place: Path, scheme: Scheme, width: int) -> None:
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
