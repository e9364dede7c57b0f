"""A look at a policy in training: every clip once and a few random skills, by the deterministic policy.

What training logs is of episodes that begin anywhere in a clip and end where it is lost, and flatters. This is the
protocol in miniature, on the same starts and latents each time. It draws from generators of its own, so that a
training that is looked at goes on as if it had not been.
"""

from __future__ import annotations

from collections.abc import Callable

import torch
from torch import Tensor

from rgsd.evaluation import measures
from rgsd.evaluation.imitation import CENTIMETRES
from rgsd.evaluation.rollouts import (
    Controller,
    Simulate,
    SkillController,
    TrackingController,
    clip_states,
    roll_out,
    roll_out_clips,
    standing,
    with_noise,
)
from rgsd.learning.skill_policy import SkillPolicy
from rgsd.motions.library import MotionLibrary
from rgsd.physics.choice import make_physics
from rgsd.skills.sphere import sample_uniform

NUM_LATENTS = 32
"""Random skills, from the standing pose."""
_NUM_ENVS = 256  # at a time


class SignsOfLife:
    """Looks at policies of one body and its clips.

    Args:
        library: the clips, on the policies' device.
        seed: of initial noise and latents.
        threads: of the physics, which is C MuJoCo whatever the training's is; 0 for one a core.
    """

    def __init__(self, library: MotionLibrary, seed: int, threads: int = 0) -> None:
        self._library, self._seed = library, seed
        self._simulate: Simulate = lambda count: make_physics("cpu", library.body, count, library.device, threads)

    @torch.no_grad()
    def __call__(self, policy: SkillPolicy) -> dict[str, float]:
        """Metrics by name, those of a clip as `METRIC/CLIP`.

        `Check/survival` and `Check/error_cm`, as in the protocol, are of each clip under its own latent, or of a
        tracker; a policy that does not embed its clips has neither. `Check/fall_rate` is of random latents.
        """
        metrics: dict[str, float] = {}
        if policy.condition == "reference":
            metrics |= self._imitation(lambda clip: TrackingController(policy, self._library))
        elif policy.clip_latents:
            z = torch.stack([policy.clip_latents[name] for name in self._library.names])
            metrics |= self._imitation(lambda clip: SkillController(policy, z[clip]))
        if policy.condition == "latent":
            metrics["Check/fall_rate"] = self._falls(policy)
        return metrics

    def _imitation(self, controller: Callable[[Tensor], Controller]) -> dict[str, float]:
        """Survival and error of each clip from its first frame, and their means over clips."""
        library, generator = self._library, torch.Generator().manual_seed(self._seed)
        survival, error = {}, {}
        for clip, rollouts in roll_out_clips(self._simulate, library, controller, 1, _NUM_ENVS, generator):
            name, reference = library.names[clip], clip_states(library, clip)
            roots = measures.root_error(rollouts.root_pos, reference.body_pos[:, 0])
            headings = measures.heading_error(rollouts.root_quat, reference.body_quat[:, 0])
            own = measures.heading_local(rollouts.states.body_pos, rollouts.root_quat)
            wanted = measures.heading_local(reference.body_pos, reference.body_quat[:, 0])
            survival[name] = float(measures.survival(rollouts.fell, roots, headings))
            error[name] = CENTIMETRES * float(measures.cartesian_error(own, wanted))
        metrics = {}
        for key, values in (("Check/survival", survival), ("Check/error_cm", error)):
            metrics[key] = sum(values.values()) / len(values)
            metrics |= {f"{key}/{name}": values[name] for name in library.names}
        return metrics

    def _falls(self, policy: SkillPolicy) -> float:
        """Fraction of the random latents under which the body falls."""
        body, device, generator = policy.body, self._library.device, torch.Generator().manual_seed(self._seed)
        z = sample_uniform(NUM_LATENTS, policy.latent_dim, generator).to(device)
        start = with_noise(standing(body, NUM_LATENTS, device), generator)
        frames = round(body.discovery_seconds * body.control_hz) + 1
        nobody = torch.zeros(NUM_LATENTS, dtype=torch.long, device=device)
        fell = roll_out(self._simulate, body, SkillController(policy, z), start, frames, nobody).fell
        return float(fell.any(dim=1).double().mean())
