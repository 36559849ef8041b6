"""Which lines of a test cell a student may see: all but those between nbgrader's delimiters for hidden tests."""

from __future__ import annotations


def hidden_lines(source: str, delimiters: tuple[str, str]) -> frozenset[int]:
    """The numbers, from 1, of the hidden lines, delimiters included; without an end all up to the last."""
    begin, end = delimiters
    found, hidden = set(), False
    for number, line in enumerate(source.splitlines(), start=1):
        hidden = hidden or begin in line
        if hidden:
            found.add(number)
        if end in line:
            hidden = False
    return frozenset(found)


def visible_source(source: str, delimiters: tuple[str, str]) -> str:
    """The source without its hidden lines, as nbgrader's ClearHiddenTests leaves it."""
    hidden = hidden_lines(source, delimiters)
    lines = source.splitlines()
    return "\n".join(line for number, line in enumerate(lines, start=1) if number not in hidden)


def visible_number(line: int, hidden: frozenset[int]) -> int:
    """The number that a visible line has in the visible source."""
    return line - sum(number < line for number in hidden)
