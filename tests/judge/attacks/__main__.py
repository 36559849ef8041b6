"""`python -m tests.judge.attacks`: the bank against the judge; `--stock`: against stock nbgrader."""

from __future__ import annotations

import argparse
import sys

from .families import BANK


def main() -> int:
    parser = argparse.ArgumentParser("attacks", description=__doc__)
    parser.add_argument("--only", default="", help="names or families, with commas between")
    parser.add_argument(
        "--stock", action="store_true", help="run them against stock nbgrader and write down the outcome"
    )
    options = parser.parse_args()
    wanted = set(filter(None, options.only.split(",")))
    chosen = [attack for attack in BANK.values() if not wanted or {attack.name, attack.family} & wanted]
    if options.stock:
        from .stock import record

        record(chosen)
        return 0
    from .ours import run

    return run(chosen)


if __name__ == "__main__":
    sys.exit(main())
