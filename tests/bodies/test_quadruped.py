"""The quadruped against numbers from its drawing, and in physics."""

from __future__ import annotations

import mujoco
import numpy as np
import pytest

from rgsd.bodies import Body
from rgsd.bodies.kinematics import forward_kinematics
from rgsd.bodies.quadruped import LEGS, make_quadruped
from rgsd.bodies.scenery import GROUND


@pytest.fixture(scope="module")
def body() -> Body:
    return make_quadruped()


def run(body: Body, targets: np.ndarray) -> mujoco.MjData:
    """Physics from the standing pose under PD targets (T, 12)."""
    data = mujoco.MjData(body.model)
    data.qpos[:] = body.standing_qpos
    for target in targets:
        data.ctrl[:] = target
        mujoco.mj_step(body.model, data, body.substeps)
    return data


def test_mass_and_rate(body: Body):
    # 6.0 kg of trunk, and four legs of 0.5 + 0.75 + 0.2 + 0.05 kg
    assert body.model.body_mass.sum() == pytest.approx(6.0 + 4 * 1.5)
    assert body.control_hz == pytest.approx(50)


def test_parts_and_joints_are_in_leg_order(body: Body):
    parts = [f"{leg}_{part}" for leg in ("FL", "FR", "RL", "RR") for part in ("hip", "thigh", "shank", "foot")]
    joints = [f"{leg}_{joint}" for leg in ("FL", "FR", "RL", "RR") for joint in ("abduction", "hip", "knee")]
    assert body.body_names == ("trunk", *parts)
    assert body.joint_names == tuple(joints)


def test_standing_pose_by_hand(body: Body):
    state = forward_kinematics(body, body.standing_qpos[None], np.zeros((1, body.model.nv)))
    position = dict(zip(body.body_names, state.body_pos[0].numpy(), strict=True))
    assert position["trunk"] == pytest.approx([0, 0, 0.28])
    # Foot spheres of 0.02 m rest on the ground below the hips at x = +-0.19, y = +-(0.05 + 0.08).
    assert position["FL_foot"] == pytest.approx([0.19, 0.13, 0.02], abs=1e-6)
    assert position["RR_foot"] == pytest.approx([-0.19, -0.13, 0.02], abs=1e-6)
    # Thigh and shank of 0.2 m over a height of 0.26 m: the knee is half-way up, at 0.28 - 0.13, and
    # sqrt(0.2**2 - 0.13**2) = 0.15199 m behind the hip.
    assert position["FR_shank"] == pytest.approx([0.19 - 0.15199, -0.13, 0.15], abs=1e-5)


def test_only_feet_knees_and_trunk_touch_the_ground_and_nothing_itself(body: Body):
    model = body.model
    touching = {
        model.geom(g).name
        for g in range(model.ngeom)
        if model.geom_contype[model.geom(GROUND).id] & model.geom_conaffinity[g] and model.geom(g).name != GROUND
    }
    assert touching == {"trunk", *(f"{leg}_{part}" for leg in LEGS for part in ("foot", "knee"))}
    assert np.flatnonzero(model.geom_contype).tolist() == [model.geom(GROUND).id]


def test_stands_by_itself(body: Body):
    data = run(body, np.tile(body.action_center, (100, 1)))
    # 118 N on four feet: 29 N each, 0.152 m before the knee = 4.5 N m, which bends a spring of 160 N m/rad by 0.028 rad
    # and lowers the trunk by 0.028 * 0.152 m = 4 mm; the ground and the hips' own sag give somewhat more.
    assert 0.268 < data.qpos[2] < 0.28
    assert abs(data.qpos[3]) > np.cos(np.radians(2) / 2)  # within 2 degrees of upright
    assert np.abs(data.qvel).max() < 0.02
    assert {int(g) for pair in data.contact.geom for g in pair} == {
        body.model.geom(name).id for name in (GROUND, *body.feet)
    }


def test_survives_noise(body: Body):
    rng = np.random.default_rng(0)
    noise = 0.3 * rng.standard_normal((200, 12)) * body.action_scale
    data = run(body, body.action_center + noise)
    assert np.isfinite(data.qpos).all()
    assert data.warning[mujoco.mjtWarning.mjWARN_BADQACC].number == 0


def test_torque_is_limited(body: Body):
    data = mujoco.MjData(body.model)
    data.qpos[:] = body.standing_qpos
    data.ctrl[:] = body.action_center + 1.0  # kp of 160 N m/rad asks for 160 N m
    mujoco.mj_forward(body.model, data)
    assert data.actuator_force == pytest.approx(np.full(12, 35.0))


def test_targets_stay_within_joint_limits(body: Body):
    low, high = body.model.jnt_range[1:].T
    assert np.all(body.action_center - body.action_scale >= low)
    assert np.all(body.action_center + body.action_scale <= high)
