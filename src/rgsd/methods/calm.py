"""CALM (Tessler et al. 2023): the latent of a motion tells a conditional discriminator which motion to ask for."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor, nn

from rgsd.envs.observation import observe
from rgsd.learning.method import Exported, Progress
from rgsd.learning.networks import Actor
from rgsd.learning.rollout import Minibatch, Rollout
from rgsd.learning.windows import reference_rows
from rgsd.methods.windowed import WindowedBaseline
from rgsd.motions.library import MotionLibrary
from rgsd.randomness import Draws
from rgsd.skills.encoder import EncoderConfig
from rgsd.skills.window_networks import Discriminator, DiscriminatorConfig, WindowEncoder, style_reward


@dataclass(frozen=True)
class CalmConfig:
    """The method. Values are those of the official code unless said; docs/calm.md says what is ours."""

    encoder: EncoderConfig = EncoderConfig(latent_dim=64)
    """The motion encoder and the feature mask of both networks."""
    motion_seconds: float = 2.0
    """Length of the piece of a clip that a latent stands for, s."""
    motion_frames: int = 10
    """K, observations that the encoder sees of it, evenly spaced (ours; all 60 there)."""
    discriminator: DiscriminatorConfig = DiscriminatorConfig()
    """The discriminator, which is given z."""
    regularization_weight: float = 0.1
    """Of alignment and uniformity in the policy's loss."""
    uniformity_weight: float = 0.5
    """Of uniformity among the two."""
    shortest_skill: int = 10
    """Fewest control steps that a latent lasts."""
    longest_skill: int = 150
    """Most control steps that a latent lasts."""
    pair_seconds: float = 0.5
    """Most time between the beginnings of the two pieces that alignment draws together, s."""
    rsi: float = 0.5
    """Fraction of episodes that begin on reference states; the others begin standing."""


