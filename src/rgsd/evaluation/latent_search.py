"""The latent of each clip: the method's own embedding, or the best of 500 uniform latents.

The search keeps the latent with the least Cartesian error of one deterministic rollout of each clip. That error is
the least of many noisy ones and therefore flatters: the evaluation rolls the clip out again with fresh noise.
"""

from __future__ import annotations

import torch
from torch import Tensor

from rgsd.envs.observation import observe
from rgsd.evaluation import measures
from rgsd.evaluation.rollouts import Simulate, SkillController, chunks, clip_states, roll_out, with_noise
from rgsd.learning.skill_policy import SkillPolicy
from rgsd.motions.library import MotionLibrary
from rgsd.skills.sphere import sample_uniform


def clip_latents(
    simulate: Simulate, policy: SkillPolicy, library: MotionLibrary, num_latents: int, num_envs: int, seed: int
) -> tuple[Tensor, list[str]]:
    """The latent z_m of every clip, and where it comes from.

    Returns:
        z (M, d) and M times `training` (stored with the policy), `embedding` (computed from the clip now) or `search`.
    """
    latents: list[Tensor | None] = []
    sources: list[str] = []
    for index, name in enumerate(library.names):
        stored = policy.clip_latents.get(name)
        embeds = policy.encoder is not None
        latents.append(policy.embed(observe(clip_states(library, index))) if stored is None and embeds else stored)
        sources.append("training" if stored is not None else "embedding" if embeds else "search")
    lacking = [index for index, z in enumerate(latents) if z is None]
    if lacking:
        candidates = sample_uniform(num_latents, policy.latent_dim, torch.Generator().manual_seed(seed))
        candidates = candidates.to(library.device)
        for index in lacking:
            errors = search_errors(simulate, policy, library, index, candidates, num_envs, seed + 1)
            latents[index] = candidates[int(errors.argmin())]
    return torch.stack([z.to(library.device) for z in latents if z is not None]), sources


def search_errors(
    simulate: Simulate, policy: SkillPolicy, library: MotionLibrary, clip: int, z: Tensor, num_envs: int, seed: int
) -> Tensor:
    """Cartesian error (L,), m, of one deterministic rollout of a clip under each latent z (L, d)."""
    generator = torch.Generator().manual_seed(seed)
    reference = clip_states(library, clip)
    wanted = measures.heading_local(reference.body_pos, reference.body_quat[:, 0])
    errors = []
    for part in chunks(len(z), num_envs):
        latents = z[part]
        start = with_noise(reference[[0] * len(latents)], generator)
        clips = torch.full((len(latents),), clip, device=z.device)
        batch = roll_out(simulate, library.body, SkillController(policy, latents), start, len(wanted), clips)
        local = measures.heading_local(batch.states.body_pos, batch.root_quat)
        errors.append(measures.cartesian_error(local, wanted))
    return torch.cat(errors)
