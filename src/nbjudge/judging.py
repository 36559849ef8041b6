"""Where submissions are judged: in this process's own zygote, or in those of a cluster's workers."""

from __future__ import annotations

import atexit
import threading
from collections import OrderedDict
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import NamedTuple

from nbjudge.box.messages import Crashed
from nbjudge.box.zygote import SealError, Zygote
from nbjudge.limits import Limits
from nbjudge.settings import CourseError

KEPT = 3  # warm zygotes of a process that grades one lab after another


@dataclass(frozen=True)
class Setup:
    """What a zygote has to know; holds nothing of the lab's tests."""

    imports: tuple[str, ...]
    limits: Limits
    readable: tuple[Path, ...] = ()
    unsealed: bool = False


class Answer(NamedTuple):
    """A packed trial, and whether the student's code ran unsealed."""

    trial: bytes
    unsealed: bool


Judge = Callable[[bytes], Answer]  # of a packed job; raises Stopped or Crashed


def judge(setup: Setup, job: bytes) -> Answer:
    """Have it judged in this process's zygote for that set-up, which is started by the first call and kept."""
    zygote = ready(setup)
    return Answer(zygote.judge(job), zygote.unsealed)


def ready(setup: Setup) -> Zygote:
    """The zygote. Raises `CourseError` where the host can seal nothing or an import fails."""
    with _lock:
        if setup not in _zygotes:
            _zygotes[setup] = _started(setup)
        _zygotes.move_to_end(setup)
        while len(_zygotes) > KEPT:
            _zygotes.popitem(last=False)[1].close()
        return _zygotes[setup]


_zygotes: OrderedDict[Setup, Zygote] = OrderedDict()
_lock = threading.Lock()


def _started(setup: Setup) -> Zygote:
    try:
        return Zygote(setup.imports, setup.limits, setup.readable, setup.unsealed).__enter__()
    except SealError as error:
        raise CourseError(str(error)) from None
    except Crashed as error:
        advice = "c.NbJudge.imports in nbgrader_config.py says what is imported beforehand"
        raise CourseError(f"{error}; {advice}") from None


@atexit.register
def close() -> None:
    """End all zygotes and with them all judges; the next call of `judge` starts anew."""
    with _lock:
        while _zygotes:
            _zygotes.popitem()[1].close()
