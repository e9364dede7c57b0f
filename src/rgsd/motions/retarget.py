"""SMPL poses onto the 69-hinge humanoid: joint angles, the ground, a common start, and figures of what was lost."""

from __future__ import annotations

import dataclasses

import mujoco
import numpy as np
import torch
from scipy.ndimage import gaussian_filter1d, percentile_filter
from scipy.spatial.transform import Rotation

from rgsd import rotations
from rgsd.bodies.body import Body
from rgsd.bodies.kinematics import forward_kinematics
from rgsd.bodies.state import BodyState
from rgsd.motions.formats.smpl_clip import BODY_NAMES, PARENTS, SmplClip
from rgsd.motions.library import resample
from rgsd.motions.motion import Motion, MotionError, at_origin, finite_difference_velocity

_DAMPING = 1e-2  # of a step; bounds it where x and z turn about the same axis
_POSTURE = 3e-3  # weight of small angles against the error of the rotation: costs 0.1 deg in the mean, 4 deg at most
_SOLVER_STEPS = 4  # Gauss-Newton steps a frame, from the frame before
_FIRST_STEPS = 50  # in the first frame, from zero
_FLIGHT = 0.4  # s: longer than a runner's flight, shorter than two steps
_STANCE_PERCENTILE = 10.0  # of the lowest sole point within that time
_STANCE_HEIGHT = 0.02  # m: a sole point lower than this is meant to stand still


def retarget(clip: SmplClip, body: Body, fps: float | None = None) -> Motion:
    """A clip of the humanoid that starts at the origin, heads along +x, and stands on the ground.

    Args:
        clip: the source's poses.
        body: the SMPL humanoid.
        fps: rate of the result; the body's control rate if not given.

    Returns:
        The motion; `quality` holds `fk_error_cm` (mean distance of the bodies from the source's landmarks),
        `penetration_cm` (the deepest sole point), `skate_cm` (mean slide of sole points in stance, per frame) and
        `largest_jump_rad` (largest change of a hinge between frames).

    Raises:
        MotionError: the body is not the SMPL humanoid, or the clip is too short.
    """
    expected = tuple(f"{name}_{axis}" for name in BODY_NAMES[1:] for axis in "xyz")
    if body.joint_names != expected:
        raise MotionError(
            f"{clip.name}: SMPL poses cannot be mapped to body '{body.name}', whose hinges are not the SMPL "
            f"humanoid's; choose --body smpl"
        )
    qpos = _to_qpos(clip)
    motion = Motion(
        name=clip.name,
        body=body.name,
        fps=clip.fps,
        joint_names=body.joint_names,
        body_names=body.body_names,
        qpos=qpos,
        qvel=np.zeros((len(qpos), body.model.nv)),
        source=clip.source,
        license=clip.license,
    )
    quality = {"fk_error_cm": _fk_error_cm(clip, body, motion)}
    motion = resample(body, motion, body.control_hz if fps is None else fps)
    qpos, figures = _settle(body, motion.qpos, motion.fps)
    quality |= figures | {"largest_jump_rad": float(np.abs(np.diff(qpos[:, 7:], axis=0)).max())}
    return dataclasses.replace(
        motion,
        qpos=qpos,
        qvel=finite_difference_velocity(body, qpos, motion.fps),
        loop=_loops(qpos),
        quality={key: round(value, 4) for key, value in quality.items()},
    )


def _to_qpos(clip: SmplClip) -> np.ndarray:
    """(T, 76) in the source's own world frame: root position and quaternion, then hinge angles, continuous in time."""
    local = np.swapaxes(clip.rotations[:, PARENTS[1:]], -1, -2) @ clip.rotations[:, 1:]
    angles = hinge_angles(local).reshape(len(local), -1)
    root = Rotation.from_matrix(clip.rotations[:, 0]).as_quat(scalar_first=True)
    flips = np.cumprod(np.where((root[1:] * root[:-1]).sum(axis=1) < 0, -1.0, 1.0))
    root[1:] *= flips[:, None]
    return np.concatenate([clip.pelvis, root, angles], axis=1)


def hinge_angles(local: np.ndarray) -> np.ndarray:
    """Angles (T, J, 3) of hinges x, y, z in one body (intrinsic XYZ) that follow rotations (T, J, 3, 3) smoothly.

    Each frame is solved from the one before by damped least squares with a slight preference for small angles, so
    that the branch of the Euler angles never changes and none leaps or winds up where y passes 90 deg (the knees of a
    run, shoulders), at the price of a small error there. The first frame is solved from the T-pose.
    """
    angles = np.empty(local.shape[:3])
    current = np.zeros(local.shape[1:3])
    for t in range(len(local)):
        for _ in range(_SOLVER_STEPS if t else _FIRST_STEPS):
            turn, jacobian = _euler_rotation(current)
            missing = np.swapaxes(turn, 1, 2) @ local[t]
            error = Rotation.from_matrix(missing).as_rotvec()
            transposed = np.swapaxes(jacobian, 1, 2)
            normal = transposed @ jacobian + (_DAMPING + _POSTURE) * np.eye(3)
            gradient = transposed @ error[..., None] - _POSTURE * current[..., None]
            current = current + np.linalg.solve(normal, gradient)[..., 0]
        angles[t] = current
    return angles


