"""The solver against finite differences, planted poses and the ends of ranges."""

from __future__ import annotations

import mujoco
import numpy as np
import pytest
from scipy.spatial.transform import Rotation

from rgsd.motions.inverse_kinematics import Targets, _Solver, rotation_vectors, solve

# a free trunk, a ball shoulder, and an elbow of 0 to 90 degrees
_ARM = mujoco.MjModel.from_xml_string("""
<mujoco><worldbody><body name="trunk"><freejoint/><geom size=".1"/>
  <body name="upper" pos="0 .2 0"><joint type="ball"/><geom size=".05"/>
    <body name="lower" pos="0 .3 0"><joint axis="0 0 1" range="0 90"/><geom size=".05"/></body>
</body></body></worldbody></mujoco>""")
_POINT = np.array([0.0, 0.25, 0.0])  # the hand, in the lower arm


def targets(poses: np.ndarray, turns: float = 1.0) -> Targets:
    """Where the three bodies are in poses (T, nq), the hand for the lower arm."""
    data, places, rotations = mujoco.MjData(_ARM), [], []
    points = np.array([np.zeros(3), np.zeros(3), _POINT])
    for pose in poses:
        data.qpos[:] = pose
        mujoco.mj_kinematics(_ARM, data)
        rotations.append(data.xmat[1:].reshape(-1, 3, 3).copy())
        places.append(data.xpos[1:] + (rotations[-1] @ points[..., None])[..., 0])
    return Targets((1, 2, 3), np.array(places), np.array(rotations), np.full(3, 3.0), np.full(3, turns), points)


def random_poses(count: int) -> np.ndarray:
    rng = np.random.default_rng(0)
    poses = rng.normal(size=(count, _ARM.nq)) * 0.3
    poses[:, [3, 7]] += 1.0
    poses[:, -1] = rng.uniform(0.3, 1.3, count)
    for start in (3, 7):
        poses[:, start : start + 4] /= np.linalg.norm(poses[:, start : start + 4], axis=1, keepdims=True)
    return poses


def test_jacobian_is_the_derivative_of_the_error() -> None:
    pose, goal = random_poses(2)
    solver = _Solver(_ARM, _ARM.qpos0, targets(goal[None]), 0.0)

    def reached(step: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        moved = pose.copy()
        mujoco.mj_integratePos(_ARM, moved, step, 1.0)
        solver.data.qpos[:] = moved
        mujoco.mj_kinematics(_ARM, solver.data)
        return solver._places().ravel(), solver.data.xmat[1:].reshape(-1, 3, 3).copy()

    place, turn = reached(np.zeros(_ARM.nv))
    jacobian, small = solver._jacobian(), 1e-6
    for dof in range(_ARM.nv):
        there, turned = reached(small * np.eye(_ARM.nv)[dof])
        rate = rotation_vectors(turned @ np.swapaxes(turn, 1, 2)).ravel() / small
        np.testing.assert_allclose(jacobian[:9, dof], (there - place) / small, atol=1e-5)
        np.testing.assert_allclose(jacobian[9:, dof], rate, atol=1e-5)


def test_a_pose_is_found_from_its_places_and_turns() -> None:
    poses = random_poses(4)
    found = solve(_ARM, _ARM.qpos0, targets(poses), posture=0.0, steps=60)
    for start in (3, 7):  # a quaternion and its negative are one turn
        found[:, start : start + 4] *= np.sign(found[:, start : start + 1])
    np.testing.assert_allclose(found, poses, atol=2e-3)


def test_a_hinge_stays_in_its_range_and_the_rest_makes_up_for_it() -> None:
    beyond = _ARM.qpos0.copy()
    beyond[-1] = np.radians(120)  # of an elbow that ends at 90
    found = solve(_ARM, _ARM.qpos0, targets(beyond[None], turns=0.0))
    assert found[0, -1] == pytest.approx(np.radians(90), abs=1e-6)
    data = mujoco.MjData(_ARM)
    data.qpos[:] = found[0]
    mujoco.mj_kinematics(_ARM, data)
    hand = data.xpos[3] + data.xmat[3].reshape(3, 3) @ _POINT
    # an elbow alone would leave the hand 2 * 0.25 m * sin(15 deg) = 0.13 m away; shoulder and trunk help
    assert np.linalg.norm(hand - targets(beyond[None]).positions[0, 2]) < 0.06


def test_what_no_target_settles_stays_at_the_start() -> None:
    start = _ARM.qpos0.copy()
    start[-1] = 0.5
    nothing = targets(start[None])
    free = Targets(nothing.bodies, nothing.positions + 1.0, nothing.rotations, np.zeros(3), np.zeros(3))
    np.testing.assert_allclose(solve(_ARM, start, free), start[None], atol=1e-9)


# two bodies that turn about one vertical axis, the outer one by at most 0.1 rad
_TURNTABLE = mujoco.MjModel.from_xml_string("""
<mujoco><compiler angle="radian"/><worldbody><body><joint axis="0 0 1"/><geom size=".1"/>
  <body><joint axis="0 0 1" range="-.1 .1"/><geom size=".1"/></body>
</body></worldbody></mujoco>""")


def turned(body: int, *angles: float) -> Targets:
    """Turns of one body about the vertical, one a frame; an error of 1 rad weighs 2, and no place counts."""
    turns = Rotation.from_euler("z", np.array(angles)[:, None]).as_matrix()[:, None]
    return Targets((body,), np.zeros((len(angles), 1, 3)), turns, np.zeros(1), np.full(1, 2.0))


def test_two_steps_of_one_hinge_by_hand() -> None:
    # of 2^2 (0.2 - x)^2 + 3^2 x^2: a step is half of the falling slope, over the curvature and a damping of 0.001
    found = solve(_TURNTABLE, np.zeros(2), turned(1, 0.0, 0.2), posture=3.0, steps=2)
    first = 4 * 0.2 / 13.001
    second = first + (4 * (0.2 - first) - 9 * first) / 13.001
    np.testing.assert_allclose(found[:, 0], [0.0, second], atol=1e-9)
    np.testing.assert_allclose(found[:, 1], 0.0, atol=1e-12)


def test_a_step_that_holds_one_hinge_and_one_that_is_too_long_by_hand() -> None:
    # of 2^2 (0.5 - x - y)^2 + x^2 + y^2 both would turn by 2 / 9.001; y is held at 0.1, and x takes what that leaves
    (_, found) = solve(_TURNTABLE, np.zeros(2), turned(2, 0.0, 0.5), posture=1.0, steps=1)
    np.testing.assert_allclose(found, [4 * 0.4 / 5.001, 0.1], atol=1e-9)
    # towards 2 rad x would turn by 7.6 / 5.001: the whole step is shortened until its longest part is 0.5
    (_, found) = solve(_TURNTABLE, np.zeros(2), turned(2, 0.0, 2.0), posture=1.0, steps=1)
    np.testing.assert_allclose(found, [0.5, 0.1 * 0.5 / (7.6 / 5.001)], atol=1e-9)
