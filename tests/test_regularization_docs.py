"""Every public name is shown, explained and has an example that runs."""

from __future__ import annotations

import doctest
import importlib
import inspect
import pkgutil
import sys

import pytest
import torch

from trainwell import regularization

FILES = [file.name for file in pkgutil.iter_modules(regularization.__path__)]
MODULES = [importlib.import_module(f"{regularization.__name__}.{name}") for name in FILES]
every_name = pytest.mark.parametrize("name", regularization.__all__)
SECTIONS = ["Args:", "Attributes:", "Returns:", "Raises:", "Example:", "Reference:", "Note:"]


def documentation(name: str) -> str:
    return inspect.getdoc(getattr(regularization, name)) or ""


def test_the_package_shows_all_that_its_files_hold():
    held = {
        name
        for module in MODULES
        for name, thing in vars(module).items()
        if (inspect.isfunction(thing) or inspect.isclass(thing)) and thing.__module__ == module.__name__
    }
    public = {name for name in held if not name.startswith("_")} - {"WeightAverage"}  # the base of three averages
    assert public == set(regularization.__all__)


@every_name
def test_the_example_runs(name):
    names = vars(sys.modules[getattr(regularization, name).__module__]) | {"torch": torch}
    example = doctest.DocTestParser().get_doctest(documentation(name), names, name, None, None)
    assert example.examples, "an example is missing"
    torch.manual_seed(0)
    report: list[str] = []
    doctest.DocTestRunner(optionflags=doctest.NORMALIZE_WHITESPACE).run(example, out=report.append)
    assert not report, "".join(report)


@every_name
def test_the_sections_come_in_order(name):
    lines = documentation(name).splitlines()
    found = [line for line in lines if line in SECTIONS]
    assert found == sorted(found, key=SECTIONS.index)
    assert {"Args:", "Example:"} <= set(found)
    assert "Reference:" in found or ":func:`" in lines[0], "a paper, or the function that names it"
    returned = inspect.signature(getattr(regularization, name)).return_annotation
    assert ("Returns:" in found) == (returned not in ("None", "Iterator[None]", inspect.Signature.empty))


@every_name
def test_every_argument_is_explained(name):
    thing = getattr(regularization, name)
    text = documentation(name)
    for argument in inspect.signature(thing).parameters:
        assert f"    {argument}: " in text, f"{argument} is not explained"


@every_name
def test_errors_are_announced(name):
    source = inspect.getsource(inspect.unwrap(getattr(regularization, name)))
    checks = "check_" in source.split('"""')[-1] and not inspect.isclass(getattr(regularization, name))
    assert not checks or "Raises:" in documentation(name)
