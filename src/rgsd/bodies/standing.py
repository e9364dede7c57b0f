"""Hold a body in its standing pose for a while: what blows up or falls then, no policy will learn to control."""

from __future__ import annotations

import math
from dataclasses import dataclass

import mujoco
import numpy as np

from rgsd.bodies.body import Body

_WILD = 300.0  # rad/s or m/s of a coordinate, which no robot reaches: the simulation has blown up


@dataclass(frozen=True)
class Held:
    """What became of a body that was told to stand still."""

    seconds: float
    """How long it was held, up to when it blew up or fell."""
    outcome: str
    """`stood`, `fell` or `blew up`."""
    part: str
    """The joint that blew up, or the part whose height or tilt made it a fall; empty if it stood."""
    sunk: float
    """How far the root has gone down by then, m."""


def hold_standing(body: Body, seconds: float = 2.0) -> Held:
    """Simulate a body with its targets at the standing angles, as far as its actions reach them."""
    model, data = body.model, mujoco.MjData(body.model)
    data.qpos[:] = body.standing_qpos
    action = np.clip((body.standing_qpos[7:] - body.action_center) / body.action_scale, -1, 1)
    data.ctrl[:] = body.action_center + body.action_scale * action
    held, outcome, part = 0.0, "stood", ""
    for _ in range(round(seconds / body.control_dt)):
        before = data.qpos.copy()
        mujoco.mj_step(model, data, body.substeps)
        wild = ~np.isfinite(data.qvel) | (np.abs(data.qvel) > _WILD)
        if wild.any():
            data.qpos[:] = before
            outcome, part = "blew up", model.joint(model.dof_jntid[np.flatnonzero(wild)[0]]).name or "the root"
            break
        held += body.control_dt
        part = _fallen(body, data)
        if part:
            outcome = "fell"
            break
    return Held(held, outcome, part, float(body.standing_qpos[2] - data.qpos[2]))


def _fallen(body: Body, data: mujoco.MjData) -> str:
    """The part by which a body counts as fallen, or nothing."""
    for name, height in body.fall_rule.min_height.items():
        if data.body(name).xpos[2] < height:
            return name
    tilt = body.fall_rule.max_tilt
    root = body.body_names[0]
    return root if tilt is not None and data.body(root).xmat[8] < math.cos(tilt) else ""
