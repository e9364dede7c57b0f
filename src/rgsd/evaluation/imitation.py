"""One clip as the yardstick: its static pose, and every per-clip measure of docs/protocol.md on rollouts of it."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor

from rgsd.bodies.body import Body
from rgsd.bodies.kinematics import forward_kinematics
from rgsd.bodies.state import BodyState
from rgsd.evaluation import measures
from rgsd.evaluation.rollouts import Rollouts, clip_states, observe_frames
from rgsd.motions.library import MotionLibrary

CENTIMETRES = 100.0
STILL = 1e-3
"""Static pose's error below which a clip is a static pose itself and has no `skill`, m."""
Encode = Callable[[Tensor], Tensor | None]
"""Observations (N, D) to unit vectors (N, d), or None for a method without an encoder."""


@dataclass(frozen=True)
class Reference:
    """One clip as the measures need it."""

    body: Body
    """What moves."""
    name: str
    """The clip's name."""
    states: BodyState
    """Leading shape (T,)."""
    local: Tensor
    """(T, B, 3) body positions in their own heading frame, m."""
    static_pose: Tensor
    """(B, 3) the constant pose with the least Cartesian error, in its heading frame, m."""
    feet_height: Tensor
    """(K,) height of the feet's frames in the standing pose, m."""

    @classmethod
    def of(cls, library: MotionLibrary, clip: int) -> Reference:
        """Clip number `clip` of a library."""
        body = library.body
        states = clip_states(library, clip)
        local = measures.heading_local(states.body_pos, states.body_quat[:, 0])
        feet = forward_kinematics(body, body.standing_qpos[None], np.zeros((1, body.model.nv)))
        heights = feet.body_pos[0, body.body_ids(body.feet), 2].to(library.device)
        return cls(body, library.names[clip], states, local, geometric_median(local), heights)

    @property
    def feet_pos(self) -> Tensor:
        """(T, K, 3) world positions of the feet's frames, m."""
        return self.states.body_pos[:, self.body.body_ids(self.body.feet)]

    @property
    def static_pose_error(self) -> float:
        """Cartesian error of the static pose, m."""
        return float(measures.pose_error(self.local, self.static_pose).mean())

    def measure(self, rollouts: Rollouts) -> dict[str, Tensor]:
        """Every measure but alignment and fid of rollouts (R, T) of this clip: (R,) each, NaN for null."""
        dt = self.body.control_dt
        root_reference, quat_reference = self.states.body_pos[:, 0], self.states.body_quat[:, 0]
        local = measures.heading_local(rollouts.states.body_pos, rollouts.root_quat)
        cartesian = measures.cartesian_error(local, self.local)
        roots = measures.root_error(rollouts.root_pos, root_reference)
        headings = measures.heading_error(rollouts.root_quat, quat_reference)
        feet = rollouts.states.body_pos[:, :, self.body.body_ids(self.body.feet)]
        return {
            "cartesian_error_cm": CENTIMETRES * cartesian,
            "best_shift_error_cm": CENTIMETRES * measures.best_shift_error(local, self.local, dt),
            "skill": 1.0 - cartesian / (self.static_pose_error if self.static_pose_error > STILL else torch.nan),
            "root_error_m": roots.mean(dim=1),
            "root_error_end_m": roots[:, -1],
            "heading_error_deg": headings.mean(dim=1),
            "tracked": measures.tracked(rollouts.states.body_pos, self.states.body_pos, self.body.tracked_threshold),
            "survival": measures.survival(rollouts.fell, roots, headings),
            "path_ratio": measures.path_ratio(rollouts.root_pos, root_reference, dt),
            "turn_ratio": measures.turn_ratio(rollouts.root_quat, quat_reference),
            "action_rate": measures.action_rate(rollouts.targets),
            "foot_slip_cm": CENTIMETRES * measures.foot_slip(feet, self.feet_height),
            "foot_lift_ratio": measures.foot_lift_ratio(feet[..., 2], self.feet_pos[..., 2]),
            "step_rate_ratio": measures.step_rate_ratio(feet[..., 2], self.feet_pos[..., 2]),
            "blown_up": rollouts.blown_up.float(),
        }

    def own_metrics(self) -> dict[str, float]:
        """What stands beside the measures: the reference's own action rate, slip and steps, and the static pose's
        error.

        The reference's hinge angles stand for its PD targets; its foot lift is that of the foot it lifts most; NaN for
        null.
        """
        feet = self.feet_pos
        seconds = (len(feet) - 1) * self.body.control_dt
        return {
            "reference_action_rate": float(measures.action_rate(self.states.qpos[:, 7:])),
            "reference_foot_slip_cm": float(CENTIMETRES * measures.foot_slip(feet, self.feet_height)),
            "reference_foot_lift_cm": float(CENTIMETRES * measures.foot_lift(feet[..., 2]).max()),
            "reference_step_rate_hz": float(measures.footfalls(feet[..., 2]) / seconds),
            "static_pose_error_cm": CENTIMETRES * self.static_pose_error,
        }


def alignment(encode: Encode, states: BodyState, z: Tensor) -> Tensor:
    """Mean cosine (R,) of the frozen encoder along rollouts (R, T) with each one's latent z (R, d); NaN without one."""
    observations = observe_frames(states)
    mu = encode(observations.flatten(0, 1))
    if mu is None:
        return torch.full((len(z),), torch.nan)
    return (mu.unflatten(0, observations.shape[:2]) * z.unsqueeze(1)).sum(dim=-1).mean(dim=1)


def geometric_median(points: Tensor) -> Tensor:
    """The point `(..., 3)` of least mean distance to points (T, ..., 3), by Weiszfeld's iteration.

    Applied to each body of a clip it gives the constant pose with the least Cartesian error; bones may stretch by
    millimetres, so that no static pose of rigid bones does better.
    """
    samples = points.double()
    median = samples.mean(dim=0)
    for _ in range(200):
        weights = 1.0 / (samples - median).norm(dim=-1, keepdim=True).clamp(min=1e-9)
        median = (weights * samples).sum(dim=0) / weights.sum(dim=0)
    return median.to(points.dtype)
