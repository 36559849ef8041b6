# ruff: noqa: E501 (cells stand here as they are handed in)
"""The notebook's format and metadata: cells copied, moved, deleted and relabelled, files that are no notebooks."""

from __future__ import annotations

import copy
import json
from typing import Any

from .attack import Change, attack
from .labs import SUMS

WRONG = "def add(a, b):\n    return 0"
ZERO: dict[str, float] = {}
FULL = SUMS.full
WITHOUT_ADD = {name: points for name, points in FULL.items() if not name.startswith("add-")}


def cell(notebook: dict[str, Any], name: str) -> dict[str, Any]:
    return next(one for one in notebook["cells"] if tag(one).get("grade_id") == name)


def tag(one: dict[str, Any]) -> dict[str, Any]:
    return one["metadata"].get("nbgrader", {})


def code(source: object, **more: Any) -> dict[str, Any]:
    return {
        "cell_type": "code",
        "id": "mine",
        "metadata": {},
        "outputs": [],
        "execution_count": None,
        "source": source,
    } | more


def tests_become(source: str) -> Change:
    """Every test cell of the task says something else."""

    def change(notebook: dict[str, Any]) -> None:
        for name in ("add-value", "add-partial"):
            cell(notebook, name)["source"] = source

    return change


def every_tag(**flags: object) -> Change:
    def change(notebook: dict[str, Any]) -> None:
        for one in filter(tag, notebook["cells"]):
            tag(one).update(flags)

    return change


def _points(notebook: dict[str, Any]) -> None:
    for one in notebook["cells"]:
        if tag(one).get("grade"):
            tag(one)["points"] = 500


def _copied(notebook: dict[str, Any]) -> None:
    """The test cell twice, first the one that always holds; its checksum and name are right."""
    easy = copy.deepcopy(cell(notebook, "add-value"))
    easy["source"], easy["id"] = "pass", "another"
    notebook["cells"].insert(0, easy)


def _pasted(notebook: dict[str, Any]) -> None:
    """An honest answer pasted as a new cell with all of the old one's metadata."""
    pasted = copy.deepcopy(cell(notebook, "add"))
    notebook["cells"].insert(notebook["cells"].index(cell(notebook, "add")) + 1, {**pasted, "id": "pasted"})


def _deleted(notebook: dict[str, Any]) -> None:
    notebook["cells"] = [one for one in notebook["cells"] if not tag(one).get("grade")]


def _stripped(notebook: dict[str, Any]) -> None:
    for one in notebook["cells"]:
        one["metadata"] = {}
        one.pop("id", None)
    notebook["metadata"], notebook["nbformat_minor"] = {}, 4


def _answer_is_test(notebook: dict[str, Any]) -> None:
    cell(notebook, "add")["metadata"]["nbgrader"] = copy.deepcopy(tag(cell(notebook, "add-value")))


def _swapped(notebook: dict[str, Any]) -> None:
    """The names of two cells change places, so that the test of the one becomes the answer of the other."""
    one, other = cell(notebook, "add"), cell(notebook, "total-value")
    tag(one)["grade_id"], tag(other)["grade_id"] = "total-value", "add"


def _reversed(notebook: dict[str, Any]) -> None:
    notebook["cells"].reverse()


def _old(notebook: dict[str, Any]) -> None:
    cells = [{"cell_type": "code", "language": "python", "input": one["source"], "outputs": [], "collapsed": False,
              "metadata": one["metadata"]} for one in notebook["cells"]]  # fmt: skip
    notebook.clear()
    notebook.update(nbformat=3, nbformat_minor=0, metadata={"name": ""}, worksheets=[{"cells": cells, "metadata": {}}])


def _markers(notebook: dict[str, Any]) -> None:
    cell(notebook, "add")["source"] = (
        f"### BEGIN HIDDEN TESTS\n{WRONG}\n### END HIDDEN TESTS\n### BEGIN SOLUTION\n### END SOLUTION\n### BEGIN HIDDEN TESTS"
    )


