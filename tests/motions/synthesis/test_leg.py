"""The leg's inverse kinematics against MuJoCo's forward kinematics and a pencil."""

from __future__ import annotations

import numpy as np
import pytest

from rgsd.bodies import Body
from rgsd.bodies.kinematics import forward_kinematics
from rgsd.bodies.quadruped import LEGS, make_quadruped
from rgsd.motions.synthesis.leg import Leg


@pytest.fixture(scope="module")
def body() -> Body:
    return make_quadruped()


def test_geometry_is_read_from_the_model(body: Body):
    leg = Leg.of(body, "RR")
    assert leg.hip == pytest.approx([-0.19, -0.05, 0])
    assert (leg.offset, leg.thigh, leg.shank, leg.foot_radius) == pytest.approx((-0.08, 0.2, 0.2, 0.02))


@pytest.mark.parametrize("name", LEGS)
def test_round_trip(body: Body, name: str):
    rng = np.random.default_rng(1)
    # the foot stays below the hip: 0.2 m * (cos(hip) + cos(hip + knee)) > 0 all over these ranges
    angles = rng.uniform([-0.5, -0.6, -1.8], [0.5, 1.6, -0.6], size=(200, 3))
    qpos = np.zeros((200, 19))
    qpos[:, 3] = 1  # trunk at the world's origin, so that the world is the trunk's frame
    first = 7 + 3 * LEGS.index(name)
    qpos[:, first : first + 3] = angles
    state = forward_kinematics(body, qpos, np.zeros((200, 18)))
    foot = state.body_pos[:, body.body_names.index(f"{name}_foot")].numpy().astype(float)
    assert Leg.of(body, name).inverse_kinematics(foot) == pytest.approx(angles, abs=1e-4)


def test_right_angle_by_hand(body: Body):
    # Foot straight below the hip at sqrt(2) * 0.2 m: thigh and shank make a right angle, the hip half of one.
    foot = np.array([[0.19, 0.13, -0.2 * np.sqrt(2)]])
    assert Leg.of(body, "FL").inverse_kinematics(foot)[0] == pytest.approx([0, np.pi / 4, -np.pi / 2], abs=1e-9)


def test_out_of_reach_is_named(body: Body):
    foot = np.array([[0.19, 0.13, -0.3], [0.19, 0.13, -0.5]])
    with pytest.raises(ValueError, match=r"leg FL: at frame 1 the foot is 0\.500 m from the hip"):
        Leg.of(body, "FL").inverse_kinematics(foot)


def test_missing_leg_is_named(body: Body):
    with pytest.raises(ValueError, match="'quadruped' has no part 'ML_hip'"):
        Leg.of(body, "ML")
