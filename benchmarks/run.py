"""Runs the benchmarks, prints a line each and writes `benchmarks/results.json`."""

from __future__ import annotations

import importlib
import json
import os
import platform
import sys
from collections.abc import Iterator
from pathlib import Path

import torch

from benchmarks.race import race

HERE = Path(__file__).parent
RESULTS = HERE / "results.json"
LINE = "{name:<52} {ours:>10} {peer:>10} {ratio:>6} {bar:>6}  {holds}"


def topics() -> list[str]:
    """The files that hold benchmarks."""
    return sorted(file.stem for file in HERE.glob("*.py") if "\ndef benchmarks(" in file.read_text())


def run(topic: str) -> Iterator[dict[str, object]]:
    for benchmark in importlib.import_module(f"benchmarks.{topic}").benchmarks():
        result = race(benchmark)
        print(line(result), flush=True)
        yield result


def line(result: dict[str, object]) -> str:
    has_peer = "peer" in result
    return LINE.format(
        name=result["name"],
        ours=seconds(result["ours"]),
        peer=seconds(result["peer"]) if has_peer else "-",
        ratio=f"{result['ratio']:.2f}" if has_peer else "-",
        bar=f"{result['bar']:.2f}" if has_peer else seconds(result["bar"]),
        holds="yes" if result["holds"] else "NO",
    )


def seconds(value: object) -> str:
    """A time in a unit that suits it."""
    assert isinstance(value, (int, float))
    for unit, name in ((1, "s"), (1e-3, "ms")):
        if value >= unit:
            return f"{value / unit:.3g} {name}"
    return f"{value / 1e-6:.3g} us"


def machine() -> dict[str, object]:
    """What a time depends on; nothing that names the machine."""
    return {
        "cores": os.cpu_count(),
        "threads": torch.get_num_threads(),
        "processor": platform.machine(),
        "python": platform.python_version(),
        "torch": torch.__version__,
    }


def main(chosen: list[str]) -> None:
    unknown = set(chosen) - set(topics())
    if unknown:
        sys.exit(f"no benchmarks for {', '.join(sorted(unknown))}; there are {', '.join(topics())}")
    print(LINE.format(name="name", ours="ours", peer="peer", ratio="ratio", bar="bar", holds="holds"))
    saved = json.loads(RESULTS.read_text()) if RESULTS.exists() else {}
    for topic in chosen or topics():
        saved[topic] = {"machine": machine(), "results": list(run(topic))}
        RESULTS.write_text(json.dumps(saved, indent=1, sort_keys=True) + "\n")


if __name__ == "__main__":
    main(sys.argv[1:])