def _odd_types(notebook: dict[str, Any]) -> None:
    cell(notebook, "add").update(metadata={"nbgrader": {"grade_id": {"a": 1}, "schema_version": [], "points": "500"}})
    notebook["metadata"].update(kernelspec=[], language_info={"name": 5}, widgets="x", title={"a": []})


def _kernel(notebook: dict[str, Any]) -> None:
    notebook["metadata"]["kernelspec"] = {"name": "../../evil", "display_name": "<b>", "language": "bash"}
    notebook["metadata"]["language_info"] = {"name": "bash", "pygments_lexer": "../../evil"}


def crowd(size: int) -> Change:
    """Cells that are all alike, in a number that makes every comparison of each with each endless."""

    def change(notebook: dict[str, Any]) -> None:
        notebook["cells"] += [code(f"x = {number % 7}\n" * 20, id=f"c{number}") for number in range(size)]

    return change


def _long_cell(notebook: dict[str, Any]) -> None:
    """One cell as long as the release's are short, made to be slow to compare."""
    long = cell(notebook, "add")
    long["metadata"] = {}
    long["source"] = WRONG + "\n" + "".join(f"x = '{'ab' * (i % 50)}'\n" for i in range(40_000))


def _markdown_script(notebook: dict[str, Any]) -> None:
    evil = "<script>document.title = 'owned'</script><img src=x onerror=\"document.title='owned'\">"
    notebook["cells"].insert(0, {"cell_type": "markdown", "id": "md", "metadata": {}, "source": evil})
    raw = {"cell_type": "raw", "id": "raw", "metadata": {"raw_mimetype": "text/html"}, "source": evil}
    notebook["cells"].insert(0, raw)


def _slow_text(notebook: dict[str, Any]) -> None:
    """Formulas and pictures that never end: nbconvert looks for the end of each to the end of the cell."""
    for name, text in (("formulas", "\\begin{a}" * 40_000), ("pictures", "![](attachment:" * 40_000)):
        notebook["cells"].append({"cell_type": "markdown", "id": name, "metadata": {}, "source": text})


def _skipped(notebook: dict[str, Any]) -> None:
    for one in notebook["cells"]:
        one["metadata"].setdefault("tags", []).extend(["skip-execution", "changes-inputs", "raises-exception"])


def _surrogates(notebook: dict[str, Any]) -> None:
    notebook["cells"].insert(0, code("word = '\ud800'\nraise ValueError(word)", id="lone"))
    notebook["cells"].insert(
        0, {"cell_type": "markdown", "id": "lone2", "metadata": {}, "source": "\udfff \x00 \u202e"}
    )


attack("copied-test-cells", "puts a copy of a test cell that always holds before the real one", WRONG, change=_copied)
attack("pasted-answer-cell", "is honest: its answer cell stands there twice, metadata and all", None, change=_pasted,
       expects=FULL)  # fmt: skip
attack(
    "deleted-test-cells", "deletes the test cells, hoping that what is not there does not fail", WRONG, change=_deleted
)
attack("edited-test-cells", "rewrites the test cells, checksums too", WRONG, change=tests_become("2.0"))
attack("test-cells-as-text", "turns the test cells into text", WRONG,
       change=lambda notebook: [cell(notebook, name).update(cell_type="raw") for name in ("add-value", "add-partial")])  # fmt: skip
attack("toggled-flags", "says that its test cells are answers and its answers are tests", WRONG,
       change=every_tag(grade=False, solution=True, locked=False, task=False))  # fmt: skip
