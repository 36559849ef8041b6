"""A race: ours and the peer in turn, in one process, so that both meet the same machine."""

from __future__ import annotations

import gc
import resource
from collections.abc import Callable
from dataclasses import dataclass
from statistics import median, quantiles

ROUND_SECONDS = 0.02


def cpu_seconds() -> float:
    """What this process and its finished children have spent; what else the machine does, does not count."""
    spent = [resource.getrusage(who) for who in (resource.RUSAGE_SELF, resource.RUSAGE_CHILDREN)]
    return sum(usage.ru_utime + usage.ru_stime for usage in spent)


@dataclass(frozen=True)
class Benchmark:
    """What is raced: the bar is a ratio of the times, or a time where there is no peer."""

    name: str
    ours: Callable[[], object]
    peer: Callable[[], object] | None
    bar: float
    rounds: int = 25
    calls: int | None = None  # a round; as many as fill ROUND_SECONDS where it is not given
    items: int = 1  # what a call does many of at once; the times are those of one
    clock: Callable[[], float] = cpu_seconds


def race(benchmark: Benchmark) -> dict[str, object]:
    """Times each side once a round, the first to start changing from round to round; returns medians."""
    sides = [side for side in (benchmark.ours, benchmark.peer) if side]
    calls = [_calls(side, benchmark) for side in sides]
    times: list[list[float]] = [[] for _ in sides]  # seconds an item
    gc.collect()
    gc.disable()
    for number in range(benchmark.rounds):
        for i in sorted(range(len(sides)), reverse=number % 2 == 1):
            times[i].append(_seconds(sides[i], calls[i], benchmark.clock) / benchmark.items)
    gc.enable()
    return _result(benchmark, times)


def _calls(side: Callable[[], object], benchmark: Benchmark) -> int:
    """How many calls fill a round; finding out warms the caches up."""
    if benchmark.calls:
        return benchmark.calls
    _seconds(side, 3, benchmark.clock)
    return max(1, round(ROUND_SECONDS / _seconds(side, 3, benchmark.clock)))


def _seconds(side: Callable[[], object], calls: int, clock: Callable[[], float]) -> float:
    """Seconds a call."""
    start = clock()
    for _ in range(calls):
        side()
    return (clock() - start) / calls


def _result(benchmark: Benchmark, times: list[list[float]]) -> dict[str, object]:
    ours = median(times[0])
    result: dict[str, object] = {"name": benchmark.name, "ours": ours, "bar": benchmark.bar, "rounds": benchmark.rounds}
    if benchmark.peer is None:
        return result | {"holds": ours <= benchmark.bar}
    ratios = [a / b for a, b in zip(*times, strict=True)]
    ratio = median(ratios)
    spread = quantiles(ratios, n=4)[::2] if len(ratios) > 1 else [ratio, ratio]
    return result | {"peer": median(times[1]), "ratio": ratio, "quartiles": spread, "holds": ratio <= benchmark.bar}
