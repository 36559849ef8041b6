"""The package itself: its topics are there without an import of their own, and are loaded when they are asked for."""

from __future__ import annotations

import subprocess
import sys

import pytest

import trainwell


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


@pytest.mark.parametrize("name", ["optimisers", "_missing"])
def test_what_is_not_there_is_an_error(name):
    with pytest.raises(AttributeError, match=f"module 'trainwell' has no attribute '{name}'"):
        getattr(trainwell, name)
    assert python("import trainwell; print(hasattr(trainwell, '_arguments'))") == "False"
