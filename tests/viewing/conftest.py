"""A tiny body, and a run folder with every file that viewing reads, both made up on the spot."""

import json
from pathlib import Path
from typing import Any

import mujoco
import numpy as np
import pytest
import yaml

from rgsd.bodies import Body, FallRule

CLIPS = ("walk_forward", "walk_back", "turn_left")
FPS, FRAMES, ROLLOUTS, LATENTS = 50.0, 40, 2, 12


@pytest.fixture(scope="session")
def body() -> Body:
    """A red box with one hinged arm, above a dull plane."""
    spec = mujoco.MjSpec()
    spec.worldbody.add_light(pos=[0, 0, 3])
    spec.worldbody.add_geom(type=mujoco.mjtGeom.mjGEOM_PLANE, size=[5, 5, 0.1], rgba=[0.6, 0.6, 0.6, 1])
    trunk = spec.worldbody.add_body(name="trunk", pos=[0, 0, 0.5])
    trunk.add_freejoint(name="root")
    trunk.add_geom(type=mujoco.mjtGeom.mjGEOM_BOX, size=[0.2, 0.1, 0.1], rgba=[0.9, 0.1, 0.1, 1])
    arm = trunk.add_body(name="arm", pos=[0.2, 0, 0])
    arm.add_joint(name="elbow", axis=[0, 1, 0])
    arm.add_geom(type=mujoco.mjtGeom.mjGEOM_SPHERE, size=[0.08, 0, 0], pos=[0.15, 0, 0])
    spec.add_actuator(name="elbow", target="elbow", trntype=mujoco.mjtTrn.mjTRN_JOINT).set_to_position(kp=10.0)
    standing = np.array([0, 0, 0.5, 1, 0, 0, 0, 0], dtype=float)
    rule = FallRule({"trunk": 0.1})
    return Body("tiny", spec.compile(), 5, standing, np.zeros(1), np.ones(1), ("arm",), ("arm",), rule)


def metrics(seed: int) -> dict[str, Any]:
    """Plausible measures of one clip."""
    rng = np.random.default_rng(seed)
    error = float(rng.uniform(1, 3))
    return {
        "cartesian_error_cm": error, "cartesian_error_cm_ci": [error - 0.1, error + 0.1],
        "best_shift_error_cm": error / 2, "skill": 0.75, "root_error_m": 0.1 * error, "root_error_end_m": 0.2,
        "heading_error_deg": 4.0, "tracked": 0.9, "survival": 1.0, "path_ratio": 0.93, "turn_ratio": None,
        "alignment": 0.8, "action_rate": 0.02, "foot_slip_cm": 0.1, "foot_lift_ratio": 0.66,
        "step_rate_ratio": None, "fid": 2.5,
    }  # fmt: skip


def evaluation() -> dict[str, Any]:
    """An evaluation as `rgsd.evaluation.protocol` writes it, with the tracker missing."""

    def row(seed: int) -> dict[str, Any]:
        return {"clips": {name: metrics(seed + i) for i, name in enumerate(CLIPS)}, "groups": {}, "mean": metrics(seed)}

    own = row(0)
    for i, name in enumerate(CLIPS):
        own["clips"][name] |= {"z": np.eye(4)[i].tolist(), "group": name.split("_")[0], "latent_source": "embedding"}
    own["clips"]["walk_forward"]["cartesian_error_cm"] = 1.2345
    kappas = {
        "mean_cosine": 0.84,
        "cartesian_error_cm": 2.0,
        "spread_path_m": 0.4,
        "spread_pose_cm": 1.0,
        "fall_rate": 0.0,
    }
    quantiles = {"q05": 0.1, "q25": 0.3, "q50": 0.77, "q75": 1.2, "q95": 1.9}
    discovery = {
        "num_latents": LATENTS, "seconds": 4.0, "fall_rate": 0.25, "fall_rate_ci": [0.09, 0.53],
        "resting_fraction": 0.375,
        "direction_coverage": 0.5625,
        "displacement_m": {"distance": quantiles}, "reference_direction_coverage": 0.125, "turn_coverage": 0.25,
        "reference_turn_coverage": 0.125, "spread_path_m": 1.1, "spread_pose_cm": 2.2, "fid": 9.0, "fid_null": 1.5,
        "held_out": {"trot <fast>": 0.014}, "untrained_held_out": {"trot <fast>": 0.0},
        "variations": {name: {"20": kappas, "100": kappas} for name in CLIPS},
        "switching": {"clips": list(CLIPS), "falls": [[0.0, 0.25, None]] * 3, "mean": 0.11},
    }  # fmt: skip
    rows = {"static_pose": row(10), "open_loop_replay": row(20), "tracker": None, "untrained": row(40)}
    return {
        "schema": 1, "protocol": 2, "run": "r", "body": "tiny", "rollouts_per_clip": ROLLOUTS, **own,
        "stochastic": row(5), "discovery": discovery, "reference_rows": rows,
    }  # fmt: skip


