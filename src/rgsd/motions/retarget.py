"""SMPL poses onto the 69-hinge humanoid: joint angles, the ground, a common start, and metrics of what was lost."""

from __future__ import annotations

import dataclasses
import math
from collections.abc import Sequence
from dataclasses import dataclass

import mujoco
import numpy as np
import torch
from scipy.linalg import solveh_banded
from scipy.ndimage import gaussian_filter1d, maximum_filter1d, percentile_filter
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
_CLIP_STEPS = 8  # Gauss-Newton steps of the whole clip, from the frames' own solution
_CALM_HZ = 10.0  # up to where trunk and arms follow the source: 6 to 10 Hz in biomechanics; strikes keep reach
_SHIFT_SECONDS = 0.015  # over which the pelvis moves to where all landmarks are missed least
_FLIGHT = 0.4  # s: longer than a runner's flight, shorter than two steps
_STANCE_PERCENTILE = 10.0  # of the lowest sole point within that time
_EXPLAINED = 1.5  # a hinge's step is its joint's up to so many times the joint's own turn
_LIFTS = 3  # rounds of bending toes out of the floor
_TOE_LENGTH = 0.055  # m, from the toe joint to the sphere that touches the ground
_MOST_LIFT = 0.2  # rad a round
_STANCE_HEIGHT = 0.02  # m: a sole point lower than this is meant to stand still


def retarget(clip: SmplClip, body: Body, fps: float | None = None) -> Motion:
    """A clip of the humanoid that starts at the origin, heads along +x, and stands on the ground.

    Args:
        clip: the source's poses.
        body: the SMPL humanoid.
        fps: rate of the result; the body's control rate if not given.

    Returns:
        The motion; `quality` holds `fk_error_cm` (mean distance of the bodies from the source's landmarks),
        `penetration_cm` (the deepest sole point), `skate_cm` (mean slide of sole points in stance, per frame),
        `largest_jump_rad` (largest change of a hinge between frames) and `hidden_jump_rad` (the same among hinges that
        turn by more than 1.5 times what their joint does: an artefact of three hinges, not a motion).

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
    missing = _missing(clip, body, motion)
    shift = gaussian_filter1d(missing.mean(axis=1), _SHIFT_SECONDS * clip.fps, axis=0, mode="nearest")
    motion.qpos[:, :3] += shift
    quality = {"fk_error_cm": 100 * float(np.linalg.norm(missing - shift[:, None], axis=-1).mean())}
    motion = resample(body, motion, body.control_hz if fps is None else fps)
    qpos, metrics = settle(body, motion.qpos, motion.fps)
    quality |= metrics | _jumps(qpos[:, 7:])
    return dataclasses.replace(
        motion,
        qpos=qpos,
        qvel=finite_difference_velocity(body, qpos, motion.fps),
        loop=loops(qpos),
        quality={key: round(value, 4) for key, value in quality.items()},
    )


def _to_qpos(clip: SmplClip) -> np.ndarray:
    """(T, 76) in the source's own world frame: root position and quaternion, then hinge angles, continuous in time."""
    local = np.swapaxes(clip.rotations[:, PARENTS[1:]], -1, -2) @ clip.rotations[:, 1:]
    habits = [HABITS.get(name.split("_")[-1], HingeHabit()) for name in BODY_NAMES[1:]]
    angles = hinge_angles(local, clip.fps, habits).reshape(len(local), -1)
    root = Rotation.from_matrix(clip.rotations[:, 0]).as_quat(scalar_first=True)
    flips = np.cumprod(np.where((root[1:] * root[:-1]).sum(axis=1) < 0, -1.0, 1.0))
    root[1:] *= flips[:, None]
    return np.concatenate([clip.pelvis, root, angles], axis=1)


@dataclass(frozen=True)
class HingeHabit:
    """What is known of a joint's three hinges before a capture is read."""

    stiffness: tuple[float, float, float] = (_POSTURE, _POSTURE, _POSTURE)
    """Weight of each hinge's squared angle against the squared error of the rotation."""
    calm_hz: tuple[float, float, float] = (_CALM_HZ, _CALM_HZ, _CALM_HZ)
    """Frequency from which on each hinge no longer follows the source, Hz."""


_RAW = math.inf  # stance legs are not calmed: their feet would slide
HABITS: dict[str, HingeHabit] = {
    # a toe has one hinge; what a capture says of the others, and of a quick bend, is the noise of one marker
    "Toe": HingeHabit((1.0, _POSTURE, 1.0), (2.5, 2.5, 2.5)),
    # so has a knee; bent past 75 degrees its x and z turn about one axis, and share a turn at will
    "Knee": HingeHabit((0.003, 0.001, 0.003), (4.0, _RAW, 4.0)),
    "Hip": HingeHabit((0.03, 0.001, 0.1), (_RAW, _RAW, _RAW)),
    "Ankle": HingeHabit((_POSTURE, _POSTURE, _POSTURE), (_RAW, _RAW, _RAW)),
}
"""Of the joints, by the last word of their name, that differ from trunk and arms."""


