"""How far a rollout is from its reference: the per-clip measures of docs/protocol.md, as pure functions.

R rollouts of one clip, T frames, B bodies. Rollout tensors lead with (R, T), the reference's with (T,), and every
measure returns one number a rollout, (R,). Where the protocol says null, the number is NaN.
"""

from __future__ import annotations

import math

import torch
from torch import Tensor

from rgsd import rotations

LARGEST_SHIFT = 0.25
"""Largest constant time shift that `best_shift_error` allows, s."""
LOST_DISTANCE = 0.5
"""Root error at which a rollout no longer survives, m."""
LOST_HEADING = 45.0
"""Heading error at which a rollout no longer survives, degrees."""
PATH_PERIOD = 0.5
"""Sampling period of path lengths, s: long enough that swaying from foot to foot is not travelling."""
SHORTEST_PATH = 0.5
"""Reference path below which there is no path ratio, m."""
SMALLEST_TURN = 30.0
"""Reference net yaw below which there is no turn ratio, degrees."""
CONTACT_MARGIN = 0.02
"""Height above its height in the standing pose up to which a foot counts as in contact, m."""
LIFT_QUANTILES = (0.05, 0.95)
"""Quantiles over time between which a foot is lifted: one kick, or a start with a foot in the air, is no gait."""
SMALLEST_LIFT = 0.01
"""Lift of a reference's foot below which that foot does not step, m."""
SWINGING = 0.5
"""Fraction of its own lift above which a foot swings: relative, for a standing foot of captured motion rolls and sinks
by centimetres. It has landed below half of that height: so far apart that no tremble steps."""
LEAST_SWING = 0.02
"""Height above its own ground that a foot must leave to swing, m."""
FEWEST_FOOTFALLS = 4
"""Footfalls of a reference below which it has no step rate: one more or less would exceed the 30 % of the targets."""


def heading_local(body_pos: Tensor, root_quat: Tensor) -> Tensor:
    """Body positions relative to the root, in the root's own heading frame.

    Args:
        body_pos: (..., B, 3) world positions, root first, m.
        root_quat: (..., 4) wxyz.

    Returns:
        (..., B, 3), the root's row zero.
    """
    return rotations.in_heading(root_quat, body_pos - body_pos[..., :1, :])


def pose_error(local: Tensor, reference: Tensor) -> Tensor:
    """Cartesian error of poses `(..., B, 3)` in their own heading frames: L2 a body, mean over all B bodies, m."""
    return (local - reference).norm(dim=-1).mean(dim=-1)


def cartesian_error(local: Tensor, reference: Tensor) -> Tensor:
    """Mean over frames of the time-aligned `pose_error` of local (R, T, B, 3) and reference (T, B, 3): (R,), m."""
    return pose_error(local, reference).mean(dim=-1)


