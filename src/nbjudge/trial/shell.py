"""The shell in which a contestant runs a student's cells: IPython in this process, its outputs collected.

Made once, in the zygote, because that takes a fifth of a second; `attach` makes it this process's after the fork.
"""

from __future__ import annotations

import builtins
import getpass
import inspect
import os
import re
import shutil
import subprocess
import sys
import tempfile
import traceback
from collections.abc import Iterator
from types import TracebackType
from typing import Any, NoReturn

from IPython.core.compilerop import CachingCompiler
from IPython.core.displayhook import DisplayHook
from IPython.core.displaypub import DisplayPublisher
from IPython.core.error import StdinNotImplementedError
from IPython.core.inputtransformer2 import TransformerManager
from IPython.core.interactiveshell import InteractiveShell
from traitlets import Instance, Type
from traitlets.config import Config

from nbjudge.trial.outputs import Output, Outputs, Stream
from nbjudge.wire.seeds import seed

FIGURES = "module://matplotlib_inline.backend_inline"
PLAIN = 0  # the number of a cell that is not the notebook's: it leaves no trace in the history
RARELY = (20_000, 20, 50)  # objects until the collector looks: a tenth of a short trial went into it
ESCAPE = re.compile(r"[%?]|!(?!=)|^\s*[,;/]")  # signs of magics, of help, of commands, and of calls without brackets
FRAMES = 20  # of a student's traceback


class Publisher(DisplayPublisher):
    """What `display` and figures call."""

    shell: Shell

    def publish(self, data: Any, metadata: Any = None, source: Any = None, **more: Any) -> None:
        display_id = (more.get("transient") or {}).get("display_id")
        self.shell.outputs.display(data, display_id, bool(more.get("update")))

    def clear_output(self, wait: bool = False) -> None:
        self.shell.outputs.clear(wait)


class Hook(DisplayHook):
    """What shows the value of a cell's last line."""

    shell: Shell

    def write_output_prompt(self) -> None:
        pass

    def write_format_data(self, format_dict: Any, md_dict: Any = None) -> None:
        self.shell.outputs.result(format_dict, self.prompt_count)

    def finish_displayhook(self) -> None:
        self._is_active = False


class Compiler(CachingCompiler):
    """Says which module a cell belongs to: a traceback would look for it among all that are imported."""

    def cache(self, *arguments: Any, **named: Any) -> str:
        name = str(super().cache(*arguments, **named))
        for file in (name, os.path.abspath(name)):
            inspect.modulesbyfile[file] = "__main__"
        return name


class Transformer(TransformerManager):
    """Looks for magics only where one of their signs stands: to look takes a third of a short cell's time."""

    def do_token_transforms(self, lines: list[str]) -> list[str]:
        found: list[str] = super().do_token_transforms(lines) if any(map(ESCAPE.search, lines)) else lines
        return found


class Shell(InteractiveShell):
    """IPython without a terminal, a history file, threads or anybody to ask."""

    compiler_class = Type(Compiler)
    display_pub_class = Type(Publisher)
    displayhook_class = Type(Hook)
    input_transformer_manager = Instance(Transformer, ())

    @classmethod
    def made(cls) -> Shell:
        """This process's shell; the first call makes it."""
        if cls.initialized():
            return cls.instance()
        _draw_inline()
        config = Config()
        config.HistoryManager.enabled = False
        config.InteractiveShell.colors = "nocolor"
        folder = tempfile.mkdtemp()  # where IPython would look for an instructor's own settings
        try:
            shell = cls.instance(config=config, ipython_dir=folder)
        finally:
            shutil.rmtree(folder, ignore_errors=True)
        shell.outputs = Outputs(1_000_000)
        shell.namespace = shell.user_ns
        return shell

    namespace: dict[str, Any]  # the student's global names

    def attach(self, limit: int) -> None:
        """Make this process's prints, figures and questions the shell's; at most `limit` characters are kept."""
        self.outputs = Outputs(limit)
        sys.stdout, sys.stderr = Stream("stdout", lambda: self.outputs), Stream("stderr", lambda: self.outputs)
        sys.path.insert(0, "")  # the working directory: files that came with the lab
        builtins.input = getpass.getpass = refuse_input
        os.environ.update(PIP_RETRIES="0", PIP_NO_INPUT="1", PIP_DISABLE_PIP_VERSION_CHECK="1")
        seed(0)

    def run(self, source: str, number: int) -> dict[str, Any]:
        """Run one cell as the notebook's `number`-th: its outputs, and whether it ended well."""
        if number == PLAIN:
            exec(source, {})
            return {"outputs": [], "ok": True}
        self.execution_count = number
        result = self.run_cell(source, store_history=True)
        return {"outputs": self.take(), "ok": bool(result.success)}

    def should_run_async(self, raw_cell: str, **more: Any) -> bool:
        """Whether it awaits something, which IPython finds out by compiling it once more."""
        return ("await" in raw_cell or "async" in raw_cell) and bool(super().should_run_async(raw_cell, **more))

    def take(self) -> list[Output]:
        """What was printed and displayed since it was last asked."""
        return self.outputs.take()

    def render(self, error: BaseException) -> list[str]:
        """The student's own frames on an error's way."""
        return list(self._frames(error.__traceback__))

    def _frames(self, tb: TracebackType | None) -> Iterator[str]:
        cells = [(frame, line) for frame, line in traceback.walk_tb(tb) if _is_cell(frame.f_code.co_filename)]
        for frame in traceback.StackSummary.extract(cells[-FRAMES:]):
            yield f"in {frame.name}, line {frame.lineno}:  {frame.line}"

    def system(self, cmd: str) -> None:
        """`!command` and `%pip`: what it prints is collected as it comes; nobody answers its questions."""
        command = self.var_expand(cmd, depth=1)
        with subprocess.Popen(
            command,
            shell=True,
            text=True,
            errors="replace",
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
        ) as process:
            for line in process.stdout or ():
                print(line, end="")
        self.user_ns["_exit_code"] = process.returncode

    system_piped = system_raw = system

    def _showtraceback(self, etype: type[BaseException], evalue: BaseException, stb: Any) -> None:
        self.outputs.error(etype.__name__, safe_text(evalue), [str(line) for line in stb])

    def _format_exception_for_storage(self, *args: Any, **kwargs: Any) -> dict[str, Any]:
        return {}  # IPython's history would render each traceback a second time

    def show_usage_error(self, exc: BaseException) -> None:
        self.outputs.error("UsageError", safe_text(exc), [f"UsageError: {safe_text(exc)}"])

    def ask_exit(self) -> None:
        """`exit()` ends nothing: the judge decides when there are no more cells."""

    def enable_gui(self, gui: str | None = None) -> None:
        """There is no screen; figures are drawn into the notebook."""


def refuse_input(prompt: object = "", *args: object, **kwargs: object) -> NoReturn:
    """Stands for `input` and `getpass`."""
    raise StdinNotImplementedError(f"nobody can answer input({str(prompt)!r}) while the notebook is graded")


def safe_text(error: BaseException) -> str:
    """The error's message, also where its `__str__` fails or is very long."""
    try:
        return str(error)[:20_000]
    except Exception:
        return f"<{type(error).__name__} without a readable message>"


def _is_cell(filename: str) -> bool:
    return "ipykernel_" in filename or filename.startswith("<ipython-input")


def _draw_inline() -> None:
    os.environ["MPLBACKEND"] = FIGURES
    if matplotlib := sys.modules.get("matplotlib"):
        matplotlib.rcParams["backend"] = FIGURES
