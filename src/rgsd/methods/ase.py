"""ASE (Peng et al. 2022): skills that look like the references as a whole and can be told apart."""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor, nn

from rgsd.envs.observation import ObservationLayout
from rgsd.learning.method import Progress
from rgsd.learning.networks import Actor
from rgsd.learning.rollout import Minibatch, Rollout
from rgsd.methods.windowed import WindowedBaseline
from rgsd.motions.library import MotionLibrary
from rgsd.randomness import Draws
from rgsd.skills import sphere
from rgsd.skills.encoder import EncoderConfig
from rgsd.skills.window_networks import Discriminator, DiscriminatorConfig, style_reward

_DIVERSITY_PART = 8


@dataclass(frozen=True)
class AseConfig:
    """The method. Values are those of the official code unless said; docs/ase.md says what is ours."""

    encoder: EncoderConfig = EncoderConfig(latent_dim=64)
    """Dimension of the latents and the feature mask; the network is the discriminator's."""
    discriminator: DiscriminatorConfig = DiscriminatorConfig()
    """The discriminator, whose trunk the encoder shares."""
    style_weight: float = 0.5
    """Of the discriminator's reward, -2 log(1 - D)."""
    skill_weight: float = 0.5
    """Of the encoder's reward, max(0, mu.z)."""
    diversity_weight: float = 0.01
    """Of the diversity loss in the policy's."""
    diversity_target: float = 1.0
    """Wanted squared difference of actions over the distance of their latents, 0.5 - 0.5 z.z'."""
    shortest_skill: int = 1
    """Fewest control steps that a latent lasts."""
    longest_skill: int = 150
    """Most control steps that a latent lasts."""
    rsi: float = 0.5
    """Fraction of episodes that begin on reference states; the others begin standing."""


class AseNetwork(Discriminator):
    """The discriminator with a second head: mu(window) on the unit sphere."""

    def __init__(self, config: AseConfig, layout: ObservationLayout) -> None:
        super().__init__(config.discriminator, config.encoder, layout)
        self.skill = nn.Linear(config.discriminator.hidden[-1], config.encoder.latent_dim)

    def discriminate(self, windows: Tensor) -> tuple[Tensor, Tensor]:
        """Logits (n,) and mu (n, d) of windows (n, W, f)."""
        seen = self.describe(windows)
        return self.head(seen).squeeze(-1), self.encode(seen)

    def encode(self, seen: Tensor) -> Tensor:
        """mu (n, d) of what `describe` makes of windows (n, hidden)."""
        return nn.functional.normalize(self.skill(seen), dim=-1)


class Ase(WindowedBaseline):
    """The method behind `rgsd.learning.method.Method`.

    Args:
        library: the references.
        network: trained in place; its normalisation is fitted here.
        config: the method.
        seed: of minibatches and what they are compared with.
    """

    def __init__(self, library: MotionLibrary, network: AseNetwork, config: AseConfig, seed: int) -> None:
        self.config, self.network = config, network
        optimizer = torch.optim.Adam(network.parameters(), lr=config.discriminator.learning_rate)
        skills = config.encoder.latent_dim, config.rsi
        lasting = config.shortest_skill, config.longest_skill
        super().__init__(library, *skills, network, optimizer, seed, network, lasting)

    def maybe_resample(self, progress: Progress, draws: Draws) -> tuple[Tensor, Tensor]:
        """A new latent after every 1 to 150 steps."""
        due = self._countdown.due(progress.elapsed, draws)
        z, _ = self.draw_skills(draws)
        return torch.where(due.unsqueeze(1), z, progress.z), progress.source

    @torch.no_grad()
    def rewards(self, rollout: Rollout) -> Tensor:
        """r = 0.5 (-2 log max(1 - D, 1e-4)) + 0.5 max(0, mu.z)."""
        logit, mu = self.network.discriminate(self._windows.windows(rollout).flatten(0, 1))
        skill = (mu * rollout.z.flatten(0, 1)).sum(dim=-1).clamp(min=0.0)
        reward = self.config.style_weight * style_reward(logit) + self.config.skill_weight * skill
        return reward.view_as(rollout.log_prob)

    def update(self, rollout: Rollout) -> dict[str, float]:
        """The discriminator's loss on windows of the policy and of the references, and -mu.z on those of now."""

        def batch_loss(fake: Tensor, z: Tensor, fresh: int) -> tuple[Tensor, dict[str, float]]:
            seen, margin = self.network.describe(fake), self.config.discriminator.window - 1
            real = self._real_windows(*self.library.sample(len(fake), self._generator, margin=margin))
            loss, metrics = self.network.loss(real, seen)
            alignment = (self.network.encode(seen[:fresh]) * z[:fresh]).sum(dim=-1).mean()
            return loss - alignment, metrics | {"Discovery/alignment": float(alignment.detach())}

        return self._learn(rollout, batch_loss)

    def extra_loss(self, minibatch: Minibatch, mean: Tensor, actor: Actor) -> Tensor:
        """w (target - mean (a - a')^2 / (0.5 - 0.5 z.z'))^2, a and a' the clipped means under z and another z'."""
        # of a part of the minibatch, which is in random order: on all of it this costs half as much as PPO itself
        few = max(len(mean) // _DIVERSITY_PART, 1)
        z = sphere.sample_uniform(few, self.latent_dim, self._generator)
        own, other = (means.clamp(-1.0, 1.0) for means in (mean[:few], actor(minibatch.observation[:few], z)))
        distance = 0.5 - 0.5 * (z * minibatch.z[:few]).sum(dim=-1)
        ratio = (own - other).square().mean(dim=-1) / (distance + 1e-5)
        return self.config.diversity_weight * (self.config.diversity_target - ratio).square().mean()
