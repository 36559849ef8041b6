"""How every experiment is made: arms tuned on equal budgets, chosen on validation, reported on test once."""

from __future__ import annotations

import json
import platform
import re
import time
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from statistics import mean, stdev
from typing import Any

import torch
from scipy.stats import t as student
from tqdm import tqdm

import trainwell

BASELINES = ("none", "without", "plain", "last", "single")  # first arms that the others' gains are taken over
DIFFERENCES = ("lost_", "regained_", "short_")  # beginnings of metrics that are differences: points, not per cent
PERCENT = ("accuracy", "attacked", "zeros", "error", "share")  # metrics that the prose quotes in per cent


@dataclass(frozen=True)
class Size:
    """How large an experiment is; the tests run small ones."""

    seeds: int = 5
    trials: int = 4  # settings tried for each arm
    train: int = 1000  # training examples
    epochs: int = 60


@dataclass
class Trial:
    """One trained model: how good it is on validation, and what to report of it if its setting is chosen."""

    validation: float
    report: Callable[[], dict[str, float]]


@dataclass
class Arm:
    """What one method reached: a list for each metric, one number a seed."""

    values: dict[str, list[float]]
    setting: dict[str, Any] = field(default_factory=dict)

    def __getitem__(self, metric: str) -> float:
        return mean(self.values[metric])


Claim = dict[str, Arm]


def tune(run: Callable[..., Trial], grid: Iterable[dict[str, Any]], size: Size) -> Arm:
    """Runs the first ``size.trials`` settings of a grid on every seed, and reports the best on validation."""
    best = None
    for setting in list(grid)[: size.trials]:
        trials = [run(seed, **setting) for seed in range(size.seeds)]
        score = mean(trial.validation for trial in trials)
        if best is None or score > best[0]:
            best = score, setting, trials
    assert best is not None, "the grid is empty"
    return arm([trial.report() for trial in best[2]], best[1])


def arm(reports: Sequence[dict[str, float]], setting: dict[str, Any] | None = None) -> Arm:
    """Reports of several seeds as an arm."""
    return Arm({metric: [report[metric] for report in reports] for metric in reports[0]}, setting or {})


def interval(values: Sequence[float]) -> tuple[float, float, float]:
    """The mean and the ends of its 95% t-interval."""
    centre = mean(values)
    if len(values) < 2:
        return centre, centre, centre
    half = float(student.ppf(0.975, len(values) - 1)) * stdev(values) / len(values) ** 0.5
    return centre, centre - half, centre + half


def summary(claim: Claim) -> dict[str, Any]:
    """A claim as it goes into the result file: the arms in numbers, and the numbers as the prose writes them."""
    first = next(iter(claim))
    numbers, arms = {}, {}
    for name, result in claim.items():
        arms[name] = {"setting": result.setting, "metrics": {}}
        for metric, values in result.values.items():
            centre, low, high = interval(values)
            arms[name]["metrics"][metric] = {"mean": centre, "low": low, "high": high, "values": values}
            numbers |= written(f"{metric}_{name}", metric, (centre, low, high))
            if first in BASELINES and name != first and _is_percent(metric) and metric in claim[first].values:
                gains = [a - b for a, b in zip(values, claim[first].values[metric], strict=True)]
                numbers |= written(f"{metric}_gain_{name}", metric, interval(gains), sign="+")
        numbers |= {f"{key}_{name}": f"{value:g}" for key, value in result.setting.items() if _is_number(value)}
    return {"numbers": numbers, "arms": arms}


def written(key: str, metric: str, values: tuple[float, float, float], sign: str = "") -> dict[str, str]:
    """A mean and its interval as the prose quotes them; gains in per cent become points."""
    if _is_percent(metric):
        unit = "" if sign or metric.startswith(DIFFERENCES) else "%"
        centre, low, high = (f"{100 * value:{sign}.1f}" for value in values)
    else:
        unit = ""
        centre, low, high = (f"{value:.3g}" for value in values)
    write = {key: f"{centre}{unit}", f"{key}_interval": f"{low} to {high}{unit}"}
    return {name: typeset(text) for name, text in write.items()}


def typeset(text: str) -> str:
    """A true minus sign, and 2.1 × 10⁻⁹ for 2.1e-09."""
    raised = str.maketrans("-0123456789", "⁻⁰¹²³⁴⁵⁶⁷⁸⁹")
    text = re.sub(r"e([+-]\d+)", lambda power: f" × 10{str(int(power[1])).translate(raised)}", text)
    return text.replace("-", "\N{MINUS SIGN}")


def _is_percent(metric: str) -> bool:
    return metric.endswith(PERCENT)


def _is_number(value: Any) -> bool:
    return isinstance(value, (int, float)) and not isinstance(value, bool)


def measure(claims: Sequence[Callable[[Size], Claim]], path: Path, size: Size, only: Sequence[str] = ()) -> None:
    """Runs the claims (or only those named) and writes their results, keeping those of the others."""
    torch.set_num_threads(1)  # the same sums in the same order on every machine
    results = json.loads(path.read_text())["claims"] if path.exists() else {}
    for claim in tqdm(claims, unit="claim"):
        if only and claim.__name__ not in only:
            continue
        start = time.process_time()
        measured = summary(claim(size))
        doc = " ".join((claim.__doc__ or "").split())
        seconds = round(time.process_time() - start, 1)
        settings = {"train": size.train, "epochs": size.epochs, "trials": size.trials}
        results[claim.__name__] = {
            "claim": doc, "seeds": list(range(size.seeds)), "settings": settings, "seconds": seconds, **measured,
        }  # fmt: skip
        order = {claim.__name__: results[claim.__name__] for claim in claims if claim.__name__ in results}
        path.write_text(json.dumps({"versions": versions(), "claims": order}, indent=1) + "\n")


def versions() -> dict[str, str]:
    """What the results were made with."""
    return {"python": platform.python_version(), "torch": torch.__version__, "trainwell": trainwell.__version__}
