"""Figures with two faces: live in a notebook, still alive in the built page, which has no kernel.

When the book is built, every frame is drawn once as SVG and the page itself flips through them.
`explore` and `show` are the only ways in which a page draws: both insist on a text alternative.
"""

from __future__ import annotations

import html
import io
import itertools
import json
import os
import re
from collections.abc import Callable, Mapping, Sequence
from typing import Any

import matplotlib as mpl
import matplotlib.pyplot as plt
from IPython.display import HTML, Image, Markdown, display
from matplotlib.figure import Figure

from ._svg import compact

Values = Sequence[Any]

MOST_FRAMES = 120  # about 1 MB of page
NAME = re.compile(r"fig-[a-z0-9-]+")
NO_METADATA = {"Date": None, "Creator": None, "Format": None, "Type": None}


def show(figure: Figure, *, name: str, alt: str, caption: str = "") -> None:
    """Show a figure that does not move.

    Args:
        figure: The figure; it is closed afterwards.
        name: The label by which prose refers to it, `fig-...`.
        alt: What the figure shows, for readers who cannot see it.
        caption: The line under the figure; `$formulas$` are allowed.
    """
    _check_text(name, alt)
    if _static():
        display(HTML(_page(name, alt, caption, _svg(figure, name))))
    else:
        display(_png(figure, alt), Markdown(caption))


def explore(
    draw: Callable[..., Figure],
    *,
    name: str,
    alt: str,
    caption: str = "",
    start: Mapping[str, Any] | None = None,
    **grid: Values,
) -> None:
    """Show ``draw(**values)`` with a slider for each argument in ``grid``.

    Args:
        draw: Returns a figure for one value of each argument.
        name: The label by which prose refers to the figure, `fig-...`.
        alt: What the figure shows, for readers who cannot see it.
        caption: The line under the figure; `$formulas$` are allowed.
        start: The value from which each slider starts; the middle one where none is given.
        **grid: For each argument of ``draw`` the values that its slider runs through.
    """
    _check_text(name, alt)
    first = _starts(grid, start or {})
    if _static():
        display(HTML(_static_explorer(draw, name, alt, caption, grid, first)))
    else:
        _live_explorer(draw, alt, grid, first)
        display(Markdown(caption))


def _static() -> bool:
    return bool(os.environ.get("TRAINWELL_STATIC"))  # set where the book is built


def _check_text(name: str, alt: str) -> None:
    if not NAME.fullmatch(name):
        raise ValueError(f"name must look like 'fig-dropout-noise' (small letters, digits, hyphens), got {name!r}")
    if not alt.strip():
        raise ValueError(f"alt must say what the figure {name} shows, for readers who cannot see it; it is empty")


