"""The student's cells find their places again, whatever Colab, copies and edits did to them."""

from __future__ import annotations

import random
from collections.abc import Callable

import nbformat
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from nbformat import NotebookNode
from nbformat.v4 import new_code_cell, new_markdown_cell
from tiny import ADD, GOOD_ADD, GOOD_TOTAL, SUBTRACT, graded, solution, source_notebook

from nbjudge.align import HOW, Match, align, remarks
from nbjudge.likeness import visible

STUB = "    # YOUR CODE HERE\n    raise NotImplementedError()"
ESSAY = {"schema_version": 3, "grade_id": "essay", "grade": True, "solution": True, "locked": False, "points": 3}


def source(*more: NotebookNode) -> NotebookNode:
    notebook = source_notebook()
    notebook.cells += [*more, new_markdown_cell("Why?", id="why")]
    notebook.cells.append(new_markdown_cell("Because.", id="essay", metadata={"nbgrader": {**ESSAY, "task": False}}))
    return notebook


def handed_in(add: str = GOOD_ADD, total: str = GOOD_TOTAL, essay: str = "It rains.") -> NotebookNode:
    """The release as a student would fill it in."""
    notebook = source()
    answers = {"add": add, "total": total, "essay": essay}
    for cell in notebook.cells:
        cell.source = answers.get(cell.id, visible(cell.source))
    return notebook


def cell(notebook: NotebookNode, name: str) -> NotebookNode:
    (found,) = (cell for cell in notebook.cells if cell.metadata.get("nbgrader", {}).get("grade_id") == name)
    return found


def without(notebook: NotebookNode, *names: str) -> NotebookNode:
    notebook.cells = [cell for cell in notebook.cells if cell.id not in names]
    return notebook


def anonymous(notebook: NotebookNode) -> NotebookNode:
    """As Colab or a plain copy of the texts leaves it."""
    for number, each in enumerate(notebook.cells):
        each.metadata, each.id = NotebookNode(), f"c{number}"
    return notebook


def aligned(submission: NotebookNode) -> tuple[NotebookNode, set[tuple[str, str]]]:
    """The result, checked for what always holds, and what was said."""
    release = source()
    result, matches = align(submission, release)
    nbformat.validate(result)
    assert len({each.id for each in result.cells}) == len(result.cells)
    tagged = [each for each in result.cells if "nbgrader" in each.metadata]
    ours = [each for each in release.cells if "nbgrader" in each.metadata]
    assert [each.metadata for each in tagged] == [each.metadata for each in ours]
    for mine, its in zip(tagged, ours, strict=True):
        assert mine.source == its.source or its.metadata.nbgrader.solution
    assert {match.how for match in matches} <= set(HOW)
    return result, {(match.cell, match.how) for match in matches}


def texts(notebook: NotebookNode) -> list[str]:
    return [each.source for each in notebook.cells]


def test_an_untouched_notebook_needs_nothing_said() -> None:
    result, said = aligned(handed_in())
    assert said == set()
    assert (cell(result, "add").source, cell(result, "total").source) == (GOOD_ADD, GOOD_TOTAL)
    assert len(result.cells) == len(source().cells)


def test_the_solution_never_gets_in() -> None:
    result, said = aligned(without(handed_in(), "add", "total", "essay"))
    assert [cell(result, name).source for name in ("add", "total", "essay")] == ["", "", ""]
    assert said == {("", "foreign")}
    assert aligned(without(handed_in(), "add", "essay"))[1] == {("add", "gone"), ("essay", "gone")}


def test_lost_metadata_are_found_by_the_names() -> None:
    result, said = aligned(anonymous(handed_in()))
    assert (cell(result, "add").source, cell(result, "total").source) == (GOOD_ADD, GOOD_TOTAL)
    assert cell(result, "essay").source == "It rains."
    assert said == {("add", "realigned"), ("total", "realigned"), ("essay", "place")}
    assert len(result.cells) == len(source().cells), "no copy of a test came along"


def test_colabs_ids_in_the_metadata_serve_too() -> None:
    notebook = handed_in()
    for number, each in enumerate(notebook.cells):
        each.metadata, each.id = NotebookNode(id=each.id), f"c{number}"
    result, said = aligned(notebook)
    assert cell(result, "essay").source == "It rains."
    assert ("essay", "realigned") in said


