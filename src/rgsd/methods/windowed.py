"""What ASE and CALM have in common: a discriminator on windows, and latents that change within episodes."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable
from typing import Any

import torch
from torch import Tensor, nn

from rgsd.learning.rollout import Rollout
from rgsd.learning.windows import WindowHistory
from rgsd.methods.baseline import Baseline, Countdown
from rgsd.motions.library import MotionLibrary
from rgsd.skills.window_networks import DiscriminatorConfig

BatchLoss = Callable[[Tensor, Tensor], tuple[Tensor, dict[str, float]]]
"""Windows (n, W, D) of the policy and their latents (n, d) to a loss and metrics to log."""


class WindowedBaseline(Baseline):
    """A baseline that rewards windows of successive states.

    Args:
        library: the references.
        latent_dim: d.
        rsi: fraction of the episodes that begin on reference states.
        networks: everything that the method trains.
        optimizer: of those that it trains itself.
        seed: of minibatches.
        discriminator: its window and how it is trained.
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
        discriminator: DiscriminatorConfig,
        lasting: tuple[int, int],
    ) -> None:
        super().__init__(library, latent_dim, rsi, networks, optimizer, seed)
        self._discriminator = discriminator
        self._history, self._countdown = WindowHistory(discriminator.window), Countdown(*lasting)

    def state_dict(self) -> dict[str, Any]:
        """Networks, optimiser, generator, windows and what is left of each latent."""
        return super().state_dict() | {"history": self._history.state_dict(), "left": self._countdown.left}

    def load_state_dict(self, state: dict[str, Any]) -> None:
        """Go back to a saved state."""
        super().load_state_dict(state)
        self._history.load_state_dict(state["history"])
        self._countdown.left = state["left"].clone()

    def _learn(self, rollout: Rollout, batch_loss: BatchLoss) -> dict[str, float]:
        """Minimise a loss on whole windows of a rollout; returns the means of its metrics."""
        windows, whole = self._history.windows(rollout)
        places, updates = whole.nonzero(), self._discriminator.updates
        sums: dict[str, float] = defaultdict(float)
        # nothing is learned, and nothing said, from a rollout that holds no whole window
        order = self._shuffled(len(places))
        batches = order[: updates * self._discriminator.batch].chunk(updates) if len(order) else ()
        for chosen in batches:
            step, env = places[chosen].unbind(1)
            loss, metrics = batch_loss(windows[step, env], rollout.z[step, env])
            self._minimize(loss)
            for name, value in metrics.items():
                sums[name] += value / len(batches)
        self._history.advance(rollout)
        return dict(sums)
