"""Figures of the pages and labs: each takes numbers and gives a Matplotlib figure.

Text and axes are black, which the built page turns into its own text colour; the other colours read on light
and on dark ground, and every line and mark also differs in its dashes or its shape.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import matplotlib as mpl
import matplotlib.pyplot as plt
import numpy as np
import torch
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.ticker import MaxNLocator, PercentFormatter
from torch import Tensor, nn

from ._bins import confidence_bins
from .training import History, predict

Numbers = Any  # a list, a range, a tensor, an array: whatever NumPy makes an array of
Series = Mapping[str, Numbers]

COLOURS = ("#3b82c4", "#d9772b", "#3f9b5c", "#c45ab3", "#8a8f98", "#9a7b00")
DASHES = ("-", "--", "-.", ":", (0, (5, 1, 1, 1, 1, 1)), (0, (1, 3)))
MARKS = ("o", "s", "^", "D", "v", "P", "X", "*", "<", ">")
GREY = COLOURS[4]

RC: dict[Any, Any] = {
    "axes.spines.top": False,
    "axes.spines.right": False,
    "axes.titlesize": 11,
    "figure.figsize": (6.4, 3.2),
    "font.size": 10,
    "lines.linewidth": 1.8,
}


@contextmanager
def style() -> Iterator[None]:
    """The settings that every figure of the course is drawn with, for figures of your own."""
    with mpl.rc_context(RC):
        yield


def panels(columns: int = 1, height: float = 3.2) -> tuple[Figure, list[Axes]]:
    """A figure of the course's width with some panels side by side."""
    with style():
        figure, axes = plt.subplots(1, columns, figsize=(6.4, height), layout="constrained", squeeze=False)
    return figure, list(axes[0])


def results(topic: str) -> dict[str, Any]:
    """What a chapter's experiments measured, by claim: the file that ``make experiments`` writes.

    Raises:
        ValueError: If there are no results of that name.
    """
    here = Path(__file__)
    for folder in (here.parent / "results", here.parents[2] / "book" / "experiments"):  # in a wheel, in a clone
        if (path := folder / f"{topic}.json").exists():
            claims: dict[str, Any] = json.loads(path.read_text())["claims"]
            return claims
    raise ValueError(f"there are no results named {topic!r}")


def curves(
    series: Series, *, vertical: Mapping[str, float] | None = None, axes: Axes | None = None, **settings: Any
) -> Figure:
    """Lines with a legend.

    Args:
        series: The lines by name: values, drawn against 1, 2, ..., or a pair of positions and values.
        vertical: Named places marked by an upright line.
        axes: Where to draw; a new figure when not given.
        **settings: What Matplotlib's ``Axes.set`` takes: ``xlabel``, ``ylabel``, ``title``, ``xscale``, ``ylim``, ...
    """
    axes = axes or panels()[1][0]
    for k, (name, values) in enumerate(series.items()):
        x, y = values if isinstance(values, tuple) else (range(1, len(values) + 1), values)
        axes.plot(_array(x), _array(y), color=COLOURS[k % 6], linestyle=DASHES[k % 6], label=name)
    for name, place in (vertical or {}).items():
        axes.axvline(place, color=GREY, linestyle=":", linewidth=1.4, label=name)
    axes.set(**settings)
    if not any(isinstance(values, tuple) for values in series.values()):
        axes.xaxis.set_major_locator(MaxNLocator(integer=True))
    if len(series) + len(vertical or {}) > 1:
        axes.legend(frameon=False)
    return _figure(axes)


def learning_curves(history: History) -> Figure:
    """Loss and accuracy over the epochs of a run: training dashed, validation solid."""
    figure, both = panels(2)
    for axes, score in zip(both, ("loss", "accuracy"), strict=True):
        for name, part, k in (("training", "train", 1), ("validation", "validation", 0)):
            values = getattr(history, f"{part}_{score}")
            axes.plot(range(1, len(values) + 1), values, color=COLOURS[k], linestyle=DASHES[k], label=name)
        axes.set(xlabel="epoch", ylabel=score)
    both[0].legend(frameon=False)
    return figure