def hinge_angles(local: np.ndarray, fps: float, habits: Sequence[HingeHabit]) -> np.ndarray:
    """Angles (T, J, 3) of hinges x, y, z in one body (intrinsic XYZ) that follow rotations smoothly.

    Least squares over a whole clip, joint by joint: the squared error of the rotation, plus `stiffness` times the
    squared angle, plus a penalty on the angle's second difference that halves what moves at `calm_hz` and runs both
    ways, so without lag (Whittaker 1923). Where x and z turn about one axis (y at 90 deg: the knees of a run,
    shoulders) the two penalties alone decide, and no angle leaps or winds up.

    Args:
        local: (T, J, 3, 3) rotations of the bodies in their parents.
        fps: frames a second.
        habits: of the J joints.
    """
    angles = _followed(local)
    stiffness = np.array([habit.stiffness for habit in habits])
    hz = np.array([habit.calm_hz for habit in habits])
    # beyond half the frame rate there is nothing to calm
    calm = np.where(hz < fps / 2, (2 * np.sin(np.pi * np.minimum(hz / fps, 0.5))) ** -4.0, 0.0)
    for joint in range(local.shape[1]):
        angles[:, joint] = _calmed(local[:, joint], angles[:, joint], stiffness[joint], calm[joint])
    return angles


def _calmed(local: np.ndarray, angles: np.ndarray, stiffness: np.ndarray, calm: np.ndarray) -> np.ndarray:
    """Angles (T, 3) of one joint that follow rotations (T, 3, 3), solved from `angles` over all frames at once.

    The unknowns lie frame by frame, so that the normal equations are a band: blocks of 3 x 3 for the rotations, and
    second differences that reach two frames (6 unknowns) far.
    """
    frames = len(angles)
    second = np.diff(np.eye(frames), n=2, axis=0) if frames > 2 else np.zeros((0, frames))
    curvature = second.T @ second
    fixed = np.zeros((7, 3 * frames))  # upper form: row 6 is the diagonal, row 6 - k the k-th one above it
    for apart in range(min(3, frames)):
        fixed[6 - 3 * apart, 3 * apart :] = (np.diag(curvature, apart)[:, None] * calm).ravel()
    fixed[6] += np.tile(stiffness, frames) + _DAMPING
    for _ in range(_CLIP_STEPS):
        turn, jacobian = _euler_rotation(angles)
        error = Rotation.from_matrix(np.swapaxes(turn, 1, 2) @ local).as_rotvec()
        transposed = np.swapaxes(jacobian, 1, 2)
        normal, band = transposed @ jacobian, fixed.copy()
        for row in range(3):
            for column in range(row, 3):
                band[6 - (column - row), column::3] += normal[:, row, column]
        pull = (transposed @ error[..., None])[..., 0] - stiffness * angles - calm * (curvature @ angles)
        angles = angles + solveh_banded(band, pull.ravel()).reshape(frames, 3)
    return angles


