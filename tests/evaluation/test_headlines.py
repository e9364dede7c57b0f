"""Metrics by name from an evaluation written by hand, and their summary over seeds."""

from __future__ import annotations

from typing import Any

import pytest

from rgsd.errors import UnknownName
from rgsd.evaluation.headlines import DEFAULT_METRICS, check_metric, metric, over_seeds

TRAINING = {"samples": 1000, "minutes": 2.5}
EVALUATION: dict[str, Any] = {
    "clips": {
        "walk": {"tracked": 0.9, "root_error_end_m": 0.1, "path_ratio": 1.2, "turn_ratio": None},
        "turn": {"tracked": 0.4, "root_error_end_m": 0.3, "path_ratio": None, "turn_ratio": None},
        "back": {"tracked": 1.0, "root_error_end_m": 0.2, "path_ratio": 0.7, "turn_ratio": None},
    },
    "mean": {"tracked": 0.7},
    "discovery": {"fall_rate": 0.25, "switching": {"mean": 0.1}, "held_out": {"diagonal": 0.04}},
}


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("worst.tracked", 0.4),
        ("worst.root_error_end_m", 0.3),
        ("worst.path_ratio", 0.7),  # 0.3 from one; 1.2 is only 0.2 from it, and null does not count
        ("worst.turn_ratio", None),
        ("mean.tracked", 0.7),
        ("clips.turn.tracked", 0.4),
        ("clips.trot.tracked", None),  # another run's clip
        ("discovery.fall_rate", 0.25),
        ("discovery.switching.mean", 0.1),
        ("discovery.held_out.diagonal", 0.04),
        ("training.minutes", 2.5),
    ],
)
def test_metrics_by_name(name: str, value: float | None) -> None:
    assert metric(name, EVALUATION, TRAINING) == value


def test_an_tracker_has_no_discovery_and_a_humanoid_no_held_out_gait() -> None:
    assert metric("discovery.fall_rate", EVALUATION | {"discovery": None}, TRAINING) is None
    humanoid = EVALUATION | {"discovery": {"held_out": None}}
    assert metric("discovery.held_out.diagonal", humanoid, TRAINING) is None


@pytest.mark.parametrize(
    ("name", "said"),
    [
        ("worst.traked", "unknown metric 'worst.traked'; did you mean worst.tracked"),
        ("skill", "did you mean mean.skill or worst.skill"),
        ("clips.walk.traked", "did you mean clips.CLIP.tracked"),
        ("clips.tracked", "unknown metric"),
        ("discovery.falls", "did you mean discovery.fall_rate"),
    ],
)
def test_unknown_metrics_are_answered_with_the_nearest(name: str, said: str) -> None:
    with pytest.raises(UnknownName, match=said):
        check_metric(name)


def test_a_gait_that_nobody_held_out_is_refused() -> None:
    with pytest.raises(UnknownName, match="unknown held-out gait 'diagnal'; did you mean diagonal"):
        metric("discovery.held_out.diagnal", EVALUATION, TRAINING)


def test_the_default_metrics_exist() -> None:
    assert [check_metric(name) for name in DEFAULT_METRICS] == list(DEFAULT_METRICS)


def test_few_seeds_have_points_and_five_an_interval() -> None:
    assert over_seeds([1.0, None, 3.0]) == {"points": [1.0, None, 3.0], "mean": 2.0, "ci": None}
    # deviation 1.5811, t(0.975; 4) = 2.776: half-width 2.776 * 1.5811 / sqrt(5) = 1.963
    assert over_seeds([1.0, 2.0, 3.0, 4.0, 5.0])["ci"] == pytest.approx([1.037, 4.963], abs=1e-3)
    assert over_seeds([]) == {"points": [], "mean": None, "ci": None}
