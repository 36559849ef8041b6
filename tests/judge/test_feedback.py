"""The students' feedback pages: their head, and what a browser makes of them."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any, Literal

import pytest
from nbformat.v4 import new_code_cell, new_markdown_cell
from playwright.sync_api import Browser
from test_page import look
from test_plugin import NASTY
from tiny import GOOD_ADD, SUBTRACT, Tiny

from nbjudge.feedback import by_task, has_formulas


def feedback(tiny: Tiny, student: str) -> Path:
    return tiny.class_folder / "feedback" / student / "sums" / "sums.html"


def head(page: str) -> str:
    """The text above the notebook."""
    above = page.partition("<main>")[2].partition('<div id="notebook">')[0]
    return " ".join(re.sub(r"<[^>]+>", "", above).split())


def test_the_head_names_each_test_under_its_task(graded_class: Tiny) -> None:
    page = feedback(graded_class, "stu-half").read_text()
    assert head(page) == (
        "sums 3 of 6 points"
        " add 3 of 3 ✓ add-value 2 of 2 ✓ add-strings 1 of 1"
        " total 0 of 3 ✗ total-value 0 of 2 2 lost ✗ total-empty 0 of 1 1 lost"
    )
    for test in ("add-value", "add-strings", "total-value", "total-empty"):
        assert f'href="#{test}"' in page
        assert f'name="{test}"' in page
    assert "<script" not in page


@pytest.mark.parametrize("scheme", ["light", "dark"])
@pytest.mark.parametrize("width", [1280, 390])
@pytest.mark.parametrize("student", ["stu-half", "stu-loop"])
def test_a_page_can_be_read(
    browser: Browser, graded_class: Tiny, student: str, scheme: Literal["light", "dark"], width: int
) -> None:
    look(browser, feedback(graded_class, student), scheme, width)


def test_a_cells_score_stays_in_its_bar_and_code_takes_the_width(browser: Browser, graded_class: Tiny) -> None:
    page = browser.new_page(viewport={"width": 390, "height": 800})
    page.goto(feedback(graded_class, "stu-half").as_uri())
    inside = """heads => heads.every(head => [...head.children].every(
        child => child.getBoundingClientRect().bottom <= head.getBoundingClientRect().bottom))"""
    assert page.eval_on_selector_all(".panel-heading", inside)
    widths = page.eval_on_selector_all(".panel, .output_subarea", "all => all.map(one => one.offsetWidth)")
    assert min(widths) >= 350
    page.close()


def test_no_markup_of_the_students_and_no_hidden_test_reaches_a_page(tiny: Tiny) -> None:
    notebook = tiny.answer(add=SUBTRACT, total=f"# {NASTY}\nprint({NASTY!r})\n{GOOD_ADD}")
    notebook.cells.insert(2, new_markdown_cell(NASTY))
    tiny.hand_in("ada", notebook)
    tiny.done("grade", "sums", "--from", "incoming")
    page = feedback(tiny, "ada").read_text()
    for planted in ("<script", "<img src=x", "<iframe", 'href="javascript', "HIDDEN", "add(3, 2)"):
        assert planted not in page
    assert page.count("alert(1)") >= 3, "it is shown as text"
    assert "A hidden check of this property failed" in page
    assert "default-src 'none'" in page, "and nothing would run"


def cell(name: str, comment: str | None = None, **flags: Any) -> Any:
    return new_code_cell(metadata={"nbgrader": {"grade_id": name, "grade": False, "comment": comment, **flags}})


def test_cells_go_by_what_their_ids_begin_with() -> None:
    made_up = [cell(f"cell-{number}", grade=True, score=1, points=1) for number in (1, 2)]
    cells = [new_markdown_cell("text"), *made_up, cell("why", "No response.", grade=True, score=1, points=3)]
    cells += [cell("sum", "neat"), cell("sum-value", grade=True, score=2.5, points=2)]
    tasks = by_task(cells)
    assert [(task.name, task.score, task.points) for task in tasks] == [
        ("", 1, 1),
        ("", 1, 1),
        ("", 1, 3),
        ("sum", 2.5, 2),
    ]
    lines = [line for task in tasks for line in task.lines]
    assert [(line.name, line.lost) for line in lines if line.lost] == [("why", 2)]
    assert [line.name for line in lines if line.comment] == ["sum"], "not what nbgrader says of an empty answer"


@pytest.mark.parametrize(
    ("text", "expected"), [("$x^2$", True), ("\\begin{align}", True), ("it costs 5 $", False), ("plain", False)]
)
def test_formulas_are_noticed(text: str, expected: bool) -> None:
    assert has_formulas([new_markdown_cell(text), new_code_cell("$x$")]) == expected
    assert not has_formulas([new_code_cell(text)])
