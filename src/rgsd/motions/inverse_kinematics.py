"""Inverse kinematics on any MuJoCo model: poses whose bodies come nearest to wanted places and turns.

Gauss-Newton with damping, frame by frame, each from the one before, so that of several solutions the same is kept.
Hinges stay within their ranges: one that would leave its range is held at the end of it while the others are solved.
"""

from __future__ import annotations

from dataclasses import dataclass, field

import mujoco
import numpy as np

_DAMPING = 1e-3  # of a step, beside squared weights of order 1; bounds it where hinges align
_FIRST_STEPS = 60  # in the first frame, from the start
_LONGEST_STEP = 0.5  # rad or m of a coordinate in one step
_CLOSE = 1e-4  # rad or m, a step below which a frame is solved
_HOLDS = 3  # rounds in which hinges are held at the ends of their ranges


@dataclass(frozen=True)
class Targets:
    """Where K bodies should be in T frames."""

    bodies: tuple[int, ...]
    """(K,) ids of the model's bodies."""
    positions: np.ndarray = field(repr=False)
    """(T, K, 3) world, m."""
    rotations: np.ndarray = field(repr=False)
    """(T, K, 3, 3) world."""
    position_weights: np.ndarray = field(repr=False)
    """(K,) of an error of 1 m."""
    rotation_weights: np.ndarray = field(repr=False)
    """(K,) of an error of 1 rad."""
    points: np.ndarray | None = field(repr=False, default=None)
    """(K, 3) which point of each body has the place, in its frame, m; its origin if not given."""


def solve(
    model: mujoco.MjModel, start: np.ndarray, targets: Targets, *, posture: float = 0.02, steps: int = 8
) -> np.ndarray:
    """Poses (T, nq) that minimise the weighted squares of the errors of places and turns.

    Args:
        model: with free, ball and hinge joints.
        start: (nq,) pose that the first frame is solved from, and that hinges are drawn to.
        targets: T frames.
        posture: weight of a hinge's distance of 1 rad from the start; settles what no target does.
        steps: most Gauss-Newton steps a frame after the first.
    """
    solver = _Solver(model, start, targets, posture)
    poses = np.empty((len(targets.positions), model.nq))
    pose = start.astype(float)
    for t in range(len(poses)):
        for _ in range(steps if t else _FIRST_STEPS):
            step = solver.step(pose, t)
            mujoco.mj_integratePos(model, pose, step, 1.0)
            if np.abs(step).max() < _CLOSE:
                break
        poses[t] = pose
    return poses


