"""A trial of a user's own body before anything is spent on training: two seconds of standing, and of its references.

A model that blows up does so at once, in every environment and for as long as the training lasts. It is said here in
the first second, with the hinge that went first and the usual cures.
"""

from __future__ import annotations

import copy
import logging
import math
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Literal

import mujoco
import numpy as np

from rgsd.bodies.body import Body, BodyError
from rgsd.motions.library import MotionLibrary
from rgsd.physics.interface import LARGEST_SPEED

CURES = (
    'usual cures: <option integrator="implicitfast"/>, a smaller timestep, armature="0.01" or more damping on that '
    "joint, a lower kp"
)
"""What to do about a model that blows up."""
_log = logging.getLogger(__name__)
_SECONDS = 2.0
_MOST_CLIPS = 8  # played; more are of the same body


@dataclass(frozen=True)
class Held:
    """What became of a body that was told to stand still."""

    seconds: float
    """How long it was held, up to when it blew up or fell."""
    outcome: Literal["stood", "fell", "blew up"]
    """How it ended."""
    part: str
    """The joint that blew up, or the part whose height or tilt made it a fall; empty if it stood."""
    sunk: float
    """How far the root has gone down by then, m."""


def try_out(library: MotionLibrary) -> None:
    """Let a body stand on its servos, then play its first motions open loop.

    Raises:
        BodyError: the simulation blows up; the message says in what, when, and which joint went first.
    """
    body = library.body
    held = hold_standing(body)
    if held.outcome == "blew up":
        raise _blown_up(body, held.seconds, "standing", held.part)
    if held.outcome == "fell":
        _log.warning(
            "body '%s' does not stand by itself: it falls after %.2f s (%s); a keyframe 'home' in balance and stiffer "
            "servos help",
            body.name, held.seconds, held.part,
        )  # fmt: skip
    for motion in library.motions[:_MOST_CLIPS]:
        data = _data(body, motion.qpos[0], motion.qvel[0])
        for frame, target in enumerate(motion.qpos[1 : round(_SECONDS * body.control_hz) + 1, 7:]):
            joint = _step(body, data, target)
            if joint:
                raise _blown_up(body, (frame + 1) * body.control_dt, f"playing '{motion.name}' open loop", joint)


def hold_standing(body: Body, seconds: float = _SECONDS) -> Held:
    """Simulate a body with its PD targets at the standing angles, as far as its actions reach them."""
    data = _data(body, body.standing_qpos, np.zeros(body.model.nv))
    action = np.clip((body.standing_qpos[7:] - body.action_center) / body.action_scale, -1, 1)
    target = body.action_center + body.action_scale * action
    held, sunk = 0.0, 0.0
    for _ in range(round(seconds * body.control_hz)):
        joint = _step(body, data, target)
        held += body.control_dt
        if joint:
            return Held(held, "blew up", joint, sunk)
        sunk = float(body.standing_qpos[2] - data.qpos[2])
        part = _fallen(body, data)
        if part:
            return Held(held, "fell", part, sunk)
    return Held(held, "stood", "", sunk)


def _data(body: Body, qpos: np.ndarray, qvel: np.ndarray) -> mujoco.MjData:
    """A body in a state, to be simulated without the engine's own resets, which would hide what is looked for."""
    model = copy.copy(body.model)
    model.opt.disableflags |= mujoco.mjtDisableBit.mjDSBL_AUTORESET
    data = mujoco.MjData(model)
    data.qpos[:], data.qvel[:] = qpos, qvel
    return data


def _step(body: Body, data: mujoco.MjData, target: np.ndarray) -> str:
    """Simulate a control period with PD targets (A,), rad; the joint that has blown up, or nothing."""
    data.ctrl[:] = target
    with _quiet():
        mujoco.mj_step(data.model, data, nstep=body.substeps)
    speeds = np.nan_to_num(np.abs(data.qvel), nan=np.inf)
    if speeds.max() < LARGEST_SPEED:
        return ""
    return data.model.joint(int(data.model.dof_jntid[int(speeds.argmax())])).name or "root"


def _fallen(body: Body, data: mujoco.MjData) -> str:
    """The part by which a body counts as fallen, or nothing."""
    for name, height in body.fall_rule.min_height.items():
        if data.body(name).xpos[2] < height:
            return name
    tilt, root = body.fall_rule.max_tilt, body.body_names[0]
    return root if tilt is not None and data.body(root).xmat[8] < math.cos(tilt) else ""


def _blown_up(body: Body, seconds: float, what: str, joint: str) -> BodyError:
    return BodyError(f"body '{body.name}' blows up after {seconds:.2f} s of {what}, joint '{joint}' first; {CURES}")


@contextmanager
def _quiet() -> Iterator[None]:
    """Keep MuJoCo's warnings of instability, which are told in our own words, out of MUJOCO_LOG.TXT."""
    mujoco.set_mju_user_warning(lambda message: None)
    try:
        yield
    finally:
        mujoco.set_mju_user_warning(None)
