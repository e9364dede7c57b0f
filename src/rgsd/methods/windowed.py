"""What ASE and CALM have in common: a discriminator on windows, and latents that change within episodes."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable
from typing import Any

import torch
from torch import Tensor, nn

from rgsd.envs.observation import observe
from rgsd.learning.replay import Replay
from rgsd.learning.rollout import Rollout
from rgsd.learning.windows import EpisodeWindows, reference_rows
from rgsd.methods.baseline import Baseline, Countdown
from rgsd.motions.library import MotionLibrary
from rgsd.skills.window_networks import Discriminator

BatchLoss = Callable[[Tensor, Tensor, int], tuple[Tensor, dict[str, float]]]
"""Windows (n, W, f) of the policy and their latents (n, d), of which so many are of the present rollout and the others
of earlier ones, to a loss and metrics to log."""
_REPLAYED_ROLLOUTS = 64


class WindowedBaseline(Baseline):
    """A baseline that rewards windows of successive states.

    Args:
        library: the references.
        latent_dim: d.
        rsi: fraction of the episodes that begin on reference states.
        networks: everything that the method trains.
        optimizer: of those that it trains itself.
        seed: of minibatches.
        discriminator: trained in place; its normalisation is fitted here.
        lasting: fewest and most control steps that a latent lasts.
    """

    def __init__(
        self,
        library: MotionLibrary,
        latent_dim: int,
        rsi: float,
        networks: nn.Module,
        optimizer: torch.optim.Optimizer,
        seed: int,
        discriminator: Discriminator,
        lasting: tuple[int, int],
    ) -> None:
        super().__init__(library, latent_dim, rsi, networks, optimizer, seed)
        self._config, reference = discriminator.config, observe(library.states)
        discriminator.fit_normalization(reference)
        self._reference_features = discriminator.features(reference)
        self._windows = EpisodeWindows(self._config.window, library, discriminator.features)
        self._replay = Replay(self._config.replay, _REPLAYED_ROLLOUTS, self._generator)
        self._countdown = Countdown(*lasting)

    def state_dict(self) -> dict[str, Any]:
        """Networks, optimiser, generator, windows, replay and what is left of each latent."""
        own = {"windows": self._windows.state_dict(), "replay": self._replay.state_dict(), "left": self._countdown.left}
        return super().state_dict() | own

    def load_state_dict(self, state: dict[str, Any]) -> None:
        """Go back to a saved state."""
        super().load_state_dict(state)
        self._windows.load_state_dict(state["windows"])
        self._replay.load_state_dict(state["replay"])
        self._countdown.left = state["left"].clone()

    def _real_windows(self, clip: Tensor, frame: Tensor) -> Tensor:
        """(n, W, f) of the references, from frames (n,) of clips (n,) on."""
        steps = torch.arange(self._config.window, device=clip.device)
        return self._reference_features[reference_rows(self.library, clip, frame, steps)]

    def _learn(self, rollout: Rollout, batch_loss: BatchLoss) -> dict[str, float]:
        """Minimise a loss on windows of a rollout and, half of them, of earlier ones; the means of its metrics."""
        windows = self._windows.windows(rollout)
        flat, z = windows.flatten(0, 1), rollout.z.flatten(0, 1)
        updates, batch = self._config.updates, max(round(self._config.batch_fraction * rollout.num_samples), 1)
        earlier = batch // 2 if len(self._replay) else 0
        sums: dict[str, float] = defaultdict(float)
        for chosen in self._passes(len(flat), updates * (batch - earlier)).chunk(updates):
            fake, fake_z = flat[chosen], z[chosen]
            if earlier:
                old, old_z = self._replay.draw(earlier)
                fake, fake_z = torch.cat((fake, old)), torch.cat((fake_z, old_z))
            loss, metrics = batch_loss(fake, fake_z, batch - earlier)
            self._minimize(loss)
            for name, value in metrics.items():
                sums[name] += value / updates
        self._replay.add((flat, z))
        self._windows.advance(windows)
        return dict(sums)