attack(
    "marked-by-hand",
    "says that its test cells wait for a mark by hand",
    WRONG,
    change=every_tag(grade=True, solution=True),
)
attack("points-500", "says that its tests are worth 500 points each", WRONG, change=_points)
attack(
    "stripped-metadata", "is honest: all metadata and ids are lost, as on Colab", None, change=_stripped, expects=FULL
)
attack("answer-is-test", "labels its answer cell as the test", WRONG, change=_answer_is_test)
attack("swapped-names", "lets two cells change names", WRONG, change=_swapped, expects=WITHOUT_ADD)
attack("reversed-cells", "turns the order of the cells round", WRONG, change=_reversed)
attack("hidden-markers", "writes the markers of hidden tests and solutions into its own cell", change=_markers,
       expects=WITHOUT_ADD)  # fmt: skip
attack(
    "skipped-cells",
    "tags every cell with what leaves it out of grading or lets it change inputs",
    WRONG,
    change=_skipped,
)
attack("odd-types", "has metadata of types that nobody expects", WRONG, change=_odd_types)
attack("other-kernel", "names another kernel and another language", WRONG, change=_kernel)
attack("script-in-markdown", "puts scripts into text cells, which run when the feedback is read", WRONG,
       change=_markdown_script, absent=("<script>document.title", "<img src=x onerror"))  # fmt: skip
attack("old-format", "is honest: a notebook of format 3, which stops stock nbgrader for everybody", None, change=_old,
       expects=FULL)  # fmt: skip
attack("old-schema", "is honest: its cells' metadata are of nbgrader's first kind", None, change=every_tag(schema_version=1),
       expects=FULL)  # fmt: skip
attack("future-schema", "says that its cells' metadata are of a kind that does not exist yet", WRONG,
       change=every_tag(schema_version=99))  # fmt: skip
attack("future-format", "says that it is of a format that does not exist yet", WRONG,
       change=lambda notebook: notebook.update(nbformat=99), expects=ZERO)  # fmt: skip
attack("lone-surrogates", "holds characters that cannot be written as UTF-8", WRONG, change=_surrogates)
attack("many-cells", "holds nine hundred cells that all look alike", WRONG, change=crowd(900))
attack(
    "too-many-cells",
    "holds fifty thousand cells",
    WRONG,
    change=crowd(50_000),
    expects=ZERO,
    stock="not run: it runs for hours",
)
attack("one-long-cell", "holds one cell of forty thousand lines in the answer's place", WRONG, change=_long_cell)
attack("invalid-json", "is no JSON", content=b'{"cells": [', expects=ZERO)
attack("deep-json", "nests lists a hundred thousand deep", content=b"[" * 100_000 + b"]" * 100_000, expects=ZERO)
attack(
    "huge-integer-json",
    "holds a number of a million digits",
    content=b'{"nbformat": ' + b"9" * 1_000_000 + b"}",
    expects=ZERO,
)
attack("no-text", "is a picture", content=b"\x89PNG\r\n\x1a\n" + bytes(5000), expects=ZERO)
attack("empty-file", "is empty", content=b"", expects=ZERO)
attack("too-large", "is a hundred megabytes of valid JSON", content=json.dumps({
    "nbformat": 4, "nbformat_minor": 5, "metadata": {}, "cells": []}).encode() + b" " * 100_000_000, expects=ZERO)  # fmt: skip
attack("repeated-keys", "gives cells twice in one object", expects=ZERO,
       content=b'{"nbformat": 4, "nbformat_minor": 5, "metadata": {}, "cells": [1], "cells": []}')  # fmt: skip
attack("slow-to-render", "holds text that takes hours to be made into a page of feedback", WRONG, change=_slow_text)
attack("slow-to-highlight", "holds code that takes hours to be coloured", WRONG + "\n\nx = " + "a." * 200_000 + "a")
attack("deep-syntax", "holds code that no parser can take, in three ways",
       change=lambda notebook: notebook["cells"].extend(code(source, id=f"deep{len(source)}") for source in (
           "-" * 10**5 + "1", "a" + ".b" * 10**5, "(" * 10**4, "x = 'a\x00b'")), answer=WRONG)  # fmt: skip
attack("feedback-shows-tests", "hands in nothing but the release, to read the hidden tests in the feedback",
       change=lambda notebook: None, answer="raise NotImplementedError")  # fmt: skip
