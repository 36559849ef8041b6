"""Mutation testing of the library: `python -m tools.mutants [--sample 400] [--seed 0] [--only MODULE]`.

Draws a sample of small mistakes, runs each against the tests that reach its line, and ends with a table and with
the mistakes that no test noticed. Stopped and started again, it goes on where it was.
"""

from __future__ import annotations

import argparse
import fnmatch
import json
import os
import sys
from collections import Counter
from collections.abc import Iterator
from functools import partial
from pathlib import Path
from typing import Any

from tqdm import tqdm

from tools.mutants import forks
from tools.mutants.journal import KILLED, LATE, SURVIVED, Journal, Observations
from tools.mutants.places import Mutant, sample
from tools.mutants.runs import PASSED, Project, Reach, check, observe

BAR = 0.9  # the share of the mutants that tests must notice
PATIENCE = 5  # a mutant may take so many times what its tests took without it
IMPORTS = 5.0  # seconds, what every fork needs before its first test
HOUR = 3600.0
tqdm.monitor_interval = 0  # its monitor would be a second thread


def main(project: Project, arguments: list[str] | None = None) -> int:
    options = _options(arguments)
    os.chdir(project.root)
    os.environ["OMP_NUM_THREADS"] = "1"
    sources = project.sources()
    mutable = {file: text for file, text in sources.items() if _module(file).startswith(options.only)}
    if not mutable:
        raise SystemExit(f"--only {options.only}: expected a module, as {_module(next(iter(sources)))}")
    forks.warm([*project.foreign(), *project.heavy])
    reach = Reach(observations(project, options))
    drawn = sample(mutable, options.sample, options.seed)
    journal = Journal(project, sources, reach)
    run(project, [mutant for mutant in drawn if journal.outcome(mutant) is None], journal, options.jobs)
    return report({mutant: journal.results[mutant]["outcome"] for mutant in drawn}, sources)


def _options(arguments: list[str] | None) -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="tools.mutants", description="How many small mistakes do the tests notice?")
    parser.add_argument("--sample", type=int, default=400, help="how many mutants to draw, at the least")
    parser.add_argument("--seed", type=int, default=0, help="another seed draws others")
    parser.add_argument("--only", default="", metavar="MODULE", help="mutate this module, as trainwell.regularization")
    parser.add_argument(
        "--tests", default="*", metavar="PATTERN", help="run the files of tests that match, as *_data.py"
    )
    parser.add_argument("--jobs", type=int, default=os.cpu_count(), help="how many forks at once")
    return parser.parse_args(arguments)


def observations(project: Project, options: argparse.Namespace) -> Iterator[dict[str, Any]]:
    """What each file of tests reaches, from the last run or observed anew."""
    kept = Observations(project)
    files = [file for file in project.test_files() if fnmatch.fnmatch(file, options.tests)]
    found = {file: one for file in files if (one := kept.get(file))}
    jobs = [forks.Job(file, partial(observe, project, file), HOUR) for file in files if file not in found]
    with tqdm(total=len(jobs), desc="lines that tests reach", unit="file", disable=not jobs) as bar:
        for job, answer in forks.run(jobs, project.root, options.jobs):
            bar.update()
            if answer:
                found[job.key] = json.loads(answer)
                kept.put(job.key, found[job.key])
    for file in files:
        for test in found[file]["failed"] if file in found else [file]:
            print(f"left out, as it starts a program or fails without any mutant: {test}")
    yield from found.values()


def run(project: Project, mutants: list[Mutant], journal: Journal, at_once: int) -> None:
    """Runs the tests that reach each mutant, and writes down which one noticed it."""
    jobs = (_job(project, mutant, journal) for mutant in mutants)
    killed: dict[str, list[Mutant]] = {}
    with tqdm(total=len(mutants), desc="mutants", unit="mutant", disable=not mutants) as bar:
        for done, answer in forks.run(jobs, project.root, at_once):
            outcome = LATE if answer is None else SURVIVED if answer == PASSED else KILLED
            journal.add(done.key, outcome, answer or "")
            if outcome == KILLED:
                killed.setdefault(answer or "", []).append(done.key)
            bar.update()
    _control(project, killed, journal)


def _job(project: Project, mutant: Mutant, journal: Journal) -> forks.Job:
    tests = journal.tests(mutant)
    seconds = PATIENCE * (IMPORTS + sum(journal.reach.seconds[test] for test in tests))
    edits = {mutant.file: str(mutant.apply(journal.sources[mutant.file]))}
    return forks.Job(mutant, partial(check, project, tests), seconds, edits)


def _control(project: Project, killed: dict[str, list[Mutant]], journal: Journal) -> None:
    """Runs what has killed, together and without a mutant: a test that fails then has noticed nothing."""
    while tests := [test for test in killed if "::" in test]:
        job = forks.Job("control", partial(check, project, tests), HOUR)
        [(_, answer)] = forks.run([job], project.root, 1)
        if answer == PASSED:
            return
        if answer not in killed:
            raise RuntimeError(f"the tests do not run without a mutant: {answer or 'they do not end'}")
        print(f"what it killed counts as survived, as it fails without any mutant: {answer}")
        for mutant in killed.pop(answer):
            journal.add(mutant, SURVIVED)


def report(outcomes: dict[Mutant, str], sources: dict[str, str]) -> int:
    """Prints what no test noticed and a table, a row a module; fails if the bar is not met."""
    for mutant, outcome in sorted(outcomes.items(), key=lambda item: (item[1], item[0])):
        if outcome != KILLED:
            where = f"src/{mutant.file}:{mutant.line}"
            print(f"\n{outcome}: {where} {mutant.operator}", *mutant.diff(sources[mutant.file]), sep="\n    ")
    counts: dict[str, Counter[str]] = {}
    for mutant, outcome in outcomes.items():
        counts.setdefault(_topic(mutant.file), Counter())[outcome] += 1
    total = sum(counts.values(), Counter())
    print(f"\n{'module':32}" + "".join(f"{word:>11}" for word in ("mutants", KILLED, SURVIVED, LATE, "score")))
    for module, count in [*sorted(counts.items()), ("all", total)]:
        numbers = [count.total(), count[KILLED], count[SURVIVED], count[LATE]]
        print(f"{module:32}" + "".join(f"{n:11}" for n in numbers) + f"{count[KILLED] / count.total():11.1%}")
    return 0 if total[KILLED] >= BAR * total.total() else 1


def _module(file: str) -> str:
    return ".".join(Path(file).with_suffix("").parts)


def _topic(file: str) -> str:
    return ".".join(_module(file).split(".")[:2])


if __name__ == "__main__":
    sys.exit(main(Project(Path(__file__).parents[2], "trainwell", heavy=("jax", "torch._dynamo"))))