class Calm(WindowedBaseline):
    """The method behind `rgsd.learning.method.Method`.

    What a latent is made from, its `source`, is the row of the library in which its piece of a clip begins.

    Args:
        library: the references.
        encoder: trained through the policy's losses; its normalisation is fitted here.
        discriminator: trained in place; likewise.
        config: the method.
        seed: of minibatches and what they are compared with.
    """

    def __init__(
        self,
        library: MotionLibrary,
        encoder: WindowEncoder,
        discriminator: Discriminator,
        config: CalmConfig,
        seed: int,
    ) -> None:
        self.config, self.encoder, self.discriminator = config, encoder, discriminator
        self._reference = observe(library.states)
        encoder.fit_normalization(self._reference)
        networks = nn.ModuleDict({"encoder": encoder, "discriminator": discriminator})
        optimizer = torch.optim.Adam(discriminator.parameters(), lr=config.discriminator.learning_rate)
        skills = config.encoder.latent_dim, config.rsi
        lasting = config.shortest_skill, config.longest_skill
        super().__init__(library, *skills, networks, optimizer, seed, discriminator, lasting)
        self._span = round(config.motion_seconds * library.body.control_hz)
        self._steps = torch.linspace(0, self._span - 1, config.motion_frames, device=library.device).round().long()
        rows = torch.arange(len(self._reference), device=library.device)
        self._frame_of_row = rows - library.offsets[library.clip_of_frame]
        self._refresh()

    def encode(self, source: Tensor) -> Tensor:
        """z (n, d) of the pieces of clips that begin in rows `source` (n,), with gradient."""
        rows, place = source.unique(return_inverse=True)
        clip, frame = self.library.clip_of_frame[rows], self._frame_of_row[rows]
        return self.encoder(self._reference[reference_rows(self.library, clip, frame, self._steps)])[place]

    def draw_skills(self, draws: Draws) -> tuple[Tensor, Tensor]:
        """Clips uniformly, then a piece of each; a clip shorter than a piece holds its last frame."""
        clip, frame = self.library.draw(draws, margin=self._span - 1)
        source = self.library.row(clip, frame)
        return self._latents[source], source

    def maybe_resample(self, progress: Progress, draws: Draws) -> tuple[Tensor, Tensor]:
        """A new piece after every 10 to 150 steps; what lasts is shown as the encoder sees it by now."""
        due = self._countdown.due(progress.elapsed, draws)
        _, drawn = self.draw_skills(draws)
        source = torch.where(due, drawn, progress.source)
        return self._latents[source], source

    @torch.no_grad()
    def rewards(self, rollout: Rollout) -> Tensor:
        """r = -2 log max(1 - D(window, z), 1e-4)."""
        logit = self.discriminator(self._windows.windows(rollout).flatten(0, 1), rollout.z.flatten(0, 1))
        return style_reward(logit).view_as(rollout.log_prob)

    def update(self, rollout: Rollout) -> dict[str, float]:
        """The discriminator's loss: references under the latent of their own piece, the policy under the one given."""

        def batch_loss(fake: Tensor, z: Tensor, fresh: int) -> tuple[Tensor, dict[str, float]]:
            real, real_z = self._reference_windows(len(fake))
            return self.discriminator.loss(real, self.discriminator.describe(fake, z), real_z)

        metrics = self._learn(rollout, batch_loss)
        self._refresh()
        own = self._clip_latents()
        between = own @ own.T
        among = len(own) * (len(own) - 1)
        spread = {"Skill/between_cosine": float(between.sum() - between.trace()) / among} if among else {}
        return metrics | spread

    def latents(self, minibatch: Minibatch) -> Tensor:
        """Encoded anew, so that the policy's and the value's losses train the encoder."""
        return self.encode(minibatch.source)

    def parameters(self) -> Sequence[nn.Parameter]:
        """The encoder's."""
        return [*self.encoder.parameters()]

    def extra_loss(self, minibatch: Minibatch, mean: Tensor, actor: Actor) -> Tensor:
        """w (alignment + 0.5 uniformity), Wang and Isola 2020: pieces that begin together near, all pieces apart."""
        count = min(len(minibatch.source), 256)
        clip, frame = self.library.sample(count, self._generator, margin=self._span - 1)
        apart = round(self.config.pair_seconds * self.library.body.control_hz)
        shift = torch.randint(0, apart + 1, (count,), generator=self._generator, device=clip.device)
        last = (self.library.lengths[clip] - self._span).clamp(min=0)
        z = self.encode(self.library.row(clip, frame))
        near = self.encode(self.library.row(clip, torch.minimum(frame + shift, last)))
        alignment = (z - near).square().sum(dim=-1).mean()
        pairs = torch.pdist(z).square()
        uniformity = torch.logsumexp(-2.0 * pairs, dim=0) - torch.log(torch.tensor(float(len(pairs))))
        weights = self.config.regularization_weight, self.config.uniformity_weight
        return weights[0] * (alignment + weights[1] * uniformity)

    def export(self) -> Exported:
        """z of every clip: the normalised mean over its pieces."""
        return Exported(clip_latents=dict(zip(self.library.names, self._clip_latents(), strict=True)))

    def load_state_dict(self, state: dict[str, Any]) -> None:
        """Go back to a saved state."""
        super().load_state_dict(state)
        self._refresh()

    @torch.no_grad()
    def _refresh(self) -> None:
        """The latent (F, d) of the piece that begins in each row of the library, by the encoder of now."""
        rows = torch.arange(len(self._reference), device=self.library.device)
        self._latents = torch.cat([self.encode(part) for part in rows.split(2048)])

    def _clip_latents(self) -> Tensor:
        """(M, d)."""
        whole = self._frame_of_row <= (self.library.lengths - self._span).clamp(min=0)[self.library.clip_of_frame]
        sums = torch.zeros(len(self.library), self.latent_dim, device=self.library.device)
        sums.index_add_(0, self.library.clip_of_frame[whole], self._latents[whole])
        return nn.functional.normalize(sums, dim=-1)

    def _reference_windows(self, count: int) -> tuple[Tensor, Tensor]:
        """Windows (count, W, f) from anywhere in a piece of a clip, and the latent (count, d) of that piece."""
        length = self.config.discriminator.window
        clip, first = self.library.sample(count, self._generator, margin=self._span - 1)
        into = torch.rand(count, generator=self._generator, device=clip.device) * max(self._span - length + 1, 1)
        # what a short clip lacks it lacks for the window, too
        frame = torch.minimum(first + into.long(), (self.library.lengths[clip] - length).clamp(min=0))
        return self._real_windows(clip, frame), self._latents[self.library.row(clip, first)]
