"""The built book, as a reader's browser sees it: every page, served and from disk, light, dark and on a phone."""

from __future__ import annotations

import functools
import http.server
import json
import os
import re
import subprocess
import threading
from collections.abc import Iterator
from html.parser import HTMLParser
from pathlib import Path
from typing import Any
from urllib.parse import unquote, urljoin, urlparse

import nbformat
import pytest
from nbclient import NotebookClient
from playwright.sync_api import Browser, Page

from tools.settings import settings

ROOT = Path(__file__).parent.parent
SITE = ROOT / "build/book/html"
AXE = ROOT / "node_modules/axe-core/axe.min.js"
DESKTOP, PHONE = {"width": 1280, "height": 900}, {"width": 360, "height": 740}
LOOKS: dict[str, dict[str, Any]] = {
    "light": {"viewport": DESKTOP, "color_scheme": "light"},
    "dark": {"viewport": DESKTOP, "color_scheme": "dark"},
    "phone": {"viewport": PHONE, "has_touch": True, "is_mobile": True},
}


@pytest.fixture(scope="session")
def site() -> Path:
    """The book, built by the command that everybody uses; unchanged pages come from its cache."""
    environment = {key: value for key, value in os.environ.items() if not key.startswith("MAKE")}
    build = subprocess.run(["make", "book"], cwd=ROOT, env=environment, capture_output=True, text=True, check=False)
    assert build.returncode == 0, build.stdout + build.stderr
    return SITE


@pytest.fixture(scope="session")
def pages(site: Path) -> list[str]:
    return sorted(path.relative_to(site).as_posix() for path in site.rglob("*.html") if "_static" not in path.parts)


@pytest.fixture(scope="session")
def address(site: Path) -> Iterator[str]:
    class Quiet(http.server.SimpleHTTPRequestHandler):
        def log_message(self, *args: object) -> None: ...

    handler = functools.partial(Quiet, directory=str(site))
    with http.server.ThreadingHTTPServer(("127.0.0.1", 0), handler) as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        yield f"http://127.0.0.1:{server.server_port}/"
        server.shutdown()


def visit(browser: Browser, base: str, pages: list[str], **look: Any) -> Iterator[tuple[str, Page]]:
    """Each page in turn, loaded, in one browser context."""
    context = browser.new_context(**look)
    page = context.new_page()
    for name in pages:
        page.goto(base + name, wait_until="load")
        yield name, page
    context.close()


def test_pages_ask_no_other_host_and_log_no_error(browser: Browser, address: str, pages: list[str]) -> None:
    context = browser.new_context(**LOOKS["light"])
    page = context.new_page()
    problems: list[str] = []
    outside = lambda url: not url.startswith((address, "data:"))  # noqa: E731
    page.on("request", lambda request: problems.append(request.url) if outside(request.url) else None)
    page.on(
        "response", lambda answer: problems.append(f"{answer.status} {answer.url}") if answer.status >= 400 else None
    )
    page.on("console", lambda message: problems.append(message.text) if message.type in ("error", "warning") else None)
    page.on("pageerror", lambda error: problems.append(str(error)))
    for name in pages:
        page.goto(address + name, wait_until="networkidle")
        assert not problems, (name, problems)
    context.close()


@pytest.mark.parametrize("look", LOOKS)
def test_axe_finds_nothing(browser: Browser, address: str, pages: list[str], look: str) -> None:
    found = {}
    for name, page in visit(browser, address, pages, **LOOKS[look]):
        page.evaluate(AXE.read_text())
        result = page.evaluate("axe.run(document, {resultTypes: ['violations']})")
        for violation in result["violations"]:
            found[name, violation["id"]] = [node["html"][:200] for node in violation["nodes"]][:3]
    assert not found, "\n".join(f"{where}: {what}" for where, what in found.items())


def test_nothing_scrolls_sideways_on_a_phone(browser: Browser, address: str, pages: list[str]) -> None:
    widths = {
        name: page.evaluate("document.documentElement.scrollWidth")
        for name, page in visit(browser, address, pages, viewport=PHONE)
    }
    assert {name: width for name, width in widths.items() if width > PHONE["width"]} == {}


UNNAMED = """() => [...document.querySelectorAll('main svg, main img')]
  .filter(e => !e.closest('.katex, [aria-hidden=true]'))  // formulas carry MathML
  .filter(e => !(e.closest('[role=img]')?.getAttribute('aria-label') || e.alt || e.closest('button, a')))
  .map(e => e.outerHTML.slice(0, 200))"""


def test_every_figure_has_a_text_alternative(browser: Browser, address: str, pages: list[str]) -> None:
    bare = {name: page.evaluate(UNNAMED) for name, page in visit(browser, address, pages)}
    assert {name: figures for name, figures in bare.items() if figures} == {}


def moved_by_keyboard(page: Page, number: int) -> bool:
    """Whether an arrow key changes both what the slider says and what its figure shows."""
    slider = page.locator("figure.tw-figure input[type=range]").nth(number)
    figure = slider.locator("xpath=ancestor::figure").locator(".tw-view")
    state = lambda: (slider.get_attribute("aria-valuetext"), figure.inner_html())  # noqa: E731
    before = state()
    slider.focus()
    page.keyboard.press("ArrowRight" if slider.input_value() != slider.get_attribute("max") else "ArrowLeft")
    return all(old != new for old, new in zip(before, state(), strict=True))


