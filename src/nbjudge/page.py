"""The class report as one HTML file: it asks nobody for anything and runs no script."""

from __future__ import annotations

import math
import re
import statistics
from collections import Counter, defaultdict
from collections.abc import Callable
from dataclasses import dataclass
from datetime import date

from jinja2 import Environment, PackageLoader, StrictUndefined

from nbjudge.align import HOW
from nbjudge.alike import Pair
from nbjudge.figures import columns, middle, number, percent, tasks
from nbjudge.names import Gaps
from nbjudge.remarks import AS_ZERO, AS_ZERO_SAID, KINDS
from nbjudge.results import Misunderstanding, Property, Result, Results

GAPS = ("On the class list, handed in nothing", "Handed in, not on the class list")
SLOWEST = 5  # submissions that are named


@dataclass(frozen=True)
class Attention:
    """A kind of trouble, and for each submission that has it: the student, the details, the mark or its absence."""

    happened: str
    advice: str
    lines: list[tuple[str, list[str], str]]


def render(
    results: Results,
    pseudonym: Callable[[str], str] | None = None,
    pairs: list[Pair] | None = None,
    gaps: Gaps | None = None,
) -> str:
    """The report; with `pseudonym`, no id, name or word of a student stands in it. `pairs` are alike, `gaps` are those
    of a class list."""
    graded = [result for result in results.students if not _lost(result)]
    environment = Environment(loader=PackageLoader("nbjudge"), autoescape=True, undefined=StrictUndefined)
    environment.filters |= {"number": number, "percent": lambda share: f"{percent(share)}%"}
    return environment.get_template("report.html").render(
        lab=results.lab,
        today=date.today(),
        out_of=results.out_of,
        anonymous=pseudonym is not None,
        handed_in=len(results.students),
        graded=len(graded),
        zero=sum(_zero(result) for result in results.students),
        as_zero=AS_ZERO_SAID,
        open=sum(bool(_open(result, results.properties)) for result in graded),
        troubled=sum(_troubled(result) for result in results.students),
        middle=middle([result.final for result in graded]),
        columns=columns(graded, results.out_of),
        gaps=None if gaps is None else list(zip(GAPS, gaps, strict=True)),
        unpassed=results.unpassed,
        changed=results.changed,
        attention=_attention(results, pseudonym),
        mistakes=_mistakes(results, pseudonym is not None),
        links={item.name: item.see for item in results.properties},
        audit=_audit(results, pseudonym),
        time=_time(results.students, pseudonym),
        layers=_layers(graded),
        pairs=None if pairs is None else _pairs(results, pairs, pseudonym),
        tasks=tasks(results.properties, graded),
        students=_students(results, pseudonym),
    )


def _lost(result: Result) -> bool:
    return _zero(result) or any(remark.kind == "ungraded" for remark in result.remarks)


def _zero(result: Result) -> bool:
    return any(remark.kind in AS_ZERO for remark in result.remarks)


def _troubled(result: Result) -> bool:
    """A person's mark that is still open is no trouble."""
    return any(remark.kind != "open" for remark in result.remarks)


def _open(result: Result, properties: list[Property]) -> set[str]:
    return set() if _lost(result) else result.unmarked & {item.name for item in properties}


def _attention(results: Results, pseudonym: Callable[[str], str] | None) -> list[Attention]:
    """The gravest first; a submission stands under each kind of trouble it has."""
    return [
        Attention(happened, advice, lines)
        for kind, (happened, advice) in KINDS.items()
        if (lines := sorted(_lines(results, kind, pseudonym)))
    ]


def _lines(results: Results, kind: str, pseudonym: Callable[[str], str] | None) -> list[tuple[str, list[str], str]]:
    """Student, details and mark; details quote the student and stay out of an anonymous report."""
    found = []
    for result in results.students:
        details = [remark.detail for remark in result.remarks if remark.kind == kind]
        if details:
            shown = [] if pseudonym else list(filter(None, details))
            mark = AS_ZERO_SAID if _zero(result) else f"mark {number(result.final)}"
            found.append((_shown(result, pseudonym), shown, mark))
    return found


def _shown(result: Result, pseudonym: Callable[[str], str] | None) -> str:
    if pseudonym:
        return pseudonym(result.student)
    return f"{result.name} ({result.student})" if result.name else result.student


