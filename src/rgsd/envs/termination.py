"""When an episode ends early: falls, and imitation that has lost its reference."""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor

from rgsd import rotations
from rgsd.bodies.body import Body
from rgsd.bodies.state import BodyState


def fallen(body: Body, state: BodyState) -> Tensor:
    """Which copies have fallen by the body's rule (heights and tilt alone).

    Args:
        body: the body.
        state: leading shape (N,).

    Returns:
        (N,) bool.
    """
    rule = body.fall_rule
    ids = body.body_ids(tuple(rule.min_height))
    limits = state.body_pos.new_tensor(list(rule.min_height.values()))
    down = (state.body_pos[:, ids, 2] < limits).any(dim=1)
    if rule.max_tilt is not None:
        up = rotations.tangent_normal(state.body_quat[:, 0])[:, 5]  # cosine of the tilt
        down |= up < torch.cos(torch.tensor(rule.max_tilt))
    return down


@dataclass
class Tracking:
    """How far copies are from their time-aligned references, in the world frame."""

    offsets: Tensor
    """(N, B, 3) own minus reference body positions, m."""
    worst: Tensor
    """(N,) distance of the worst body, m."""
    root: Tensor
    """(N,) distance of the roots, m."""
    heading: Tensor
    """(N,) signed yaw difference, rad."""

    @classmethod
    def between(cls, state: BodyState, reference: BodyState) -> Tracking:
        """Compare states of leading shape (N,)."""
        offsets = state.body_pos - reference.body_pos
        distance = offsets.norm(dim=-1)
        turn = rotations.yaw(state.body_quat[:, 0]) - rotations.yaw(reference.body_quat[:, 0])
        return cls(offsets, distance.max(dim=1).values, distance[:, 0], rotations.wrap_angle(turn))
