"""A student's cells put into the skeleton of the release.

Colab, copies and edits lose metadata, ids and order. Here every cell that carries marks or is locked comes from the
source, the student's answers stand where the release has them, and the student's own cells stay where they stood
relative to their neighbours. What a human should look at comes back as a list with both texts.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator
from copy import deepcopy
from itertools import chain, count
from typing import NamedTuple

from nbformat import NotebookNode

from nbjudge.pairing import ALIKE, Pairs, Part, in_order, pair, parts
from nbjudge.remarks import Remark
from nbjudge.trial.plan import LEFT_OUT

SHOWN = 4000  # characters of a text that are kept for the audit list
SURE = ("grade id", "cell id", "names", "text")


class Match(NamedTuple):
    """How one cell of the release was found, if there is something to say: both texts, for a human. The first is the
    release's; of a duplicate, the one that was marked."""

    cell: str
    how: str  # a key of HOW
    ours: str
    theirs: str


HOW = {
    "realigned": "It had lost its grade id; found by its id or by what it defines.",
    "likeness": "It was taken for this cell because it is alike.",
    "place": "It was taken for this cell because of where it stands.",
    "duplicate": "Several cells could be this answer. The last written one above the next given cell was marked, as in "
    "a notebook that runs from top to bottom; if none stands there, the last written one.",
    "moved": "It stood elsewhere; it was put back in its place.",
    "edited": "A given cell was edited; the original was used.",
    "gone": "The answer's cell is gone; an empty one stands for it.",
    "foreign": "No answer of this lab was found.",
}
DOUBTFUL = ("likeness", "place", "duplicate", "moved", "edited")


def align(submission: NotebookNode, source: NotebookNode) -> tuple[NotebookNode, list[Match]]:
    """The submission as it is to be graded, and what a human should know of how it was put together.

    Both are notebooks of format 4 as `reader.read` gives them. Nothing is raised, whatever the submission holds.
    """
    pairs = pair(parts(source, source=True), parts(submission, source=False))
    aligned = NotebookNode(nbformat=4, nbformat_minor=5, metadata=deepcopy(source.metadata), cells=list(_cells(pairs)))
    _name_all(aligned.cells)
    return aligned, list(_matches(pairs))


def remarks(matches: list[Match]) -> list[Remark]:
    """What goes into the verdict: one remark a kind, with the cells it is about."""
    kinds: dict[str, dict[str, None]] = defaultdict(dict)
    for match in matches:
        kinds[_kind(match.how)][match.cell] = None
    return [Remark(kind, ", ".join(cells)) for kind, cells in kinds.items()]


def _kind(how: str) -> str:
    return "doubtful" if how in DOUBTFUL else "restored" if how == "gone" else how


def _cells(pairs: Pairs) -> Iterator[NotebookNode]:
    """The tagged cells of the source in their order, each followed by the student's cells that stood below it."""
    below = _own(pairs)
    yield from (_copied(other, pairs) for other in below[-1])
    for one in pairs.ours:
        if one.tag:
            rivals, others = _overriding(one, below[one.position], pairs)
            yield from (_copied(other, pairs) for other in rivals)
            yield _slot(one, pairs)
            yield from (_copied(other, pairs) for other in others)


def _overriding(one: Part, below: list[Part], pairs: Pairs) -> tuple[list[Part], list[Part]]:
    """Copies of an answer that were not chosen, and the rest: run below the answer, they would take its place."""
    rivals = [
        other for other in below if other.position in pairs.rivals.get(one.position, ()) and one.names & other.names
    ]
    return rivals, [other for other in below if other not in rivals]


def _own(pairs: Pairs) -> dict[int, list[Part]]:
    """The cells of the submission that fill no slot, by the cell of ours that they stand below."""
    anchors = {pairs.found[one]: one for one in in_order(pairs)}
    filled = {pairs.found[one.position] for one in pairs.ours if one.tag and one.position in pairs.found}
    below: dict[int, list[Part]] = defaultdict(list)
    anchor = -1
    for other in pairs.theirs:
        anchor = anchors.get(other.position, anchor)
        if other.position not in filled and other.position not in pairs.copies:
            below[anchor].append(other)
    return below


def _slot(one: Part, pairs: Pairs) -> NotebookNode:
    """A tagged cell of ours, with the student's text if it is an answer."""
    cell = _cell(one.cell.cell_type, one.cell.get("id", one.tag), one.cell.source, one.cell.metadata)
    if one.answer:
        partner = pairs.found.get(one.position)
        cell.source = "" if partner is None else pairs.theirs[partner].text
        if partner is not None and cell.cell_type == "markdown" and "attachments" in pairs.theirs[partner].cell:
            cell.attachments = pairs.theirs[partner].cell.attachments  # pictures in a written answer
    return cell


def _copied(other: Part, pairs: Pairs) -> NotebookNode:
    """A cell without marks: its text, and that it is left out of grading if the source's cell is."""
    same = [one for one in pairs.ours if pairs.found.get(one.position) == other.position]
    left_out = any(
        LEFT_OUT in one.cell.metadata.get("tags", ()) and pairs.signs[one.position] != "place" for one in same
    )
    metadata = NotebookNode(tags=[LEFT_OUT]) if left_out else NotebookNode()
    return _cell(other.cell.cell_type, other.cell.get("id", ""), other.text, metadata)


def _cell(kind: str, name: str, text: str, metadata: NotebookNode) -> NotebookNode:
    code: dict[str, object] = {"outputs": [], "execution_count": None} if kind == "code" else {}
    return NotebookNode(cell_type=kind, id=name, metadata=deepcopy(metadata), source=text, **code)


def _name_all(cells: list[NotebookNode]) -> None:
    """The release's cells keep their ids, so the student's may need others."""
    taken = {cell.id for cell in cells if "nbgrader" in cell.metadata}
    for cell in cells:
        if "nbgrader" not in cell.metadata:
            name = cell.id[:56]
            cell.id = next(fresh for fresh in chain([cell.id], (f"{name}-{n}" for n in count())) if fresh not in taken)
            taken.add(cell.id)


def _matches(pairs: Pairs) -> Iterator[Match]:
    answers = [one for one in pairs.ours if one.answer]
    if answers and not any(one.position in pairs.found for one in answers):
        yield Match("", "foreign", "", "")
        return
    straight = in_order(pairs)
    for one in pairs.ours:
        if one.tag:
            for how, theirs in _findings(one, pairs, straight):
                first = pairs.theirs[pairs.found[one.position]].text if how == "duplicate" else one.text
                yield Match(one.tag, how, first[:SHOWN], theirs[:SHOWN])


def _findings(one: Part, pairs: Pairs, straight: set[int]) -> Iterator[tuple[str, str]]:
    if one.position not in pairs.found:
        if one.answer:
            yield "gone", ""
        return
    other = pairs.theirs[pairs.found[one.position]]
    if one.given:
        if not one.like(other, ALIKE):
            yield "edited", other.text
        return
    sign = pairs.signs[one.position]
    if sign != "grade id":
        yield ("realigned" if sign in SURE else sign), other.text
    if one.position not in straight:
        yield "moved", other.text
    for rival in pairs.rivals[one.position]:
        if rival not in pairs.found.values() and pairs.theirs[rival].text != other.text:
            yield "duplicate", pairs.theirs[rival].text
