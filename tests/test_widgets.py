"""`explore` and `show`: what they refuse, what the built page gets, and that the sliders live in a real kernel."""

from __future__ import annotations

import io
import json
import re
from typing import Any

import matplotlib as mpl
import matplotlib.image
import nbformat
import pytest
from matplotlib.figure import Figure
from nbclient import NotebookClient

from trainwell import widgets
from trainwell._svg import compact

mpl.use("agg")
ALT = "A line of some slope."


def line(slope: float = 1.0, shift: float = 0.0) -> Figure:
    figure = Figure(figsize=(2, 1))
    figure.subplots().plot([0, 1], [shift, shift + slope])
    figure.suptitle(f"slope {slope} shift {shift}")
    return figure


@pytest.fixture
def page(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """What the built page would show."""
    shown: list[str] = []
    monkeypatch.setenv("TRAINWELL_STATIC", "1")
    monkeypatch.setattr(widgets, "display", lambda output: shown.append(output.data))
    return shown


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"name": "fig_line"}, "name must look like"),
        ({"alt": "  "}, "alt must say what the figure"),
        ({"slope": [1.0]}, "at least two values"),
        ({"slope": "12"}, "slope must be a list"),
        ({"start": {"slpoe": 1.0}}, r"start names \['slpoe'\]"),
        ({"start": {"slope": 9.0}}, r"start\['slope'\] must be one of"),
        ({"slope": list(range(200))}, "200 frames"),
    ],
)
def test_says_what_is_wrong(page: list[str], changes: dict[str, Any], message: str) -> None:
    arguments = {"name": "fig-line", "alt": ALT, "slope": [1.0, 2.0]} | changes
    with pytest.raises(ValueError, match=message):
        widgets.explore(line, **arguments)
    assert page == []


def test_needs_a_slider(page: list[str]) -> None:
    with pytest.raises(ValueError, match="at least one argument"):
        widgets.explore(line, name="fig-line", alt=ALT)


def frames(page: str) -> list[str]:
    found = re.search(r'<script type="application/json">(.*?)</script>', page, re.S)
    assert found
    data = json.loads(found[1])
    return ["".join(data["pieces"][piece] for piece in frame) for frame in data["frames"]]


def test_draws_every_frame_once_and_begins_at_the_start(page: list[str]) -> None:
    drawn: list[tuple[float, float]] = []

    def record(slope: float, shift: float) -> Figure:
        drawn.append((slope, shift))
        return line(slope, shift)

    widgets.explore(record, name="fig-line", alt=ALT, start={"slope": 3.0}, slope=[1.0, 2.0, 3.0], shift=[0.0, 5.0])
    assert drawn == [(slope, shift) for slope in (1.0, 2.0, 3.0) for shift in (0.0, 5.0)]
    for (slope, shift), frame in zip(drawn, frames(page[0]), strict=True):
        assert f"slope {slope} shift {shift}" in frame
    before_script = page[0].split("<script")[0]
    assert "slope 3.0 shift 5.0" in before_script  # the given start, and the middle where none is given
    assert re.findall(r'max="(\d)" value="(\d)" aria-valuetext="(\w+)"', page[0]) == [("2", "2", "3"), ("1", "1", "5")]


def test_the_figure_has_its_name_alternative_and_caption(page: list[str]) -> None:
    widgets.show(line(), name="fig-line", alt='A "line" & more', caption="If $a < b$")
    assert 'role="img" aria-label="A &quot;line&quot; &amp; more"' in page[0]
    assert 'id="fig-line"' in page[0]
    assert "<figcaption>If $a &lt; b$</figcaption>" in page[0]


def test_colours_follow_the_page_and_ids_do_not_clash(page: list[str]) -> None:
    widgets.show(line(), name="fig-line", alt=ALT)
    assert "#000000" not in page[0]
    assert "currentColor" in page[0]
    assert [name for name in re.findall(r'\bid="([^"]+)"', page[0]) if not name.startswith("fig-line")] == []
    targets = re.findall(r'(?:url\(|href=")#([^)"]+)', page[0])
    assert targets
    assert all(f'id="{target}"' in page[0] for target in targets)


def test_the_same_figure_gives_the_same_bytes(page: list[str]) -> None:
    for _ in range(2):
        widgets.show(line(), name="fig-line", alt=ALT)
    assert page[0] == page[1]