@pytest.mark.parametrize("name", ["add-value", "setup"])
@pytest.mark.parametrize("forget", [lambda notebook: notebook, anonymous], ids=["ids", "no ids"])
def test_given_cells_come_from_the_source(name: str, forget: Callable[[NotebookNode], NotebookNode]) -> None:
    notebook = handed_in()
    cell(notebook, name).source += " or 'lambda'"
    notebook = forget(notebook)
    result, _ = aligned(notebook)
    assert "lambda" not in cell(result, name).source
    assert "lambda" not in "".join(texts(result))


def test_a_test_cell_that_holds_something_else_is_listed() -> None:
    notebook = handed_in()
    cell(notebook, "add-strings").source = "print('I need no test')"
    result, said = aligned(notebook)
    assert said == {("add-strings", "edited")}
    assert "I need no test" not in "".join(texts(result))


def test_flags_and_points_of_the_submission_are_ignored() -> None:
    notebook = handed_in()
    for each in notebook.cells:
        each.metadata.setdefault("nbgrader", {}).update(
            {"points": 500, "grade": True, "solution": True, "locked": False, "schema_version": 99, "task": True}
        )
        each.metadata["tags"] = ["skip-execution", "hide-input"]
    result, said = aligned(notebook)
    assert said == set()
    assert all("tags" not in each.metadata for each in result.cells)


def test_a_cell_that_claims_an_unknown_or_strange_id_is_the_students_own() -> None:
    notebook = handed_in()
    strange: list[object] = ["bonus", 3, None, ["add"], {"a": 1}, ""]
    notebook.cells += [
        new_code_cell(f"extra = {number}", metadata={"nbgrader": {"grade_id": name, "points": 99}})
        for number, name in enumerate(strange)
    ]
    notebook.cells.append(new_code_cell("extra = 6", metadata={"nbgrader": "all"}))
    result, said = aligned(notebook)
    assert said == set()
    assert [text for text in texts(result) if "extra" in text] == [f"extra = {number}" for number in range(7)]


def test_own_cells_stay_where_they_stood() -> None:
    notebook = handed_in(add="def add(a, b):\n    return plus(a, b)")
    notebook.cells.insert(3, new_code_cell("def plus(a, b):\n    return a + b", id="add-value"))
    notebook.cells.insert(0, new_code_cell("first = 1"))
    notebook.cells.append(new_code_cell("last = 1"))
    result, said = aligned(notebook)
    assert said == set()
    assert texts(result)[0] == "first = 1"
    assert texts(result)[-1] == "last = 1"
    assert texts(result)[4:6] == ["def plus(a, b):\n    return a + b", "def add(a, b):\n    return plus(a, b)"]


def test_two_answers_in_one_cell_stay_together() -> None:
    notebook = without(handed_in(add=GOOD_ADD + "\n\n" + GOOD_TOTAL), "total")
    result, said = aligned(anonymous(notebook))
    assert cell(result, "add").source == GOOD_ADD + "\n\n" + GOOD_TOTAL
    assert cell(result, "total").source == ""
    assert ("total", "gone") in said


def test_an_answer_in_two_cells_stays_together() -> None:
    release = source(solution("def p():\n    ### BEGIN SOLUTION\n    ### END SOLUTION\n\ndef q():\n    pass", "pq"))
    notebook = handed_in()
    notebook.cells[-2:-2] = [solution("def p():\n    return 1", "pq"), new_code_cell("def q():\n    return 2")]
    result, matches = align(notebook, release)
    assert matches == []
    assert texts(result)[-4:-2] == ["def p():\n    return 1", "def q():\n    return 2"]


ABOVE, BELOW = 4, 6  # add's first test


