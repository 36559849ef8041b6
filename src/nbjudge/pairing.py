"""Which cell of a submission is which cell of the release, when ids and order cannot be relied on.

The surest sign first: grade id, cell id, the names a cell defines, likeness, and at last the place between two cells
that are sure. No sign is taken from what the submission says about flags or points.
"""

from __future__ import annotations

from bisect import bisect_left
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from functools import cached_property

from nbformat import NotebookNode

from nbjudge.likeness import UNWRITTEN, defined, flat, likeness, visible, words

ALIKE = 0.6  # the same cell, edited; a human is asked to look
COPY = 0.95  # a given cell, copied


@dataclass(frozen=True)
class Part:
    """A cell and what can be told from it. `tag` is nbgrader's grade id, `ids` are the other ids it goes by, `flat` is
    its text without line ends and indentation."""

    position: int
    cell: NotebookNode
    text: str
    flat: str
    tag: str
    ids: frozenset[str]
    names: frozenset[str]

    @classmethod
    def of(cls, position: int, cell: NotebookNode, text: str) -> Part:
        ids = [cell.get("id"), cell.metadata.get("id")]  # Colab keeps its ids in the metadata
        names = defined(text) if cell.cell_type == "code" else frozenset()
        named = frozenset(name for name in ids if isinstance(name, str) and name)
        return cls(position, cell, text, flat(text), tag(cell).get("grade_id", ""), named, names)

    @cached_property
    def words(self) -> frozenset[str]:
        return words(self.text)

    def like(self, other: Part, least: float) -> bool:
        """The texts are alike at least so much."""
        return self.flat == other.flat or likeness(self.words, other.words) >= least

    @property
    def answer(self) -> bool:
        """The student's to write."""
        return bool(tag(self.cell).get("solution"))

    @property
    def given(self) -> bool:
        """The instructor's: a test, a locked cell, the text of a task."""
        return bool(self.tag) and not self.answer


def tag(cell: NotebookNode) -> dict[str, str]:
    """nbgrader's own metadata, as far as they have the right types."""
    entry = cell.metadata.get("nbgrader")
    found = entry if isinstance(entry, dict) else {}
    return found if isinstance(found.get("grade_id"), str) else {}


def parts(notebook: NotebookNode, *, source: bool) -> list[Part]:
    """The cells in order; those of a source without what a release does not show."""
    texts = (visible(cell.source) if source else cell.source for cell in notebook.cells)
    return [Part.of(position, *pair) for position, pair in enumerate(zip(notebook.cells, texts, strict=True))]


@dataclass
class Pairs:
    """Who is who, both as positions: `found[ours] = theirs`, and by which sign."""

    ours: list[Part]
    theirs: list[Part]
    found: dict[int, int] = field(default_factory=dict)
    signs: dict[int, str] = field(default_factory=dict)
    rivals: dict[int, list[int]] = field(default_factory=dict)  # others that had the same sign
    copies: dict[int, int] = field(default_factory=dict)  # theirs that repeat a given cell of ours

    def open(self) -> tuple[list[Part], list[Part]]:
        taken = {*self.found.values(), *self.copies}
        return (
            [part for part in self.ours if part.position not in self.found],
            [part for part in self.theirs if part.position not in taken],
        )

    def take(self, one: Part, other: Part, sign: str, rivals: Iterable[Part] = ()) -> None:
        self.found[one.position], self.signs[one.position] = other.position, sign
        self.rivals[one.position] = [rival.position for rival in rivals if rival is not other]


def pair(ours: list[Part], theirs: list[Part]) -> Pairs:
    """The given cells first: they are landmarks for the answers, and copies of them are out of the way."""
    pairs = Pairs(ours, theirs)
    _by(pairs, True, "grade id", _same_tag)
    _by(pairs, True, "cell id", _same_id)
    _by(pairs, True, "text", lambda one, other: one.flat == other.flat)
    _set_copies_aside(pairs)
    _by(pairs, False, "grade id", _same_tag)
    _by(pairs, False, "cell id", _same_id)
    _by(pairs, False, "names", lambda one, other: one.answer and bool(one.names & other.names))
    _by_likeness(pairs)
    _by_place(pairs)
    _set_copies_aside(pairs)
    return pairs


