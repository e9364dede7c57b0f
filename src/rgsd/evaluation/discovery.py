"""What latents do that nobody showed: rollouts from the standing pose under random latents, and their measures.

Displacements are taken in the start's heading frame (x ahead, y left). What counts as variety counts unfallen
latents only: falling in many directions is no skill.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor

from rgsd import rotations
from rgsd.bodies.state import BodyState
from rgsd.evaluation import frechet, measures
from rgsd.evaluation.frechet import features
from rgsd.evaluation.intervals import Interval, mean_of_pairs, percentile, resample, wilson
from rgsd.evaluation.rollouts import Simulate, SkillController, chunks, roll_out, standing, with_noise
from rgsd.learning.skill_policy import SkillPolicy
from rgsd.motions.library import MotionLibrary

SECTORS, TURN_BINS = 16, 8
"""Heading sectors of `direction_coverage`, the first centred ahead; bins of net yaw over a full turn."""
LEAST_DISPLACEMENT = 0.5
"""Displacement from which a latent (or a reference) counts as having left, m."""
LEAST_SPEED = 0.1
"""Displacement over time from which a latent counts as travelling, and a held-out gait as one, m/s."""
LEAST_LATENTS = 5
"""Unfallen latents that make a sector or bin count as covered."""
POSE_PERIOD = 0.5
"""Sampling period of the poses that `spread_pose_cm` compares, s."""
SAME_DIRECTION, SAME_SPEED = 15.0, 0.20
"""How near a held-out gait's velocity a latent must come: degrees, and fraction of its speed."""
QUANTILES = (0.05, 0.25, 0.5, 0.75, 0.95)
"""Quantiles of `displacement_m`."""
NUM_SHOWN = 8
"""Discovery rollouts whose whole poses are kept, for viewing."""
_POINTS_AT_ONCE = 32  # of which all pairs are compared: bounds the memory


@dataclass
class Discovery:
    """L rollouts of T frames under one latent each."""

    dt: float
    """Control period, s."""
    z: Tensor
    """(L, d)."""
    root_pos: Tensor
    """(L, T, 3) world, m."""
    root_quat: Tensor
    """(L, T, 4)."""
    fell: Tensor
    """(L,) bool, whether it ever fell."""
    blown_up: Tensor
    """(L,) bool."""
    poses: Tensor
    """(L, S, B, 3) heading-local poses every `POSE_PERIOD`, m."""
    features: Tensor
    """(L, T, F) Frechet features."""
    qpos: Tensor
    """(at most 8, T, nq) of the first latents, for viewing."""

    @property
    def displacement(self) -> Tensor:
        """(L, 2) where each rollout ends, in its start's heading frame, m."""
        return displacement(self.root_pos, self.root_quat)


def discover(
    simulate: Simulate,
    policy: SkillPolicy,
    z: Tensor,
    seconds: float,
    num_envs: int,
    seed: int,
    starts: BodyState | None = None,
) -> Discovery:
    """Roll the deterministic policy out under latents z (L, d), with the initial noise.

    It begins in the standing pose, as the protocol has it, unless `starts` (L,) are given.
    """
    body, generator = policy.body, torch.Generator().manual_seed(seed)
    frames = round(seconds * body.control_hz) + 1
    stride = max(round(POSE_PERIOD / body.control_dt), 1)
    columns: list[list[Tensor]] = []
    for part in chunks(len(z), num_envs):
        latents = z[part]
        begin = standing(body, len(latents), z.device) if starts is None else starts[part]
        start = with_noise(begin, generator)
        nobody = torch.zeros(len(latents), dtype=torch.long, device=z.device)
        batch = roll_out(simulate, body, SkillController(policy, latents), start, frames, nobody)
        poses = measures.heading_local(batch.states.body_pos[:, ::stride], batch.root_quat[:, ::stride])
        shown = batch.states.qpos[: max(NUM_SHOWN - part.start, 0)].clone()
        columns.append(
            [
                batch.root_pos.clone(), batch.root_quat.clone(), batch.fell.any(dim=1), batch.blown_up,
                poses, features(body, batch.states), shown,
            ]
        )  # fmt: skip
    return Discovery(body.control_dt, z, *(torch.cat(column) for column in zip(*columns, strict=True)))


def displacement(root_pos: Tensor, root_quat: Tensor) -> Tensor:
    """End minus start `(..., 2)` of root paths (..., T, 3), (..., T, 4), in the start's heading frame, m."""
    return rotations.seen_from(root_pos[..., 0, :2], rotations.yaw(root_quat[..., 0, :]), root_pos[..., -1, :2])


