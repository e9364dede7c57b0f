"""The tables that some of `benchmarks/` print, of rollouts and directions that are known."""

from __future__ import annotations

import importlib
from collections.abc import Iterator
from pathlib import Path
from types import ModuleType, SimpleNamespace
from typing import Any

import numpy as np
import pytest
import torch

from rgsd import rotations
from rgsd.bodies.body import Body
from rgsd.bodies.kinematics import forward_kinematics
from rgsd.bodies.quadruped import make_quadruped
from rgsd.bodies.smpl import make_smpl
from rgsd.bodies.state import BodyState
from rgsd.evaluation.intervals import wilson
from rgsd.motions.library import MotionLibrary
from rgsd.motions.motion import Motion
from rgsd.motions.synthesis.quadruped import held_out_quadruped


@pytest.fixture(scope="module")
def benchmarks() -> Iterator[Any]:
    """Imports a benchmark by its name."""
    with pytest.MonkeyPatch.context() as patch:
        patch.syspath_prepend(Path(__file__).parents[1] / "benchmarks")
        yield importlib.import_module


def test_who_walks_the_held_out_gait_is_counted(benchmarks: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    module: ModuleType = benchmarks("held_out_gait")
    body = make_quadruped()
    # 0.3 m/s ahead and 0.3 to the left, speed 0.424: at it; 10 degrees and 10 % off; 20 degrees off; half as fast,
    # which has its direction alone; as slow as standing; and at it until it fell
    polar = torch.tensor([(45.0, 0.424), (55.0, 0.467), (65.0, 0.424), (45.0, 0.21), (45.0, 0.05), (45.0, 0.424)])
    angle, speed = polar[:, 0].deg2rad(), polar[:, 1:]
    velocity = speed * torch.stack((angle.cos(), angle.sin()), dim=1)
    root = torch.zeros(6, 41, 3)
    root[..., :2] = velocity.unsqueeze(1) * 0.1 * torch.arange(41).view(1, -1, 1)
    found = SimpleNamespace(
        dt=0.1,
        z=torch.zeros(6, 3),
        root_pos=root,
        root_quat=rotations.from_yaw(torch.zeros(6, 41)),
        fell=torch.tensor([False] * 5 + [True]),
    )
    monkeypatch.setattr(module, "discover", lambda *_: found)
    policy: Any = SimpleNamespace(body=body, latent_dim=3)
    cells = module.row("known", policy, MotionLibrary(body, held_out_quadruped(body)), 6, 0).strip("| ").split(" | ")
    low, high = wilson(2 / 6, 6) or (0.0, 0.0)
    assert cells[:4] == ["known", "6", "2", f"0.3333 ({low:.4f} to {high:.4f})"]
    assert cells[4].startswith("0.5000 (")  # the first two, and the slower one
    assert cells[5] == "0.1667"


@pytest.fixture(scope="module")
def smpl() -> Body:
    return make_smpl()


def bent(body: Body, elbows: dict[str, list[float]]) -> Motion:
    """A standing clip whose elbows bend about their z axes by angles, rad, a frame each."""
    frames = len(next(iter(elbows.values())))
    qpos = np.tile(body.standing_qpos, (frames, 1))
    for side, angles in elbows.items():
        qpos[:, 7 + body.joint_names.index(f"{side}_Elbow_z")] = angles
    qvel = np.zeros((frames, body.model.nv))
    return Motion("E_punch", body.name, body.control_hz, body.joint_names, body.body_names, qpos, qvel)


def states_of(body: Body, motion: Motion) -> BodyState:
    return forward_kinematics(body, motion.qpos, motion.qvel)


def test_the_striking_arm_is_the_one_that_is_stretched(benchmarks: Any, smpl: Body) -> None:
    module: ModuleType = benchmarks("strike")
    # both arms begin bent, the left one more: the right one ends straight, which is the greater change
    states = states_of(smpl, bent(smpl, {"L": [-2.0, -1.9, -1.8], "R": [1.5, 0.7, 0.0]}))
    assert module.striking_side(smpl, states) == "R"
    places = [smpl.model.body(f"R_{part}").pos for part in ("Elbow", "Wrist", "Hand")]
    upper, *lower = places
    # straight: the bones' offsets add up; bent by a about z, the forearm and hand are turned
    stretch = module.arm(smpl, states, "R")
    assert float(stretch[2]) == pytest.approx(float(np.linalg.norm(sum(places))), abs=1e-4)
    cos, sin = np.cos(1.5), np.sin(1.5)
    turned = np.array([[cos, -sin, 0], [sin, cos, 0], [0, 0, 1]]) @ sum(lower)
    assert float(stretch[0]) == pytest.approx(float(np.linalg.norm(upper + turned)), abs=1e-4)


def test_a_punch_is_told_by_its_reach_and_time(benchmarks: Any, smpl: Body, monkeypatch: pytest.MonkeyPatch) -> None:
    module: ModuleType = benchmarks("strike")
    wanted = bent(smpl, {"R": [1.5, 1.0, 0.0, 1.0]})
    done = [bent(smpl, {"R": angles}) for angles in ([1.5, 0.5, 1.0], [1.5, 1.5, 0.8])]
    states = [states_of(smpl, motion) for motion in done]
    whole = BodyState.concatenate(states)
    fields = {name: value.unflatten(0, (2, 3)) for name, value in vars(whole).items()}
    monkeypatch.setattr(module, "roll_out", lambda *_: SimpleNamespace(states=BodyState(**fields)))
    policy: Any = SimpleNamespace(body=smpl, clip_latents={"E_punch": torch.zeros(3)})
    monkeypatch.setattr(module, "SkillController", lambda *_: None)
    cells = module.row(policy, MotionLibrary(smpl, [wanted]), 0, 1, 2, 0).strip("| ").split(" | ")
    reach = [float(module.arm(smpl, s, "R").max()) for s in states]
    low, high = sorted(reach)
    assert cells[0] == "E_punch"
    assert float(cells[1]) == pytest.approx(1 / smpl.control_hz, abs=0.005)
    assert cells[2] == f"{(low + high) / 2:.2f} ({low:.2f} to {high:.2f})"
    # greatest in frames 1 and 2 of rollouts that began with the clip's frame 1
    assert float(cells[3]) == pytest.approx(2.5 / smpl.control_hz, abs=0.005)
    assert float(cells[4]) == pytest.approx(float(module.arm(smpl, states_of(smpl, wanted), "R")[2]), abs=0.005)
    assert float(cells[5]) == pytest.approx(2 / smpl.control_hz, abs=0.005)


def test_a_random_direction_is_as_near_to_a_reference_as_the_sphere_allows(benchmarks: Any, tmp_path: Path) -> None:
    (tmp_path / "landscape.json").write_text('{"mean": {"speed": {"0": 0.25, "0.5": 0.5, "1": 1.0, "1.5": 0.75}}}')
    # two opposite poles of the sphere in three dimensions, and one a right angle off: it is nearest to both alike
    np.savez(tmp_path / "latents.npz", z=np.array([[0, 0, 1], [0, 0, -1], [1, 0, 0]], dtype=np.float32))
    cells = benchmarks("sphere_coverage").row(tmp_path, 20_000, 0).strip("| ").split(" | ")
    assert cells[1:6] == ["3", "0.25", "0.50", "0.75", "0.00"]
    # with the poles alone the height's size is uniform, mean 1/2 and 5 % quantile 0.05; the third raises both
    mean, low = cells[6].replace(")", "").split(" (")
    x, h = np.random.default_rng(1).normal(size=(2, 200_000))
    y = np.random.default_rng(2).normal(size=200_000)
    best = np.maximum(np.abs(h), x) / np.sqrt(x * x + y * y + h * h)
    assert float(mean) == pytest.approx(best.mean(), abs=0.015)
    assert float(low) == pytest.approx(np.quantile(best, 0.05), abs=0.015)
    assert float(mean) > 0.5