def test_sliders_move_their_figures_by_keyboard(browser: Browser, address: str, pages: list[str]) -> None:
    moved = {
        (name, number): moved_by_keyboard(page, number)
        for name, page in visit(browser, address, pages)
        for number in range(page.locator("figure.tw-figure input[type=range]").count())
    }
    assert len(moved) >= 3, "the book promises at least three figures that move"
    assert [where for where, has_moved in moved.items() if not has_moved] == []


def test_works_from_a_folder_on_disk(browser: Browser, site: Path, pages: list[str]) -> None:
    context = browser.new_context()
    page = context.new_page()
    problems: list[str] = []
    page.on("request", lambda r: problems.append(r.url) if not r.url.startswith(("file:", "data:")) else None)
    # The next page does not wait for this one's icon: what is broken off is not missing.
    page.on("requestfailed", lambda r: problems.append(r.url) if r.failure != "net::ERR_ABORTED" else None)
    page.on("pageerror", lambda error: problems.append(str(error)))
    for name in pages:
        page.goto(f"file://{site}/{name}", wait_until="load")
        sliders = page.locator("figure.tw-figure input[type=range]").count()
        assert all(moved_by_keyboard(page, number) for number in range(sliders)), name
        assert not problems, (name, problems)
    context.close()


def test_readable_without_javascript(browser: Browser, address: str, pages: list[str]) -> None:
    for name, page in visit(browser, address, pages, java_script_enabled=False):
        if name == "search.html":
            continue
        assert page.locator("main article h1").first.is_visible(), name
        for figure in page.locator("main figure.tw-figure").all():
            assert figure.locator(".tw-view svg").is_visible(), f"{name}: the starting frame is missing"
            assert figure.locator("input:visible").count() == 0, f"{name}: a slider that cannot move is shown"
        assert page.locator("main .math:not(:has(.katex))").count() == 0, f"{name}: a formula was left to a script"


def test_print_hides_the_controls(browser: Browser, address: str, pages: list[str]) -> None:
    for name, page in visit(browser, address, pages):
        page.emulate_media(media="print")
        assert page.locator("figure.tw-figure input:visible").count() == 0, name
        page.emulate_media(media="screen")


class Anchors(HTMLParser):
    """What a page links to, and which anchors it has."""

    def __init__(self, text: str) -> None:
        super().__init__()
        self.links: set[str] = set()
        self.ids: set[str] = set()
        self.feed(text)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        named = dict(attrs)
        self.ids.add(named.get("id") or "")
        self.links.update(named[key] or "" for key in ("href", "src") if key in named)


def test_internal_links_lead_somewhere(site: Path, pages: list[str]) -> None:
    parsed = {name: Anchors((site / name).read_text()) for name in pages}
    broken = []
    for name, page in parsed.items():
        for link in page.links:
            if urlparse(link).scheme:
                continue
            target = urlparse(urljoin(f"http://site/{name}", link))
            path = unquote(target.path).lstrip("/")
            exists = (site / path).is_file()
            if not exists or (target.fragment and path in parsed and unquote(target.fragment) not in parsed[path].ids):
                broken.append(f"{name} -> {link}")
    assert broken == []


SITE_LINK = re.compile(r"\{\{ site \}\}/([\w/-]+\.html)(?:#([\w-]+))?")


def test_the_labs_point_to_what_the_book_has(site: Path) -> None:
    """In their text and in the messages of their checks."""
    sources = sorted(ROOT.glob("solutions/*/*.md"))
    links = {link for source in sources for link in SITE_LINK.findall(source.read_text())}
    assert any(anchor for _, anchor in links)
    anchors = {page: Anchors((site / page).read_text()).ids for page, _ in links if (site / page).is_file()}
    assert [
        link for link in sorted(links) if link[0] not in anchors or (link[1] and link[1] not in anchors[link[0]])
    ] == []


def test_colab_buttons_have_targets(site: Path, pages: list[str], course: dict[str, Any]) -> None:
    """On the pages' branch lies the site, on the main branch the repository."""
    roots = {course["pages_branch"]: site, course["branch"]: ROOT}
    pattern = re.compile(rf"colab\.research\.google\.com/github/{course['repository']}/blob/([^/]+)/([^\"]+)\"")
    targets = {found for name in pages for found in pattern.findall((site / name).read_text())}
    assert any(path.startswith("labs/") for _, path in targets)
    assert any(path.startswith("_sources/") for _, path in targets)
    assert [path for branch, path in targets if not (roots[branch] / path).is_file()] == []


@pytest.fixture(scope="session")
def course() -> dict[str, Any]:
    return settings()


LEFT_OVER = re.compile(r"^[`:]{3,}\{|\{[\w:]+\}`|\{\{|^\([\w-]+\)=$", re.M)  # what only Sphinx understands


def test_each_page_with_cells_is_a_notebook(site: Path) -> None:
    notebooks = sorted(site.glob("_sources/**/*.ipynb"))
    assert notebooks
    for path in notebooks:
        notebook = nbformat.read(path, as_version=4)
        nbformat.validate(notebook)
        prose = "\n".join(cell.source for cell in notebook.cells if cell.cell_type == "markdown")
        assert LEFT_OVER.findall(prose) == [], path.name


@pytest.mark.slow
def test_the_pages_notebooks_run(site: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("TRAINWELL_STATIC", raising=False)
    for path in sorted(site.glob("_sources/**/*.ipynb")):
        NotebookClient(nbformat.read(path, as_version=4), timeout=120).execute()


def test_lock_file_names_no_host() -> None:
    packages = json.loads((ROOT / "package-lock.json").read_text())["packages"]
    assert [name for name, package in packages.items() if "resolved" in package] == []
