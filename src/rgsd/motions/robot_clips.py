"""A robot's clips onto its body: joints by name, the control rate, a common start."""

from __future__ import annotations

import numpy as np

from rgsd.bodies.body import Body
from rgsd.motions.arrays import MotionError
from rgsd.motions.formats.robot import RobotClip
from rgsd.motions.library import resample
from rgsd.motions.motion import Motion, at_origin, finite_difference_velocity


def robot_motions(clip: RobotClip, body: Body, fps: float | None = None) -> list[Motion]:
    """A motion for each take, beginning above the origin and heading along x; heights stay as they are.

    Args:
        clip: the robot's own coordinates.
        body: that robot.
        fps: rate of the results; the body's control rate if not given.

    Raises:
        MotionError: the body's hinges are not among the clip's joints, or no take has two frames at that rate.
    """
    angles = clip.angles[:, _columns(clip, body)]
    qpos = np.concatenate([clip.root, angles], axis=1)
    ends = (*clip.starts[1:], len(qpos))
    names = [clip.name] if len(ends) == 1 else [f"{clip.name}_{n}" for n in range(1, len(ends) + 1)]
    motions, short = [], None
    for name, start, end in zip(names, clip.starts, ends, strict=True):
        try:
            motions.append(_motion(clip, body, name, qpos[start:end], fps))
        except MotionError as error:
            short = error
    if not motions and short is not None:
        raise short
    return motions


def _motion(clip: RobotClip, body: Body, name: str, qpos: np.ndarray, fps: float | None) -> Motion:
    if len(qpos) < 2:
        raise MotionError(f"{clip.path}: {name} has {len(qpos)} frames, expected at least 2")
    poses, _ = at_origin(qpos, np.zeros((len(qpos), body.model.nv)))
    flips = np.cumprod(np.where((poses[1:, 3:7] * poses[:-1, 3:7]).sum(axis=1) < 0, -1.0, 1.0))
    poses[1:, 3:7] *= flips[:, None]
    rates = finite_difference_velocity(body, poses, clip.fps)
    names = body.joint_names, body.body_names
    motion = Motion(name, body.name, clip.fps, *names, poses, rates, source=clip.source)
    return resample(body, motion, body.control_hz if fps is None else fps)


def _columns(clip: RobotClip, body: Body) -> list[int]:
    """Which of the clip's joints each hinge of the body is."""
    hinges, names = body.joint_names, clip.joint_names
    if names is None:
        if clip.angles.shape[1] != len(hinges):
            raise MotionError(
                f"{clip.path}: has {clip.angles.shape[1]} joint angles a frame, expected the {len(hinges)} hinges of "
                f"body '{body.name}'; choose the --body that it was made for"
            )
        return list(range(len(hinges)))
    lacking = [hinge for hinge in hinges if hinge not in names]
    if lacking:
        raise MotionError(
            f"{clip.path}: has no joint '{lacking[0]}' of body '{body.name}' (it names {', '.join(names[:4])}, ...); "
            "choose the --body that it was made for, or rename its joints"
        )
    return [names.index(hinge) for hinge in hinges]