def intervals(
    claim: Mapping[str, Any], metrics: str | Mapping[str, str], arms: Mapping[str, str], xlabel: str
) -> Figure:
    """Means of shares, such as accuracies, with their 95% intervals, one row an arm of an experiment.

    Args:
        claim: One claim of :func:`results`.
        metrics: The metric to draw, or several with the names that the legend gives them.
        arms: The arms to draw, each with the name to write.
        xlabel: What is measured.
    """
    metrics = {metrics: ""} if isinstance(metrics, str) else metrics
    figure, (axes,) = panels(height=0.7 + 0.42 * len(arms) + 0.2 * len(metrics))
    for k, (metric, name) in enumerate(metrics.items()):
        found = [claim["arms"][arm]["metrics"][metric] for arm in arms]
        centre = np.array([f["mean"] for f in found])
        ends = np.array([[f["mean"] - f["low"], f["high"] - f["mean"]] for f in found]).T
        rows = np.arange(len(found)) + 0.22 * (k - (len(metrics) - 1) / 2)
        axes.errorbar(centre, rows, xerr=ends, fmt=MARKS[k], color=COLOURS[k], capsize=4, label=name)
    axes.xaxis.set_major_locator(MaxNLocator(6))
    axes.xaxis.set_major_formatter(PercentFormatter(1))
    axes.set(yticks=range(len(arms)), yticklabels=arms.values(), xlabel=xlabel, ylim=(len(arms) - 0.5, -0.5))
    if len(metrics) > 1:
        figure.legend(loc="outside upper center", ncols=len(metrics), frameon=False)
    return figure


def norm_balls(hessian: Tensor, minimum: Tensor, solutions: Mapping[str, tuple[float, Tensor]]) -> Figure:
    """Contours of a quadratic loss and, for each penalty, the ball of its norm that the solution lies on.

    Args:
        hessian: The 2x2 matrix of second derivatives.
        minimum: Where the loss alone is least, two numbers.
        solutions: By the penalty's name, the norm's exponent and the penalised solution.
    """
    figure, both = panels(len(solutions), height=3.4)
    grid = np.linspace(-1.0, 2.6, 61)
    u, v = np.meshgrid(grid - float(minimum[0]), grid - float(minimum[1]))
    (a, b), (_, d) = _array(hessian)
    loss = a * u**2 / 2 + b * u * v + d * v**2 / 2
    angle = np.linspace(0, 2 * np.pi, 181)
    for k, (axes, (name, (power, w))) in enumerate(zip(both, solutions.items(), strict=True)):
        axes.contour(grid, grid, loss, levels=[0.05, 0.3, 0.8, 1.6, 2.8, 4.4], colors=GREY, linewidths=0.9)
        size = (np.abs(np.cos(angle)) ** power + np.abs(np.sin(angle)) ** power) ** (1 / power)
        radius = float((np.abs(_array(w)) ** power).sum() ** (1 / power))
        axes.plot(radius * np.cos(angle) / size, radius * np.sin(angle) / size, color=COLOURS[k])
        axes.plot(*_array(minimum), marker="+", markersize=11, color="black", linestyle="none")
        axes.plot(*_array(w), marker=MARKS[k], markersize=8, color=COLOURS[k], linestyle="none")
        axes.set(xlim=(-1, 2.6), ylim=(-1, 2.6), aspect="equal", title=name, xlabel="$w_1$", ylabel="$w_2$")
        axes.axhline(0, color=GREY, linewidth=0.6)
        axes.axvline(0, color=GREY, linewidth=0.6)
    return figure


