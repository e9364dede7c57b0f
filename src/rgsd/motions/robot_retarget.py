"""Motions of the humanoid or the quadruped onto a robot, by inverse kinematics along a map of bodies.

A frame of one body means another thing in the next, so both are brought to one posture first: the robot's limbs are
laid along the source's when that stands. What a body is turned there against what it follows stays so in every frame.
Feet go where the source's go, at the scale of the roots' heights, and stay there in stance; all other places hang on
the root as the robot's own bones do, turned as the source turns.
"""

from __future__ import annotations

import dataclasses

import numpy as np
import torch
from scipy.spatial.transform import Rotation

from rgsd.bodies.body import Body
from rgsd.bodies.kinematics import forward_kinematics
from rgsd.motions.body_map import BodyMap
from rgsd.motions.inverse_kinematics import Targets, solve
from rgsd.motions.library import resample
from rgsd.motions.motion import Motion, finite_difference_velocity
from rgsd.motions.retarget import loops, settle, sole_points, sole_shapes
from rgsd.motions.stance import rolled, touching

_ALONG, _KEPT = 20.0, 2.0  # weights of limbs along the source's (1 m), and of root and feet as they stand (1 rad)


def retarget_to_robot(motion: Motion, source: Body, robot: Body, bodies: BodyMap, fps: float | None = None) -> Motion:
    """A motion of a robot that follows one of another body.

    Args:
        motion: of the source.
        source: the humanoid or the quadruped.
        robot: whose motion is made.
        bodies: what of the robot follows what (`BodyMap.check` has passed).
        fps: rate of the result, 1/s; the motion's own if not given.

    Returns:
        The motion, from the origin, heading along x, on the ground, within the joints' ranges; `quality` holds
        `fk_error_cm` (mean distance of the bodies with a place from it), `penetration_cm`, `skate_cm`,
        `largest_jump_rad` and `at_limit` (fraction of hinges and frames at the end of their range).
    """
    pair = _Pair(source, robot, bodies)
    targets = pair.targets(motion)
    start = pair.posture.copy()
    start[:3] = targets.positions[0, 0]
    start[3:7] = Rotation.from_matrix(targets.rotations[0, 0]).as_quat(scalar_first=True)
    qpos = solve(robot.model, start, targets)
    qpos[1:, 3:7] *= np.cumprod(np.where((qpos[1:, 3:7] * qpos[:-1, 3:7]).sum(axis=1) < 0, -1.0, 1.0))[:, None]
    still = np.zeros((len(qpos), robot.model.nv))
    state = forward_kinematics(robot, qpos, still)
    ids = np.array(targets.bodies) - 1
    turns = _matrices(state.body_quat[:, ids])
    reached = state.body_pos[:, ids].double().numpy() + (turns @ pair.points[..., None])[..., 0]
    placed = targets.position_weights > 0
    missing = np.linalg.norm(reached - targets.positions, axis=-1)[:, placed]
    made = dataclasses.replace(
        motion, body=robot.name, joint_names=robot.joint_names, body_names=robot.body_names, qpos=qpos, qvel=still
    )
    if fps is not None:
        made = resample(robot, made, fps)
    settled, metrics = settle(robot, made.qpos, made.fps)
    quality = {
        "fk_error_cm": 100 * float(missing.mean()),
        **metrics,
        "largest_jump_rad": float(np.abs(np.diff(settled[:, 7:], axis=0)).max()),
        "at_limit": _fraction_at_limit(robot, settled),
    }
    return dataclasses.replace(
        made,
        qpos=settled,
        qvel=finite_difference_velocity(robot, settled, made.fps),
        source=f"{motion.body} motion onto {robot.name}: {motion.source}",
        loop=loops(settled),
        quality={key: round(value, 4) for key, value in quality.items()},
    )