def _followed(local: np.ndarray) -> np.ndarray:
    """Angles (T, J, 3) that follow rotations (T, J, 3, 3), each frame solved from the one before.

    Damped least squares with a slight preference for small angles, so that the branch of the Euler angles never
    changes and none leaps. The first frame is solved from the T-pose.
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


def _missing(clip: SmplClip, body: Body, motion: Motion) -> np.ndarray:
    """(T, L, 3) from the model's bodies to the source's landmarks, m."""
    positions = forward_kinematics(body, motion.qpos, motion.qvel).body_pos.double().numpy()
    ids = body.body_ids(tuple(clip.landmarks))
    return np.stack(list(clip.landmarks.values()), axis=1) - positions[:, ids]


def settle(body: Body, qpos: np.ndarray, fps: float) -> tuple[np.ndarray, dict[str, float]]:
    """Poses (T, nq) turned to heading 0 and moved to the origin and onto the ground; penetration and skating."""
    settled_qpos, still = at_origin(qpos, np.zeros((len(qpos), body.model.nv)))
    points = sole_points(body, forward_kinematics(body, settled_qpos, still))
    floor = floor_under(points[..., 2].min(axis=1), fps)
    settled_qpos[:, 2] -= floor
    points[..., 2] -= floor[:, None]
    points = _lift_toes(body, settled_qpos, points)
    stance = (points[:-1, :, 2] < _STANCE_HEIGHT) & (points[1:, :, 2] < _STANCE_HEIGHT)
    slide = np.linalg.norm(np.diff(points[..., :2], axis=0), axis=-1)
    return settled_qpos, {
        "penetration_cm": 100 * max(0.0, -float(points[..., 2].min())),
        "skate_cm": 100 * float(slide[stance].mean()) if stance.any() else 0.0,
    }


def _lift_toes(body: Body, qpos: np.ndarray, points: np.ndarray) -> np.ndarray:
    """Bend toes (in `qpos` (T, nq)) up where calming has left their tips in the floor; the sole points thereafter.

    At push-off a toe bends within two frames, which a calmed one does not; it begins to bend a little earlier instead.
    """
    tips = [i for i, owner in enumerate(sole_shapes(body)[0]) if body.body_names[owner].endswith("Toe")]
    hinges = [7 + i for i, name in enumerate(body.joint_names) if name.endswith("Toe_y")]
    for _ in range(_LIFTS if hinges else 0):
        needed = np.clip(-points[:, tips, 2], 0.0, _MOST_LIFT * _TOE_LENGTH) / _TOE_LENGTH
        qpos[:, hinges] -= gaussian_filter1d(maximum_filter1d(needed, 5, axis=0), 2.0, axis=0, mode="nearest")
        points = sole_points(body, forward_kinematics(body, qpos, np.zeros((len(qpos), body.model.nv))))
    return points


def floor_under(lowest: np.ndarray, fps: float) -> np.ndarray:
    """Height (T,) of the floor under a clip, m, from that of its lowest sole point (T,).

    The floor of a capture is neither level nor where the source says: with one height for the whole clip the
    model's feet hover by up to 3 cm for steps on end. This follows the lowest point slowly enough to leave a
    runner's flight alone; a dip of a single frame does not count.
    """
    window = round(_FLIGHT * fps)
    low = percentile_filter(lowest, _STANCE_PERCENTILE, window, mode="nearest")
    return gaussian_filter1d(low, window / 4, mode="nearest")


def sole_points(body: Body, state: BodyState) -> np.ndarray:
    """World positions (T, P, 3) of the lowest points that the feet can touch the ground with.

    A sphere gives the point below its centre, a capsule those below its ends, a box its corners, a mesh its vertices.
    """
    owners, offsets, radii = sole_shapes(body)
    local = torch.tensor(offsets, dtype=torch.float32)
    world = state.body_pos[:, owners] + rotations.rotate(state.body_quat[:, owners], local)
    return world.double().numpy() - radii[:, None] * np.array([0.0, 0.0, 1.0])


def sole_shapes(body: Body) -> tuple[list[int], np.ndarray, np.ndarray]:
    """Of each sole point the number of its body, its place there (P, 3), m, and how far below that it lies (P,), m."""
    m, owners, points, radii = body.model, [], [], []
    for foot in body.feet:
        for geom in np.flatnonzero(m.geom_bodyid == m.body(foot).id):
            if not m.geom_contype[geom] and not m.geom_conaffinity[geom]:
                continue
            corners, radius = np.zeros((1, 3)), m.geom_size[geom, 0]
            if m.geom_type[geom] == mujoco.mjtGeom.mjGEOM_BOX:
                corners, radius = np.array(np.meshgrid(*[[-s, s] for s in m.geom_size[geom]])).reshape(3, -1).T, 0.0
            elif m.geom_type[geom] == mujoco.mjtGeom.mjGEOM_CAPSULE:
                corners = np.outer([-1.0, 1.0], [0.0, 0.0, m.geom_size[geom, 1]])
            elif m.geom_type[geom] == mujoco.mjtGeom.mjGEOM_MESH:
                mesh = m.geom_dataid[geom]
                corners, radius = m.mesh_vert[m.mesh_vertadr[mesh] :][: m.mesh_vertnum[mesh]], 0.0
            turn = Rotation.from_quat(m.geom_quat[geom], scalar_first=True)
            for corner in turn.apply(corners):
                owners.append(body.body_names.index(foot))
                points.append(m.geom_pos[geom] + corner)
                radii.append(radius)
    return owners, np.array(points), np.array(radii)


def _jumps(hinges: np.ndarray) -> dict[str, float]:
    """Largest steps between frames of hinge angles (T, 3 J), rad: of all, and of those their joints do not explain."""
    step = np.abs(np.diff(hinges, axis=0)).reshape(len(hinges) - 1, -1, 3)
    turns = np.stack([_euler_rotation(angles)[0] for angles in hinges.reshape(len(hinges), -1, 3)])
    between = np.swapaxes(turns[:-1], -1, -2) @ turns[1:]
    own = np.linalg.norm(Rotation.from_matrix(between.reshape(-1, 3, 3)).as_rotvec(), axis=1).reshape(
        *step.shape[:2], 1
    )
    return {
        "largest_jump_rad": float(step.max()),
        "hidden_jump_rad": float(np.where(step > _EXPLAINED * own, step, 0.0).max()),
    }


def loops(qpos: np.ndarray) -> bool:
    """Whether the last frame leads into the first: no hinge, nor the height, hops further there than elsewhere."""
    posture = np.concatenate([qpos[:, 2:3], qpos[:, 7:]], axis=1)
    hops = np.abs(np.diff(posture, axis=0)).max(axis=0)
    return bool(np.all(np.abs(posture[-1] - posture[0]) <= hops + 1e-3))
