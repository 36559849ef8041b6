"""The figures of the pages and labs: what they draw is what they were given."""

from __future__ import annotations

import json

import matplotlib.pyplot as plt
import numpy as np
import pytest
import torch
from torch import nn

from trainwell import plots
from trainwell.scores import calibration_error
from trainwell.training import History


@pytest.fixture(autouse=True)
def close_figures():
    yield
    plt.close("all")


def drawn(axes):
    """The lines of a panel by label."""
    return {line.get_label(): line for line in axes.lines}


def luminance(colour):
    parts = [int(colour[i : i + 2], 16) / 255 for i in (1, 3, 5)]
    r, g, b = (c / 12.92 if c <= 0.04045 else ((c + 0.055) / 1.055) ** 2.4 for c in parts)
    return 0.2126 * r + 0.7152 * g + 0.0722 * b


@pytest.mark.parametrize("ground", ["#ffffff", "#14181e"])
@pytest.mark.parametrize("colour", plots.COLOURS)
def test_every_colour_reads_on_light_and_dark_ground(colour, ground):
    light, dark = sorted((luminance(colour), luminance(ground)), reverse=True)
    assert (light + 0.05) / (dark + 0.05) >= 3


def test_every_line_also_differs_in_its_dashes():
    figure = plots.curves({str(k): [k, k] for k in range(6)})
    dashes = {str(line._unscaled_dash_pattern) for line in figure.axes[0].lines}
    assert len(dashes) == 6
    lengths = [length for dash in plots.DASHES if isinstance(dash, tuple) for length in dash[1]]
    assert min(lengths) > 0, "a dash without a length is not seen"


def test_curves_draw_values_against_their_count_or_given_places():
    figure = plots.curves(
        {"a": [3.0, 1.0], "b": (torch.tensor([5.0, 7.0]), torch.tensor([2.0, 4.0]))}, vertical={"here": 6}
    )
    lines = drawn(figure.axes[0])
    assert lines["a"].get_xydata().tolist() == [[1, 3], [2, 1]]
    assert lines["b"].get_xydata().tolist() == [[5, 2], [7, 4]]
    assert list(lines["here"].get_xdata()) == [6, 6]
    assert {t.get_text() for t in figure.axes[0].get_legend().get_texts()} == {"a", "b", "here"}


def test_curves_draw_into_a_panel_that_is_given():
    figure, (left, right) = plots.panels(2)
    assert plots.curves({"a": [1.0]}, axes=right, ylim=(0, 3)) is figure
    assert (len(left.lines), len(right.lines)) == (0, 1)
    assert right.get_ylim() == (0, 3)


def test_learning_curves_show_training_dashed_and_validation_solid():
    history = History([2.0, 1.0], [0.1, 0.2], [3.0, 4.0], [0.3, 0.4])
    loss, accuracy = plots.learning_curves(history).axes
    lines = drawn(loss)
    assert lines["training"].get_ydata().tolist() == [2, 1]
    assert lines["validation"].get_ydata().tolist() == [3, 4]
    assert (lines["training"].get_linestyle(), lines["validation"].get_linestyle()) == ("--", "-")
    assert drawn(accuracy)["validation"].get_ydata().tolist() == [0.3, 0.4]


CLAIM = {
    "arms": {
        arm: {"metrics": {"accuracy": {"mean": mean, "low": mean - 0.1, "high": mean + 0.2}}}
        for arm, mean in (("without", 0.5), ("with", 0.7))
    }
}


def test_intervals_draw_means_and_ends_in_the_order_asked_for():
    axes = plots.intervals(CLAIM, "accuracy", {"with": "dropout", "without": "nothing"}, "accuracy").axes[0]
    (container,) = axes.containers
    points, _, (bars,) = container
    assert points.get_xdata().tolist() == [0.7, 0.5]
    ends = np.array([segment[:, 0] for segment in bars.get_segments()])
    np.testing.assert_allclose(ends, [[0.6, 0.9], [0.4, 0.7]])
    assert [label.get_text() for label in axes.get_yticklabels()] == ["dropout", "nothing"]
    assert axes.get_ylim()[0] > axes.get_ylim()[1], "the first arm stands on top"


def test_results_are_those_of_the_file_and_an_unknown_topic_is_named():
    from pathlib import Path

    path = Path(__file__).parents[1] / "book/experiments/regularization.json"
    assert plots.results("regularization") == json.loads(path.read_text())["claims"]
    with pytest.raises(ValueError, match="alchemy"):
        plots.results("alchemy")


