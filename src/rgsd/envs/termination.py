"""When an episode ends early: falls, and imitation that has lost its reference; and how close it still is."""

from __future__ import annotations

import math
from dataclasses import dataclass

import torch
from torch import Tensor

from rgsd import rotations
from rgsd.bodies.body import Body
from rgsd.bodies.state import BodyState


def fallen(body: Body, state: BodyState) -> Tensor:
    """Which environments have fallen by the body's rule (heights and tilt alone).

    Args:
        body: the body.
        state: leading shape (N,).

    Returns:
        (N,) bool.
    """
    rule = body.fall_rule
    down = torch.zeros_like(state.body_pos[:, 0, 2], dtype=torch.bool)
    for part, height in zip(body.body_ids(tuple(rule.min_height)), rule.min_height.values(), strict=True):
        down |= state.body_pos[:, part, 2] < height
    if rule.max_tilt is not None:
        x, y = state.body_quat[:, 0, 1], state.body_quat[:, 0, 2]
        down |= 1 - 2 * (x * x + y * y) < math.cos(rule.max_tilt)  # the height of the root's z axis
    return down


def closeness(worst: Tensor, threshold: float) -> Tensor:
    """Reward of a state whose worst body is `worst` (...,) m from its time-aligned reference.

    exp(-(worst / threshold)^2): 1 on the reference, 1/e where imitation counts as lost.
    """
    return torch.exp(-((worst / threshold) ** 2))


@dataclass
class Tracking:
    """How far environments are from their time-aligned references, in the world frame."""

    offsets: Tensor
    """(N, B, 3) own minus reference body positions, m."""
    worst: Tensor
    """(N,) distance of the worst body, m."""
    root: Tensor
    """(N,) distance of the roots, m."""
    heading: Tensor
    """(N,) signed yaw difference, rad."""

    @classmethod
    def between(cls, body_pos: Tensor, root_quat: Tensor, other_pos: Tensor, other_quat: Tensor) -> Tracking:
        """Compare body positions (N, B, 3) and root orientations (N, 4) with those of the references."""
        offsets = body_pos - other_pos
        distance = offsets.norm(dim=-1)
        turn = rotations.yaw(root_quat) - rotations.yaw(other_quat)
        return cls(offsets, distance.amax(dim=1), distance[:, 0], rotations.wrap_angle(turn))
