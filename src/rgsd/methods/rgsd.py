"""RGSD, phase 2: imitation and discovery in parallel under one encoder space (paper, Algorithm 2)."""

from __future__ import annotations

import copy
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Literal

import torch
from torch import Tensor, nn

from rgsd.learning.method import Episodes, Exported, Progress
from rgsd.learning.networks import Actor
from rgsd.learning.rollout import Minibatch, Rollout
from rgsd.methods.clip_sampling import ClipSampling, FailureRates
from rgsd.methods.migration import migrate_state
from rgsd.motions.library import MotionLibrary
from rgsd.options import FileOnly
from rgsd.randomness import Draws
from rgsd.skills import sphere
from rgsd.skills.contrastive import ContrastiveConfig, clip_directions
from rgsd.skills.encoder import Encoder, EncoderConfig


@dataclass(frozen=True)
class RgsdConfig:
    """The method. What the paper leaves open is said in docs/rgsd.md, field by field."""

    encoder: EncoderConfig = EncoderConfig()
    """Encoder: its size, and what it sees."""
    contrastive: ContrastiveConfig = ContrastiveConfig()
    """Pretraining of the encoder: phase 1."""
    kappa: float = 20.0
    """Concentration of q(z|s) in the rewards and the encoder's loss; the paper has one kappa for both phases."""
    imitation_fraction: float = 0.5
    """p, the probability that an episode imitates."""
    fraction_of: Literal["episodes", "samples"] = "episodes"
    """What p is a fraction of: the episodes, as in the paper, of which those that imitate are the shorter; or the
    samples, for which every environment keeps to one stream."""
    clip_sampling: ClipSampling = "uniform"
    """How imitation draws its clips: uniformly, as in the paper; or half of them by how often a second each is lost."""
    rsi: Literal["all", "half", "imitation", "none"] = "all"
    """Which episodes start on random states of the references: all, as in the paper; those that imitate and every other
    one of discovery, while its rest starts standing; those that imitate alone; or none, imitation then starts on its
    clip's first frame."""
    standing_starts: float = 0.0
    """Fraction of imitation, on clips that begin almost standing, that begins in the standing pose, to learn to set
    off. Discovery that starts standing is then taught one of these clips by the warm start."""
    reward: Literal["cosine", "likelihood", "exact"] = "likelihood"
    """(1 + cos)/2; exp(kappa (cos - 1)), the density over its peak; or the paper's log q(z|s) - log p(z)."""
    alpha: float = 1.0
    """Weight of the KL term that holds the trainable encoder near the frozen one."""
    encoder_learning_rate: FileOnly[float] = 4e-6
    """Of the trainable encoder's Adam. Faster, it learns to tell postures at rest apart, and discovery ends at them."""
    encoder_minibatches: FileOnly[int] = 4
    """Gradient steps of the trainable encoder a rollout."""