@pytest.mark.parametrize("power", [1.0, 2.0])
def test_norm_ball_passes_through_the_solution(power):
    w = torch.tensor([0.8, -0.5])
    figure = plots.norm_balls(torch.eye(2), torch.tensor([1.0, 1.0]), {"name": (power, w)})
    ball, minimum, solution = figure.axes[0].lines[:3]
    norms = (np.abs(ball.get_xydata()) ** power).sum(1) ** (1 / power)
    np.testing.assert_allclose(norms, norms[0])
    np.testing.assert_allclose(norms[0], w.abs().pow(power).sum().item() ** (1 / power), rtol=1e-6)
    assert minimum.get_xydata().tolist() == [[1, 1]]
    np.testing.assert_allclose(solution.get_xydata(), [[0.8, -0.5]], rtol=1e-6)


def test_coefficient_paths_draw_ours_as_lines_and_the_reference_as_marks():
    ours, theirs = torch.rand(3, 2), torch.rand(3, 2)
    axes = plots.coefficient_paths([0.1, 1.0, 10.0], {"ridge": (ours, theirs)}).axes[0]
    first, marks, second = axes.lines[:3]
    np.testing.assert_allclose(first.get_ydata(), ours[:, 0])
    np.testing.assert_allclose(marks.get_ydata(), theirs[:, 0])
    np.testing.assert_allclose(second.get_ydata(), ours[:, 1])
    assert (marks.get_linestyle(), axes.get_xscale()) == ("None", "log")


def test_reliability_puts_each_bin_at_its_confidence_and_accuracy():
    p = torch.tensor([[0.95, 0.05], [0.91, 0.09], [0.35, 0.65]])
    axes = plots.reliability({"model": (p, torch.tensor([0, 1, 1]))}).axes[0]
    np.testing.assert_allclose(axes.lines[1].get_xydata(), [[0.65, 1.0], [0.93, 0.5]], rtol=1e-6)


def test_reliability_has_the_bins_of_the_calibration_error():
    """A confidence on an edge lies in the bin below it: the gaps of two bins of one example each are the error."""
    p, targets = torch.tensor([[0.5, 0.3, 0.2], [0.1, 0.9, 0.0]]), torch.tensor([0, 2])
    axes = plots.reliability({"model": (p, targets)}, bins=2).axes[0]
    points = axes.lines[1].get_xydata()
    np.testing.assert_allclose(points, [[0.5, 1.0], [0.9, 0.0]], rtol=1e-6)
    assert np.abs(points[:, 0] - points[:, 1]).mean() == pytest.approx(calibration_error(p, targets, bins=2))
    with pytest.raises(ValueError, match="bins must be at least 1, got 0"):
        plots.reliability({"model": (p, targets)}, bins=0)


def test_boundary_separates_where_the_model_does():
    model = nn.Linear(2, 2, bias=False)
    nn.init.constant_(model.weight, 0.0).data[0, 0] = 1.0  # class 0 to the right of the line x1 = 0
    x, y = torch.tensor([[1.0, 0.0], [-1.0, 0.0]]), torch.tensor([0, 1])
    axes = plots.boundary(model, x, y).axes[0]
    right, left = axes.collections[0].get_paths()
    assert right.vertices[:, 0].min() == pytest.approx(0, abs=0.05)
    assert left.vertices[:, 0].max() == pytest.approx(0, abs=0.05)
    assert [line.get_xydata().tolist() for line in axes.lines] == [[[1, 0]], [[-1, 0]]]
    assert axes.lines[0].get_marker() != axes.lines[1].get_marker()


def test_bars_stand_side_by_side_and_differ_in_their_hatch():
    axes = plots.bars({"a": [1.0, 2.0], "b": [3.0, 4.0]}, names=["x", "y"]).axes[0]
    first, second = axes.containers
    assert [bar.get_height() for bar in second] == [3, 4]
    assert [text.get_text() for text in axes.get_legend().get_texts()] == ["a", "b"]
    assert plots.bars({"a": [1.0]}).axes[0].get_legend() is None
    assert first[0].get_x() + first[0].get_width() == pytest.approx(second[0].get_x())
    assert first[0].get_hatch() != second[0].get_hatch()


def test_style_is_put_back():
    before = plt.rcParams["axes.spines.top"]
    with plots.style():
        assert not plt.rcParams["axes.spines.top"]
    assert plt.rcParams["axes.spines.top"] == before


def test_a_figure_has_the_books_width():
    assert plots.panels()[0].get_size_inches().tolist() == plots.panels(2)[0].get_size_inches().tolist() == [6.4, 3.2]
    with plots.style():
        assert plt.rcParams["figure.figsize"] == [6.4, 3.2]