@pytest.mark.parametrize("forget", [lambda notebook: notebook, anonymous], ids=["ids", "no ids"])
@pytest.mark.parametrize(
    ("first", "second", "place", "marked"),
    [
        (SUBTRACT, GOOD_ADD, ABOVE, GOOD_ADD),  # both above the test: the later is in force
        (visible(ADD) + STUB, GOOD_ADD, ABOVE, GOOD_ADD),
        (GOOD_ADD, visible(ADD) + STUB, ABOVE, GOOD_ADD),
        (GOOD_ADD, SUBTRACT, BELOW, GOOD_ADD),  # below the test
    ],
)
def test_copies_of_an_answer(
    first: str, second: str, place: int, marked: str, forget: Callable[[NotebookNode], NotebookNode]
) -> None:
    notebook = handed_in(add=first)
    copied = cell(handed_in(add=second), "add")
    copied.id = "copy"
    notebook.cells.insert(place, copied)
    result, said = aligned(forget(notebook))
    assert cell(result, "add").source == marked
    assert ("add", "duplicate") in said
    assert {first, second} <= set(texts(result)), "nothing of the student's is lost"
    (match,) = (match for match in align(notebook, source())[1] if match.how == "duplicate")
    assert (match.ours, match.theirs) == (marked, first if marked == second else second)
    above = texts(result)[: texts(result).index(cell(result, "add-value").source)]
    assert next(text for text in reversed(above) if "def add" in text) == marked, "what is marked is in force"


def test_a_copied_answer_rewritten_for_another_task() -> None:
    """Copied with its metadata, and the other task's own cell deleted."""
    notebook = without(handed_in(), "total")
    copied = cell(handed_in(add=GOOD_TOTAL), "add")
    copied.id = "copy"
    notebook.cells.insert(7, copied)
    result, said = aligned(notebook)
    assert (cell(result, "add").source, cell(result, "total").source) == (GOOD_ADD, GOOD_TOTAL)
    assert ("total", "realigned") in said


def test_copies_of_tests_are_left_out_and_own_cells_made_from_them_are_not() -> None:
    notebook = handed_in()
    for text in (cell(notebook, "add-value").source, "mine = [add(n, n) for n in range(10) if n % 3]"):
        copied = graded(text, "add-value", 500)
        copied.id = f"copy-{len(notebook.cells)}"
        notebook.cells.append(copied)
    result, _ = aligned(notebook)
    assert len(result.cells) == len(source().cells) + 1
    assert texts(result)[-1].startswith("mine")


def test_a_copy_of_a_test_is_no_answer_whatever_it_defines() -> None:
    release = source(graded("total = add(1, 2)\nassert total == 3", "adds-up", 1))
    notebook = without(handed_in(), "total")
    for name in ("one", "two"):
        notebook.cells.append(new_code_cell("total = add(1, 2)\nassert total == 3", id=name))
    result, matches = align(notebook, release)
    assert cell(result, "total").source == ""
    assert [(match.cell, match.how) for match in matches] == [("total", "gone")]


def test_an_id_alone_is_not_believed() -> None:
    """Some programs count cells: what is called so now was another cell before."""
    notebook = anonymous(handed_in())
    notebook.cells[3].id, notebook.cells[7].id = "total", "add"
    result, _ = aligned(notebook)
    assert (cell(result, "add").source, cell(result, "total").source) == (GOOD_ADD, GOOD_TOTAL)


def test_an_own_cell_that_looks_like_a_missing_test_stays() -> None:
    notebook = without(handed_in(), "total-empty")
    notebook.cells.append(new_code_cell("nothing = total([]) == 0", id="mine"))
    assert texts(aligned(notebook)[0])[-1] == "nothing = total([]) == 0"


def test_a_copy_with_the_same_text_is_not_worth_a_word() -> None:
    notebook = handed_in()
    notebook.cells.insert(4, nbformat.from_dict({**cell(notebook, "add"), "id": "copy"}))
    assert aligned(notebook)[1] == set()


@pytest.mark.parametrize("forget", [lambda notebook: notebook, anonymous], ids=["ids", "no ids"])
def test_a_moved_answer_is_put_back_and_listed(forget: Callable[[NotebookNode], NotebookNode]) -> None:
    notebook = handed_in()
    notebook.cells.insert(0, notebook.cells.pop(7))  # total, above everything
    result, said = aligned(forget(notebook))
    assert ("total", "moved") in said
    assert ("add", "moved") not in said
    assert cell(result, "total").source == GOOD_TOTAL


def test_a_toggled_kind_of_cell_is_put_right() -> None:
    notebook = handed_in()
    cell(notebook, "add").cell_type = "markdown"
    result, _ = aligned(notebook)
    assert cell(result, "add").cell_type == "code"
    assert cell(result, "add").source == GOOD_ADD


