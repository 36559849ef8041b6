"""All families, imported so that the bank is full."""

from __future__ import annotations

from . import (
    answers,
    files,
    notebook,
    outputs,
    peeking,
    python,
    randomness,
    resources,
    torch_tricks,
    wire,
    wire_values,
)
from .attack import BANK

FAMILIES = (
    answers,
    files,
    notebook,
    outputs,
    peeking,
    python,
    randomness,
    resources,
    torch_tricks,
    wire,
    wire_values,
)
__all__ = ["BANK", "FAMILIES"]