def landscape() -> dict[str, Any]:
    """A landscape as `rgsd.evaluation.landscape` returns it."""
    clips = {}
    for name in CLIPS:
        clips[name] = {
            "frames": [0.9] * FRAMES,
            "reference": 0.9,
            "speed": {"0": 0.2, "0.5": 0.6, "1": 0.9, "1.5": 0.7},
            "others": {other: -0.3 for other in CLIPS if other != name},
            **{kind: {"0.1": 0.8, "0.4": 0.3} for kind in ("joint", "tilt", "height", "velocity")},
        }
    return {"clips": clips, "mean": {}}


def rollouts(body: Body) -> dict[str, np.ndarray]:
    """Recordings as `rgsd.evaluation.recording` writes them: each rollout 0.1 m to the left of its reference."""
    time = np.arange(FRAMES) / FPS
    reference = np.tile(body.standing_qpos, (FRAMES, 1))
    reference[:, 0] = time
    own = reference.copy()
    own[:, 1] += 0.1
    bodies = np.stack([reference[:, :3], reference[:, :3] + [0.2, 0, 0]], axis=1)
    clips, shown = len(CLIPS), len(CLIPS) * ROLLOUTS
    quats = np.tile([1.0, 0, 0, 0], (shown * FRAMES, 1))
    angles = np.linspace(-np.pi, np.pi, LATENTS)
    out = np.stack([np.cos(angles), np.sin(angles), 0 * angles], axis=1)[:, None] * time[:, None]
    return {
        "clip": np.repeat(CLIPS, ROLLOUTS), "deterministic": np.ones(shown, bool), "fps": np.array(FPS),
        "offsets": np.arange(shown + 1) * FRAMES, "body_names": np.array(body.body_names),
        "body_pos": np.tile(bodies + np.array([0, 0.1, 0]), (shown, 1, 1)),
        "reference_body_pos": np.tile(bodies, (shown, 1, 1)),
        "root_quat": quats, "reference_root_quat": quats, "clip_names": np.array(CLIPS),
        "clip_offsets": np.arange(clips + 1) * FRAMES, "qpos": np.tile(own, (clips, 1)),
        "reference_qpos": np.tile(reference, (clips, 1)), "z": np.eye(LATENTS, 4), "root_pos": out,
        "root_yaw": np.zeros((LATENTS, FRAMES)), "fell": np.arange(LATENTS) % 4 == 0,
        "discovery_qpos": np.stack([own, own]),
    }  # fmt: skip


@pytest.fixture
def run_dir(tmp_path: Path, body: Body) -> Path:
    """A run folder of the tiny body with everything but a film; 30 iterations."""
    folder = tmp_path / "runs" / "tiny-rgsd-2026-01-31"
    (folder / "evaluation").mkdir(parents=True)
    (folder / "policy").mkdir()
    (folder / "config.yaml").write_text(yaml.safe_dump({"method": "rgsd", "trainer": {"seed": 41}}))
    lines = [
        {"iteration": i, "samples": 1000 * (i + 1), "seconds": 2.0 * i, "Train/mean_reward": i / 30, "Loss/value": 1.0}
        for i in range(30)
    ]
    (folder / "metrics.jsonl").write_text("".join(json.dumps(line) + "\n" for line in lines))
    (folder / "policy" / "policy.json").write_text(json.dumps({"method": "rgsd", "latent_dim": 4, "clips": CLIPS}))
    (folder / "evaluation" / "evaluation.json").write_text(json.dumps(evaluation()))
    (folder / "landscape.json").write_text(json.dumps(landscape()))
    np.savez(folder / "evaluation" / "rollouts.npz", **rollouts(body))  # pyright: ignore[reportArgumentType]
    return folder
