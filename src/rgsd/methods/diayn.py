"""DIAYN (Eysenbach et al. 2019): skills that can be told apart by the states that they visit; no references."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Literal

import torch
from torch import Tensor

from rgsd.envs.observation import observe
from rgsd.learning.rollout import Rollout
from rgsd.methods.baseline import Baseline
from rgsd.motions.library import MotionLibrary
from rgsd.randomness import Draws
from rgsd.skills import sphere
from rgsd.skills.encoder import Encoder, EncoderConfig


@dataclass(frozen=True)
class DiaynConfig:
    """The method. RGSD's paper runs it as "RGSD without grounding"; docs/diayn.md says what is ours."""

    encoder: EncoderConfig = EncoderConfig()
    """The encoder of q(z|s) and its feature mask."""
    discrete: bool = False
    """Whether z is one of the d axes of the latent space, drawn uniformly, in place of any direction."""
    kappa: float = 20.0
    """Concentration of q(z|s); of the discrete form, the scale of the logits."""
    reward: Literal["bounded", "exact"] = "bounded"
    """log q(z|s) - log p(z) itself, or an increasing function of it within [0, 1]: (1 + cos)/2, discrete q(z|s)."""
    rsi: float = 0.0
    """Fraction of episodes that begin on reference states; the others begin standing."""
    learning_rate: float = 3e-4
    """Of the encoder's Adam."""
    minibatches: int = 4
    """Gradient steps of the encoder a rollout."""


class Diayn(Baseline):
    """The method behind `rgsd.learning.method.Method`.

    Args:
        library: for the scales of the features, and for starts if some are to be on references.
        encoder: trained in place.
        config: the method.
        seed: of minibatches.
    """

    def __init__(self, library: MotionLibrary, encoder: Encoder, config: DiaynConfig, seed: int) -> None:
        self.config, self.encoder = config, encoder
        encoder.fit_normalization(observe(library.states))
        optimizer = torch.optim.Adam(encoder.parameters(), lr=config.learning_rate)
        super().__init__(library, config.encoder.latent_dim, config.rsi, encoder, optimizer, seed)

    def draw_skills(self, draws: Draws) -> tuple[Tensor, Tensor]:
        """Uniform directions, or uniform axes."""
        z, source = super().draw_skills(draws)
        if not self.config.discrete:
            return z, source
        # the largest of exchangeable components is any of them alike
        return torch.nn.functional.one_hot(z.argmax(dim=1), self.latent_dim).to(z.dtype), source

    @torch.no_grad()
    def rewards(self, rollout: Rollout) -> Tensor:
        """r = log q(z|s') - log p(z) on the next state, or its bounded form."""
        mu = self.encoder(rollout.next_observation)
        if self.config.reward == "bounded":
            cosine = (mu * rollout.z).sum(dim=-1)
            return torch.exp(self._log_q(mu, rollout.z)) if self.config.discrete else (1 + cosine) / 2
        if self.config.discrete:
            return self._log_q(mu, rollout.z) + math.log(self.latent_dim)
        return self._log_q(mu, rollout.z) + sphere.reward_constant(self.latent_dim, self.config.kappa)

    def update(self, rollout: Rollout) -> dict[str, float]:
        """L = -log q(z|s'), the mean over minibatches."""
        observation, z = rollout.next_observation.flatten(0, 1), rollout.z.flatten(0, 1)
        losses, cosines = [], []
        for ids in self._shuffled(rollout.num_samples).chunk(self.config.minibatches):
            mu = self.encoder(observation.index_select(0, ids))
            loss = -self._log_q(mu, z[ids]).mean()
            self._minimize(loss)
            losses.append(float(loss.detach()))
            cosines.append(float((mu.detach() * z[ids]).sum(dim=-1).mean()))
        count = len(losses)
        return {"Encoder/loss": sum(losses) / count, "Discovery/alignment": sum(cosines) / count}

    def _log_q(self, mu: Tensor, z: Tensor) -> Tensor:
        """log q(z|s) (...,) for mu and z (..., d); of the sphere's, without the normaliser, a constant."""
        scores = self.config.kappa * mu
        chosen = (scores * z).sum(dim=-1)
        return chosen - torch.logsumexp(scores, dim=-1) if self.config.discrete else chosen