class _Solver:
    """What a step needs of the model and stays the same over the frames."""

    def __init__(self, model: mujoco.MjModel, start: np.ndarray, targets: Targets, posture: float) -> None:
        self.model, self.targets, self.data = model, targets, mujoco.MjData(model)
        self.ids = np.array(targets.bodies)
        self.points = np.zeros((len(self.ids), 3)) if targets.points is None else targets.points
        self.start, self.posture = start, posture
        hinge = model.jnt_type == mujoco.mjtJoint.mjJNT_HINGE
        self.hinge_qpos, self.hinge_dofs = model.jnt_qposadr[hinge], model.jnt_dofadr[hinge]
        self.hinge_joints = np.flatnonzero(hinge)
        free = np.where(model.jnt_limited[hinge, None], model.jnt_range[hinge], [-np.inf, np.inf])
        self.low, self.high = free.T
        # ball and free joints turn about the axes of their body's own frame
        self.balls = [
            (model.jnt_dofadr[j] + (3 if model.jnt_type[j] == mujoco.mjtJoint.mjJNT_FREE else 0), model.jnt_bodyid[j])
            for j in np.flatnonzero(~hinge)
        ]
        self.travel = [
            model.jnt_dofadr[j] for j in range(model.njnt) if model.jnt_type[j] == mujoco.mjtJoint.mjJNT_FREE
        ]
        self.moves = np.array([[_is_above(model, owner, body) for owner in model.dof_bodyid] for body in self.ids])
        self.weights = np.concatenate([np.repeat(targets.position_weights, 3), np.repeat(targets.rotation_weights, 3)])

    def step(self, pose: np.ndarray, t: int) -> np.ndarray:
        """(nv,) the step from a pose (nq,) towards the targets of frame t."""
        self.data.qpos[:] = pose
        mujoco.mj_kinematics(self.model, self.data)
        jacobian, error = self._jacobian(), self._error(t)
        weighted = jacobian * self.weights[:, None]
        normal = weighted.T @ weighted + _DAMPING * np.eye(self.model.nv)
        gradient = weighted.T @ (self.weights * error)
        rest = self.start[self.hinge_qpos] - pose[self.hinge_qpos]
        normal[self.hinge_dofs, self.hinge_dofs] += self.posture**2
        gradient[self.hinge_dofs] += self.posture**2 * rest
        return self._within_ranges(normal, gradient, pose[self.hinge_qpos])

    def _within_ranges(self, normal: np.ndarray, gradient: np.ndarray, hinges: np.ndarray) -> np.ndarray:
        low, high = self.low - hinges, self.high - hinges
        step = np.linalg.solve(normal, gradient)
        held = np.zeros(len(step), dtype=bool)
        for _ in range(_HOLDS):
            move = step[self.hinge_dofs]
            outside = (move < low - 1e-9) | (move > high + 1e-9)
            if not outside.any():
                break
            step[self.hinge_dofs] = np.clip(move, low, high)
            held[self.hinge_dofs[outside]] = True
            loose = ~held
            known = gradient[loose] - normal[np.ix_(loose, held)] @ step[held]
            step[loose] = np.linalg.solve(normal[np.ix_(loose, loose)], known)
        step[self.hinge_dofs] = np.clip(step[self.hinge_dofs], low, high)
        return step * min(1.0, _LONGEST_STEP / np.abs(step).max(initial=1e-12))

    def _error(self, t: int) -> np.ndarray:
        """(6 K,) missing positions, m, then missing turns as world rotation vectors, rad."""
        place = self.targets.positions[t] - self._places()
        missing = self.targets.rotations[t] @ np.swapaxes(self.data.xmat[self.ids].reshape(-1, 3, 3), 1, 2)
        return np.concatenate([place.ravel(), rotation_vectors(missing).ravel()])

    def _places(self) -> np.ndarray:
        """(K, 3) of the bodies' points in the world, m."""
        turned = self.data.xmat[self.ids].reshape(-1, 3, 3) @ self.points[..., None]
        return self.data.xpos[self.ids] + turned[..., 0]

    def _jacobian(self) -> np.ndarray:
        """(6 K, nv) of positions, then of turns in the world."""
        m, data = self.model, self.data
        axes, anchors = np.zeros((m.nv, 3)), np.zeros((m.nv, 3))
        axes[self.hinge_dofs] = data.xaxis[self.hinge_joints]
        anchors[self.hinge_dofs] = data.xanchor[self.hinge_joints]
        for dof, body in self.balls:
            axes[dof : dof + 3] = data.xmat[body].reshape(3, 3).T
            anchors[dof : dof + 3] = data.xpos[body]
        turn = self.moves[:, :, None] * axes
        arm = self._places()[:, None] - anchors
        place = np.stack([
            turn[..., 1] * arm[..., 2] - turn[..., 2] * arm[..., 1],
            turn[..., 2] * arm[..., 0] - turn[..., 0] * arm[..., 2],
            turn[..., 0] * arm[..., 1] - turn[..., 1] * arm[..., 0],
        ], axis=-1)  # fmt: skip
        for dof in self.travel:
            place[:, dof : dof + 3] = np.eye(3)
        return np.concatenate([np.swapaxes(block, 1, 2).reshape(-1, m.nv) for block in (place, turn)])


def _is_above(model: mujoco.MjModel, owner: int, body: int) -> bool:
    """Whether a body is moved by the joints of another: that is itself or an ancestor."""
    while body > 0 and body != owner:
        body = model.body_parentid[body]
    return body == owner


def rotation_vectors(turns: np.ndarray) -> np.ndarray:
    """Rotation vectors (K, 3), rad, of matrices (K, 3, 3)."""
    quats = np.empty((len(turns), 4))
    vectors = np.empty((len(turns), 3))
    for quat, vector, turn in zip(quats, vectors, turns, strict=True):
        mujoco.mju_mat2Quat(quat, turn.ravel())
        mujoco.mju_quat2Vel(vector, quat, 1.0)
    return vectors
