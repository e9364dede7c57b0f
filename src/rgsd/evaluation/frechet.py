"""Frechet distance between sets of motion frames, on the declared feature set `v1` of docs/protocol.md.

The distance is d^2 = |m_a - m_b|^2 + tr(C_a + C_b - 2 (C_a C_b)^(1/2)), between Gaussians with the mean m and the
covariance C of each set (Dowson and Landau, 1982). All frames are pooled before the covariance; averaging distances
of single clips is another, smaller number. A sample of few frames in many dimensions is far from another one of its
own distribution: 16.6 for 100 frames in 55 dimensions. So a distance stands beside its size-matched null.
"""

from __future__ import annotations

import operator
from collections.abc import Sequence
from dataclasses import dataclass
from functools import reduce
from typing import Any

import torch
from torch import Tensor

from rgsd import rotations
from rgsd.bodies.body import Body
from rgsd.bodies.state import BodyState
from rgsd.evaluation.intervals import percentile, resample

FEATURE_SET = "v1"
"""Name of what `features` computes; a change of it changes the name and the protocol's version."""
MOST_FEATURES = 60
"""More would ask for more frames than short clips have."""
NULL_PAIRS = 20
"""Pairs of samples whose mean distance is the null."""
BOOTSTRAPS = 200
"""Bootstrap samples of rollouts; each costs an eigenvalue decomposition."""


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


@dataclass(frozen=True)
class Moments:
    """All that the distance knows of sets of frames; leading shapes agree."""

    count: Tensor
    """(...,) frames of each set."""
    total: Tensor
    """(..., F) their sum."""
    squares: Tensor
    """(..., F, F) the sum of their outer products."""

    @classmethod
    def of(cls, frames: Tensor, weight: Tensor | None = None) -> Moments:
        """Of frames (..., n, F), each set's own; with weights (..., n), such as 0 for a frame that does not count."""
        frames = frames.double()
        weight = frames.new_ones(frames.shape[:-1]) if weight is None else weight.double()
        weighted = weight.unsqueeze(-1) * frames
        return cls(weight.sum(dim=-1), weighted.sum(dim=-2), weighted.transpose(-1, -2) @ frames)

    def pooled(self, weight: Tensor) -> Moments:
        """Sets (R,) put together, each as often as weights (..., R) say."""
        weight = weight.double()
        squares = (weight @ self.squares.flatten(1)).unflatten(-1, self.squares.shape[1:])
        return Moments(weight @ self.count, weight @ self.total, squares)

    def __add__(self, other: Moments) -> Moments:
        return Moments(self.count + other.count, self.total + other.total, self.squares + other.squares)

    def gaussian(self) -> tuple[Tensor, Tensor]:
        """Mean (..., F) and unbiased covariance (..., F, F)."""
        mean = self.total / self.count.unsqueeze(-1)
        scatter = self.squares - self.total.unsqueeze(-1) * mean.unsqueeze(-2)
        return mean, scatter / (self.count - 1)[..., None, None]


def gaussian_distance(mean_a: Tensor, cov_a: Tensor, mean_b: Tensor, cov_b: Tensor) -> Tensor:
    """d^2 (...,) of Gaussians with means (..., F) and covariances (..., F, F), which may be singular, to one of (F,).

    tr (C_a C_b)^(1/2) is taken from the eigenvalues of the symmetric C_b^(1/2) C_a C_b^(1/2), which are those of the
    product; what is negative by rounding counts as zero.
    """
    values, vectors = torch.linalg.eigh(cov_b)
    root_b = (vectors * values.clamp(min=0).sqrt()) @ vectors.T
    cross = torch.linalg.eigvalsh(root_b @ cov_a @ root_b).clamp(min=0).sqrt().sum(dim=-1)
    traces = cov_a.diagonal(dim1=-2, dim2=-1).sum(dim=-1) + cov_b.trace()
    return ((mean_a - mean_b).square().sum(dim=-1) + traces - 2 * cross).clamp(min=0)


def measure(rollouts: Sequence[Moments], reference: Tensor) -> dict[str, Any]:
    """How far all generated frames are from all frames of a reference, beside what chance alone would give.

    Args:
        rollouts: of each clip that is pooled, the moments (R,) of its rollouts, all of whose frames count.
        reference: (n, F) frames.

    Returns:
        `fid`; `fid_ci`, its bootstrap interval over rollouts, None of a single one; `fid_null` (`null_distance`). All
        are None where a set has fewer than two frames: it has no covariance.
    """
    once = [own.pooled(torch.ones_like(own.count)) for own in rollouts]
    generated = reduce(operator.add, once)
    if generated.count < 2 or len(reference) < 2:
        return {"fid": None, "fid_ci": None, "fid_null": None}
    wanted = Moments.of(reference).gaussian()
    interval = None
    if min(len(own.count) for own in rollouts) > 1:
        drawn = reduce(operator.add, (own.pooled(_times_drawn(own, seed)) for seed, own in enumerate(rollouts)))
        interval = percentile(gaussian_distance(*drawn.gaussian(), *wanted))
    distance = float(gaussian_distance(*generated.gaussian(), *wanted))
    return {"fid": distance, "fid_ci": interval, "fid_null": null_distance(reference, round(float(generated.count)))}


def null_distance(reference: Tensor, size: int) -> float:
    """The distance that nothing but sampling makes: of `size` frames of a reference (n, F) to n others of it.

    Both are drawn with replacement, so they share frames, and independent samples would lie somewhat farther apart. The
    mean over `NULL_PAIRS` pairs, the same ones every time.
    """
    generator = torch.Generator().manual_seed(0)
    frames, among = reference.double(), len(reference)

    def sample(count: int) -> tuple[Tensor, Tensor]:
        times = torch.bincount(torch.randint(among, (count,), generator=generator), minlength=among)
        return Moments.of(frames, times.to(frames.device)).gaussian()

    pairs = [gaussian_distance(*sample(size), *sample(among)) for _ in range(NULL_PAIRS)]
    return float(torch.stack(pairs).mean())


def _times_drawn(rollouts: Moments, seed: int) -> Tensor:
    """(S, R) how often each rollout is in each bootstrap sample."""
    drawn = resample(len(rollouts.count), seed)[:BOOTSTRAPS].to(rollouts.count.device)
    return torch.zeros_like(drawn).scatter_add_(1, drawn, torch.ones_like(drawn))
