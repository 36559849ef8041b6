"""What the tests of one kind are driven by: a registry a kind, an entry a component, abilities instead of names.

A test asks for what it needs (`parametrize(OPTIMIZERS, "closure")`), never for a component by its name.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any

import pytest


@dataclass(frozen=True)
class Entry:
    """One component: how it is made, what made it elsewhere, what it can do."""

    name: str
    factory: Callable[..., Any]
    arguments: Mapping[str, Any] = field(default_factory=dict)
    oracle: Callable[..., Any] | None = None  # makes the same thing, from a reference that nobody here wrote
    abilities: frozenset[str] = frozenset()

    def make(self, *inputs: Any, **more: Any) -> Any:
        return self.factory(*inputs, **{**self.arguments, **more})


def abilities(words: str) -> frozenset[str]:
    return frozenset(words.split())


def parametrize(entries: Iterable[Entry], having: str = "", lacking: str = "") -> pytest.MarkDecorator:
    """Run a test with every entry that has these abilities and lacks those."""
    wanted, unwanted = abilities(having), abilities(lacking)
    chosen = [entry for entry in entries if wanted <= entry.abilities and not unwanted & entry.abilities]
    assert chosen, f"no entry has {having!r} and lacks {lacking!r}: the test would never run"
    return pytest.mark.parametrize("entry", chosen, ids=[entry.name for entry in chosen])
