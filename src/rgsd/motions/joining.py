"""Clips joined where their postures are most alike: long motions in which one skill follows another.

What a tracker has never seen it cannot follow: after single clips it falls where one is to follow another, or a turn
itself. The changes are those of motion graphs (Kovar et al. 2002): from a stretch of one clip into one of another whose
postures are near, both blended over a quarter of a second; there only the way through the graph is drawn at random.
"""

from __future__ import annotations

import math
from collections.abc import Sequence

import numpy as np
import torch
from torch import Tensor

from rgsd import rotations
from rgsd.bodies.body import Body
from rgsd.bodies.state import posture
from rgsd.errors import UsageError
from rgsd.motions.motion import Motion, at_origin, finite_difference_velocity

_BLEND = 0.25  # s that a change takes
_LEAST = 0.5  # s that a clip plays between two changes


def join(
    motions: Sequence[Motion], body: Body, name: str, seconds: float, farthest: float, rng: np.random.Generator
) -> Motion:
    """One motion that goes from clip to clip, each time into one that is drawn from those near enough.

    Args:
        motions: clips of one frame rate; the same one may follow itself. The first is begun with.
        body: whose motions they are.
        name: of the result; its group is `joined`.
        seconds: length of the result.
        farthest: a change is made where the distance of postures (`posture`), mean over the blend, is at most this.
        rng: draws the clips.

    Raises:
        UsageError: nothing to join, different rates, a length or distance that is not positive, or a clip from which no
            other is near enough; the message says how far the nearest is.
    """
    rates = {motion.fps for motion in motions}
    if len(rates) != 1:
        raise UsageError(f"{name}: the motions have {sorted(rates) or 'no'} frames a second; give motions of one rate")
    for what, value in (("--seconds", seconds), ("--farthest", farthest)):
        if not 0 < value < math.inf:
            raise UsageError(f"{what} is {value}; give a positive number")
    fps = rates.pop()
    blend, least, wanted = (max(round(s * fps), 1) for s in (_BLEND, _LEAST, seconds))
    postures = [posture(torch.from_numpy(motion.qpos), torch.from_numpy(motion.qvel)) for motion in motions]
    poses, now, first, visited = np.zeros((0, body.model.nq)), 0, 0, [motions[0].name]
    clip = motions[0].qpos
    while True:
        # what is left of a clip after a change must suffice for it to be seen, and for the next change
        leaving, entering = postures[now][first + least :], [p[: -(least + blend)] for p in postures]
        found = {other: _nearest(leaving, entering[other], blend) for other in range(len(motions))}
        ways = {other: way for other, way in found.items() if way is not None}
        near = [other for other, (distance, *_) in ways.items() if distance <= farthest]
        rest = wanted + 1 - len(poses)
        if not near:
            if len(clip) - first >= rest:
                break  # nothing has to follow
            nearest = min((distance for distance, *_ in ways.values()), default=math.inf)
            raise UsageError(
                f"{name}: from '{motions[now].name}' nothing is nearer than {nearest:.3g}, and --farthest is "
                f"{farthest:g}; raise it, or leave this motion out"
            )
        other = near[int(rng.integers(len(near)))]
        _, leave, enter = ways[other]
        leave += first + least
        poses = np.concatenate((poses, clip[first:leave]))
        if len(poses) > wanted:
            break
        moved = _onto(motions[other].qpos, enter + blend // 2, clip[leave + blend // 2])
        poses = np.concatenate((poses, _blended(clip[leave : leave + blend], moved[enter : enter + blend])))
        now, first, clip = other, enter + blend, moved
        visited.append(motions[other].name)
    poses = np.concatenate((poses, clip[first:]))[: wanted + 1]
    qpos, qvel = at_origin(poses, finite_difference_velocity(body, poses, fps))
    like = motions[0]
    licenses = sorted({motion.license for motion in motions if motion.license})
    return Motion(
        name,
        like.body,
        fps,
        like.joint_names,
        like.body_names,
        qpos,
        qvel,
        source=f"joined: {', '.join(visited)}",
        license="; ".join(licenses),
        group="joined",
    )


def _nearest(ones: Tensor, others: Tensor, blend: int) -> tuple[float, int, int] | None:
    """The least mean distance over `blend` frames, and where it begins in either; None where one is too short."""
    rows, columns = len(ones) - blend, len(others) - blend
    if rows < 1 or columns < 1:
        return None
    single = torch.cdist(ones, others)
    mean = sum(single[k : k + rows, k : k + columns] for k in range(blend)) / blend
    assert isinstance(mean, Tensor)
    place = int(mean.argmin())
    return float(mean.flatten()[place]), place // columns, place % columns


def _onto(qpos: np.ndarray, frame: int, pose: np.ndarray) -> np.ndarray:
    """A clip's poses (T, nq), moved over the ground and turned so that its frame stands and heads as a pose (nq,)."""
    own, given = (rotations.heading(torch.from_numpy(q[3:7])) for q in (qpos[frame], pose))
    turn = rotations.multiply(given, rotations.conjugate(own))
    moved, ground = torch.from_numpy(qpos.copy()), torch.tensor([1.0, 1.0, 0.0], dtype=torch.float64)
    away = moved[:, :3] - moved[frame, :3] * ground
    moved[:, :3] = rotations.rotate(turn.expand(len(moved), 4), away) + torch.from_numpy(pose[:3].copy()) * ground
    moved[:, 3:7] = rotations.multiply(turn.expand(len(moved), 4), moved[:, 3:7])
    return moved.numpy()


def _blended(ones: np.ndarray, others: np.ndarray) -> np.ndarray:
    """Poses (n, nq) that lead from one stretch into another, smoothly at both ends."""
    fraction = (np.arange(1, len(ones) + 1) / (len(ones) + 1))[:, None]
    fraction = fraction * fraction * (3 - 2 * fraction)
    alike = np.sign((ones[:, 3:7] * others[:, 3:7]).sum(axis=1, keepdims=True))  # q and -q are one rotation
    others = np.concatenate((others[:, :3], alike * others[:, 3:7], others[:, 7:]), axis=1)
    poses = (1 - fraction) * ones + fraction * others
    poses[:, 3:7] /= np.linalg.norm(poses[:, 3:7], axis=1, keepdims=True)
    return poses
