"""Figure 4 of the paper: where a policy goes under the latents of one motion, and how far that is from the motion."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor

from rgsd import rotations
from rgsd.evaluation import frechet
from rgsd.evaluation.rollouts import Simulate, SkillController, clip_states, roll_out_clips
from rgsd.learning.skill_policy import SkillPolicy
from rgsd.motions.library import MotionLibrary
from rgsd.skills.sphere import sample_vmf

STARTS = 2
"""Starts of each drawn latent: what differs between them is the start's doing."""


@dataclass
class MotionPaths:
    """R trajectories of T frames, as long as the motion."""

    path: Tensor
    """(R, T, 2) of the root, in the heading frame of each start, m."""
    fell: Tensor
    """(R,) bool, whether it ever fell."""
    metrics: dict[str, Any]
    """`fid`, `fid_ci` and `fid_null` of all their frames; `mean_cosine` of the latents with the motion's own;
    `fall_rate`; and of the unfallen (`variance_parts`) `spread_m`, `variance_by_z`, `variance_by_start`."""


def motion_paths(
    simulate: Simulate,
    policy: SkillPolicy,
    library: MotionLibrary,
    z: Tensor,
    kappa: float | None,
    count: int,
    seed: int,
) -> dict[str, MotionPaths]:
    """Roll each motion out from its first frame, with the initial noise, under `count` latents around its own.

    The paper does not say how its 500 trajectories differ. Here their latents are z ~ vMF(z_m, kappa), each with two
    starts; or all are z_m itself, and they differ by the start's noise alone.

    Args:
        simulate: makes the physics.
        policy: deterministic here.
        library: M motions.
        z: (M, d) their latents, unit length.
        kappa: concentration of the draws; None for z_m itself.
        count: R, an even number, which are also simulated together.
        seed: of latents and initial noise.

    Returns:
        The trajectories by motion.
    """
    generator = torch.Generator().manual_seed(seed)
    drawn = z.cpu().repeat_interleave(count // STARTS, dim=0)
    if kappa is not None:
        drawn = sample_vmf(drawn, kappa, generator)
    drawn = drawn.repeat_interleave(STARTS, dim=0).to(z.device).unflatten(0, (len(z), count))

    def controller(clip: Tensor) -> SkillController:
        return SkillController(policy, drawn[clip[::count]].flatten(0, 1))

    found: dict[str, MotionPaths] = {}
    with torch.no_grad():
        for clip, rollouts in roll_out_clips(simulate, library, controller, count, count, generator):
            root, yaw = rollouts.root_pos[..., :2], rotations.yaw(rollouts.root_quat[:, :1])
            path, fell = rotations.seen_from(root[:, :1], yaw, root), rollouts.fell.any(dim=1)
            reference = frechet.features(library.body, clip_states(library, clip))
            own = frechet.Moments.of(frechet.features(library.body, rollouts.states))
            stands = ~fell.unflatten(0, (-1, STARTS)).any(dim=1)
            found[library.names[clip]] = MotionPaths(
                path,
                fell,
                {
                    **frechet.measure([own], reference),
                    "mean_cosine": float((drawn[clip] * z[clip]).sum(dim=-1).mean()),
                    "fall_rate": float(fell.double().mean()),
                    **variance_parts(path.unflatten(0, (-1, STARTS))[stands]),
                },
            )
    return {name: found[name] for name in library.names}


def variance_parts(path: Tensor) -> dict[str, float | None]:
    """How far the paths (L, S, T, 2) of L latents and S starts spread, and what makes them.

    One-way analysis of variance: that within a latent is the starts', with whatever depends on both; what the means of
    the latents vary by beyond it is z's.

    Returns:
        `spread_m`, the root of the variance of a path's points, both axes together, mean over time; `variance_by_z` and
        `variance_by_start`, fractions that sum to one. None of fewer than two latents, or of paths that do not vary.
    """
    names = ("spread_m", "variance_by_z", "variance_by_start")
    if len(path) < 2:
        return dict.fromkeys(names)
    path = path.double()
    starts = path.var(dim=1).mean(dim=0)  # (T, 2)
    latents = path.mean(dim=1).var(dim=0) - starts / path.shape[1]
    by_start, by_z = (float(part.sum(dim=-1).mean()) for part in (starts, latents))
    by_z = max(by_z, 0.0)  # an estimate of nothing falls to either side of it
    total = by_start + by_z
    if total == 0.0:
        return dict.fromkeys(names)
    return {"spread_m": total**0.5, "variance_by_z": by_z / total, "variance_by_start": by_start / total}
