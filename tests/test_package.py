"""The package itself: its topics are there without an import of their own, and are loaded when they are asked for."""

from __future__ import annotations

import pkgutil
import runpy
import subprocess
import sys
from types import SimpleNamespace
from typing import Any

import pytest

import trainwell
from trainwell import _shapes, _torchvision


def python(code: str) -> str:
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    return done.stdout.strip()


def test_a_topic_is_imported_when_it_is_asked_for():
    assert python("import trainwell; print(trainwell.schedules.cosine(10)(0))") == "1.0"


def test_no_topic_is_imported_before():
    loaded = "print(sorted(name for name in sys.modules if name.startswith(('trainwell.', 'torch.', 'pkgutil'))))"
    assert python(f"import sys, trainwell; {loaded}") == "[]"


def test_the_topics_are_listed():
    assert {"__version__", "optimizers", "training"} <= set(dir(trainwell))
    assert python("import trainwell; print('_arguments' in dir(trainwell))") == "False"


def test_what_is_private_is_not_listed(monkeypatch):
    monkeypatch.setattr(pkgutil, "iter_modules", lambda _: [SimpleNamespace(name=n) for n in ("_own", "shown")])
    assert "shown" in dir(trainwell)
    assert "_own" not in dir(trainwell)


@pytest.mark.parametrize("name", ["optimisers", "_missing"])
def test_what_is_not_there_is_an_error(name):
    with pytest.raises(AttributeError, match=f"module 'trainwell' has no attribute '{name}'"):
        getattr(trainwell, name)


def test_what_is_private_is_not_imported_by_asking():
    assert python("import trainwell; print(hasattr(trainwell, '_arguments'))") == "False"


def test_shapes_are_words_where_nothing_checks_them(monkeypatch):
    monkeypatch.setitem(sys.modules, "jaxtyping", None)
    names = runpy.run_path(_shapes.__file__)
    assert [names[kind] for kind in names["__all__"]] == [Any] * 4


def test_nothing_is_declared_twice():
    _torchvision.declare_missing_operators()
    assert _torchvision.declare_missing_operators() is False
