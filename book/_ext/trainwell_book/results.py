"""Measured numbers in prose: `{{ dropout_noisy.gain }}` reads book/experiments/*.json."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from sphinx.application import Sphinx
from sphinx.config import Config
from sphinx.errors import ConfigError


def spell(value: Any) -> Any:
    """A number as prose writes it; text as it is."""
    if isinstance(value, dict):
        return {key: spell(inner) for key, inner in value.items()}
    if isinstance(value, list):  # an interval
        return " to ".join(spell(end) for end in value)
    if isinstance(value, float):
        return f"{value:,.0f}" if abs(value) >= 1000 else f"{value:.3g}"
    return f"{value:,}" if isinstance(value, int) else value


def load(folder: Path) -> dict[str, dict[str, Any]]:
    """The numbers of every claim, by the claim's name."""
    numbers: dict[str, dict[str, Any]] = {}
    for path in sorted(folder.glob("*.json")):
        for claim, record in json.loads(path.read_text())["claims"].items():
            if claim in numbers:
                raise ConfigError(f"{path.name}: another result file also has a claim named {claim!r}")
            numbers[claim] = spell(record["numbers"])
    return numbers


def configure(app: Sphinx, config: Config) -> None:
    # Substitutions belong to the environment: when a number changes, Sphinx reads the pages again.
    config.myst_substitutions = {**config.myst_substitutions, **load(Path(app.srcdir) / "experiments")}


def setup(app: Sphinx) -> None:
    app.connect("config-inited", configure)
