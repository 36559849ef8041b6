"""A text as words and the gaps between them, and draws from a list."""

from __future__ import annotations

import re
from collections.abc import Collection, Mapping, Sequence
from typing import TypeVar

import torch
from torch import Generator

T = TypeVar("T")
Synonyms = Mapping[str, Sequence[str]]

WORD = re.compile(r"(\w+(?:['’-]\w+)*)")


def split(text: str) -> tuple[list[str], list[str]]:
    """The gaps and the words: one gap before each word, and one behind the last."""
    parts = WORD.split(text)
    return parts[::2], parts[1::2]


def join(gaps: list[str], words: list[str]) -> str:
    """The text again."""
    return "".join(part for pair in zip(gaps, words, strict=False) for part in pair) + gaps[-1]


def marks(gap: str) -> int:
    """How much punctuation there is in a gap."""
    return len(gap.strip())


def lookup(word: str, synonyms: Synonyms) -> Sequence[str]:
    """A word's synonyms, none where the table does not have it."""
    spellings = (word.lower(), word, word.capitalize(), word.upper())
    found = next((synonyms[key] for key in spellings if key in synonyms), ())
    if isinstance(found, str):
        raise ValueError(f"synonyms of {word.lower()!r} must be a list of words, got the string {found!r}")
    return found


def replaceable(words: Sequence[str], synonyms: Synonyms, stop_words: Collection[str]) -> list[int]:
    """The places of the words that have synonyms and are no stop words."""
    if isinstance(stop_words, str):  # its members would be letters
        raise ValueError(f"stop_words must be a collection of words, got the string {stop_words!r}")
    return [i for i, word in enumerate(words) if word.lower() not in stop_words and lookup(word, synonyms)]


def capitals_of(word: str, new: str) -> str:
    """The new word with capitals where the old one has them: none, the first letter, or all."""
    if len(word) > 1 and word.isupper():
        return new.upper()
    return new[:1].upper() + new[1:] if word[0].isupper() else new


def one_of(items: Sequence[T], generator: Generator | None) -> T:
    """An item, each alike."""
    return items[below(len(items), generator)]


def some_of(items: Sequence[T], n: int, generator: Generator | None) -> list[T]:
    """At most n different items in random order, each choice alike."""
    return [items[i] for i in torch.randperm(len(items), generator=generator)[:n].tolist()]


def below(n: int, generator: Generator | None) -> int:
    """A whole number from 0 to n - 1."""
    return int(torch.randint(n, (), generator=generator))
