"""Frechet distance between sets of motion frames, on the declared feature set `v1` of docs/protocol.md.

The distance is d^2 = |m_a - m_b|^2 + tr(C_a + C_b - 2 (C_a C_b)^(1/2)), between Gaussians with the mean m and the
covariance C of each set (Dowson and Landau, 1982). All frames are pooled before the covariance; averaging distances
of single clips is another, smaller number.
"""

from __future__ import annotations

import torch
from torch import Tensor

from rgsd import rotations
from rgsd.bodies.body import Body
from rgsd.bodies.state import BodyState

FEATURE_SET = "v1"
"""Name of what `features` computes; a change of it changes the name and the protocol's version."""
MOST_FEATURES = 60
"""More would ask for more frames than short clips have."""


def features(body: Body, state: BodyState) -> Tensor:
    """Feature set `v1`: 7 + 6 K numbers a frame for K key bodies, in units of `body.feature_scales`.

    In order: root height; tilt (x and y of the root's up vector in its heading frame); root linear velocity in its
    heading frame; turn rate about the vertical; then positions and velocities of the key bodies relative to the
    root, in its heading frame.

    Args:
        body: gives key bodies and physical scales.
        state: leading shape (...,).

    Returns:
        (..., 7 + 6 K), dimensionless.

    Raises:
        ValueError: the body names so many key bodies that there would be more than 60 features.
    """
    keys = body.body_ids(body.key_bodies)
    if 7 + 6 * len(keys) > MOST_FEATURES:
        most = (MOST_FEATURES - 7) // 6
        raise ValueError(f"body '{body.name}' has {len(keys)} key_bodies; feature set v1 takes at most {most}")
    scales = body.feature_scales
    root = state.body_quat[..., 0, :]
    up = rotations.rotate(root, root.new_tensor([0.0, 0.0, 1.0])).unsqueeze(-2)
    velocity = state.body_linvel[..., :1, :]
    positions = state.body_pos[..., keys, :] - state.body_pos[..., :1, :]
    velocities = state.body_linvel[..., keys, :] - velocity
    local = rotations.in_heading(root, torch.cat((up, velocity, positions, velocities), dim=-2))
    up, velocity, positions, velocities = local.split([1, 1, len(keys), len(keys)], dim=-2)
    return torch.cat(
        (
            state.body_pos[..., 0, 2:] / scales.height,
            up[..., 0, :2] / scales.rotation,
            velocity[..., 0, :] / scales.linear_velocity,
            state.body_angvel[..., 0, 2:] / scales.angular_velocity,
            positions.flatten(-2) / scales.position,
            velocities.flatten(-2) / scales.linear_velocity,
        ),
        dim=-1,
    )


def gaussian_distance(mean_a: Tensor, cov_a: Tensor, mean_b: Tensor, cov_b: Tensor) -> float:
    """d^2 between two Gaussians with means (F,) and covariances (F, F), which may be singular.

    tr (C_a C_b)^(1/2) is taken from the eigenvalues of the symmetric C_a^(1/2) C_b C_a^(1/2), which are those of the
    product; what is negative by rounding counts as zero.
    """
    values, vectors = torch.linalg.eigh(cov_a)
    root_a = (vectors * values.clamp(min=0).sqrt()) @ vectors.T
    cross = torch.linalg.eigvalsh(root_a @ cov_b @ root_a).clamp(min=0).sqrt().sum()
    squared = (mean_a - mean_b).square().sum() + cov_a.trace() + cov_b.trace() - 2 * cross
    return max(float(squared), 0.0)


def frechet_distance(a: Tensor, b: Tensor, generator: torch.Generator) -> float | None:
    """d^2 between feature frames a (n, F) and b (m, F); the larger set is thinned at random to equal counts.

    Returns None where a set has fewer than two frames: it has no covariance.
    """
    count = min(len(a), len(b))
    if count < 2:
        return None
    moments = []
    for frames in (a, b):
        if len(frames) > count:
            frames = frames[torch.randperm(len(frames), generator=generator)[:count]]
        frames = frames.double()
        centred = frames - frames.mean(dim=0)
        moments += [frames.mean(dim=0), centred.T @ centred / (count - 1)]
    return gaussian_distance(*moments)


def half_distance(frames: Tensor, generator: torch.Generator) -> float | None:
    """The floor: the distance between two random halves of one set of frames (n, F)."""
    order = torch.randperm(len(frames), generator=generator)
    middle = len(frames) // 2
    return frechet_distance(frames[order[:middle]], frames[order[middle:]], generator)