LIVE = f"""\
from matplotlib.figure import Figure
from trainwell.widgets import explore, show

drawn = []
def draw(slope):
    drawn.append(slope)
    figure = Figure(figsize=(2, 1))
    figure.subplots().plot([0, slope])
    return figure

explore(draw, name="fig-line", alt="{ALT}", start={{"slope": 2.0}}, slope=[1.0, 2.0, 3.0])
"""
MOVE = """\
from ipywidgets.widgets import SelectionSlider, widget

slider, = [live for live in widget._instances.values() if isinstance(live, SelectionSlider)]
slider.value = 3.0
print(drawn)
"""


def test_live_sliders_draw_again_in_a_real_kernel(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("TRAINWELL_STATIC", raising=False)
    cells = [nbformat.v4.new_code_cell(source) for source in (LIVE, MOVE)]
    notebook = nbformat.v4.new_notebook(cells=cells)
    client = NotebookClient(notebook, timeout=60)
    client.execute()
    assert cells[1].outputs[0].text == "[2.0, 3.0]\n"
    models = notebook.metadata.widgets["application/vnd.jupyter.widget-state+json"]["state"].values()
    slider = next(model["state"] for model in models if model["model_name"] == "SelectionSliderModel")
    assert slider["_options_labels"] == ["1", "2", "3"]
    assert slider["description"] == "slope"
    assert slider["continuous_update"] is False, "a frame a release, not a frame a pixel"
    output = next(model["state"]["outputs"] for model in models if model["model_name"] == "OutputModel")
    assert output[0]["metadata"]["image/png"]["alt"] == ALT


def test_svg_loses_what_shows_nothing_and_keeps_what_does() -> None:
    svg = """<?xml version="1.0"?>
<svg xmlns:xlink="http://www.w3.org/1999/xlink" width="9pt" height="9pt" viewBox="0 0 9 9" version="1.1">
 <defs><style type="text/css">*{stroke-linejoin: round}</style></defs>
 <g id="figure_1"><path d="M 0 9 L 9 9 z " style="fill: none"/>
  <g clip-path="url(#box)"><path d="M 1.04 2 L 3 5.5 L 2 5.5 z M 4 4 L 4 5 " style="fill: none; stroke: #000000"/></g>
  <text x="1.234" transform="rotate(-0 1.2 3)">0.125</text></g>
 <defs><clipPath id="box"><rect x="1" y="1" width="7" height="7"/></clipPath></defs>
</svg>"""
    assert compact(svg, "fig-a") == (
        '<svg viewBox="0 0 9 9" fill="currentColor" stroke-linejoin="round">'
        '<g clip-path="url(#fig-a-box)"><path d="m1 2l2 3.5l-1 0zm3 2l0 1" style="fill:none;stroke:currentColor" /></g>'
        '<text x="1.2">0.125</text>'
        '<defs><clipPath id="fig-a-box"><rect x="1" y="1" width="7" height="7" /></clipPath></defs></svg>'
    )


@pytest.mark.parametrize("marks", [1, 2])
def test_svg_says_once_what_marks_have_in_common(marks: int) -> None:
    mark = '<use x="1" style="fill: #ff0000" />'
    small = compact(f'<svg viewBox="0 0 9 9"><g>{marks * mark}</g></svg>', "fig-a")
    assert small.count("style") == 1
    assert ("<g style" in small) == (marks > 1)


@pytest.mark.parametrize(("value", "label"), [(1.0, "1"), (0.25, "0.25"), (3, "3"), (True, "True"), ("relu", "relu")])
def test_values_are_labelled_briefly(value: Any, label: str) -> None:
    assert widgets._label(value) == label


def test_what_only_has_a_name_has_to_be_named() -> None:
    with pytest.raises(TypeError, match="positional"):
        widgets.show(line(), "fig-line", ALT)  # type: ignore[misc]
    with pytest.raises(TypeError, match="positional"):
        widgets.explore(line, "fig-line", ALT, slope=[1.0, 2.0])  # type: ignore[misc]


def test_grounds_are_the_pages_own_in_a_page_and_white_in_a_notebook(page: list[str]) -> None:
    widgets.show(line(), name="fig-line", alt=ALT)
    assert "#ffffff" not in page[0], "a page may be dark"
    pixels = mpl.image.imread(io.BytesIO(widgets._png(line(), ALT).data))
    assert (pixels[0, 0] == 1).all(), "white, and not transparent"
    assert pixels.shape[:2] == (200, 400)
