"""Table 1 as ranks, METRA's curves, and the panels of figure 4."""

from typing import Any

import numpy as np
import pytest

from rgsd.evaluation.headlines import over_seeds
from rgsd.viewing.comparison import run_curves
from rgsd.viewing.incompatibility import mean_curve
from rgsd.viewing.maps import path_grid
from rgsd.viewing.paper_table import table_one


def test_table_1_has_ranks_beside_the_papers_where_it_has_the_group() -> None:
    def cells(error: float | None, fid: float) -> dict[str, dict[str, Any]]:
        return {"cartesian_error_cm": over_seeds([error]), "fid": over_seeds([fid])}

    rows = {"static_pose": cells(5.0, 9.0), "rgsd": cells(8.0, 1.0), "ase": cells(6.0, 2.0), "calm": cells(None, 3.0)}
    lines = table_one({"run": rows, "hop": rows}, ["run", "hop"]).splitlines()
    assert lines[0] == "| Cartesian error, cm | run | hop |"
    assert lines[2] == "| static_pose | 5.0 | 5.0 |"
    # in the paper, of RGSD and ASE, 7.7 comes before 16.4; CALM has no number here and so no rank
    assert lines[3] == "| rgsd | 8.0 (2); paper 7.7 (1) | 8.0 |"
    assert lines[4] == "| ase | 6.0 (1); paper 16.4 (2) | 6.0 |"
    assert lines[5] == "| calm | \N{EN DASH} | \N{EN DASH} |"
    # FID of running: RGSD 9.4, ASE 11.3, CALM 13.9
    assert lines[-1] == "| calm | 3.0 (3); paper 13.9 (3) | 3.0 |"


def test_every_run_has_its_learning_curve() -> None:
    def history(reward: float) -> list[dict[str, float]]:
        return [{"samples": 10.0 * i, "Train/mean_reward": reward * i} for i in range(4)]

    figure = run_curves({"rgsd": [history(1.0), history(2.0)], "ase": [history(3.0)]})
    (axes,) = figure.axes
    assert [line.get_label() for line in axes.lines] == ["rgsd", "rgsd", "ase"]
    np.testing.assert_allclose(np.asarray(axes.lines[2].get_ydata()), [0, 3, 6, 9])  # so few points are not smoothed
    assert axes.lines[0].get_color() == axes.lines[1].get_color() != axes.lines[2].get_color()
    with pytest.raises(ValueError, match="no log holds any"):
        run_curves({"rgsd": [[{"samples": 1.0}]]})


def test_curves_of_any_length_have_a_mean() -> None:
    np.testing.assert_allclose(mean_curve([[0.0, 1.0], [0.0, 0.0, 0.0]], points=3), [0.0, 0.25, 0.5])
    assert len(mean_curve([])) == 0


def test_figure_4_has_a_row_a_method_and_a_column_a_motion() -> None:
    reference = {"walk": np.array([[0.0, 0.0], [2.0, 0.0]]), "turn": np.zeros((2, 2))}
    paths = {name: {motion: np.zeros((3, 2, 2)) for motion in reference} for name in ("rgsd", "ase")}
    captions = {name: {motion: f"{name} {motion}" for motion in reference} for name in paths}
    figure = path_grid(paths, reference, captions)
    titles = [axes.get_title(loc="left") for axes in figure.axes]
    assert titles == ["rgsd walk", "rgsd turn", "ase walk", "ase turn"]
    # ahead is up the page
    np.testing.assert_allclose(np.asarray(figure.axes[0].lines[-1].get_ydata()), [0.0, 2.0])


def test_who_stands_still_does_not_crop_who_travels() -> None:
    reference = {"walk": np.array([[0.0, 0.0], [2.0, 0.0]])}
    travels = np.tile(np.linspace(0.0, 3.0, 100)[None, :, None] * np.array([1.0, 0.0]), (5, 1, 1))
    paths = {"rgsd": {"walk": travels}} | {f"static pose{i}": {"walk": np.zeros((5, 100, 2))} for i in range(9)}
    figure = path_grid(paths, reference, {name: {"walk": ""} for name in paths})
    for axes in figure.axes:
        assert axes.get_ylim()[1] > 2.9
