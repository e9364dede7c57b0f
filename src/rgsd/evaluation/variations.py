"""Variations of one clip: latents drawn around its own, and how far the motions stray."""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor

from rgsd.evaluation import measures
from rgsd.evaluation.discovery import displacement, spreads
from rgsd.evaluation.imitation import CENTIMETRES
from rgsd.evaluation.intervals import student, wilson
from rgsd.evaluation.rollouts import Simulate, SkillController, clip_states, roll_out_clips
from rgsd.learning.skill_policy import SkillPolicy
from rgsd.motions.library import MotionLibrary
from rgsd.skills.sphere import sample_vmf

KAPPAS = (20.0, 100.0, 1000.0)
"""Concentrations of z ~ vMF(z_m, kappa)."""


def vary(
    simulate: Simulate, policy: SkillPolicy, library: MotionLibrary, z: Tensor, per_clip: int, num_envs: int, seed: int
) -> dict[str, dict[str, Any]]:
    """Roll every clip out under `per_clip` latents around its own, for each kappa.

    Args:
        simulate: makes the physics.
        policy: deterministic here.
        library: M clips.
        z: (M, d) their latents.
        per_clip: variations of each clip.
        num_envs: environments at a time.
        seed: of latents and initial noise.

    Returns:
        By clip, then by kappa: `mean_cosine` of the draws to z_m (kappa means nothing without the dimension),
        `cartesian_error_cm`, `spread_path_m` and `spread_pose_cm` among the variations that do not fall (None of fewer
        than two), and `fall_rate`; each with its interval as `KEY_ci`.
    """
    generator = torch.Generator().manual_seed(seed)
    result: dict[str, dict[str, Any]] = {name: {} for name in library.names}
    for kappa in KAPPAS:
        drawn = sample_vmf(z.cpu().repeat_interleave(per_clip, dim=0), kappa, generator)
        drawn = drawn.to(z.device).unflatten(0, (len(z), per_clip))

        def controller(clip: Tensor, drawn: Tensor = drawn) -> SkillController:
            return SkillController(policy, drawn[clip[::per_clip]].flatten(0, 1))

        for clip, rollouts in roll_out_clips(simulate, library, controller, per_clip, num_envs, generator):
            reference = clip_states(library, clip)
            wanted = measures.heading_local(reference.body_pos, reference.body_quat[:, 0])
            local = measures.heading_local(rollouts.states.body_pos, rollouts.root_quat)
            cosine, cosine_interval = student((drawn[clip] * z[clip]).sum(dim=-1))
            error, error_interval = student(CENTIMETRES * measures.cartesian_error(local, wanted))
            fell = rollouts.fell.any(dim=1)
            falls = float(fell.double().mean())
            # where somebody lies after a fall is no variation of the clip
            ends = displacement(rollouts.root_pos, rollouts.root_quat).masked_fill(fell.unsqueeze(1), torch.nan)
            poses = local.masked_fill(fell.view(-1, 1, 1, 1), torch.nan)
            result[library.names[clip]][f"{kappa:g}"] = {
                "mean_cosine": cosine,
                "mean_cosine_ci": cosine_interval,
                "cartesian_error_cm": error,
                "cartesian_error_cm_ci": error_interval,
                **spreads(ends, poses),
                "fall_rate": falls,
                "fall_rate_ci": wilson(falls, per_clip),
            }
    return result
