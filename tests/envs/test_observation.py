"""The observation against MuJoCo's own values, taken body by body in numpy."""

from __future__ import annotations

import mujoco
import numpy as np
import pytest
from scipy.spatial.transform import Rotation

from rgsd.bodies.body import Body
from rgsd.bodies.kinematics import forward_kinematics
from rgsd.bodies.registry import make_body
from rgsd.envs.observation import KINDS, ObservationLayout, observe


@pytest.fixture(scope="module")
def smpl() -> Body:
    return make_body("smpl")


def random_poses(body: Body, count: int) -> tuple[np.ndarray, np.ndarray]:
    generator = np.random.default_rng(0)
    qpos = 0.6 * generator.normal(size=(count, body.model.nq))
    qpos[:, 3:7] /= np.linalg.norm(qpos[:, 3:7], axis=1, keepdims=True)
    return qpos, generator.normal(size=(count, body.model.nv))


def expected_observation(body: Body, qpos: np.ndarray, qvel: np.ndarray) -> np.ndarray:
    """One pose, from mj_kinematics and mj_objectVelocity."""
    m, data = body.model, mujoco.MjData(body.model)
    data.qpos[:], data.qvel[:] = qpos, qvel
    mujoco.mj_kinematics(m, data)
    mujoco.mj_comPos(m, data)
    mujoco.mj_comVel(m, data)
    x_axis = data.xmat[1].reshape(3, 3)[:, 0]
    yaw = np.arctan2(x_axis[1], x_axis[0])
    to_heading = Rotation.from_euler("z", -yaw).as_matrix()
    positions, rotations, linear, angular = [], [], [], []
    for i in range(1, m.nbody):
        velocity = np.zeros(6)
        mujoco.mj_objectVelocity(m, data, mujoco.mjtObj.mjOBJ_XBODY, i, velocity, 0)
        matrix = to_heading @ data.xmat[i].reshape(3, 3)
        if i > 1:
            positions.append(to_heading @ (data.xpos[i] - data.xpos[1]))
        rotations += [matrix[:, 0], matrix[:, 2]]
        linear.append(to_heading @ velocity[3:])
        angular.append(to_heading @ velocity[:3])
    return np.concatenate([[data.xpos[1, 2]], *positions, *rotations, *linear, *angular])


def test_the_humanoids_358_numbers(smpl: Body) -> None:
    qpos, qvel = random_poses(smpl, 5)
    observed = observe(forward_kinematics(smpl, qpos, qvel))
    assert observed.shape == (5, 358)
    for t in range(5):
        expected = expected_observation(smpl, qpos[t], qvel[t])
        np.testing.assert_allclose(observed[t], expected, atol=2e-4, rtol=1e-4)


@pytest.mark.parametrize("name", ["smpl", "quadruped"])
def test_neither_place_nor_heading_is_seen(name: str) -> None:
    body = make_body(name)
    qpos, qvel = random_poses(body, 5)
    turn = Rotation.from_euler("z", 2.1)
    moved, moving = qpos.copy(), qvel.copy()
    moved[:, :3] = turn.apply(qpos[:, :3]) + np.array([3.0, -2.0, 0.0])
    moved[:, 3:7] = (turn * Rotation.from_quat(qpos[:, 3:7], scalar_first=True)).as_quat(scalar_first=True)
    moving[:, :3] = turn.apply(qvel[:, :3])  # the angular part is in the root's own frame and stays
    here, there = (observe(forward_kinematics(body, *state)) for state in ((qpos, qvel), (moved, moving)))
    np.testing.assert_allclose(here, there, atol=2e-5)
    # height and tilt, on the other hand, are
    moved[:, 2] += 0.5
    assert float((observe(forward_kinematics(body, moved, moving)) - here)[:, 0].min()) == pytest.approx(0.5, abs=1e-5)


def test_every_entry_has_its_name(smpl: Body) -> None:
    layout = ObservationLayout(smpl)
    entries = layout.entries
    assert layout.size == len(entries) == 358
    # 1 height, then 23 x 3 positions, 24 x 6 rotations, 24 x 3 linear and 24 x 3 angular velocities
    assert [entries[i] for i in (0, 1, 69, 70, 213, 214, 285, 286, 357)] == [
        ("height", "Pelvis"),
        ("position", "L_Hip"),
        ("position", "R_Hand"),
        ("rotation", "Pelvis"),
        ("rotation", "R_Hand"),
        ("linear_velocity", "Pelvis"),
        ("linear_velocity", "R_Hand"),
        ("angular_velocity", "Pelvis"),
        ("angular_velocity", "R_Hand"),
    ]
    assert layout.indices(KINDS) == list(range(358))
    assert layout.indices(("rotation", "height"), ("Pelvis",)) == [0, 70, 71, 72, 73, 74, 75]


def test_an_unknown_kind_is_refused(smpl: Body) -> None:
    with pytest.raises(ValueError, match="unknown observation kind 'speed'; choose one of"):
        ObservationLayout(smpl).indices(("speed",))


def test_floors_are_the_bodys_physical_scales(tiny: Body) -> None:
    # three bodies: 1 height, 2 x 3 positions, 3 x 6 rotations, 9 linear and 9 angular velocities
    expected = [0.05] + [0.05] * 6 + [0.12] * 18 + [0.35] * 9 + [1.2] * 9
    np.testing.assert_allclose(ObservationLayout(tiny).floors(), expected)
