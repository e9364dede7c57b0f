"""Which runs may be compared, and what stands in which row and table."""

from __future__ import annotations

import copy
import dataclasses
from collections.abc import Callable
from typing import Any

import pytest

from rgsd.errors import UsageError
from rgsd.evaluation.comparison import MEAN, WORST, EvaluatedRun, check_comparable, compare, group_seeds
from rgsd.evaluation.convergence import Convergence
from rgsd.evaluation.headlines import DISCOVERY, MEASURES


def clip(error: float) -> dict[str, Any]:
    return dict.fromkeys(MEASURES) | {"cartesian_error_cm": error, "tracked": 0.5, "static_pose_error_cm": 4.0}


def row(*errors: float) -> dict[str, Any]:
    clips = {f"clip{i}": clip(error) for i, error in enumerate(errors)}
    mean = clip(sum(errors) / len(errors))
    return {"clips": clips, "groups": {"walk": mean}, "mean": mean | {"fid": 3.0}}


def evaluated(method: str, seed: int, *errors: float, **changes: Any) -> EvaluatedRun:
    found: dict[str, Any] = {key: 0.25 for key in DISCOVERY if "." not in key}
    found |= {"switching": {"mean": 0.1}, "num_latents": 10, "seconds": 2.0, "fid_null": 0.7}
    found |= {"reference_direction_coverage": 0.5, "reference_turn_coverage": 0.125}
    found |= {"held_out": {"diagonal": 0.2}, "untrained_held_out": {"diagonal": 0.01}}
    near = {"mean_cosine": 0.8, "cartesian_error_cm": 2.0, "spread_path_m": None, "spread_pose_cm": 1.0, "fall_rate": 0}
    found |= {"variations": {"clip0": {"20": near}, "clip1": {"20": near | {"cartesian_error_cm": 4.0}}}}
    evaluation = {
        "protocol": 1, "feature_set": "v1", "body": "tiny", "rollouts_per_clip": 2, "method": method, **row(*errors),
        "discovery": None if method == "tracker" else found,
        "reference_rows": {"static_pose": row(4.0), "open_loop_replay": row(1.0), "tracker": None}
        | {"untrained": row(9.0)},
    }  # fmt: skip
    training = {"samples": 1200.0, "minutes": 2.0}
    run = EvaluatedRun(
        f"runs/{method}/seed{seed}",
        method,
        method,
        seed,
        "digest",
        evaluation,
        training,
        Convergence(800.0 + 100 * seed, seed == 0),
    )
    return dataclasses.replace(run, **changes)


def test_seeds_are_points_and_reference_rows_stand_once() -> None:
    found = compare([evaluated("rgsd", 1, 2.0, 5.0), evaluated("rgsd", 0, 1.0, 2.0), evaluated("tracker", 0, 0.5, 0.7)])
    assert found["runs"] == {
        "rgsd": {"0": "runs/rgsd/seed0", "1": "runs/rgsd/seed1"},
        "tracker": {"0": "runs/tracker/seed0"},
    }
    assert list(found["imitation"]) == ["walk", MEAN, WORST]
    walk = found["imitation"]["walk"]
    assert list(walk) == ["static_pose", "open_loop_replay", "tracker", "untrained", "rgsd"]
    assert walk["rgsd"]["cartesian_error_cm"] == {"points": [1.5, 3.5], "mean": 2.5, "ci": None}
    assert walk["tracker"]["cartesian_error_cm"]["points"] == [0.6]
    assert walk["rgsd"]["fid"]["points"] == [None, None]
    assert found["imitation"][MEAN]["rgsd"]["fid"]["points"] == [3.0, 3.0]
    assert found["imitation"][WORST]["rgsd"]["cartesian_error_cm"]["points"] == [2.0, 5.0]


def test_discovery_variations_and_cost() -> None:
    found = compare([evaluated("tracker", 0, 0.5, 0.7), evaluated("ase", 0, 1.0, 2.0)])
    discovery = found["discovery"]
    assert list(discovery) == ["references", "untrained", "ase"]
    assert discovery["references"]["direction_coverage"]["mean"] == 0.5
    assert discovery["references"]["fid"]["mean"] == 0.7
    assert discovery["untrained"]["held_out.diagonal"]["mean"] == 0.01
    assert discovery["ase"]["held_out.diagonal"]["mean"] == 0.2
    assert discovery["ase"]["switching.mean"]["mean"] == 0.1
    near = found["variations"]["20"]["ase"]
    assert near["cartesian_error_cm"]["mean"] == 3.0  # of 2 and 4
    assert near["spread_path_m"]["mean"] is None
    # 1200 samples in 2 minutes
    assert found["training"]["ase"]["steps_per_s"]["mean"] == 10.0
    both = compare([evaluated("ase", 0, 1.0, 2.0), evaluated("ase", 1, 1.0, 2.0)])["training"]["ase"]
    assert both["reward_90"]["points"] == [800.0, 900.0]
    assert both["reward_rising"]["mean"] == 0.5


def test_a_method_of_several_settings_is_told_by_its_label() -> None:
    runs = [
        evaluated("metra", 0, 1.0, settings="a", label="local"),
        evaluated("metra", 0, 1.0, settings="b", label="time", name="runs/time"),
        evaluated("metra", 0, 1.0, settings="c", label="metra-wide", name="runs/metra-wide"),
    ]
    assert list(group_seeds(runs)) == ["metra local", "metra time", "metra-wide"]


def with_evaluation(change: Callable[[dict[str, Any]], object]) -> EvaluatedRun:
    run = evaluated("diayn", 0, 1.0, 2.0)
    evaluation = copy.deepcopy(dict(run.evaluation))
    change(evaluation)
    return dataclasses.replace(run, evaluation=evaluation)


@pytest.mark.parametrize(
    ("other", "said"),
    [
        (with_evaluation(lambda e: e.update(body="smpl")), "body is tiny and smpl; choose others"),
        (with_evaluation(lambda e: e.update(protocol=2)), "protocol is 1 and 2; evaluate both again"),
        (with_evaluation(lambda e: e["clips"].pop("clip1")), "only one of them has the motion 'clip1'"),
        (with_evaluation(lambda e: e["clips"]["clip1"].update(static_pose_error_cm=4.1)), "is not the same .*4.1 cm"),
        (with_evaluation(lambda e: e["discovery"].update(num_latents=5)), "10 latents of 2 s.*5 latents of 2 s"),
        (evaluated("diayn", 0, 1.0, 2.0, physics="other"), "the body's physics changed"),
        (evaluated("rgsd", 0, 1.0, 2.0, name="runs/copy"), "rgsd/seed0 and runs/copy: the same settings and seed 0"),
    ],
)  # fmt: skip
def test_what_must_not_be_compared_is_refused(other: EvaluatedRun, said: str) -> None:
    with pytest.raises(UsageError, match=said):
        check_comparable([evaluated("rgsd", 0, 1.0, 2.0), other])


def test_nothing_cannot_be_compared() -> None:
    with pytest.raises(UsageError, match="nothing to compare"):
        compare([])