class Rgsd:
    """The method behind `rgsd.learning.method.Method`.

    Args:
        library: the references.
        encoder: pretrained (phase 1); kept frozen, and copied as the trainable one.
        config: the method.
        seed: of encoder minibatches.
    """

    def __init__(self, library: MotionLibrary, encoder: Encoder, config: RgsdConfig, seed: int) -> None:
        self.library, self.config = library, config
        self.kappa, self.latent_dim = config.kappa, config.encoder.latent_dim
        self.frozen = encoder.requires_grad_(False)
        self.encoder = copy.deepcopy(encoder).requires_grad_(True)
        self.directions = clip_directions(self.frozen, library)  # z_m, (M, d)
        self._optimizer = torch.optim.Adam(self.encoder.parameters(), lr=config.encoder_learning_rate)
        self._generator = torch.Generator(library.device).manual_seed(seed)
        self._set_off_from = library.begins_standing.nonzero().squeeze(1)  # once, for it makes a GPU's host wait
        self._failures = FailureRates(len(library), library.device, config.clip_sampling)

    def begin_episodes(self, draws: Draws) -> Episodes:
        """c ~ Bernoulli(p), m ~ U(M), s ~ U(states of m) for both streams; z = z_m or uniform on the sphere.

        Unless `clip_sampling` is "uniform" imitation's m goes by failures.

        With fewer `rsi`, discovery starts standing, or half of it does. Imitation cannot: off its
        reference it would be ended at once, so what is left to it without random frames is its clip's first.
        """
        stream = draws if self.config.fraction_of == "episodes" else draws.lasting("stream")
        imitation = stream.uniform() < self.config.imitation_fraction
        clip = draws.integers(len(self.library))
        if self.config.clip_sampling != "uniform":
            clip = torch.where(imitation, self._failures.draw(draws), clip)
        frame = self.library.draw_frame(draws, clip, margin=1)
        uniform = sphere.draw_uniform(draws, self.latent_dim)
        z = torch.where(imitation.unsqueeze(1), self.directions[clip], uniform)
        if self.config.rsi == "none":
            frame = torch.where(imitation, 0, frame)
        match self.config.rsi:
            case "all":
                standing = None
            case "half":
                standing = ~imitation & (draws.uniform() < 0.5)
            case _:
                standing = ~imitation
        if self.config.standing_starts > 0:
            clip, frame, standing = self._set_off(draws, clip, frame, imitation, standing)
        return Episodes(clip, frame, z, imitation, standing)

    def _set_off(
        self, draws: Draws, clip: Tensor, frame: Tensor, imitation: Tensor, standing: Tensor | None
    ) -> tuple[Tensor, Tensor, Tensor]:
        """Clips, frames and who stands (n,), where some of imitation stands too, on clips that begin so."""
        _, sets_off = self.library.set_off(draws, clip, frame, self.config.standing_starts)
        sets_off &= imitation
        free = torch.zeros_like(imitation) if standing is None else standing
        if len(self._set_off_from):
            clip = torch.where(free, self._set_off_from[draws.integers(len(self._set_off_from))], clip)
        return clip, torch.where(sets_off | free, 0, frame), sets_off | free

    def maybe_resample(self, progress: Progress, draws: Draws) -> tuple[Tensor, Tensor]:
        """z is fixed for the episode."""
        return progress.z, progress.source

    @torch.no_grad()
    def rewards(self, rollout: Rollout) -> Tensor:
        """r = const + c log q-(z|s') + (1-c) log q(z|s') on the next state, or a non-negative form of it.

        With early termination a reward that can be negative teaches dying; the exact one is negative
        below a cosine of 0.61 at d 8, kappa 20.
        """
        observation, z = rollout.next_observation.flatten(0, 1), rollout.z.flatten(0, 1)
        imitation = rollout.imitation.flatten()
        cosine = torch.empty_like(rollout.log_prob)
        for encoder, stream in ((self.frozen, imitation), (self.encoder, ~imitation)):
            ids = stream.nonzero().squeeze(1)
            mu = encoder(observation.index_select(0, ids))
            cosine.view(-1)[ids] = (mu * z.index_select(0, ids)).sum(dim=-1)
        match self.config.reward:
            case "cosine":
                return (1 + cosine) / 2
            case "likelihood":
                return torch.exp(self.kappa * (cosine - 1))
            case "exact":
                return self.kappa * cosine + sphere.reward_constant(self.latent_dim, self.kappa)

    def update(self, rollout: Rollout) -> dict[str, float]:
        """L_phi = (1-c) (-log q(z|s')) + alpha c KL(q || q-), the mean over all samples; then metrics to log."""
        if self.config.clip_sampling != "uniform":
            self._failures.record(rollout)
        order = torch.randperm(rollout.num_samples, generator=self._generator, device=rollout.z.device)
        observation, z = rollout.next_observation.flatten(0, 1), rollout.z.flatten(0, 1)
        imitation = rollout.imitation.flatten()
        losses = []
        for ids in order.chunk(self.config.encoder_minibatches):
            loss = self._encoder_loss(observation.index_select(0, ids), z[ids], imitation[ids])
            self._optimizer.zero_grad()
            loss.backward()
            self._optimizer.step()
            losses.append(float(loss.detach()))
        with torch.no_grad():
            sample = order[:4096]
            frozen_mu, trained_mu = self.frozen(observation[sample]), self.encoder(observation[sample])
            frozen, trained = ((mu * z[sample]).sum(dim=-1) for mu in (frozen_mu, trained_mu))
            kl = sphere.kl_divergence(trained_mu, frozen_mu, self.kappa)
        chosen = imitation[sample]
        # a stream without samples says nothing: at an imitation fraction of 0 or 1 its mean does not exist
        metrics = {
            "Encoder/kl": kl[chosen],
            "Encoder/discovery_kl": kl[~chosen],
            "Skill/alignment": frozen[chosen],
            "Discovery/alignment": trained[~chosen],
            "Discovery/frozen_alignment": frozen[~chosen],
        }
        return {"Encoder/loss": sum(losses) / len(losses)} | {
            name: float(values.mean()) for name, values in metrics.items() if len(values)
        }

    def latents(self, minibatch: Minibatch) -> Tensor:
        """The stored latents."""
        return minibatch.z

    def parameters(self) -> Sequence[nn.Parameter]:
        """None: the latents are not trained."""
        return ()

    def extra_loss(self, minibatch: Minibatch, mean: Tensor, actor: Actor) -> None:
        """None: the encoder has an update of its own."""

    def export(self) -> Exported:
        """The frozen encoder and z_m by clip."""
        directions = dict(zip(self.library.names, self.directions, strict=True))
        return Exported(encoder=self.frozen, clip_latents=directions)

    def state_dict(self) -> dict[str, Any]:
        """Both encoders, the optimiser, the generator and the counts of failures."""
        return {
            "frozen": self.frozen.state_dict(),
            "encoder": self.encoder.state_dict(),
            "optimizer": self._optimizer.state_dict(),
            "generator": self._generator.get_state(),
            "failures": self._failures.state_dict(),
        }

    def load_state_dict(self, state: dict[str, Any]) -> None:
        """Go back to a saved state."""
        state = migrate_state(state)
        self.frozen.load_state_dict(state["frozen"])
        self.encoder.load_state_dict(state["encoder"])
        self.directions = clip_directions(self.frozen, self.library)
        self._optimizer.load_state_dict(state["optimizer"])
        self._generator.set_state(state["generator"])
        self._failures.load_state_dict(state["failures"])

    def _encoder_loss(self, observation: Tensor, z: Tensor, imitation: Tensor) -> Tensor:
        mu = self.encoder(observation)
        with torch.no_grad():
            anchor = self.frozen(observation)
        c = imitation.float()
        # the vMF normaliser does not depend on the encoder, so -log q is -kappa mu.z up to a constant
        discover = (1 - c) * (-self.kappa * (mu * z).sum(dim=-1))
        kl = sphere.kl_divergence(mu, anchor, self.kappa)
        return (discover + self.config.alpha * c * kl).mean()
