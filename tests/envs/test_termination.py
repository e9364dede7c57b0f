"""Falls and lost references, by hand."""

from __future__ import annotations

import dataclasses
import math

import numpy as np
import pytest
import torch
from scipy.spatial.transform import Rotation

from rgsd.bodies.body import Body, FallRule
from rgsd.bodies.kinematics import forward_kinematics
from rgsd.bodies.state import BodyState
from rgsd.envs.termination import Tracking, closeness, fallen


def standing(body: Body, count: int) -> np.ndarray:
    return np.tile(body.standing_qpos, (count, 1))


def state_of(body: Body, qpos: np.ndarray) -> BodyState:
    return forward_kinematics(body, qpos, np.zeros((len(qpos), body.model.nv)))


def compare(own: BodyState, other: BodyState) -> Tracking:
    return Tracking.between(own.body_pos, own.body_quat[:, 0], other.body_pos, other.body_quat[:, 0])


def test_a_body_falls_by_height_or_by_tilt(tiny: Body) -> None:
    qpos = standing(tiny, 5)
    qpos[1, 2] = 0.049  # the rule's height is 0.05 m
    qpos[2, 3:7] = [math.cos(0.49), math.sin(0.49), 0, 0]  # rolled by 0.98 rad, the rule's tilt is 1.0 rad
    qpos[3, 3:7] = [math.cos(0.51), 0, math.sin(0.51), 0]  # pitched by 1.02 rad
    qpos[4, 3:7] = [0, 0, 0, 1]  # turned by 180 deg about the vertical: upright
    assert fallen(tiny, state_of(tiny, qpos)).tolist() == [False, True, False, True, False]


def test_tilt_is_of_roll_and_pitch_together(tiny: Body) -> None:
    qpos = standing(tiny, 3)
    # the root's z axis is cos(roll) cos(pitch) high, and the rule's least is cos(1.0) = 0.540: 0.523, 0.485 and 0.585
    for row, angles in enumerate(((1.02, 0.0), (0.8, 0.8), (0.7, 0.7))):
        qpos[row, 3:7] = Rotation.from_euler("XY", angles).as_quat(scalar_first=True)
    assert fallen(tiny, state_of(tiny, qpos)).tolist() == [True, True, False]


def test_at_its_bounds_a_body_has_not_fallen_and_without_a_bound_it_may_tilt(tiny: Body) -> None:
    qpos = standing(tiny, 2)
    qpos[:, 2] = 0.05
    qpos[1, 3:7] = [0, 1, 0, 0]  # upside down
    for tilt, down in ((0.0, [False, True]), (None, [False, False])):
        body = dataclasses.replace(tiny, fall_rule=FallRule({"torso": 0.05}, max_tilt=tilt))
        assert fallen(body, state_of(tiny, qpos)).tolist() == down


def test_distances_are_of_the_worst_body_in_the_world(tiny: Body) -> None:
    qpos = standing(tiny, 3)
    qpos[0, :3] += [0.3, 0.4, 0.0]
    qpos[1, 3:7] = [math.cos(0.3), 0, 0, math.sin(0.3)]  # yaw of 0.6 rad
    qpos[2, 7] = 1.0  # the arm turns about its own origin, which is what is measured
    tracking = compare(state_of(tiny, qpos), state_of(tiny, standing(tiny, 3)))
    np.testing.assert_allclose(tracking.offsets[0], np.tile([0.3, 0.4, 0.0], (3, 1)), atol=1e-6)
    # an arm 0.15 m off the axis moves by a chord of 2 x 0.15 sin(0.3)
    np.testing.assert_allclose(tracking.worst, [0.5, 0.3 * math.sin(0.3), 0.0], atol=1e-6)
    np.testing.assert_allclose(tracking.root, [0.5, 0.0, 0.0], atol=1e-6)
    np.testing.assert_allclose(tracking.heading, [0.0, 0.6, 0.0], atol=1e-6)


def test_heading_differences_are_folded(tiny: Body) -> None:
    qpos = standing(tiny, 2)
    for row, yaw in enumerate((3.1, -3.1)):
        qpos[row, 3:7] = [math.cos(yaw / 2), 0, 0, math.sin(yaw / 2)]
    tracking = compare(state_of(tiny, qpos[:1]), state_of(tiny, qpos[1:]))
    assert float(tracking.heading[0]) == pytest.approx(6.2 - 2 * math.pi, abs=1e-5)
    assert torch.isfinite(tracking.worst).all()


def test_closeness_by_hand() -> None:
    # exp(-0) = 1; exp(-1) = 0.367879; exp(-4) = 0.018316
    rewards = closeness(torch.tensor([0.0, 0.15, 0.30]), 0.15)
    assert rewards.tolist() == pytest.approx([1.0, 0.367879, 0.018316], abs=1e-6)
