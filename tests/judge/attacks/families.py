"""All families, imported so that the bank is full."""

from __future__ import annotations

from . import files, notebook, outputs, peeking, python, randomness, resources, torch_tricks, wire
from .attack import BANK

__all__ = [
    "BANK",
    "files",
    "notebook",
    "outputs",
    "peeking",
    "python",
    "randomness",
    "resources",
    "torch_tricks",
    "wire",
]
