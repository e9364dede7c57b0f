"""The quadruped's embedded references: eight two-second clips from the gait planner, one held out, and a medley."""

from __future__ import annotations

import dataclasses

import numpy as np
from scipy.spatial.transform import Rotation

from rgsd.bodies.body import Body
from rgsd.bodies.quadruped import LEGS
from rgsd.motions.motion import Motion, finite_difference_velocity
from rgsd.motions.synthesis.gait import Course, Gait, Route, foot_path
from rgsd.motions.synthesis.leg import Leg
from rgsd.motions.synthesis.medley import Medley

SECONDS = 2.0
"""Length of every clip, s: a whole number of strides, so that the last frame is the first one's posture again."""

_TROT = Gait()
_STAND = Gait(swing_height=0.0)

# name: group, gait, course
_CLIPS: dict[str, tuple[str, Gait, Course]] = {
    "forward_slow": ("forward", _TROT, Course(forward=0.4)),
    "forward_fast": ("forward", _TROT, Course(forward=0.8)),
    "back": ("back", _TROT, Course(forward=-0.4)),
    "left": ("side", _TROT, Course(left=0.3)),
    "right": ("side", _TROT, Course(left=-0.3)),
    "turn_left": ("turn", _TROT, Course(turn=1.0)),
    "turn_right": ("turn", _TROT, Course(turn=-1.0)),
    "stand": ("stand", _STAND, Course()),
}
_HELD_OUT: dict[str, tuple[str, Gait, Course]] = {
    "diagonal": ("diagonal", _TROT, Course(forward=0.3, left=0.3)),
}


def synthesize_quadruped(body: Body) -> list[Motion]:
    """The eight reference clips: forward (two speeds), back, left, right, turns to both sides, standing."""
    return [synthesize(body, name, *plan) for name, plan in _CLIPS.items()]


def held_out_quadruped(body: Body) -> list[Motion]:
    """Gaits that no encoder or policy is shown, to see whether discovery finds them: a trot to the front left."""
    return [synthesize(body, name, *plan) for name, plan in _HELD_OUT.items()]


def medley_quadruped(body: Body) -> Motion:
    """The seven gaits of the references in one clip without a cut, two seconds each: an unsegmented recording."""
    courses = tuple(course for _, gait, course in _CLIPS.values() if gait is _TROT)
    motion = synthesize(body, "medley", "medley", _TROT, Medley(courses, SECONDS), SECONDS * len(courses))
    return dataclasses.replace(motion, loop=False)  # it ends in another gait than it begins in


def synthesize(body: Body, name: str, group: str, gait: Gait, route: Route, seconds: float = SECONDS) -> Motion:
    """One clip of a quadruped trotting along a route, at the body's control rate.

    Args:
        body: a quadruped with legs FL, FR, RL, RR (see `Leg.of`).
        name: the clip's name.
        group: the group that tables average it in.
        gait: the rhythm.
        route: the trunk's way; the clip starts at the world's origin facing x.
        seconds: length; a course of constant velocity loops where it is a whole number of strides.

    Returns:
        `Motion` of `seconds * control_hz + 1` frames.

    Raises:
        ValueError: a foothold is out of reach.
    """
    fps = body.control_hz
    frames = round(seconds * fps) + 1
    times = np.arange(-1, frames + 1) / fps  # a frame more at either end: central differences throughout
    qpos = _poses(body, gait, route, times)
    qvel = finite_difference_velocity(body, qpos, fps)
    strides = seconds / gait.period
    return Motion(
        name=name,
        body=body.name,
        fps=fps,
        joint_names=body.joint_names,
        body_names=body.body_names,
        qpos=qpos[1:-1],
        qvel=qvel[1:-1],
        source="rgsd gait planner",
        license="CC0-1.0",
        group=group,
        loop=abs(strides - round(strides)) < 1e-6,
    )


def _poses(body: Body, gait: Gait, route: Route, times: np.ndarray) -> np.ndarray:
    """qpos (T, 19) at the given times (T,)."""
    position = route.position(times)
    to_world = Rotation.from_rotvec(route.yaw(times)[:, None] * [0.0, 0.0, 1.0])
    joints = []
    for index, name in enumerate(LEGS):
        leg = Leg.of(body, name)
        home = leg.hip[:2] + np.array([0.0, leg.offset])
        path = foot_path(gait, route, index, home, leg.foot_radius, times)
        joints.append(leg.inverse_kinematics(to_world.inv().apply(path - position)))
    return np.concatenate([position, to_world.as_quat(scalar_first=True), *joints], axis=1)
