"""A policy that does left what it does right: imitation is held near its own reflection.

Not in the paper. A body whose halves are alike can do the reflection of whatever it can do, so each state of imitation
says something about its reflection as well (the mirror symmetry loss of Yu, Turk and Liu 2018). Under which latent that
is meant, the frozen encoder says: under the direction of the clip's own frames, reflected.
"""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor

from rgsd.bodies.body import BodyError
from rgsd.envs.observation import observe
from rgsd.envs.reflection import Reflection
from rgsd.errors import UsageError
from rgsd.learning import distributed
from rgsd.learning.networks import Actor
from rgsd.learning.rollout import Minibatch
from rgsd.motions.library import MotionLibrary
from rgsd.skills.contrastive import embed_frames

_OPTION = "--trainer.symmetry-weight"


class Symmetry:
    """What a policy does in reflected states, left for right, and how far from it the policy is.

    Args:
        library: the clips.
        actor: the policy.
        exported: what the method publishes (`rgsd.learning.method.Method.export`).
        weight: of the loss.

    Raises:
        UsageError: the method has no encoder that could name a reflected clip, or the body has no halves that are
            alike; the message names the option.
    """

    def __init__(self, library: MotionLibrary, actor: Actor, exported: dict[str, Any], weight: float) -> None:
        encoder = exported.get("encoder")
        if encoder is None or "clip_latents" not in exported:
            raise UsageError(f"{_OPTION} {weight:g}: needs a method that embeds its clips, such as rgsd; leave it at 0")
        try:
            self._reflection = Reflection(library.body, library.device)
        except BodyError as error:
            raise UsageError(f"{_OPTION} {weight:g}: {error}; leave it at 0") from error
        self._actor, self._weight = actor, weight
        reflected = self._reflection.observation(observe(library.states)).split(library.lengths.tolist())
        self.directions = torch.stack([embed_frames(encoder, frames) for frames in reflected])  # (M, d)

    def actions(self, observation: Tensor, clip: Tensor) -> Tensor:
        """(n, A) the reflection of what the policy does in the reflections of the states seen as (n, D), under those of
        the clips (n,).
        """
        return self._reflection.action(self._actor(self._reflection.observation(observation), self.directions[clip]))

    def loss(self, minibatch: Minibatch, mean: Tensor) -> Tensor:
        """The weighted KL of imitation's mean actions (n, A) from their reflection, nats."""
        apart = (mean - self.actions(minibatch.observation, minibatch.clip)) / self._actor.std.detach()
        follows = minibatch.imitation.float()
        count = distributed.average(follows.sum()).clamp(min=1)
        return self._weight * (follows * 0.5 * apart.square().sum(dim=-1)).sum() / count
