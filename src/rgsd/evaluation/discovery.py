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
from rgsd.evaluation import measures
from rgsd.evaluation.frechet import features, frechet_distance, half_distance
from rgsd.evaluation.rollouts import Simulate, SkillController, chunks, roll_out, standing, with_noise
from rgsd.learning.skill_policy import SkillPolicy
from rgsd.motions.library import MotionLibrary

SECTORS, TURN_BINS = 16, 8
"""Heading sectors of `direction_coverage`, the first centred ahead; bins of net yaw over a full turn."""
LEAST_DISPLACEMENT = 0.5
"""Displacement from which a latent (or a reference) counts as having left, m."""
LEAST_LATENTS = 5
"""Unfallen latents that make a sector or bin count as covered."""
POSE_PERIOD = 0.5
"""Sampling period of the poses that `spread_pose_cm` compares, s."""
SAME_DIRECTION, SAME_SPEED = 15.0, 0.20
"""How near a held-out gait's velocity a latent must come: degrees, and share of its speed."""
QUANTILES = (0.05, 0.25, 0.5, 0.75, 0.95)
"""Quantiles of `displacement_m`."""
NUM_SHOWN = 8
"""Discovery rollouts whose whole poses are kept, for viewing."""


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


def discover(simulate: Simulate, policy: SkillPolicy, z: Tensor, seconds: float, num_envs: int, seed: int) -> Discovery:
    """Roll the deterministic policy out from the standing pose, with the initial noise, under latents z (L, d)."""
    body, generator = policy.body, torch.Generator().manual_seed(seed)
    frames = round(seconds * body.control_hz) + 1
    stride = max(round(POSE_PERIOD / body.control_dt), 1)
    columns: list[list[Tensor]] = []
    for part in chunks(len(z), num_envs):
        latents = z[part]
        start = with_noise(standing(body, len(latents), z.device), generator)
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


def direction_coverage(moves: Tensor, least: int = LEAST_LATENTS) -> float:
    """Share of 16 heading sectors into which at least `least` of the displacements (n, 2) lead over 0.5 m."""
    far = moves[moves.norm(dim=-1) > LEAST_DISPLACEMENT]
    sector = torch.round(torch.atan2(far[:, 1], far[:, 0]) / (2 * torch.pi / SECTORS)).long() % SECTORS
    return float((torch.bincount(sector, minlength=SECTORS) >= least).double().mean())


def turn_coverage(turns: Tensor, least: int = LEAST_LATENTS) -> float:
    """Share of 8 bins of net yaw that at least `least` of the turns (n,), degrees, fall into.

    The bins are 45 degrees wide from -180 to 180, turns beyond in the outermost; as with displacements, only a turn
    counts that leaves the start's heading, by more than 30 degrees.
    """
    real = turns[turns.abs() > measures.SMALLEST_TURN]
    index = ((real + 180.0) / (360.0 / TURN_BINS)).floor().long().clamp(0, TURN_BINS - 1)
    return float((torch.bincount(index, minlength=TURN_BINS) >= least).double().mean())


def mean_pairwise_distance(points: Tensor) -> float | None:
    """Mean distance between pairs of points (n, k); None below two."""
    return float(torch.pdist(points).mean()) if len(points) > 1 else None


def mean_pairwise_pose_error(poses: Tensor) -> float | None:
    """Mean Cartesian error between pairs of rollouts' heading-local poses (n, S, B, 3), m; None below two."""
    return _mean([mean_pairwise_distance(points) for points in poses.flatten(1, 2).unbind(dim=1)])


def share_of_gait(velocity: Tensor, wanted: Tensor, of: int) -> float | None:
    """Share of `of` latents whose velocity among (n, 2) is within 15 degrees and 20 % of the speed of `wanted` (2,).

    None where the wanted gait is slower than 0.1 m/s: standing has no direction.
    """
    speed, speed_wanted = velocity.norm(dim=-1), wanted.norm()
    if float(speed_wanted) < 0.1:
        return None
    cosine = (velocity * wanted).sum(dim=-1) / (speed * speed_wanted).clamp(min=1e-9)
    near = cosine.clamp(-1, 1).arccos().rad2deg() <= SAME_DIRECTION
    return float((near & ((speed - speed_wanted).abs() <= SAME_SPEED * speed_wanted)).sum()) / of


def gait_shares(found: Discovery, held_out: MotionLibrary) -> dict[str, float | None]:
    """`share_of_gait` among unfallen latents for each clip of a held-out library; fallen ones count as misses."""
    alive = ~found.fell
    velocity = own_velocity(found.root_pos[alive], found.root_quat[alive], found.dt)
    dt = held_out.body.control_dt
    wanted = {name: own_velocity(*roots, dt) for name, roots in _clip_roots(held_out).items()}
    return {name: share_of_gait(velocity, gait, len(found.z)) for name, gait in wanted.items()}


def measure(found: Discovery, library: MotionLibrary, generator: torch.Generator) -> dict[str, Any]:
    """The discovery section of an evaluation; the references' own coverages count every single clip."""
    alive = ~found.fell
    moves = found.displacement[alive]
    turns = measures.net_yaw(found.root_quat[alive])
    poses = mean_pairwise_pose_error(found.poses[alive])
    roots = list(_clip_roots(library).values())
    own_moves = torch.stack([displacement(*r) for r in roots])
    own_turns = torch.stack([measures.net_yaw(quat) for _, quat in roots])
    references = features(library.body, library.states)
    return {
        "num_latents": len(found.z),
        "seconds": (found.root_pos.shape[1] - 1) * found.dt,
        "fall_rate": float(found.fell.double().mean()),
        "blown_up": float(found.blown_up.double().mean()),
        "displacement_m": {
            "distance": _quantiles(moves.norm(dim=-1)),
            "ahead": _quantiles(moves[:, 0]),
            "left": _quantiles(moves[:, 1]),
        },
        "direction_coverage": direction_coverage(moves),
        "reference_direction_coverage": direction_coverage(own_moves, least=1),
        "turn_coverage": turn_coverage(turns),
        "reference_turn_coverage": turn_coverage(own_turns, least=1),
        "spread_path_m": mean_pairwise_distance(moves),
        "spread_pose_cm": None if poses is None else 100.0 * poses,
        "fid": frechet_distance(found.features.flatten(0, 1), references, generator),
        "fid_floor": half_distance(references, generator),
    }


def _clip_roots(library: MotionLibrary) -> dict[str, tuple[Tensor, Tensor]]:
    """Root positions (T, 3) and orientations (T, 4) of each clip."""
    sizes = library.lengths.tolist()
    positions, quats = library.states.body_pos[:, 0].split(sizes), library.states.body_quat[:, 0].split(sizes)
    return dict(zip(library.names, zip(positions, quats, strict=True), strict=True))


def _quantiles(values: Tensor) -> dict[str, float] | None:
    if len(values) == 0:
        return None
    found = torch.quantile(values.double(), values.new_tensor(QUANTILES, dtype=torch.float64))
    return {f"q{round(100 * q):02d}": float(v) for q, v in zip(QUANTILES, found, strict=True)}


def _mean(values: list[float | None]) -> float | None:
    kept = [v for v in values if v is not None]
    return sum(kept) / len(kept) if kept else None