def best_shift_error(local: Tensor, reference: Tensor, dt: float) -> Tensor:
    """The Cartesian error at each rollout's best constant time shift within `LARGEST_SHIFT`: (R,), m.

    A shift compares only the frames that both have; at least half of the clip remains.
    """
    frames = local.shape[1]
    reach = min(math.floor(LARGEST_SHIFT / dt + 1e-6), frames // 2)
    errors = []
    for shift in range(-reach, reach + 1):
        late, early = max(shift, 0), max(-shift, 0)
        errors.append(cartesian_error(local[:, late : frames - early], reference[early : frames - late]))
    return torch.stack(errors).amin(dim=0)


def root_error(root_pos: Tensor, reference: Tensor) -> Tensor:
    """World distance (R, T) between roots (R, T, 3) and the reference's (T, 3), m."""
    return (root_pos - reference).norm(dim=-1)


def heading_error(root_quat: Tensor, reference: Tensor) -> Tensor:
    """Absolute yaw difference (R, T) of roots (R, T, 4) and the reference's (T, 4), degrees in [0, 180]."""
    return rotations.wrap_angle(rotations.yaw(root_quat) - rotations.yaw(reference)).abs().rad2deg()


def tracked(body_pos: Tensor, reference: Tensor, threshold: float) -> Tensor:
    """Share (R,) of frames whose worst body is within `threshold` m of the reference, in the world frame.

    Args:
        body_pos: (R, T, B, 3).
        reference: (T, B, 3).
        threshold: `Body.tracked_threshold`.
    """
    worst = (body_pos - reference).norm(dim=-1).amax(dim=-1)
    return (worst <= threshold).to(body_pos.dtype).mean(dim=-1)


def survival(fell: Tensor, root_errors: Tensor, heading_errors: Tensor) -> Tensor:
    """Share (R,) of the clip before the first fall, root error above 0.5 m or heading error above 45 degrees.

    Args:
        fell: (R, T) bool.
        root_errors: (R, T), m.
        heading_errors: (R, T), degrees.
    """
    lost = fell | (root_errors > LOST_DISTANCE) | (heading_errors > LOST_HEADING)
    alive = lost.cummax(dim=-1).values.logical_not()
    return alive.to(root_errors.dtype).mean(dim=-1)


def path_length(root_pos: Tensor, dt: float) -> Tensor:
    """Length `(...,)` of root paths `(..., T, 3)` over the ground, sampled every `PATH_PERIOD` and at the end, m."""
    frames = root_pos.shape[-2]
    stride = max(round(PATH_PERIOD / dt), 1)
    samples = sorted({*range(0, frames, stride), frames - 1})
    return root_pos[..., samples, :2].diff(dim=-2).norm(dim=-1).sum(dim=-1)


def path_ratio(root_pos: Tensor, reference: Tensor, dt: float) -> Tensor:
    """Path length of root_pos (R, T, 3) over that of the reference (T, 3): (R,)."""
    whole = path_length(reference, dt)
    return path_length(root_pos, dt) / torch.where(whole < SHORTEST_PATH, torch.nan, whole)


def net_yaw(root_quat: Tensor) -> Tensor:
    """Turn `(...,)` over roots `(..., T, 4)` with full turns counted, degrees, left positive."""
    return rotations.wrap_angle(rotations.yaw(root_quat).diff(dim=-1)).sum(dim=-1).rad2deg()


def turn_ratio(root_quat: Tensor, reference: Tensor) -> Tensor:
    """Net yaw of root_quat (R, T, 4) over that of the reference (T, 4): (R,)."""
    whole = net_yaw(reference)
    return net_yaw(root_quat) / torch.where(whole.abs() < SMALLEST_TURN, torch.nan, whole)


def action_rate(targets: Tensor) -> Tensor:
    """Mean absolute second difference `(...,)` of PD targets `(..., T, A)`, rad; NaN below three frames."""
    return targets.diff(n=2, dim=-2).abs().mean(dim=(-2, -1))


def foot_slip(feet_pos: Tensor, standing_height: Tensor) -> Tensor:
    """Mean slide over the ground per frame of feet in contact: `(...,)`, m; NaN where no foot ever is.

    Contact is told by height, so that it does not depend on which contacts are simulated: a foot is in contact
    between two frames that both have it no higher than in the standing pose plus `CONTACT_MARGIN`.

    Args:
        feet_pos: (..., T, K, 3) world positions of the feet's frames.
        standing_height: (K,) their heights in the standing pose, m.
    """
    low = feet_pos[..., 2] <= standing_height + CONTACT_MARGIN
    touching = low[..., 1:, :] & low[..., :-1, :]
    slide = feet_pos[..., :2].diff(dim=-3).norm(dim=-1)
    return (slide * touching).sum(dim=(-2, -1)) / touching.sum(dim=(-2, -1))


def foot_lift(height: Tensor) -> Tensor:
    """By how much each foot is lifted: the range `LIFT_QUANTILES` of its heights (..., T, K) over time, (..., K), m."""
    low, high = torch.quantile(height, height.new_tensor(LIFT_QUANTILES), dim=-2)
    return high - low


def footfalls(height: Tensor) -> Tensor:
    """Number `(...,)` of times that any foot comes down, from heights (..., T, K), m.

    By hysteresis: a foot that rose above `SWINGING` of its lift, and above `LEAST_SWING`, has landed when it comes
    below half that height. Its ground is the lower of the `LIFT_QUANTILES`, so that a shuffle that never leaves the
    ground takes no steps.
    """
    ground = torch.quantile(height, LIFT_QUANTILES[0], dim=-2, keepdim=True)
    swinging = (SWINGING * foot_lift(height)).clamp(min=LEAST_SWING).unsqueeze(-2)
    above = height - ground
    # 1 in the air, -1 on the ground, 0 in between
    mark = (above > swinging).long() - (above < 0.5 * swinging).long()
    frame = torch.arange(height.shape[-2], device=height.device).unsqueeze(1)
    latest = torch.where(mark != 0, frame, 0).cummax(dim=-2).values  # in between, what it was last
    phase = mark.gather(-2, latest)
    landed = (phase[..., 1:, :] < 0) & (phase[..., :-1, :] > 0)
    return landed.sum(dim=(-2, -1)).to(height.dtype)


def foot_lift_ratio(height: Tensor, reference: Tensor) -> Tensor:
    """Lift of feet (R, T, K) over that of the reference (T, K), the median over the feet that it lifts: (R,)."""
    whole = foot_lift(reference)
    ratio = foot_lift(height) / torch.where(whole < SMALLEST_LIFT, torch.nan, whole)
    return torch.nanquantile(ratio, 0.5, dim=-1)


def step_rate_ratio(height: Tensor, reference: Tensor) -> Tensor:
    """Footfalls of feet (R, T, K) over those of the reference (T, K), in the same time: (R,)."""
    whole = footfalls(reference)
    return footfalls(height) / torch.where(whole < FEWEST_FOOTFALLS, torch.nan, whole)