def _euler_rotation(angles: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Rotation (J, 3, 3) of intrinsic XYZ angles (J, 3), and d(turn in the body's frame)/d(angles) (J, 3, 3)."""
    sin, cos = np.sin(angles), np.cos(angles)
    (sx, sy, sz), (cx, cy, cz) = sin.T, cos.T
    zero, one = np.zeros_like(sx), np.ones_like(sx)
    x = np.array([[one, zero, zero], [zero, cx, -sx], [zero, sx, cx]]).transpose(2, 0, 1)
    y = np.array([[cy, zero, sy], [zero, one, zero], [-sy, zero, cy]]).transpose(2, 0, 1)
    z = np.array([[cz, -sz, zero], [sz, cz, zero], [zero, zero, one]]).transpose(2, 0, 1)
    # the x axis seen through y and z, the y axis through z, the z axis as it is
    jacobian = np.array([[cy * cz, sz, zero], [-cy * sz, cz, zero], [sy, zero, one]]).transpose(2, 0, 1)
    return x @ y @ z, jacobian


def _fk_error_cm(clip: SmplClip, body: Body, motion: Motion) -> float:
    """Mean over frames and landmarks of the distance between the model's bodies and the source's joints, cm."""
    positions = forward_kinematics(body, motion.qpos, motion.qvel).body_pos.double().numpy()
    ids = body.body_ids(tuple(clip.landmarks))
    wanted = np.stack(list(clip.landmarks.values()), axis=1)
    return 100 * float(np.linalg.norm(positions[:, ids] - wanted, axis=-1).mean())


def _settle(body: Body, qpos: np.ndarray, fps: float) -> tuple[np.ndarray, dict[str, float]]:
    """Poses (T, nq) turned to heading 0 and moved to the origin and onto the ground; penetration and skating."""
    settled_qpos, still = at_origin(qpos, np.zeros((len(qpos), body.model.nv)))
    points = _sole_points(body, forward_kinematics(body, settled_qpos, still))
    floor = _floor(points[..., 2].min(axis=1), fps)
    settled_qpos[:, 2] -= floor
    points[..., 2] -= floor[:, None]
    stance = (points[:-1, :, 2] < _STANCE_HEIGHT) & (points[1:, :, 2] < _STANCE_HEIGHT)
    slide = np.linalg.norm(np.diff(points[..., :2], axis=0), axis=-1)
    return settled_qpos, {
        "penetration_cm": 100 * max(0.0, -float(points[..., 2].min())),
        "skate_cm": 100 * float(slide[stance].mean()) if stance.any() else 0.0,
    }


def _floor(lowest: np.ndarray, fps: float) -> np.ndarray:
    """Height (T,) of the floor under a clip, m, from that of its lowest sole point (T,).

    The floor of a capture is neither level nor where the source says: with one height for the whole clip the
    model's feet hover by up to 3 cm for steps on end. This follows the lowest point slowly enough to leave a
    runner's flight alone; a dip of a single frame does not count.
    """
    window = round(_FLIGHT * fps)
    low = percentile_filter(lowest, _STANCE_PERCENTILE, window, mode="nearest")
    return gaussian_filter1d(low, window / 4, mode="nearest")


def _sole_points(body: Body, state: BodyState) -> np.ndarray:
    """World positions (T, P, 3) of the lowest points that the feet can touch the ground with.

    A sphere gives the point below its centre, a box its corners.
    """
    m, owners, points, radii = body.model, [], [], []
    for foot in body.feet:
        for geom in np.flatnonzero(m.geom_bodyid == m.body(foot).id):
            if not m.geom_contype[geom] and not m.geom_conaffinity[geom]:
                continue
            corners, radius = np.zeros((1, 3)), m.geom_size[geom, 0]
            if m.geom_type[geom] == mujoco.mjtGeom.mjGEOM_BOX:
                corners, radius = np.array(np.meshgrid(*[[-s, s] for s in m.geom_size[geom]])).reshape(3, -1).T, 0.0
            turn = Rotation.from_quat(m.geom_quat[geom], scalar_first=True)
            for corner in turn.apply(corners):
                owners.append(body.body_names.index(foot))
                points.append(m.geom_pos[geom] + corner)
                radii.append(radius)
    offsets = torch.tensor(np.array(points), dtype=torch.float32)
    world = state.body_pos[:, owners] + rotations.rotate(state.body_quat[:, owners], offsets)
    return world.double().numpy() - np.array(radii)[:, None] * np.array([0.0, 0.0, 1.0])


def _loops(qpos: np.ndarray) -> bool:
    """Whether the last frame leads into the first: no hinge, nor the height, hops further there than elsewhere."""
    posture = np.concatenate([qpos[:, 2:3], qpos[:, 7:]], axis=1)
    hops = np.abs(np.diff(posture, axis=0)).max(axis=0)
    return bool(np.all(np.abs(posture[-1] - posture[0]) <= hops + 1e-3))
