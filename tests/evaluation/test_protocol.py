"""The whole protocol on a tiny budget and real physics: its two files, and what depends on what."""

from __future__ import annotations

import dataclasses
import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

from rgsd.bodies.body import Body
from rgsd.bodies.smpl import make_smpl
from rgsd.envs.reference_frames import ReferenceFrames
from rgsd.evaluation.protocol import PROTOCOL_VERSION, EvaluationConfig, evaluate
from rgsd.evaluation.rollouts import Simulate
from rgsd.learning.skill_policy import SkillPolicy
from rgsd.motions.library import MotionLibrary

SMALL = EvaluationConfig(
    rollouts_per_clip=3,
    num_latents=6,
    held_out_latents=7,
    discovery_seconds=0.4,
    variations_per_clip=2,
    rollouts_per_switch=1,
    threads=1,
)

MEASURES = [
    "cartesian_error_cm",
    "best_shift_error_cm",
    "skill",
    "root_error_m",
    "root_error_end_m",
    "heading_error_deg",
    "tracked",
    "survival",
    "path_ratio",
    "turn_ratio",
    "alignment",
    "action_rate",
    "foot_slip_cm",
    "foot_lift_ratio",
    "step_rate_ratio",
    "fid",
]


def evaluated(
    library: MotionLibrary, make_policy: Callable[..., SkillPolicy], folder: Path | None = None, **changes: Any
) -> dict[str, Any]:
    policy = make_policy(encoder=True)
    config = dataclasses.replace(SMALL, **changes)
    return evaluate(policy, library, config, run="r", folder=folder, untrained=policy, held_out=library)


def test_evaluation_json_says_what_the_protocol_asks(
    library: MotionLibrary, make_policy: Callable[..., SkillPolicy], tmp_path: Path
) -> None:
    result = evaluated(library, make_policy, tmp_path)
    assert json.loads((tmp_path / "evaluation.json").read_text()) == result
    assert sorted(p.name for p in tmp_path.iterdir()) == ["evaluation.json", "rollouts.npz"]
    assert result["protocol"] == PROTOCOL_VERSION == 2
    assert set(result["clips"]) == {"walk", "turn"}
    open_loop_replay, static_pose = (
        result["reference_rows"]["open_loop_replay"],
        result["reference_rows"]["static_pose"],
    )
    for row in (result, result["stochastic"], open_loop_replay, static_pose, result["reference_rows"]["untrained"]):
        for entry in (*row["clips"].values(), *row["groups"].values(), row["mean"]):
            assert set(MEASURES) <= set(entry)
            for key in set(MEASURES) - {"fid"}:
                assert f"{key}_ci" in entry
    assert result["reference_rows"]["tracker"] is None
    # an untrained policy hardly moves; the reference's own angles do
    assert open_loop_replay["mean"]["skill"] > result["mean"]["skill"] + 0.3
    assert result["clips"]["walk"]["latent_source"] == "embedding"
    assert result["clips"]["walk"]["turn_ratio"] is None
    assert -1 <= result["mean"]["alignment"] <= 1
    assert result["stochastic"]["mean"]["action_rate"] > result["mean"]["action_rate"]
    # the same policy twice, with the same noise, is the same
    assert result["reference_rows"]["untrained"]["mean"] == result["mean"]
    discovered = result["discovery"]
    assert discovered["held_out"] == discovered["untrained_held_out"]
    assert (discovered["num_latents"], discovered["held_out_latents"]) == (6, 7)
    assert len(discovered["switching"]["falls"]) == 2
    for key in ("fall_rate", "direction_coverage", "turn_coverage", "spread_path_m", "spread_pose_cm"):
        low, high = discovered[f"{key}_ci"]
        assert low <= discovered[key] <= high
    for variation in discovered["variations"]["walk"].values():
        assert {f"{key}_ci" for key in variation if not key.endswith("_ci")} <= set(variation)


