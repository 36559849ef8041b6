"""The reference library of *Training Deep Networks Well*: one module a topic."""

from __future__ import annotations

from importlib import import_module
from types import ModuleType

__version__ = "0.1.0"


def __dir__() -> list[str]:
    """The topics, and what is here anyway."""
    from pkgutil import iter_modules  # takes longer than all the rest of this file

    return sorted({*globals(), *(module.name for module in iter_modules(__path__) if module.name[0] != "_")})


def __getattr__(name: str) -> ModuleType:
    """Imports a topic when it is first asked for, as ``trainwell.optimizers``: all of them at once would take long."""
    if name not in __dir__():
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    return import_module(f"{__name__}.{name}")