def _starts(grid: Mapping[str, Values], start: Mapping[str, Any]) -> dict[str, int]:
    """For each slider the position of its first value."""
    if not grid:
        raise ValueError("explore needs at least one argument with a list of values, such as p=[0.0, 0.5]")
    if unknown := set(start) - set(grid):
        raise ValueError(f"start names {sorted(unknown)}, but the sliders are {list(grid)}")
    frames = 1
    for argument, values in grid.items():
        if isinstance(values, str) or len(values) < 2:
            raise ValueError(f"{argument} must be a list of at least two values, got {values!r}")
        if argument in start and start[argument] not in values:
            raise ValueError(f"start[{argument!r}] must be one of {list(values)}, got {start[argument]!r}")
        frames *= len(values)
    if frames > MOST_FRAMES:
        raise ValueError(f"the sliders make {frames} frames; at most {MOST_FRAMES} fit a page: use fewer values")
    return {a: list(v).index(start[a]) if a in start else len(v) // 2 for a, v in grid.items()}


def _label(value: Any) -> str:
    return f"{value:g}" if isinstance(value, int | float) and not isinstance(value, bool) else str(value)


def _live_explorer(draw: Callable[..., Figure], alt: str, grid: Mapping[str, Values], first: Mapping[str, int]) -> None:
    import ipywidgets

    sliders = {
        argument: ipywidgets.SelectionSlider(
            options=[(_label(value), value) for value in values],
            index=first[argument],
            description=argument,
            continuous_update=False,
        )
        for argument, values in grid.items()
    }
    output = ipywidgets.interactive_output(lambda **values: display(_png(draw(**values), alt)), sliders)
    display(ipywidgets.VBox([*sliders.values(), output]))


def _static_explorer(
    draw: Callable[..., Figure],
    name: str,
    alt: str,
    caption: str,
    grid: Mapping[str, Values],
    first: Mapping[str, int],
) -> str:
    combinations = itertools.product(*(range(len(values)) for values in grid.values()))
    frames = [
        _svg(draw(**{a: v[i] for (a, v), i in zip(grid.items(), positions, strict=True)}), name)
        for positions in combinations
    ]
    sliders = "".join(_slider(argument, values, first[argument]) for argument, values in grid.items())
    data = _pack(frames)
    controls = f'<div class="tw-controls" hidden>{sliders}</div><script type="application/json">{data}</script>'
    return _page(name, alt, caption, frames[_frame(grid, first)], controls)


def _pack(frames: Sequence[str]) -> str:
    """The frames as JSON: each piece that they share is written once, and a frame is a list of pieces."""
    pieces: dict[str, int] = {}
    packed = [[pieces.setdefault(piece, len(pieces)) for piece in re.split("(?=<[gptu])", frame)] for frame in frames]
    data = json.dumps({"pieces": list(pieces), "frames": packed}, separators=(",", ":"))
    return data.replace("</", "<\\/")  # `</script>` would end the script


def _frame(grid: Mapping[str, Values], positions: Mapping[str, int]) -> int:
    """The frame's place in the product of the sliders' values, the last slider running fastest."""
    number = 0
    for argument, values in grid.items():
        number = number * len(values) + positions[argument]
    return number


def _slider(argument: str, values: Values, position: int) -> str:
    labels = [_label(value) for value in values]
    return (
        f"<label><span>{html.escape(argument)}</span>"
        f'<input type="range" min="0" max="{len(values) - 1}" value="{position}"'
        f' aria-valuetext="{html.escape(labels[position])}" data-labels="{html.escape(json.dumps(labels))}">'
        f"<output>{html.escape(labels[position])}</output></label>"
    )


def _page(name: str, alt: str, caption: str, svg: str, controls: str = "") -> str:
    """The figure as book/_ext reads it."""
    width, height = re.findall(r'viewBox="0 0 ([\d.]+) ([\d.]+)"', svg)[0]  # the place to keep while it is not drawn
    shape = f'style="aspect-ratio:{width}/{height}"'
    view = f'<div class="tw-view" role="img" aria-label="{html.escape(alt)}" {shape}>{svg}</div>'
    line = f"<figcaption>{html.escape(caption)}</figcaption>"
    return f'<figure class="tw-figure" id="{name}">{view}{controls}{line}</figure>'


def _svg(figure: Figure, name: str) -> str:
    buffer = io.StringIO()
    with mpl.rc_context({"svg.fonttype": "none", "svg.hashsalt": name, "path.simplify_threshold": 1.0}):
        figure.savefig(buffer, format="svg", transparent=True, metadata=NO_METADATA)
    plt.close(figure)
    return compact(buffer.getvalue(), name)


def _png(figure: Figure, alt: str) -> Image:
    """For a live notebook, whose ground may be light or dark: on white, in twice the pixels."""
    buffer = io.BytesIO()
    figure.savefig(buffer, format="png", dpi=200, facecolor="white", transparent=False)
    width = int(figure.get_figwidth() * 100)
    plt.close(figure)
    return Image(buffer.getvalue(), alt=alt, width=width)
