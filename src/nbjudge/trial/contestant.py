"""The sealed process: a shell for the student's cells, and a wire on which the judge asks for what they define."""

from __future__ import annotations

import gc
import importlib
import socket
import sys

from nbjudge.trial.shell import RARELY, Shell
from nbjudge.wire import Channel, Contestant, warmup
from nbjudge.wire.peer import CARRIERS

LARGEST = 1_000_000  # characters of output that are kept for the judge, which has the last word


def warm() -> None:
    """In the zygote: what would take each judge and each contestant a tenth of a second or two."""
    for library in CARRIERS:
        if library in sys.modules:
            importlib.import_module("nbjudge.wire." + CARRIERS[library].split(".")[0])
    shell = Shell.made()
    for _ in range(warmup.ROUNDS):
        shell.run_cell("None")
    shell.displayhook.compute_format_data(None)
    try:
        raise ValueError
    except ValueError as error:
        shell.InteractiveTB.structured_traceback(type(error), error, error.__traceback__)
    warmup.warm()


def main(wire: socket.socket) -> None:
    """Serve the judge until it hangs up."""
    gc.set_threshold(*RARELY)
    shell = Shell.made()
    shell.attach(LARGEST)
    Contestant(Channel(wire), shell).serve()