def test_pictures_in_a_written_answer_come_along() -> None:
    notebook = handed_in(essay="![](attachment:a.png)")
    cell(notebook, "essay").attachments = {"a.png": {"image/png": "aGk="}}
    assert cell(aligned(notebook)[0], "essay").attachments == {"a.png": {"image/png": "aGk="}}


def test_another_notebook_altogether() -> None:
    other = nbformat.v4.new_notebook(cells=[new_code_cell("print('week 1')"), new_markdown_cell("# Week 1")])
    result, said = aligned(other)
    assert said == {("", "foreign")}
    assert "print('week 1')" in texts(result)


def test_what_goes_into_the_verdict() -> None:
    matches = [Match("a", "moved", "", ""), Match("b", "likeness", "", ""), Match("b", "moved", "", "")]
    matches += [Match("c", "gone", "", ""), Match("d", "realigned", "", "")]
    assert set(remarks(matches)) == {("doubtful", "a, b"), ("restored", "c"), ("realigned", "d")}


def test_texts_for_the_audit_are_capped() -> None:
    (match,) = align(anonymous(handed_in(add=GOOD_ADD + "\n#" * 100_000)), source())[1][:1]
    assert len(match.theirs) == 4000
    assert "return a + b" not in match.ours, "the solution is not shown"


TASKS = ["mean", "spread", "clip", "norm", "scale", "shift"]


def lab(tasks: list[str]) -> NotebookNode:
    cells = [new_markdown_cell("# Lab"), new_code_cell("import math")]
    for name in tasks:
        cells.append(new_markdown_cell(f"## Task: {name}\n\nWrite the function `{name}` of a list."))
        stub = f"def {name}(xs):\n    ### BEGIN SOLUTION\n    return sum(xs)\n    ### END SOLUTION"
        cells += [solution(stub, name), graded(f"assert {name}([1.0, 2.0]) == 3, '{name}'", f"{name}-value", 2)]
        cells.append(graded(f"for n in range(3):\n    assert {name}([n]) == n", f"{name}-one", 1))
    return nbformat.v4.new_notebook(cells=cells)


@settings(deadline=None, max_examples=150)
@given(
    tasks=st.lists(st.sampled_from(TASKS), min_size=1, max_size=6, unique=True),
    bodies=st.lists(st.text(st.characters(codec="utf-8", exclude_characters="\r\n"), max_size=40), min_size=6),
    losses=st.sets(st.sampled_from(["tags", "ids", "headings", "tests"])),
    seed=st.integers(0, 2**32),
)
def test_whatever_was_lost_the_answers_come_back(
    tasks: list[str], bodies: list[str], losses: set[str], seed: int
) -> None:
    release, rng = lab(tasks), random.Random(seed)
    written = {name: f"def {name}(xs):\n    return {body!r}" for name, body in zip(tasks, bodies, strict=False)}
    kept, own = [], 0
    for given_cell in lab(tasks).cells:
        tag = given_cell.metadata.get("nbgrader", {})
        given_cell.source = written.get(tag.get("grade_id"), given_cell.source)
        if ("headings" in losses and not tag) or ("tests" in losses and tag.get("grade") and rng.random() < 0.5):
            continue
        kept.append(given_cell)
        if rng.random() < 0.3:
            kept.append(new_code_cell(f"helper_{own} = {own}"))
            own += 1
        if rng.random() < 0.2:
            kept.append(nbformat.from_dict({**given_cell, "id": f"twin-{len(kept)}"}))
    for number, each in enumerate(kept):
        each.metadata = NotebookNode() if "tags" in losses else each.metadata
        each.id = f"lost-{number}" if "ids" in losses else each.id
    result, _ = align(nbformat.v4.new_notebook(cells=kept), release)
    nbformat.validate(result)
    for name, text in written.items():
        assert cell(result, name).source == text
    tests = [each.source for each in result.cells if each.metadata.get("nbgrader", {}).get("grade")]
    assert tests == [each.source for each in release.cells if each.metadata.get("nbgrader", {}).get("grade")]
    assert sum(text in tests for text in texts(result)) == len(tests), "no submitted copy of a test"
    assert [text for text in texts(result) if "helper" in text] == [f"helper_{n} = {n}" for n in range(own)]
