"""Gaits one after another: the route against pencil and sums, and the quadruped's medley on the ground."""

from __future__ import annotations

import mujoco
import numpy as np
import pytest
import torch

from rgsd.bodies.body import Body
from rgsd.bodies.kinematics import forward_kinematics
from rgsd.bodies.quadruped import make_quadruped
from rgsd.motions.motion import Motion
from rgsd.motions.synthesis import Course, Medley, medley_quadruped
from rgsd.rotations import yaw


@pytest.fixture(scope="module")
def body() -> Body:
    return make_quadruped()


@pytest.fixture(scope="module")
def medley(body: Body) -> Motion:
    return medley_quadruped(body)


def test_one_course_alone_is_that_course():
    course, times = Course(forward=0.5, left=-0.2, turn=1.3), np.array([-0.4, 0.0, 0.7, 2.0])
    medley = Medley((course,))
    assert medley.yaw(times) == pytest.approx(course.yaw(times))
    assert medley.position(times) == pytest.approx(course.position(times), abs=1e-6)


def test_a_change_of_speed_takes_the_blend():
    # from 0 to 1 m/s around 1 s, within half a second: at its middle the speed is 0.5 m/s, and the way so far
    # 0.5 s * E(1/2), E(u) = 2.5 u^4 - 3 u^5 + u^6 = 0.15625 - 0.09375 + 0.015625 = 0.078125
    medley = Medley((Course(), Course(forward=1.0)), seconds=1.0, blend=0.5)
    way = medley.position(np.array([0.7, 1.0, 1.25, 2.0]))[:, 0]
    # by symmetry it is as if the speed had leapt at 1 s
    assert way == pytest.approx([0.0, 0.0390625, 0.25, 1.0], abs=1e-6)


def test_a_change_of_turn_and_of_height_takes_the_blend():
    medley = Medley((Course(height=0.28), Course(turn=2.0, height=0.3)), seconds=1.0, blend=0.5)
    assert medley.yaw(np.array([0.7, 1.0, 1.25, 2.0])) == pytest.approx([0.0, 0.078125, 0.5, 2.0])
    assert medley.position(np.array([0.7, 1.0, 1.3]))[:, 2] == pytest.approx([0.28, 0.29, 0.3])


def test_position_is_the_sum_of_the_velocity():
    medley = Medley((Course(forward=0.6), Course(left=0.3, turn=1.5), Course(forward=-0.4)), seconds=0.8, blend=0.4)
    ends, step = np.array([-0.5, 1.1, 2.5]), 1e-4
    for end, place in zip(ends, medley.position(ends), strict=True):
        middle = np.sign(end) * (np.arange(round(abs(end) / step)) + 0.5) * step
        # the minimum-jerk polynomial over the changes at 0.8 and 1.6 s
        first, second = (np.clip((middle - at) / 0.4 + 0.5, 0, 1) for at in (0.8, 1.6))
        first, second = (10 * u**3 - 15 * u**4 + 6 * u**5 for u in (first, second))
        forward, left, turn = 0.6 - 0.6 * first - 0.4 * second, 0.3 * (first - second), 1.5 * (first - second)
        angle = np.cumsum(turn) * step - turn * step / 2
        ahead = np.sum(forward * np.cos(angle) - left * np.sin(angle)) * step * np.sign(end)
        aside = np.sum(forward * np.sin(angle) + left * np.cos(angle)) * step * np.sign(end)
        assert place[:2] == pytest.approx([ahead, aside], abs=2e-4)


def test_the_quadrupeds_medley_has_all_gaits_in_turn(body: Body, medley: Motion):
    medley.check("medley", body)
    assert (medley.duration, medley.loop) == (pytest.approx(14.0), False)
    middles = 100 * np.arange(7) + 50  # far from the changes
    forward = [0.4, 0.8, -0.4, 0, 0, 0, 0]
    assert medley.qvel[middles, 0] == pytest.approx(forward, abs=1e-6)
    assert medley.qvel[middles, 1] == pytest.approx([0, 0, 0, 0.3, -0.3, 0, 0], abs=1e-6)
    assert medley.qvel[middles, 5] == pytest.approx([0, 0, 0, 0, 0, 1, -1], abs=1e-4)


def test_feet_neither_sink_nor_slide_in_the_changes(body: Body, medley: Motion):
    feet = forward_kinematics(body, medley.qpos, medley.qvel).body_pos[:, body.body_ids(body.feet)].numpy()
    height = feet[..., 2] - 0.02  # sphere's radius
    assert height.min() > -1e-4
    standing = (height[1:] < 1e-3) & (height[:-1] < 1e-3)
    slide = np.linalg.norm(np.diff(feet[..., :2], axis=0), axis=-1)
    assert slide[standing].max() < 0.005


def test_open_loop_replay_follows_through_the_changes(body: Body, medley: Motion):
    data = mujoco.MjData(body.model)
    data.qpos[:], data.qvel[:] = medley.qpos[0], medley.qvel[0]
    played = [medley.qpos[0]]
    for target in medley.qpos[1:, 7:]:
        data.ctrl[:] = target
        mujoco.mj_step(body.model, data, body.substeps)
        played.append(data.qpos.copy())
    qpos = np.array(played)
    assert qpos[:, 2].min() > 0.24
    assert (1 - 2 * (qpos[:, 4] ** 2 + qpos[:, 5] ** 2)).min() > np.cos(np.radians(20))  # cosine of the tilt
    for gait in range(5):  # those that travel
        rows = slice(100 * gait, 100 * gait + 101)
        path, wanted = (np.linalg.norm(np.diff(q[rows][::25, :2], axis=0), axis=1).sum() for q in (qpos, medley.qpos))
        assert 0.8 < path / wanted < 1.2
    turned = np.unwrap(yaw(torch.from_numpy(qpos[:, 3:7])).numpy())
    assert 0.8 < (turned[600] - turned[500]) / 2 < 1.2
