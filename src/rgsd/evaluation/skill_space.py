"""What readers of the paper asked and it does not answer, as numbers: how far the states of one clip spread over the
sphere, whether imitation and discovery meet in the same states, and whether variety comes of z or in spite of it.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor

from rgsd.envs.observation import observe
from rgsd.evaluation import measures
from rgsd.evaluation.discovery import POSE_PERIOD, displacement
from rgsd.evaluation.frechet import features
from rgsd.evaluation.rollouts import (
    Simulate,
    SkillController,
    chunks,
    clip_states,
    roll_out,
    roll_out_clips,
    standing,
    with_noise,
)
from rgsd.learning.skill_policy import SkillPolicy
from rgsd.motions.library import MotionLibrary
from rgsd.skills.encoder import Encoder
from rgsd.skills.sphere import sample_uniform

NEIGHBOURS = 3
"""k of the k-nearest-neighbour supports, as in the source."""
MOST_STATES = 4000
"""States of either kind that supports are made of: as many of both, thinned at random."""


@dataclass(frozen=True)
class SpaceConfig:
    """How much is rolled out."""

    num_latents: int = 64
    """Uniform latents."""
    starts: int = 16
    """Starts that each latent is given, the same for all."""
    seconds: float = 4.0
    """Length of a rollout, s."""
    rollouts_per_clip: int = 16
    """Imitation rollouts of each clip."""
    num_envs: int = 256
    """Environments at a time."""
    seed: int = 0
    """Of latents, starts and noise."""


def measure_space(
    simulate: Simulate, policy: SkillPolicy, library: MotionLibrary, config: SpaceConfig
) -> dict[str, dict[str, Any]]:
    """Overlap and variety of a policy that embeds the library's clips, from either kind of start.

    Args:
        simulate: makes the physics.
        policy: with a latent for every clip.
        library: the clips.
        config: how much.

    Returns:
        By kind of start, `reference` (random states of random clips) and `standing` (the standing pose):

        - `inside`: fraction of discovery's states within the support of imitation's; `covers`: of imitation's within
          discovery's (`support`). States count until a fall; of discovery the first half second is left out, in which
          a rollout is where it was put;
        - `path_by_latent`, `path_by_start`, `pose_by_latent`, `pose_by_start`: fractions of the variance of where a
          rollout ends (in its start's heading frame) and of its mean heading-local pose (`variance_fractions`), over
          the latents under which nothing falls; what is left is neither's alone;
        - `falls`: fraction of the rollouts that fall.
    """
    generator = torch.Generator().manual_seed(config.seed)
    z = torch.stack([policy.clip_latents[name] for name in library.names])
    imitated = [
        features(library.body, rollouts.states)[_up(rollouts.fell)]
        for _, rollouts in roll_out_clips(
            simulate,
            library,
            lambda clip: SkillController(policy, z[clip]),
            config.rollouts_per_clip,
            config.num_envs,
            generator,
        )
    ]
    imitation = torch.cat(imitated)
    latents = sample_uniform(config.num_latents, policy.latent_dim, generator)
    clip, frame = library.sample(config.starts, generator, margin=1)
    starts = {
        "reference": with_noise(library.state(clip, frame), generator),
        "standing": with_noise(standing(library.body, config.starts, library.device), generator),
    }
    return {
        name: _from(simulate, policy, library, start, latents, imitation, config, generator)
        for name, start in starts.items()
    }


def _from(
    simulate: Simulate,
    policy: SkillPolicy,
    library: MotionLibrary,
    start: tuple[Tensor, Tensor],
    latents: Tensor,
    imitation: Tensor,
    config: SpaceConfig,
    generator: torch.Generator,
) -> dict[str, Any]:
    body, frames = library.body, round(config.seconds * library.body.control_hz) + 1
    stride = max(round(POSE_PERIOD / body.control_dt), 1)
    seen, ends, poses, falls = [], [], [], []
    for part in chunks(len(latents), max(config.num_envs // config.starts, 1)):
        z = latents[part].repeat_interleave(config.starts, dim=0)
        qpos, qvel = (x.repeat(len(latents[part]), 1) for x in start)
        nobody = torch.zeros(len(z), dtype=torch.long, device=z.device)
        batch = roll_out(simulate, body, SkillController(policy, z), (qpos, qvel), frames, nobody)
        seen.append(features(body, batch.states)[:, stride:][_up(batch.fell)[:, stride:]])
        ends.append(displacement(batch.root_pos, batch.root_quat))
        local = measures.heading_local(batch.states.body_pos[:, ::stride], batch.root_quat[:, ::stride])
        poses.append(local.mean(dim=1).flatten(1))
        falls.append(batch.fell.any(dim=1))
    shape = (len(latents), config.starts)
    fell = torch.cat(falls).unflatten(0, shape)
    steady = ~fell.any(dim=1)
    path, pose = (variance_fractions(torch.cat(x).unflatten(0, shape)[steady]) for x in (ends, poses))
    discovery = torch.cat(seen)
    count = min(len(imitation), len(discovery), MOST_STATES)
    imitation, discovery = (
        states[torch.randperm(len(states), generator=generator)[:count]] for states in (imitation, discovery)
    )
    return {
        "inside": support(discovery, imitation),
        "covers": support(imitation, discovery),
        "path_by_latent": path[0],
        "path_by_start": path[1],
        "pose_by_latent": pose[0],
        "pose_by_start": pose[1],
        "falls": float(fell.float().mean()),
    }


def _up(fell: Tensor) -> Tensor:
    """(R, T) bool, the frames before a fall: who gets up again has fallen all the same."""
    return ~fell.cummax(dim=1).values


@torch.no_grad()
def concentration(encoder: Encoder, library: MotionLibrary) -> list[float]:
    """Of each clip the length of the mean of mu over its states: 1 where all agree, 0 where they cancel."""
    found = []
    for clip in range(len(library)):
        mu = encoder(observe(clip_states(library, clip)))
        found.append(float(mu.mean(dim=0).norm()))
    return found


def support(points: Tensor, among: Tensor, neighbours: int = NEIGHBOURS) -> float:
    """Fraction of points (n, F) within the support of others (m, F): a ball around each to its k-th nearest neighbour.

    Precision, or with the arguments exchanged recall, of Kynkaanniemi et al. 2019. m must exceed k.
    """
    exact = "donot_use_mm_for_euclid_dist"  # the fast way loses the smallest distances to cancellation
    # the nearest of all is the point itself
    radii = [
        torch.cdist(among[part], among, compute_mode=exact).kthvalue(neighbours + 1, dim=1).values
        for part in chunks(len(among), 1000)
    ]
    radius = torch.cat(radii)
    inside = [
        (torch.cdist(points[part], among, compute_mode=exact) <= radius).any(dim=1)
        for part in chunks(len(points), 1000)
    ]
    return float(torch.cat(inside).float().mean())


def variance_fractions(outcomes: Tensor) -> tuple[float, float]:
    """Fractions of the variance of outcomes (Z, S, F) between the means of rows and between those of columns.

    omega squared (Hays 1963) of the two factors of a balanced design without repetition, F dimensions summed: what
    rows and columns would share by chance, were there nothing but their interaction, is taken off. NaN where nothing
    varies, or with fewer than two rows or columns.
    """
    values = outcomes.double()
    count, width = values.shape[:2]
    centred = values - values.mean(dim=(0, 1))
    total = centred.square().sum()
    rows, columns = (centred.mean(dim=dim).square().sum() * values.shape[dim] for dim in (1, 0))
    rest = (total - rows - columns) / ((count - 1) * (width - 1)) if min(count, width) > 1 else torch.tensor(torch.nan)
    fractions = ((part - free * rest) / (total + rest) for part, free in ((rows, count - 1), (columns, width - 1)))
    by_row, by_column = (float(fraction.clamp(min=0)) for fraction in fractions)
    return by_row, by_column
