"""World velocities of many poses against `mj_objectVelocity`, one at a time."""

from __future__ import annotations

import mujoco
import numpy as np
import pytest

from rgsd.bodies import kinematics
from rgsd.bodies.body import Body
from rgsd.bodies.kinematics import forward_kinematics
from rgsd.bodies.registry import make_body


def random_poses(body: Body, count: int) -> tuple[np.ndarray, np.ndarray]:
    generator = np.random.default_rng(0)
    qpos = generator.normal(size=(count, body.model.nq))
    qpos[:, 3:7] /= np.linalg.norm(qpos[:, 3:7], axis=1, keepdims=True)
    return qpos, generator.normal(size=(count, body.model.nv))


@pytest.mark.parametrize("name", ["quadruped", "smpl"])
def test_positions_and_velocities_are_those_of_the_frame_origins(name: str) -> None:
    body = make_body(name)
    qpos, qvel = random_poses(body, 4)
    state = forward_kinematics(body, qpos, qvel)
    assert state.body_pos.shape == (4, body.num_bodies, 3)
    data, velocity = mujoco.MjData(body.model), np.zeros(6)
    for t in range(4):
        data.qpos[:], data.qvel[:] = qpos[t], qvel[t]
        mujoco.mj_forward(body.model, data)
        np.testing.assert_allclose(state.qpos[t], qpos[t], atol=1e-6)
        np.testing.assert_allclose(state.body_pos[t], data.xpos[1:], atol=1e-5)
        np.testing.assert_allclose(state.body_quat[t], data.xquat[1:], atol=1e-6)
        for i in range(body.num_bodies):
            mujoco.mj_objectVelocity(body.model, data, mujoco.mjtObj.mjOBJ_XBODY, i + 1, velocity, 0)
            np.testing.assert_allclose(state.body_angvel[t, i], velocity[:3], atol=1e-4)
            np.testing.assert_allclose(state.body_linvel[t, i], velocity[3:], atol=1e-4)


def test_a_spinning_arm_by_hand(tiny: Body) -> None:
    qpos, qvel = tiny.standing_qpos[None].copy(), np.zeros((1, tiny.model.nv))
    qvel[0, 5] = 2.0  # the box turns at 2 rad/s about the vertical, its arm sits 0.15 m to the left
    qvel[0, 6] = 3.0  # and the arm swings about y, which does not move its own origin
    state = forward_kinematics(tiny, qpos, qvel)
    np.testing.assert_allclose(state.body_linvel[0, 1], [-0.3, 0, 0], atol=1e-6)
    np.testing.assert_allclose(state.body_angvel[0, 1], [0, 3, 2], atol=1e-6)


def test_long_libraries_come_in_chunks_that_do_not_show(tiny: Body, monkeypatch: pytest.MonkeyPatch) -> None:
    qpos, qvel = random_poses(tiny, 7)
    whole = forward_kinematics(tiny, qpos, qvel)
    monkeypatch.setattr(kinematics, "_CHUNK", 3)
    parts = forward_kinematics(tiny, qpos, qvel)
    assert parts.body_linvel.equal(whole.body_linvel)
    assert parts.body_pos.equal(whole.body_pos)