def _audit(results: Results, pseudonym: Callable[[str], str] | None) -> list[dict[str, object]]:
    """The cells that were put back in place, by how; the texts are the student's and stay out of an anonymous
    report."""
    found: list[dict[str, object]] = []
    for how, said in HOW.items():
        lines = [
            (_shown(result, pseudonym), match if pseudonym is None else match._replace(ours="", theirs=""))
            for result in results.students
            for match in result.matches
            if match.how == how
        ]
        if lines:
            found.append({"said": said, "lines": lines})
    return found


def _time(students: list[Result], pseudonym: Callable[[str], str] | None) -> dict[str, object] | None:
    """How long grading took: the middle, the slow tenth, the slowest."""
    timed = [result for result in students if result.seconds > 0]
    if not timed:
        return None
    slowest = sorted(timed, key=lambda result: -result.seconds)[:SLOWEST]
    columns = {"Seconds": "seconds", "Seconds of CPU": "cpu_seconds", "Memory, MB": "peak_mb"}
    rows = [(name, _spread([getattr(result, field) for result in timed])) for name, field in columns.items()]
    lines = [(_shown(result, pseudonym), result.seconds, result.cpu_seconds, result.peak_mb) for result in slowest]
    return {"rows": [row for row in rows if row[1][-1] > 0], "slowest": lines}


def _spread(values: list[float]) -> tuple[float, float, float]:
    """Median, the value that nine in ten do not exceed, and the largest."""
    ordered = sorted(values)
    return statistics.median(ordered), ordered[math.ceil(0.9 * len(ordered)) - 1], ordered[-1]


def _layers(graded: list[Result]) -> list[tuple[str, int]]:
    """What students' code was sealed with, and for how many."""
    return Counter(", ".join(result.layers) for result in graded if result.layers).most_common()


def _pairs(
    results: Results, pairs: list[Pair], pseudonym: Callable[[str], str] | None
) -> list[tuple[float, str, str, tuple[str, str] | None]]:
    """Pairs of submissions that are alike; the texts are the students' and stay out of an anonymous report."""
    shown = {result.student: _shown(result, pseudonym) for result in results.students}
    return [(pair.share, shown[pair.one], shown[pair.other], None if pseudonym else pair.texts) for pair in pairs]


def _mistakes(results: Results, anonymous: bool) -> list[Misunderstanding]:
    hide = _names(results) if anonymous else None
    found = results.mistakes()
    return [mistake._replace(name=hide.sub("…", mistake.name)) for mistake in found] if hide else found


def _names(results: Results) -> re.Pattern[str] | None:
    """Matches every student's id and name: a notebook may raise a Mistake that says whatever it likes."""
    known = {word for result in results.students for word in (result.student, *result.name.split()) if word}
    longest_first = sorted(known, key=len, reverse=True)
    return re.compile("|".join(rf"(?<!\w){re.escape(word)}(?!\w)" for word in longest_first), re.I) if known else None


def _students(results: Results, pseudonym: Callable[[str], str] | None) -> dict[str, object]:
    """One line a student, one column a task."""
    names: dict[str, list[str]] = defaultdict(list)
    for item in results.properties:
        names[item.task].append(item.name)
    points = {item.name: item.points for item in results.properties}
    columns = [(_short(task), task, sum(points[name] for name in tests)) for task, tests in names.items()]
    lines = [
        {
            "student": _shown(result, pseudonym),
            "page": "" if pseudonym else result.page,
            "final": result.final,
            "share": result.final / results.out_of if results.out_of else 0,
            "penalty": result.penalty,
            "tasks": [_mark(result, tests, _open(result, results.properties)) for tests in names.values()],
            "open": bool(_open(result, results.properties)),
            "troubled": _troubled(result),
        }
        for result in results.students
    ]
    return {"columns": columns, "lines": sorted(lines, key=lambda line: str(line["student"]))}


def _mark(result: Result, tests: list[str], waiting: set[str]) -> str:
    """The points of a task's tests, and that some are open."""
    points = number(sum(result.scores.get(name, 0) for name in tests))
    if not waiting & set(tests):
        return points
    return "open" if waiting >= set(tests) else f"{points} + open"


def _short(heading: str) -> str:
    """The number that a heading begins with, or its first word or two: the head of a narrow column."""
    short = re.split(r"[.:] ", heading)[0]
    return short if len(short) <= 12 else short[:11].rstrip() + "…"
