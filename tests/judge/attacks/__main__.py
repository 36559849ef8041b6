"""`python -m tests.judge.attacks`: the bank against the judge; `--stock`: against stock nbgrader."""

from __future__ import annotations

import argparse
import signal
import sys
import textwrap

from .attack import Attack
from .families import BANK


def main() -> int:
    signal.signal(signal.SIGTERM, lambda number, frame: sys.exit(128 + number))  # clears up on its way out
    try:
        return attack()
    except KeyboardInterrupt:
        return 128 + signal.SIGINT


def attack() -> int:
    parser = argparse.ArgumentParser("attacks", description=__doc__)
    parser.add_argument("--only", default="", help="names or families, with commas between")
    parser.add_argument(
        "--stock", action="store_true", help="run them against stock nbgrader and write down the outcome"
    )
    options = parser.parse_args()
    try:
        chosen = choose(options.only)
    except ValueError as error:
        parser.exit(2, f"attacks: {error}\n")
    if options.stock:
        from .stock import record

        record(chosen)
        return 0
    from .ours import run

    return run(chosen)


def choose(only: str) -> list[Attack]:
    """The attacks with these names and those of these families, all if none is named."""
    wanted = {name.strip() for name in only.split(",")} - {""}
    names, families = sorted(BANK), sorted({one.family for one in BANK.values()})
    if unknown := sorted(wanted - {*names, *families}):
        listed = f"families\n{_wrapped(families)}\nattacks\n{_wrapped(names)}"
        raise ValueError(f"--only: nothing is called {', '.join(unknown)}; there are the\n{listed}")
    return [one for one in BANK.values() if not wanted or {one.name, one.family} & wanted]


def _wrapped(names: list[str]) -> str:
    return textwrap.fill(", ".join(names), 118, initial_indent="  ", subsequent_indent="  ", break_on_hyphens=False)


if __name__ == "__main__":
    sys.exit(main())