def test_rollouts_npz_allows_measuring_again(
    library: MotionLibrary, make_policy: Callable[..., SkillPolicy], tmp_path: Path
) -> None:
    result = evaluated(library, make_policy, tmp_path)
    with np.load(tmp_path / "rollouts.npz", allow_pickle=False) as file:
        data = {name: file[name] for name in file.files}
    assert len(data["clip"]) == len(data["deterministic"]) == 2 * 2 * 3
    offsets, errors = data["offsets"], []
    for i in np.flatnonzero((data["clip"] == "walk") & data["deterministic"]):
        rows = slice(offsets[i], offsets[i + 1])
        # an independent Cartesian error: rotate by minus the yaw, subtract the root, mean of norms
        local = []
        for name in ("", "reference_"):
            position, (w, x, y, z) = data[f"{name}body_pos"][rows], data[f"{name}root_quat"][rows].T
            yaw = np.arctan2(2 * (x * y + w * z), 1 - 2 * (y * y + z * z))[:, None]
            moved = position - position[:, :1]
            east = np.cos(yaw) * moved[..., 0] + np.sin(yaw) * moved[..., 1]
            north = np.cos(yaw) * moved[..., 1] - np.sin(yaw) * moved[..., 0]
            local.append(np.stack((east, north, moved[..., 2]), axis=-1))
        errors.append(100 * np.linalg.norm(local[0] - local[1], axis=-1).mean())
    assert np.mean(errors) == pytest.approx(result["clips"]["walk"]["cartesian_error_cm"], rel=1e-4)
    assert data["fps"] == pytest.approx(library.body.control_hz)
    assert data["body_names"].tolist() == list(library.body.body_names)
    assert data["clip_names"].tolist() == ["walk", "turn"]
    np.testing.assert_allclose(data["reference_qpos"], library.states.qpos.numpy(), atol=1e-6)
    assert data["qpos"].shape == data["reference_qpos"].shape
    frames = round(0.4 * library.body.control_hz) + 1
    assert data["z"].shape == (6, 3)
    assert data["root_pos"].shape == (6, frames, 3)
    assert data["root_yaw"].shape == (6, frames)
    assert data["fell"].shape == (6,)
    assert data["discovery_qpos"].shape == (6, frames, library.body.model.nq)


def test_a_seed_fixes_every_number(library: MotionLibrary, make_policy: Callable[..., SkillPolicy]) -> None:
    first, again = evaluated(library, make_policy), evaluated(library, make_policy)
    assert first == again
    assert evaluated(library, make_policy, seed=1)["mean"] != first["mean"]


def test_an_tracker_is_evaluated_without_discovery(
    puppet: Simulate, library: MotionLibrary, make_policy: Callable[..., SkillPolicy]
) -> None:
    body = library.body
    frame = torch.cat([torch.arange(n) for n in library.lengths.tolist()])
    shown = ReferenceFrames(library).at(library.clip_of_frame, frame)

    def script(observation: torch.Tensor, z: torch.Tensor, clock: torch.Tensor) -> torch.Tensor:
        rows = (z.unsqueeze(1) - shown).norm(dim=-1).argmin(dim=1)  # the frame that it is shown
        hinges = library.states.qpos[rows, 7:]
        return (hinges - torch.tensor(body.action_center)) / torch.tensor(body.action_scale)

    policy = make_policy(script, condition="reference")
    policy.latent_dim = shown.shape[1]
    result = evaluate(policy, library, SMALL, simulate=puppet)
    assert result["discovery"] is None
    assert result["clips"]["walk"]["latent_source"] == "reference"
    assert result["clips"]["walk"]["z"] is None
    assert result["mean"]["skill"] > 0.95


def test_motions_of_another_body_are_refused(library: MotionLibrary, make_policy: Callable[..., SkillPolicy]) -> None:
    policy = make_policy()
    other: Body = make_smpl()
    policy.body = other
    with pytest.raises(ValueError, match="moves body 'smpl', the motions are of 'quadruped'"):
        evaluate(policy, library, SMALL)