class _Pair:
    """A source and a robot in one posture, and what follows from it.

    Attributes:
        posture: (nq,) of the robot.
        scale: of the robot's size against the source's.
    """

    def __init__(self, source: Body, robot: Body, bodies: BodyMap) -> None:
        self.source, self.robot = source, robot
        self.names = sorted(bodies.bodies, key=robot.body_names.index)  # the root first, each after what it hangs on
        follows = [bodies.bodies[name] for name in self.names]
        self.ids = [robot.model.body(name).id for name in self.names]
        self.from_ids = source.body_ids(tuple(follow.source for follow in follows))
        self.points = np.array([follow.at for follow in follows])
        self.weights = np.array([[follow.position, follow.rotation] for follow in follows]).T
        feet = {robot.model.body(name).id for name in robot.feet}
        self.feet = [k for k, body in enumerate(self.ids) if body in feet]
        self.above = [next((j for j in range(k - 1, -1, -1) if self._hangs(k, j)), 0) for k in range(len(self.ids))]
        stand = forward_kinematics(source, source.standing_qpos[None], np.zeros((1, source.model.nv)))
        self.from_places = stand.body_pos[0, self.from_ids].double().numpy()
        self.from_turns = _matrices(stand.body_quat[0, self.from_ids])
        self.posture = self._laid_along()
        self.places, self.turns = self._at(self.posture)
        self.scale = (self.places[0, 2] - self.places[self.feet, 2].mean()) / (
            self.from_places[0, 2] - self.from_places[self.feet, 2].mean()
        )

    def targets(self, motion: Motion) -> Targets:
        """Where the robot's bodies should be in each frame of a motion of the source."""
        state = forward_kinematics(self.source, motion.qpos, motion.qvel)
        turns = _matrices(state.body_quat[:, self.from_ids])
        places = state.body_pos[:, self.from_ids].double().numpy()
        relative = turns @ np.swapaxes(self.from_turns, 1, 2)  # what each has turned since it stood, in the world
        wanted = np.empty_like(places)
        wanted[:, 0] = self.scale * places[:, 0]
        for k in range(1, len(self.ids)):
            bone = self.places[k] - self.places[self.above[k]]
            wanted[:, k] = wanted[:, self.above[k]] + relative[:, self.above[k]] @ bone
        for k in self.feet:
            beside = self.places[k] - self.scale * self.from_places[k]  # from the source's foot, scaled, to the robot's
            beside[:2] -= self.places[0, :2] - self.scale * self.from_places[0, :2]
            wanted[:, k] = self.scale * places[:, k] + relative[:, k] @ beside
        oriented = relative @ self.turns
        soles = sole_points(self.source, state)
        for k in self.feet:
            sole = self._sole(k, wanted[:, k], oriented[:, k])
            wanted[:, k] += rolled(sole, self._touches(k, soles, motion.fps), motion.fps)
        return Targets(tuple(self.ids), wanted, oriented, self.weights[0], self.weights[1], self.points)

    def _sole(self, k: int, places: np.ndarray, turns: np.ndarray) -> np.ndarray:
        """(T, P, 3) the lowest points of a foot of the robot, its own point at places (T, 3), turned by (T, 3, 3)."""
        owners, offsets, radii = sole_shapes(self.robot)
        mine = np.array(owners) == self.ids[k] - 1
        from_point = np.einsum("tij,pj->tpi", turns, offsets[mine] - self.points[k])
        return places[:, None] + from_point - radii[mine, None] * np.array([0.0, 0.0, 1.0])

    def _touches(self, k: int, soles: np.ndarray, fps: float) -> np.ndarray:
        """(T,) bool, whether a foot of the source or its toes touch the ground, by all soles (T, P, 3)."""
        model, foot = self.source.model, self.from_ids[k] + 1
        owners = np.array(sole_shapes(self.source)[0]) + 1
        return touching(soles[:, (owners == foot) | (model.body_parentid[owners] == foot)], fps)

    def _hangs(self, k: int, j: int) -> bool:
        """Whether a mapped body hangs on another."""
        body, above = self.ids[k], self.ids[j]
        while body > above:
            body = int(self.robot.model.body_parentid[body])
        return body == above

    def _laid_along(self) -> np.ndarray:
        """(nq,) the robot standing with its limbs along the source's, root and feet turned as they stand."""
        places, turns = self._at(self.robot.standing_qpos)
        wanted, along = places.copy(), np.zeros(len(self.ids))
        for k in range(1, len(self.ids)):
            j = self.above[k]
            wanted[k] += wanted[j] - places[j]
            if j and self.above[j] != j and self._is_limb(j):
                bone = self.from_places[k] - self.from_places[j]
                length = np.linalg.norm(places[k] - places[j])
                wanted[k] = wanted[j] + length * bone / max(np.linalg.norm(bone), 1e-9)
                along[k] = _ALONG
        kept = np.zeros(len(self.ids))
        kept[[0, *self.feet]] = _KEPT
        along[0] = _ALONG
        targets = Targets(tuple(self.ids), wanted[None], turns[None], along, kept, self.points)
        return solve(self.robot.model, self.robot.standing_qpos, targets)[0]

    def _is_limb(self, j: int) -> bool:
        """Whether a mapped body is a bone of a limb, one that a single other hangs on."""
        return sum(above == j for above in self.above) == 1

    def _at(self, qpos: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """Places (K, 3) of the mapped bodies' points and orientations (K, 3, 3) in a pose (nq,)."""
        state = forward_kinematics(self.robot, qpos[None], np.zeros((1, self.robot.model.nv)))
        ids = np.array(self.ids) - 1
        turns = _matrices(state.body_quat[0, ids])
        return state.body_pos[0, ids].double().numpy() + (turns @ self.points[..., None])[..., 0], turns


def _fraction_at_limit(robot: Body, qpos: np.ndarray) -> float:
    """Of all hinges in all frames, those within 0.1 deg of an end of their range."""
    limited = robot.model.jnt_limited[1:].astype(bool)
    low, high = robot.model.jnt_range[1:][limited].T
    angles = qpos[:, 7:][:, limited]
    near = np.radians(0.1)
    return float(((angles < low + near) | (angles > high - near)).mean()) if limited.any() else 0.0


def _matrices(quats: torch.Tensor) -> np.ndarray:
    """Rotation matrices (..., 3, 3) of quaternions (..., 4)."""
    flat = Rotation.from_quat(quats.double().numpy().reshape(-1, 4), scalar_first=True).as_matrix()
    return flat.reshape(*quats.shape[:-1], 3, 3)