def _same_tag(one: Part, other: Part) -> bool:
    return bool(one.tag) and one.tag == other.tag


def _same_id(one: Part, other: Part) -> bool:
    """An id alone can be chance: converters count cells."""
    if not one.ids & other.ids:
        return False
    if one.names:
        return bool(one.names & other.names) or UNWRITTEN.search(other.text) is not None
    return one.answer or one.like(other, ALIKE)


def _set_copies_aside(pairs: Pairs) -> None:
    given = [one for one in pairs.ours if one.given]
    for other in pairs.open()[1]:
        for one in given:
            if one.like(other, ALIKE if one.tag == other.tag else COPY):
                pairs.copies[other.position] = one.position
                break


def in_order(pairs: Pairs) -> set[int]:
    """Our cells whose partners stand in our order: the longest such sequence; the others were moved."""
    chain: list[int] = []  # the last cell of the best sequence of each length
    before: dict[int, int | None] = {}
    for one in sorted(position for position in pairs.found if pairs.ours[position].tag):
        at = bisect_left(chain, pairs.found[one], key=pairs.found.__getitem__)
        before[one] = chain[at - 1] if at else None
        chain[at:] = [one, *chain[at + 1 :]]
    kept, last = set(), chain[-1] if chain else None
    while last is not None:
        kept.add(last)
        last = before[last]
    return kept


def _by(pairs: Pairs, given: bool, sign: str, fits: Callable[[Part, Part], bool]) -> None:
    ours, theirs = pairs.open()
    for one in (one for one in ours if one.given == given):
        rivals = [other for other in theirs if fits(one, other)]
        if rivals:
            chosen = max(rivals, key=lambda other: _worth(pairs, one, other)) if rivals[1:] else rivals[0]
            pairs.take(one, chosen, sign, rivals)
            theirs.remove(chosen)


def _worth(pairs: Pairs, one: Part, other: Part) -> tuple[float, bool, bool, int]:
    """Of several copies: one that still is what it should be and was written in, in its place, the last of them."""
    alike = likeness(one.words, other.words) if one.given else float(not one.names or bool(one.names & other.names))
    return alike, _written(one, other), _in_place(pairs, one, other), other.position


def _written(one: Part, other: Part) -> bool:
    return not UNWRITTEN.search(other.text) and one.flat != other.flat


def _in_place(pairs: Pairs, one: Part, other: Part) -> bool:
    """It stands above the next given cell of the release."""
    below = (part.position for part in pairs.ours[one.position + 1 :] if part.given and part.position in pairs.found)
    return other.position < pairs.found.get(next(below, -1), len(pairs.theirs))


def _by_likeness(pairs: Pairs) -> None:
    """The most alike first."""
    ours, theirs = pairs.open()
    found = [
        (likeness(one.words, other.words), -one.position, -other.position)
        for one in ours
        for other in theirs
        if one.cell.cell_type == other.cell.cell_type and not other.names - one.names
    ]
    for _, one_at, other_at in sorted((entry for entry in found if entry[0] >= ALIKE), reverse=True):
        one, other = pairs.ours[-one_at], pairs.theirs[-other_at]
        if one.position not in pairs.found and other.position not in pairs.found.values():
            pairs.take(one, other, "likeness")


def _by_place(pairs: Pairs) -> None:
    """An answer that shares no word with the release, alone between its neighbours."""
    for one in pairs.open()[0]:
        if one.answer and pairs.found:
            between = _between(pairs, one)
            if len(between) == 1:
                pairs.take(one, between[0], "place")


def _between(pairs: Pairs, one: Part) -> list[Part]:
    above = [pairs.found[at] for at in range(one.position) if at in pairs.found]
    below = [pairs.found[at] for at in range(one.position + 1, len(pairs.ours)) if at in pairs.found]
    low, high = above[-1] if above else -1, below[0] if below else len(pairs.theirs)
    return [
        other for other in pairs.open()[1] if low < other.position < high and other.cell.cell_type == one.cell.cell_type
    ]
