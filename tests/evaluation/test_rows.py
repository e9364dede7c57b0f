"""Means, intervals and the order of averaging."""

from __future__ import annotations

import pytest

from rgsd.evaluation import rows
from rgsd.evaluation.imitation import Reference
from rgsd.evaluation.reference_rows import static_pose
from rgsd.evaluation.rows import RowBuilder
from rgsd.motions.library import MotionLibrary


def test_average_leaves_nulls_out_and_adds_half_widths_in_squares() -> None:
    first = {"a": 1.0, "a_ci": [-2.0, 4.0], "b": None, "b_ci": None, "latent_source": "search", "fid": 1.0}
    second = {"a": 3.0, "a_ci": [-1.0, 7.0], "b": 4.0, "b_ci": [3.0, 5.0], "latent_source": "search", "fid": 2.0}
    # half-widths 3 and 4: 5 / 2
    assert rows.average([first, second]) == {"a": 2.0, "a_ci": [-0.5, 4.5], "b": 4.0, "b_ci": [3.0, 5.0]}


def test_mean_is_over_groups_and_groups_over_clips() -> None:
    groups = [rows.average([{"x": 1.0}, {"x": 3.0}]), rows.average([{"x": 8.0}])]
    assert rows.average(groups) == {"x": 5.0}  # not (1 + 3 + 8) / 3


def test_average_of_nothing_but_nulls_is_null() -> None:
    assert rows.average([{"x": None, "x_ci": None}]) == {"x": None, "x_ci": None}


def test_row_has_clips_groups_and_pooled_distance(library: MotionLibrary) -> None:
    references = [Reference.of(library, clip) for clip in range(2)]
    builder = RowBuilder(library, references)
    for clip in (1, 0):
        builder.add(clip, static_pose(references[clip]))
    row = builder.row()
    assert list(row["clips"]) == ["walk", "turn"]  # in the library's order, whatever that of adding
    assert set(row["groups"]) == {"travel", "turn"}
    assert row["clips"]["walk"]["alignment"] is None
    assert row["clips"]["walk"]["turn_ratio"] is None
    # pooled frames are another set than either clip's: no mean of the two
    single = [row["clips"][name]["fid"] for name in ("walk", "turn")]
    assert row["mean"]["fid"] > 0
    assert row["mean"]["fid"] != pytest.approx(sum(single) / 2, rel=1e-3)
    assert row["mean"]["fid_null"] < row["mean"]["fid"]
    assert row["mean"]["fid_ci"] is None  # of a single rollout a clip
