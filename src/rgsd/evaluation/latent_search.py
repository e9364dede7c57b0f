"""The latent of each clip: the method's own embedding, or the best of 500 uniform latents.

The search keeps the latent with the least Cartesian error of one deterministic rollout of each clip. That error is
the least of many noisy ones and therefore flatters: the evaluation rolls the clip out again with fresh noise. What more
latents than 500 would bring is told by `search_gains`.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

import torch
from torch import Tensor

from rgsd.envs.observation import observe
from rgsd.evaluation import measures
from rgsd.evaluation.rollouts import (
    Simulate,
    SkillController,
    chunks,
    clip_states,
    roll_out,
    roll_out_clips,
    with_noise,
)
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
        errors = search_errors(simulate, policy, library, lacking, candidates, num_envs, seed + 1)
        for index, best in zip(lacking, errors.argmin(dim=1), strict=True):
            latents[index] = candidates[best]
    return torch.stack([z.to(library.device) for z in latents if z is not None]), sources


def search_errors(
    simulate: Simulate,
    policy: SkillPolicy,
    library: MotionLibrary,
    clips: Sequence[int],
    z: Tensor,
    num_envs: int,
    seed: int,
) -> Tensor:
    """Cartesian error (C, L), m, of one deterministic rollout of each of C clips under each latent z (L, d).

    All pairs run side by side, `num_envs` at a time, each batch to the end of its longest clip; clips of like length
    go together.
    """
    generator = torch.Generator().manual_seed(seed)
    order = torch.tensor(sorted(range(len(clips)), key=lambda place: int(library.lengths[clips[place]])))
    place, latent = order.repeat_interleave(len(z)), torch.arange(len(z)).repeat(len(clips))
    clip_of = torch.tensor(clips)[place].to(z.device)
    errors = torch.full((len(clips), len(z)), torch.nan, device=z.device)
    for part in chunks(len(place), num_envs):
        clip = clip_of[part]
        start = with_noise(library.state(clip, torch.zeros_like(clip)), generator)
        frames = int(library.lengths[clip].max())
        batch = roll_out(simulate, library.body, SkillController(policy, z[latent[part]]), start, frames, clip)
        for index in clip.unique().tolist():
            own = clip == index
            found = _errors(library, index, batch.states.body_pos[own], batch.root_quat[own])
            errors[place[part][own], latent[part][own]] = found
    return errors


class SearchGains(NamedTuple):
    """What a search finds among more and more latents."""

    least: Tensor
    """(M, K) the least error that was seen of each clip among so many latents, m; it flatters."""
    again: Tensor
    """(M, K) mean error of fresh rollouts under the latent that had the least, m."""


def search_gains(
    simulate: Simulate,
    policy: SkillPolicy,
    library: MotionLibrary,
    counts: Sequence[int],
    rollouts: int,
    num_envs: int,
    seed: int,
) -> SearchGains:
    """Search the first so many latents of one uniform draw, for each of K `counts`.

    Latents that are found at one count are among those of every greater one, and a clip's fresh rollouts begin alike
    at every count: what differs between the counts is the latents alone.
    """
    z = sample_uniform(max(counts), policy.latent_dim, torch.Generator().manual_seed(seed)).to(library.device)
    errors = search_errors(simulate, policy, library, range(len(library)), z, num_envs, seed + 1)
    least = torch.stack([errors[:, :count].min(dim=1).values for count in counts], dim=1)
    again = torch.full_like(least, torch.nan)
    for place, count in enumerate(counts):
        best = z[errors[:, :count].argmin(dim=1)]
        noise = torch.Generator().manual_seed(seed + 2)

        def controller(clip: Tensor, best: Tensor = best) -> SkillController:
            return SkillController(policy, best[clip])

        for clip, played in roll_out_clips(simulate, library, controller, rollouts, num_envs, noise):
            again[clip, place] = _errors(library, clip, played.states.body_pos, played.root_quat).mean()
    return SearchGains(least, again)


def _errors(library: MotionLibrary, clip: int, body_pos: Tensor, root_quat: Tensor) -> Tensor:
    """Cartesian error (R,), m, of rollouts (R, T, B, 3), (R, T, 4) of a clip, which may go on beyond its end."""
    reference = clip_states(library, clip)
    wanted = measures.heading_local(reference.body_pos, reference.body_quat[:, 0])
    local = measures.heading_local(body_pos[:, : len(wanted)], root_quat[:, : len(wanted)])
    return measures.cartesian_error(local, wanted)
