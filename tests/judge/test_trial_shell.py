"""The contestant's shell, each test in a process of its own: all that honest notebooks do passes and is shown."""

from __future__ import annotations

import builtins
import importlib
import logging
import os
import signal
import sys
import threading
import traceback
import types
import warnings

import msgpack
import pytest

from nbjudge.trial.outputs import clean
from nbjudge.trial.shell import Shell


def in_child(work):
    """What `work` returns in a fork of this process."""
    reading, writing = os.pipe()
    if (pid := os.fork()) == 0:
        try:
            os.close(reading)
            importlib.reload(warnings)  # pytest keeps them to itself, and what is logged
            logging.root.handlers.clear()
            vars(builtins).pop("_", None)  # other tests leave a translation there
            for name in [name for name in sys.modules if name.split(".")[0] in ("matplotlib", "matplotlib_inline")]:
                del sys.modules[name]  # and figures of their own
            with os.fdopen(writing, "wb") as pipe:
                pipe.write(msgpack.packb(work()))
        except BaseException:
            os.write(2, traceback.format_exc().encode())
        finally:
            os._exit(0)
    os.close(writing)
    with os.fdopen(reading, "rb") as pipe:
        answer = pipe.read()
    os.waitpid(pid, 0)
    return msgpack.unpackb(answer)


def run(*cells, limit=100_000):
    """The answers to some cells, run one after the other."""

    def work():
        shell = Shell.made()
        shell.attach(limit)
        return [shell.run(source, number) for number, source in enumerate(cells, start=1)]

    return in_child(work)


def shown(*cells):
    """The last cell's outputs, cleaned as the judge does; it has to end well."""
    answer = run(*cells)[-1]
    assert answer["ok"], answer["outputs"]
    return clean(answer["outputs"], 100_000)


def printed(*cells):
    return "".join(output["text"] for output in shown(*cells))


@pytest.mark.parametrize(
    ("source", "text"),
    [
        ("print('hello')", "hello\n"),
        ("%%time\nprint('hello')", "hello\nCPU times"),
        ("!echo hello", "hello\n"),
        ("!exit 3\nprint(_exit_code)", "3\n"),
        ("words = !echo hello\nprint(words[0])", "hello\n"),
        ("%%bash\necho hello", "hello\n"),
        ("%pip --version", "pip "),
        ("import warnings\nwarnings.warn('careful')", "UserWarning: careful"),
        ("import sys\nprint('x', file=sys.stderr, flush=True)", "x\n"),
        ("from tqdm.auto import tqdm\nfor _ in tqdm(range(3)): pass", "3/3"),
        ("import asyncio\nawait asyncio.sleep(0)\nprint('awake')", "awake"),
        ("import logging\nlogging.warning('careful')", "careful"),
        ("print(7 % 4 != 3)\n!echo hello", "False\nhello\n"),
        ("def f(*x): print(x)\n/f 1 2\n,f a b\n;f a b", "(1, 2)\n('a', 'b')\n('a b',)\n"),
        ("async def f(): print('awaited')\nawait f()", "awaited"),
        ("exit()\nprint('still here')", "still here"),
        ("from threading import Thread\nt = Thread(target=print, args=['hi'])\nt.start()\nt.join()", "hi"),
    ],
)
def test_what_honest_cells_print(source, text):
    assert text in printed(source)


def test_figures_are_drawn_into_the_notebook():
    cells = ["import matplotlib.pyplot as plt", "plt.plot([1, 2])\nplt.show()", "%matplotlib inline\nplt.plot([1, 2]);"]
    for upto in (2, 3):
        (figure,) = shown(*cells[:upto])
        assert figure["data"]["image/png"].startswith("iVBOR")


def test_values_and_displays():
    (display, value) = shown("from IPython.display import HTML\ndisplay(HTML('<b>bold</b>'))\n[1, 2]")
    assert display["data"] == {"text/plain": "<IPython.core.display.HTML object>"}
    assert (value["data"], value["execution_count"]) == ({"text/plain": "[1, 2]"}, 1)
    assert shown("1;") == []


