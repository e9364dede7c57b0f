import io

import numpy as np
import pytest
from matplotlib.figure import Figure
from matplotlib.lines import Line2D
from PIL import Image

from rgsd.viewing.plots import ClipErrors, error_along_clips, learning_curves, number, score_chart
from rgsd.viewing.theme import group_colors, png_bytes, shade


def drawn(figure: Figure) -> np.ndarray:
    """The metric's pixels, by way of PNG."""
    return np.asarray(Image.open(io.BytesIO(png_bytes(figure, dpi=40))).convert("RGB"))


def xs(line: Line2D) -> list[float]:
    return np.asarray(line.get_xdata()).tolist()


def ys(line: Line2D) -> list[float]:
    return np.asarray(line.get_ydata()).tolist()


def panels(figure: Figure) -> list[str]:
    return [axes.get_title(loc="left") for axes in figure.axes]


def test_learning_curves_draw_each_metric_once_whenever_it_was_logged() -> None:
    history = [{"iteration": i, "samples": 100 * i, "Train/reward": float(i)} for i in range(40)]
    history[7] |= {"Encoder/kl": 0.5, "Note/text": "not a number", "Loss/value": None}
    figure = learning_curves(history)
    assert panels(figure) == ["Train/reward", "Encoder/kl"]
    raw, mean = figure.axes[0].lines
    assert xs(raw) == [100.0 * i for i in range(40)]
    # running mean over 40 // 20 = 2 iterations: (i - 1 + i) / 2
    assert ys(mean)[10] == pytest.approx(9.5)
    assert drawn(figure).std() > 5


def test_learning_curves_without_metrics_are_refused() -> None:
    with pytest.raises(ValueError, match="no iteration holds any metric"):
        learning_curves([{"iteration": 0, "samples": 0}])


def test_error_along_clips_shows_median_and_levels() -> None:
    pose = np.array([[1.0, 2, 3], [3, 4, 5], [2, 9, 4]])
    clip = ClipErrors("walk", "walk", 10.0, pose, pose / 100, {"static_pose": 7.0})
    figure = error_along_clips([clip])
    curve, level = figure.axes[0].lines
    assert ys(curve) == [2, 4, 4]  # medians of the columns
    assert xs(curve) == pytest.approx([0, 0.1, 0.2])
    assert ys(level)[0] == 7.0
    assert drawn(figure).std() > 5


def test_score_chart_has_dots_for_what_is_known() -> None:
    clips = {"a": {"cartesian_error_cm": 2.0, "path_ratio": None}, "b": {"cartesian_error_cm": 4.0}}
    figure = score_chart(clips, {"static_pose": {"a": {"cartesian_error_cm": 6.0}}}, {"a": "walk", "b": "run"})
    pose = figure.axes[0]
    assert [xs(line)[0] for line in pose.lines[:2]] == [2.0, 4.0]
    assert xs(pose.lines[2])[0] == 6.0
    assert drawn(figure).std() > 5


def test_colors_follow_groups_and_shades_go_to_white() -> None:
    colors = group_colors(["walk", "run", "walk"])
    assert list(colors) == ["walk", "run"]
    assert colors["walk"] != colors["run"]
    assert shade("#000000", 0.25) == pytest.approx((0.25, 0.25, 0.25))
    assert shade("#ffffff", -1.0) == (0.0, 0.0, 0.0)


def test_only_numbers_are_numbers() -> None:
    assert number(3) == 3.0
    assert all(np.isnan(number(value)) for value in (None, "3", True))
