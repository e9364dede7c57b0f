"""The quadruped's references: on the ground, at their speeds, and feasible when played open loop."""

from __future__ import annotations

import mujoco
import numpy as np
import pytest
import torch

from rgsd import rotations
from rgsd.bodies import Body, BodyState
from rgsd.bodies.kinematics import forward_kinematics
from rgsd.bodies.quadruped import make_quadruped
from rgsd.motions.motion import Motion
from rgsd.motions.synthesis import Course, Gait, held_out_quadruped, synthesize, synthesize_quadruped

BODY = make_quadruped()
MOTIONS = {m.name: m for m in (*synthesize_quadruped(BODY), *held_out_quadruped(BODY))}
every_clip = pytest.mark.parametrize("motion", MOTIONS.values(), ids=MOTIONS)


@pytest.fixture(scope="module")
def body() -> Body:
    return BODY


def state_of(body: Body, motion: Motion) -> BodyState:
    return forward_kinematics(body, motion.qpos, motion.qvel)


def unwrapped_yaw(qpos: np.ndarray) -> np.ndarray:
    return np.unwrap(rotations.yaw(torch.from_numpy(qpos[:, 3:7])).numpy())


def feet_of(body: Body, motion: Motion) -> np.ndarray:
    """Foot centres (T, 4, 3)."""
    return state_of(body, motion).body_pos[:, body.body_ids(body.feet)].numpy()


@every_clip
def test_is_a_valid_two_second_clip(body: Body, motion: Motion):
    motion.check(motion.name, body)
    assert motion.duration == pytest.approx(2.0)
    assert motion.num_frames == 101
    assert motion.license == "CC0-1.0"


@every_clip
def test_last_frame_is_the_first_ones_posture(motion: Motion):
    assert motion.loop
    assert motion.qpos[-1, 7:] == pytest.approx(motion.qpos[0, 7:], abs=1e-9)
    assert motion.qvel[-1, 3:] == pytest.approx(motion.qvel[0, 3:], abs=1e-9)


@pytest.mark.parametrize(
    ("name", "forward", "left", "turn"),
    [
        ("forward_slow", 0.4, 0, 0),
        ("forward_fast", 0.8, 0, 0),
        ("back", -0.4, 0, 0),
        ("left", 0, 0.3, 0),
        ("right", 0, -0.3, 0),
        ("turn_left", 0, 0, 1),
        ("turn_right", 0, 0, -1),
        ("stand", 0, 0, 0),
        ("diagonal", 0.3, 0.3, 0),
    ],
)
def test_travels_as_named(name: str, forward: float, left: float, turn: float):
    qpos = MOTIONS[name].qpos
    # 2 s at constant velocity from the origin
    assert qpos[-1, :2] == pytest.approx([2 * forward, 2 * left], abs=1e-9)
    assert unwrapped_yaw(qpos)[-1] == pytest.approx(2 * turn, abs=1e-6)


def test_the_diagonal_is_no_reference(body: Body):
    assert [m.name for m in held_out_quadruped(body)] == ["diagonal"]
    assert "diagonal" not in [m.name for m in synthesize_quadruped(body)]


@every_clip
def test_feet_neither_sink_nor_slide(body: Body, motion: Motion):
    feet = feet_of(body, motion)
    height = feet[..., 2] - 0.02  # sphere's radius
    assert height.min() > -1e-4
    standing = (height[1:] < 1e-3) & (height[:-1] < 1e-3)
    assert standing.any(axis=0).all()
    slide = np.linalg.norm(np.diff(feet[..., :2], axis=0), axis=-1)
    assert slide[standing].max() < 0.005


@pytest.mark.parametrize("name", ["forward_slow", "turn_left"])
def test_feet_step_twice_a_second_in_diagonal_pairs(body: Body, name: str):
    lifted = feet_of(body, MOTIONS[name])[..., 2] - 0.02 > 0.03
    rises = (lifted[1:] & ~lifted[:-1]).sum(axis=0)
    assert rises.tolist() == [4, 4, 4, 4]  # 2 s at 2 strides/s
    assert np.array_equal(lifted[:, 0], lifted[:, 3])
    assert not (lifted[:, 0] & lifted[:, 1]).any()
    assert 0.05 <= (feet_of(body, MOTIONS[name])[..., 2] - 0.02).max() <= 0.06


@every_clip
def test_velocities_belong_to_the_poses(body: Body, motion: Motion):
    state = state_of(body, motion)
    moved = (state.body_pos[2:] - state.body_pos[:-2]) * motion.fps / 2
    assert (moved - state.body_linvel[1:-1]).abs().max() < 0.1  # m/s; swinging feet go at 3 m/s
    # at the ends too: a one-sided difference would be off there by the joints' acceleration
    assert motion.qvel[0, 7:] == pytest.approx(motion.qvel[25, 7:], abs=1e-9)


@every_clip
def test_targets_are_within_the_actions_range(body: Body, motion: Motion):
    actions = (motion.qpos[:, 7:] - body.action_center) / body.action_scale
    assert np.abs(actions).max() < 0.8


@every_clip
def test_open_loop_replay_follows(body: Body, motion: Motion):
    data = mujoco.MjData(body.model)
    data.qpos[:], data.qvel[:] = motion.qpos[0], motion.qvel[0]
    played = [motion.qpos[0]]
    for target in motion.qpos[1:, 7:]:
        data.ctrl[:] = target
        mujoco.mj_step(body.model, data, body.substeps)
        played.append(data.qpos.copy())
    qpos = np.array(played)
    tilt = 1 - 2 * (qpos[:, 4] ** 2 + qpos[:, 5] ** 2)  # cosine
    assert qpos[:, 2].min() > 0.24
    assert tilt.min() > np.cos(np.radians(15))
    path, wanted = (np.linalg.norm(np.diff(q[::25, :2], axis=0), axis=1).sum() for q in (qpos, motion.qpos))
    if wanted > 0.5:
        assert 0.8 < path / wanted < 1.2
    turned, wanted = (yaw[-1] - yaw[0] for yaw in map(unwrapped_yaw, (qpos, motion.qpos)))
    if abs(wanted) > 0.5:
        assert 0.8 < turned / wanted < 1.2


def test_too_fast_a_course_says_what_to_change(body: Body):
    with pytest.raises(ValueError, match="lower the speed"):
        synthesize(body, "sprint", "forward", Gait(), Course(forward=4.0))


def test_part_of_a_stride_does_not_loop(body: Body):
    assert not synthesize(body, "short", "forward", Gait(period=0.3), Course(forward=0.2), seconds=1.0).loop
