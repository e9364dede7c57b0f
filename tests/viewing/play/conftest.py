"""A policy of the tiny body with three clips, whose encoder is random and whose actions are nothing: it stands."""

from __future__ import annotations

import pytest
import torch

from rgsd.bodies.body import Body
from rgsd.envs.observation import ObservationLayout
from rgsd.learning.networks import Actor, NetworkConfig
from rgsd.learning.skill_policy import SkillPolicy
from rgsd.skills.encoder import Encoder, EncoderConfig


@pytest.fixture
def policy(tiny: Body) -> SkillPolicy:
    torch.manual_seed(0)
    layout = ObservationLayout(tiny)
    actor = Actor(layout.size, 4, torch.tensor(tiny.action_scale), NetworkConfig(actor_hidden=(8,)))
    for parameter in actor.network.parameters():
        torch.nn.init.zeros_(parameter)
    directions: dict[str, torch.Tensor] = dict(zip(("swing", "slide", "still"), torch.eye(4), strict=False))
    encoder = Encoder(EncoderConfig(latent_dim=4, hidden=(8,)), layout).requires_grad_(False)
    return SkillPolicy(body=tiny, actor=actor, latent_dim=4, method="test", encoder=encoder, clip_latents=directions)