def test_names_magics_and_results_live_on():
    assert printed("x = 3", "%timeit -n1 -r1 x", "4", "print(x, Out[3], _)") == "3 4 4\n"


@pytest.mark.parametrize(
    ("source", "name", "message"),
    [
        ("1 / 0", "ZeroDivisionError", "division by zero"),
        ("def f(:", "SyntaxError", "invalid syntax"),
        ("if x:\nprint(1)", "IndentationError", "expected an indented block"),
        ("%nonsense", "UsageError", "nonsense"),
        ("import sys\nsys.exit(3)", "SystemExit", "3"),
        ("input('your name?')", "StdinNotImplementedError", "nobody can answer input('your name?')"),
        ("from getpass import getpass\ngetpass()", "StdinNotImplementedError", "nobody can answer"),
        ("raise KeyboardInterrupt", "KeyboardInterrupt", ""),
        ("class E(Exception):\n    def __str__(self): return 1 / 0\nraise E", "E", "without a readable message"),
    ],
)
def test_errors_are_shown_and_the_next_cell_runs(source, name, message):
    failed, after = run(source, "1 + 1")
    assert not failed["ok"]
    error = next(output for output in failed["outputs"] if output["output_type"] == "error")
    assert error["ename"] == name
    assert message in error["evalue"]
    assert after["ok"]


def test_an_error_may_say_how_it_is_shown():
    source = (
        "class Unwritten(Exception):\n    def _render_traceback_(self): return ['Not written yet.']\nraise Unwritten"
    )
    (error,) = run(source)[0]["outputs"]
    assert error["traceback"] == ["Not written yet."]


def test_rendering_shows_the_students_frames_only():
    def work():
        shell = Shell.made()
        shell.attach(1000)
        shell.run("import json\ndef f():\n    json.loads('{')", 4)
        try:
            shell.namespace["f"]()
        except ValueError as error:
            return shell.render(error)

    (line,) = in_child(work)
    assert "line 3" in line
    assert "json.loads('{')" in line


def test_a_cell_that_fails_is_not_looked_for_in_all_modules():
    """Looking touches each of thousands of modules, and a fork pays for each touch."""

    def work():
        class Watched(types.ModuleType):
            @property
            def __file__(self):
                looked.append(1)

        looked = []
        shell = Shell.made()
        shell.attach(1000)
        shell.run("1 / 0", 1)  # finds IPython's own modules
        sys.modules["watched"] = Watched("watched")
        answer = shell.run("def f():\n    1 / 0\nf()", 2)
        known = shell.run("import inspect\ninspect.getsource(f)", 3)
        return [looked, answer["outputs"][0]["ename"], known["ok"]]

    assert in_child(work) == [[], "ZeroDivisionError", True]


def test_no_file_and_no_thread_is_left_by_the_shell(tmp_path):
    def work():
        os.environ["HOME"] = str(tmp_path)
        shell = Shell.made()
        shell.attach(1000)
        shell.run("1", 1)
        return [threading.active_count(), os.listdir(tmp_path)]

    assert in_child(work) == [1, []]


def test_an_interrupt_ends_the_cell_and_not_the_shell():
    interrupt = f"import os, signal\nos.kill(os.getpid(), {int(signal.SIGINT)})\nwhile True: pass"
    failed, after = run(interrupt, "3")
    assert failed["outputs"][0]["ename"] == "KeyboardInterrupt"
    assert after["ok"]


def test_much_output_is_cut_early():
    (answer,) = run(
        "while True:\n    print('x' * 1000)\n    if not (count := globals().get('count', 0) + 1) % 999: break"
    )
    assert sum(len(output["text"]) for output in answer["outputs"]) < 101_000


def test_random_numbers_are_the_same_every_time():
    source = "import random\nimport numpy as np\nprint(random.random(), np.random.rand())"
    assert printed("import numpy", source) == printed("import numpy", source)