def own_velocity(root_pos: Tensor, root_quat: Tensor, dt: float) -> Tensor:
    """Mean velocity `(..., 2)` in the root's own heading frame: a sidestep stays one though its path bends, m/s."""
    steps = rotations.in_heading(root_quat[..., :-1, :], root_pos.diff(dim=-2).unsqueeze(-2))
    return steps[..., 0, :2].mean(dim=-2) / dt


def sectors(moves: Tensor) -> Tensor:
    """Heading sector (n,) of each displacement (n, 2), m; -1 for one of 0.5 m or less, or NaN."""
    sector = torch.round(torch.atan2(moves[:, 1], moves[:, 0]) / (2 * torch.pi / SECTORS)) % SECTORS
    return torch.where(moves.norm(dim=-1) > LEAST_DISPLACEMENT, sector, -1).long()


def turn_bins(turns: Tensor) -> Tensor:
    """Bin of net yaw (n,) of each turn (n,), degrees; -1 for one of 30 degrees or less, or NaN.

    The bins are 45 degrees wide from -180 to 180, turns beyond in the outermost; as with displacements, only a turn
    counts that leaves the start's heading.
    """
    index = ((turns + 180.0) / (360.0 / TURN_BINS)).floor().clamp(0, TURN_BINS - 1)
    return torch.where(turns.abs() > measures.SMALLEST_TURN, index, -1).long()


def coverage(bins: Tensor, of: int, least: int = LEAST_LATENTS) -> Tensor:
    """Share `(...,)` of `of` bins that hold at least `least` of the entries of bins (..., n); -1 is in none."""
    counts = torch.zeros(*bins.shape[:-1], of + 1, device=bins.device)
    counts.scatter_add_(-1, bins + 1, torch.ones_like(bins, dtype=counts.dtype))
    return (counts[..., 1:] >= least).double().mean(dim=-1)


def pairwise_distances(points: Tensor) -> Tensor:
    """Distances (L, L) between pairs of L configurations of P points (L, P, k): the mean over their points.

    With the heading-local poses of a rollout as its points, these are mean Cartesian errors.
    """
    exact = "donot_use_mm_for_euclid_dist"  # the fast way loses the smallest distances to cancellation
    parts = points.transpose(0, 1).split(_POINTS_AT_ONCE)
    sums = [torch.cdist(p, p, compute_mode=exact).sum(dim=0) for p in parts]
    return torch.stack(sums).sum(dim=0) / points.shape[1]


def fraction_of_gait(velocity: Tensor, wanted: Tensor, of: int) -> float | None:
    """Fraction of `of` latents whose velocity among (n, 2) is within 15 degrees and 20 % of the speed of `wanted` (2,).

    None where the wanted gait is slower than `LEAST_SPEED`: standing has no direction.
    """
    speed, speed_wanted = velocity.norm(dim=-1), wanted.norm()
    if float(speed_wanted) < LEAST_SPEED:
        return None
    near = same_direction(velocity, wanted)
    return float((near & ((speed - speed_wanted).abs() <= SAME_SPEED * speed_wanted)).sum()) / of


def same_direction(velocity: Tensor, wanted: Tensor) -> Tensor:
    """(n,) bool, which of the velocities (n, 2) are within 15 degrees of `wanted` (2,)."""
    cosine = (velocity * wanted).sum(dim=-1) / (velocity.norm(dim=-1) * wanted.norm()).clamp(min=1e-9)
    return cosine.clamp(-1, 1).arccos().rad2deg() <= SAME_DIRECTION


def rests(found: Discovery) -> Tensor:
    """(L,) bool, which latents end where they are put: unfallen, within 0.1 m for each second, turned by at most 30
    degrees, wherever they have been in between.
    """
    seconds = (found.root_pos.shape[1] - 1) * found.dt
    slow = found.displacement.norm(dim=-1) < LEAST_SPEED * seconds
    return slow & (measures.net_yaw(found.root_quat).abs() <= measures.SMALLEST_TURN) & ~found.fell


