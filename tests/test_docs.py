"""Every public name of the library is shown, explained and has an example that runs."""

from __future__ import annotations

import doctest
import importlib
import inspect
import pkgutil
from types import ModuleType

import numpy as np
import pytest
import torch

import trainwell

OWN = {"checks", "plots", "widgets", "data", "training", "scores"}  # the course's tools: shown, with freer docstrings
BASES = {"WeightAverage"}  # what several classes share and nobody uses by itself
SECTIONS = ["Args:", "Attributes:", "Returns:", "Raises:", "Example:", "Reference:", "Note:"]


def modules() -> list[ModuleType]:
    names = [module.name for module in pkgutil.iter_modules(trainwell.__path__) if not module.name.startswith("_")]
    return [importlib.import_module(f"trainwell.{name}") for name in names]


def files(module: ModuleType) -> list[ModuleType]:
    if not hasattr(module, "__path__"):
        return [module]
    names = [file.name for file in pkgutil.iter_modules(module.__path__) if not file.name.startswith("_")]
    return [importlib.import_module(f"{module.__name__}.{name}") for name in names]


def defined(file: ModuleType) -> set[str]:
    """The functions and classes that a file defines, a leading underscore making them private."""
    things = ((name, thing) for name, thing in vars(file).items() if not name.startswith("_"))
    return {name for name, thing in things if callable(thing) and getattr(thing, "__module__", "") == file.__name__}


TECHNIQUES = [module for module in modules() if module.__name__.rpartition(".")[2] not in OWN]
NAMES = [(m, name) for m in TECHNIQUES for name in m.__all__ if callable(getattr(m, name))]


def each(names: list[tuple[ModuleType, str]]) -> pytest.MarkDecorator:
    return pytest.mark.parametrize(("module", "name"), [pytest.param(m, n, id=f"{m.__name__}.{n}") for m, n in names])


every_name = each(NAMES)
every_function = each([(m, name) for m, name in NAMES if not inspect.isclass(getattr(m, name))])


@pytest.mark.parametrize("module", TECHNIQUES, ids=lambda module: module.__name__)
def test_the_topic_shows_all_that_its_files_hold(module):
    held = set().union(*map(defined, files(module)))
    assert held - BASES <= set(module.__all__)
    assert all(hasattr(module, name) for name in module.__all__)


@every_name
def test_the_example_runs(module, name):
    thing = getattr(module, name)
    names = vars(importlib.import_module(thing.__module__)) | {"torch": torch, "np": np, name: thing}
    example = doctest.DocTestParser().get_doctest(inspect.getdoc(thing) or "", names, name, None, None)
    assert example.examples, "an example is missing"
    torch.manual_seed(0)
    report: list[str] = []
    doctest.DocTestRunner(optionflags=doctest.NORMALIZE_WHITESPACE).run(example, out=report.append)
    assert not report, "".join(report)


@every_name
def test_the_sections_come_in_order(module, name):
    thing = getattr(module, name)
    lines = (inspect.getdoc(thing) or "").splitlines()
    found = [line for line in lines if line in SECTIONS]
    assert found == sorted(found, key=SECTIONS.index)
    assert "Example:" in found
    assert "Reference:" in found or ":func:`" in lines[0] or ":class:`" in lines[0], "a paper, or what names it"
    returned = inspect.signature(thing).return_annotation
    assert ("Returns:" in found) == (returned not in (None, "None", "Iterator[None]", inspect.Signature.empty))


@every_name
def test_every_argument_is_explained(module, name):
    thing = getattr(module, name)
    text = inspect.getdoc(thing) or ""
    for argument in inspect.signature(thing).parameters:
        assert f"    {argument}: " in text, f"{argument} is not explained"


@every_function  # a class may say it where it is called
def test_errors_are_announced(module, name):
    thing = getattr(module, name)
    source = inspect.getsource(inspect.unwrap(thing)).split('"""')[-1]
    raises = "check_" in source or "raise " in source
    assert not raises or "Raises:" in (inspect.getdoc(thing) or "")