def test_contours_are_those_of_the_quadratic_loss_around_its_minimum():
    hessian, minimum = torch.tensor([[2.0, 0.6], [0.6, 1.0]]), torch.tensor([1.2, 0.7])
    axes = plots.norm_balls(hessian, minimum, {"ridge": (2.0, torch.tensor([0.5, 0.4]))}).axes[0]
    contours = axes.collections[0]
    assert len(contours.levels) == 6
    for level, segments in zip(contours.levels, contours.allsegs, strict=True):
        for segment in segments:
            away = torch.tensor(segment, dtype=torch.float32) - minimum
            loss = ((away @ hessian) * away).sum(1) / 2
            torch.testing.assert_close(loss, torch.full_like(loss, level), rtol=0, atol=0.02)
    assert all(segments for segments in contours.allsegs), "every level is drawn"
    assert (axes.get_xlim(), axes.get_ylim()) == ((-1, 2.6), (-1, 2.6))
    drawn_at = np.concatenate([segment for segments in contours.allsegs for segment in segments])
    np.testing.assert_allclose([drawn_at.min(), drawn_at.max()], [-1, 2.6])  # to the edges of the panel


def test_a_norm_ball_is_closed_and_goes_all_around():
    figure = plots.norm_balls(torch.eye(2), torch.ones(2), {"ridge": (2.0, torch.tensor([0.6, 0.8]))})
    x, y = figure.axes[0].lines[0].get_data()
    np.testing.assert_allclose([x.min(), x.max(), y.min(), y.max()], [-1, 1, -1, 1], atol=1e-6)
    np.testing.assert_allclose([x[0], y[0]], [x[-1], y[-1]], atol=1e-6)


def test_coefficients_and_their_references_share_a_colour_and_no_two_a_mark():
    paths = torch.rand(3, 10)
    lines = plots.coefficient_paths([0.1, 1.0, 10.0], {"ridge": (paths, paths)}).axes[0].lines
    assert [line.get_color() for line in lines[::2]] == [line.get_color() for line in lines[1::2]]
    assert len({line.get_color() for line in lines[:12:2]}) == 6
    assert len({line.get_marker() for line in lines[1::2]}) == 10


def test_reliability_is_seen_against_the_diagonal():
    p = torch.tensor([[0.95, 0.05]])
    axes = plots.reliability({"model": (p, torch.tensor([0]))}).axes[0]
    assert axes.lines[0].get_xydata().tolist() == [[0, 0], [1, 1]]
    assert axes.get_xlim() == axes.get_ylim() == (0, 1.02)


def test_boundary_reaches_a_little_beyond_the_examples():
    x, y = torch.tensor([[1.0, 0.0], [-1.0, 2.0]]), torch.tensor([0, 1])
    axes = plots.boundary(nn.Linear(2, 2), x, y).axes[0]
    vertices = np.concatenate([path.vertices for path in axes.collections[0].get_paths()])
    np.testing.assert_allclose(vertices.min(0), [-1.3, -0.3], atol=1e-6)
    np.testing.assert_allclose(vertices.max(0), [1.3, 2.3], atol=1e-6)


@pytest.mark.parametrize("series", [1, 2, 3])
def test_groups_of_bars_stand_around_their_number(series):
    axes = plots.bars({str(k): [1.0, 2.0] for k in range(series)}).axes[0]
    centres = np.array([bar.get_x() + bar.get_width() / 2 for bar in axes.patches]).reshape(series, 2)
    np.testing.assert_allclose(centres.mean(0), [0, 1], atol=1e-12)
    assert sum(bar.get_width() for bar in axes.patches) / 2 == pytest.approx(0.8)
    assert [bar.get_height() for bar in axes.patches] == [1.0, 2.0] * series


def test_two_lines_need_a_legend_and_one_does_not():
    assert plots.curves({"a": [1.0]}).axes[0].get_legend() is None
    assert plots.curves({"a": [1.0], "b": [2.0]}).axes[0].get_legend() is not None
    assert plots.curves({"a": [1.0]}, vertical={"here": 1}).axes[0].get_legend() is not None


def test_the_axis_that_panels_share_is_named_on_the_left():
    paths, p = torch.rand(2, 1), (torch.tensor([[0.9, 0.1]]), torch.tensor([0]))
    both = plots.coefficient_paths([0.1, 1.0], {"a": (paths, paths), "b": (paths, paths)})
    assert [axes.get_ylabel() for axes in both.axes] == ["coefficient", ""]
    assert [axes.get_ylabel() for axes in plots.reliability({"a": p, "b": p}).axes] == ["accuracy", ""]
