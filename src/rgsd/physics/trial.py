"""A trial of a user's own body before anything is spent on training: two seconds of standing, and of its references.

A model that blows up does so at once, in every copy and for as long as the training lasts. It is said here in the first
second, with the hinge that went first and the usual cures.
"""

from __future__ import annotations

import copy
import logging
from collections.abc import Iterator
from contextlib import contextmanager

import mujoco
import numpy as np

from rgsd.bodies.body import Body, BodyError
from rgsd.motions.library import MotionLibrary
from rgsd.physics.interface import LARGEST_SPEED

_log = logging.getLogger(__name__)
_SECONDS = 2.0
_MOST_CLIPS = 8  # played; more are of the same body
_CURES = (
    'usual cures: <option integrator="implicitfast"/>, a smaller timestep, armature="0.01" or more damping on that '
    "joint, a lower kp"
)


def try_out(library: MotionLibrary) -> None:
    """Let a body stand on its servos, then play its first motions open loop.

    Raises:
        BodyError: the simulation blows up; the message says in what, when, and which joint went first.
    """
    body = library.body
    frames = round(_SECONDS * body.control_hz)
    still = np.zeros(body.model.nv)
    standing = np.tile(body.standing_qpos[7:], (frames, 1))
    end = _simulate(body, "standing", body.standing_qpos, still, standing)
    if end[2] < body.fall_rule.min_height.get(body.body_names[0], 0.0):
        _log.warning(
            "body '%s' does not stand by itself: its root is at %.2f m after %g s; a keyframe 'home' in balance and "
            "stiffer servos help",
            body.name, end[2], _SECONDS,
        )  # fmt: skip
    for motion in library.motions[:_MOST_CLIPS]:
        targets = motion.qpos[1 : frames + 1, 7:]
        _simulate(body, f"playing '{motion.name}' open loop", motion.qpos[0], motion.qvel[0], targets)


def _simulate(body: Body, what: str, qpos: np.ndarray, qvel: np.ndarray, targets: np.ndarray) -> np.ndarray:
    """The pose (nq,) in which a body ends that follows PD targets (T, A), rad, from a state."""
    model = copy.copy(body.model)
    model.opt.disableflags |= mujoco.mjtDisableBit.mjDSBL_AUTORESET  # which would hide what is looked for
    data = mujoco.MjData(model)
    data.qpos[:], data.qvel[:] = qpos, qvel
    with _quiet():
        for frame, target in enumerate(targets):
            data.ctrl[:] = target
            mujoco.mj_step(model, data, nstep=body.substeps)
            speeds = np.nan_to_num(np.abs(data.qvel), nan=np.inf)
            if not speeds.max() < LARGEST_SPEED:
                joint = model.joint(int(model.dof_jntid[int(speeds.argmax())])).name
                raise BodyError(
                    f"body '{body.name}' blows up after {(frame + 1) * body.control_dt:.2f} s of {what}, joint "
                    f"'{joint or 'root'}' first; {_CURES}"
                )
    return data.qpos.copy()


@contextmanager
def _quiet() -> Iterator[None]:
    """Keep MuJoCo's warnings of instability, which are told in our own words, out of MUJOCO_LOG.TXT."""
    mujoco.set_mju_user_warning(lambda message: None)
    try:
        yield
    finally:
        mujoco.set_mju_user_warning(None)