def gait_fractions(found: Discovery, held_out: MotionLibrary) -> tuple[dict[str, float | None], dict[str, Interval]]:
    """`fraction_of_gait` of each clip of a held-out library, and its interval; fallen latents count as misses."""
    alive = ~found.fell
    velocity = own_velocity(found.root_pos[alive], found.root_quat[alive], found.dt)
    dt, latents = held_out.body.control_dt, len(found.z)
    wanted = {name: own_velocity(*roots, dt) for name, roots in _clip_roots(held_out).items()}
    fractions = {name: fraction_of_gait(velocity, gait, latents) for name, gait in wanted.items()}
    return fractions, {name: wilson(fraction, latents) for name, fraction in fractions.items()}


def measure(found: Discovery, library: MotionLibrary) -> dict[str, Any]:
    """The discovery section of an evaluation; the references' own coverages count every single clip."""
    roots = list(_clip_roots(library).values())
    own_moves = torch.stack([displacement(*r) for r in roots])
    own_turns = torch.stack([measures.net_yaw(quat) for _, quat in roots])
    references = features(library.body, library.states)
    result: dict[str, Any] = {"num_latents": len(found.z), "seconds": (found.root_pos.shape[1] - 1) * found.dt}
    for key, which in (("fall_rate", found.fell), ("blown_up", found.blown_up), ("resting_fraction", rests(found))):
        fraction = float(which.double().mean())
        result |= {key: fraction, f"{key}_ci": wilson(fraction, len(which))}
    return result | {
        **_variety(found),
        "reference_direction_coverage": float(coverage(sectors(own_moves), SECTORS, least=1)),
        "reference_turn_coverage": float(coverage(turn_bins(own_turns), TURN_BINS, least=1)),
        **frechet.measure([frechet.Moments.of(found.features)], references),
    }


def _variety(found: Discovery) -> dict[str, Any]:
    """Where unfallen latents lead, with bootstrap intervals; all are drawn anew before the fallen are left out."""
    samples = resample(len(found.z)).to(found.fell.device)
    moves, turns = found.displacement.clone(), measures.net_yaw(found.root_quat)
    moves[found.fell] = torch.nan
    turns = turns.masked_fill(found.fell, torch.nan)
    lengths = {"distance": moves.norm(dim=-1), "ahead": moves[:, 0], "left": moves[:, 1]}
    result: dict[str, Any] = {"displacement_m": {}}
    for name, values in lengths.items():
        intervals = {q: percentile(drawn) for q, drawn in _quantiles(values[samples]).items()}
        known = {q: float(value) for q, value in _quantiles(values).items()}
        some = not bool(found.fell.all())
        result["displacement_m"] |= {name: known if some else None, f"{name}_ci": intervals if some else None}
    for key, bins, of in (
        ("direction_coverage", sectors(moves), SECTORS),
        ("turn_coverage", turn_bins(turns), TURN_BINS),
    ):
        result |= {key: float(coverage(bins, of)), f"{key}_ci": percentile(coverage(bins[samples], of))}
    poses = found.poses.masked_fill(found.fell.view(-1, 1, 1, 1), torch.nan)
    return result | spreads(moves, poses)


def spreads(moves: Tensor, poses: Tensor) -> dict[str, Any]:
    """`spread_path_m` and `spread_pose_cm` with their intervals; NaN in what does not count.

    Args:
        moves: (L, 2) displacements, m.
        poses: (L, S, B, 3) heading-local poses, m.
    """
    path, path_interval = mean_of_pairs(pairwise_distances(moves.unsqueeze(1)))
    pose, pose_interval = mean_of_pairs(100.0 * pairwise_distances(poses.flatten(1, 2)))
    return {
        "spread_path_m": path,
        "spread_path_m_ci": path_interval,
        "spread_pose_cm": pose,
        "spread_pose_cm_ci": pose_interval,
    }


def _clip_roots(library: MotionLibrary) -> dict[str, tuple[Tensor, Tensor]]:
    """Root positions (T, 3) and orientations (T, 4) of each clip."""
    sizes = library.lengths.tolist()
    positions, quats = library.states.body_pos[:, 0].split(sizes), library.states.body_quat[:, 0].split(sizes)
    return dict(zip(library.names, zip(positions, quats, strict=True), strict=True))


def _quantiles(values: Tensor) -> dict[str, Tensor]:
    """`QUANTILES` of values (..., n), NaN left out, by name: (...,) each."""
    found = torch.nanquantile(values.double(), values.new_tensor(QUANTILES, dtype=torch.float64), dim=-1)
    return {f"q{round(100 * q):02d}": v for q, v in zip(QUANTILES, found, strict=True)}