def coefficient_paths(strengths: Numbers, paths: Mapping[str, tuple[Tensor, Tensor]]) -> Figure:
    """Coefficients against the strength of a penalty: ours as lines, a reference's as marks on them.

    Args:
        strengths: The strengths, on a logarithmic axis.
        paths: By the penalty's name, our coefficients and the reference's, each (strengths, coefficients).
    """
    figure, both = panels(len(paths))
    x = _array(strengths)
    for axes, (name, (ours, reference)) in zip(both, paths.items(), strict=True):
        for k in range(ours.shape[1]):
            axes.plot(x, _array(ours[:, k]), color=COLOURS[k % 6], linestyle=DASHES[k % 6], linewidth=1.3)
            axes.plot(x, _array(reference[:, k]), MARKS[k % 10], color=COLOURS[k % 6], markersize=3)
        axes.set(xscale="log", xlabel=r"strength $\lambda$", title=name)
    both[0].set_ylabel("coefficient")
    return figure


def reliability(predictions: Mapping[str, tuple[Tensor, Tensor]], bins: int = 10) -> Figure:
    """Reliability diagrams: the accuracy of the predictions made at each confidence, against the diagonal.

    Args:
        predictions: By name, class probabilities and the right classes.
        bins: The number of intervals, as in :func:`~trainwell.scores.calibration_error`; empty ones are left out.

    Raises:
        ValueError: If ``bins`` is less than 1.
    """
    figure, both = panels(len(predictions))
    for k, (axes, (name, (probabilities, targets))) in enumerate(zip(both, predictions.items(), strict=True)):
        confidence, predicted = probabilities.detach().max(1)
        index = confidence_bins(confidence, bins)
        used = [b for b in range(bins) if (index == b).any()]
        right = [(predicted == targets)[index == b].double().mean().item() for b in used]
        sure = [confidence[index == b].double().mean().item() for b in used]
        axes.plot([0, 1], [0, 1], color=GREY, linestyle="--", linewidth=1.2)
        axes.vlines(sure, right, sure, color=COLOURS[1], linewidth=3, alpha=0.8)
        axes.plot(sure, right, MARKS[k], color=COLOURS[0], markersize=6)
        axes.set(xlim=(0, 1.02), ylim=(0, 1.02), xlabel="confidence", title=name)
    both[0].set_ylabel("accuracy")
    return figure


def boundary(model: nn.Module, x: Tensor, y: Tensor) -> Figure:
    """The regions in which a classifier of two inputs decides for each class, and the examples.

    Args:
        model: Takes (n, 2) inputs and returns one logit a class.
        x: The examples.
        y: Their classes.
    """
    figure, (axes,) = panels()
    low, high = (_array(x.min(0).values - 0.3), _array(x.max(0).values + 0.3))
    u, v = np.meshgrid(np.linspace(low[0], high[0], 60), np.linspace(low[1], high[1], 60))
    grid = torch.tensor(np.stack([u.ravel(), v.ravel()], 1), dtype=x.dtype)
    classes = predict(model, grid).argmax(1).reshape(u.shape)
    count = int(y.max()) + 1
    axes.contourf(u, v, classes, levels=np.arange(count + 1) - 0.5, colors=COLOURS[:count], alpha=0.25)
    for k in range(count):
        axes.plot(*_array(x[y == k]).T, MARKS[k], color=COLOURS[k], markersize=4)
    axes.set(xlabel="$x_1$", ylabel="$x_2$")
    return figure


def bars(values: Series, *, xlabel: str = "", ylabel: str = "", names: Sequence[str] = ()) -> Figure:
    """Groups of bars side by side, one group a position, one colour and hatch a series."""
    figure, (axes,) = panels()
    width = 0.8 / len(values)
    for k, (name, heights) in enumerate(values.items()):
        x = np.arange(len(heights)) + (k - (len(values) - 1) / 2) * width
        axes.bar(x, _array(heights), width, label=name, color=COLOURS[k], hatch=("", "//", "..", "xx")[k], alpha=0.85)
    axes.set(xlabel=xlabel, ylabel=ylabel)
    if names:
        axes.set_xticks(range(len(names)), names)
    if len(values) > 1:
        axes.legend(frameon=False)
    return figure


def _array(values: Numbers) -> Any:
    return np.asarray(values.detach().cpu() if isinstance(values, Tensor) else values, dtype=float)


def _figure(axes: Axes) -> Figure:
    assert isinstance(axes.figure, Figure)
    return axes.figure
