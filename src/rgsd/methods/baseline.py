"""What DIAYN, METRA, LGSD, ASE and CALM have in common: skills that follow no clip, for as long as the body stands."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Sequence
from typing import Any

import torch
from torch import Tensor, nn

from rgsd.learning import distributed
from rgsd.learning.method import Episodes, Exported, Progress
from rgsd.learning.networks import Actor
from rgsd.learning.rollout import Minibatch, Rollout
from rgsd.motions.library import MotionLibrary
from rgsd.randomness import Draws
from rgsd.skills import sphere


class Baseline(ABC):
    """A `rgsd.learning.method.Method` that need only say how it rewards and what it learns.

    Skills are uniform on the sphere and last an episode, unless a method says otherwise.

    Args:
        library: the references; a method without references uses them for scales, and for starts if it is told to.
        latent_dim: d.
        rsi: fraction of the episodes that begin on reference states; the others begin standing.
        networks: everything that the method trains.
        optimizer: of those that it trains itself.
        seed: of minibatches.
    """

    def __init__(
        self,
        library: MotionLibrary,
        latent_dim: int,
        rsi: float,
        networks: nn.Module,
        optimizer: torch.optim.Optimizer,
        seed: int,
    ) -> None:
        self.library, self.latent_dim, self._rsi = library, latent_dim, rsi
        self._networks, self._optimizer = networks, optimizer
        self._generator = torch.Generator(library.device).manual_seed(seed)

    def draw_skills(self, draws: Draws) -> tuple[Tensor, Tensor]:
        """Latents (n, d) for n environments, and what they are made from (n,): here nothing."""
        z = sphere.draw_uniform(draws, self.latent_dim)
        return z, torch.zeros(len(z), dtype=torch.long, device=z.device)

    def begin_episodes(self, draws: Draws) -> Episodes:
        """Starts on a uniform state of a uniform clip, or standing; no clip is followed."""
        clip, frame = self.library.draw(draws)
        standing = draws.uniform() >= self._rsi
        z, source = self.draw_skills(draws)
        return Episodes(clip, frame, z, torch.zeros_like(standing), standing, source)

    def maybe_resample(self, progress: Progress, draws: Draws) -> tuple[Tensor, Tensor]:
        """z is fixed for the whole episode."""
        return progress.z, progress.source

    @abstractmethod
    def rewards(self, rollout: Rollout) -> Tensor:
        """Rewards (T, N)."""

    @abstractmethod
    def update(self, rollout: Rollout) -> dict[str, float]:
        """Train the method's networks; returns metrics to log."""

    def latents(self, minibatch: Minibatch) -> Tensor:
        """The stored latents."""
        return minibatch.z

    def parameters(self) -> Sequence[nn.Parameter]:
        """None: the latents are not trained."""
        return ()

    def extra_loss(self, minibatch: Minibatch, mean: Tensor, actor: Actor) -> Tensor | None:
        """None."""
        return None

    def export(self) -> Exported:
        """Nothing: which latent is which clip is left to the search of the protocol."""
        return Exported()

    def state_dict(self) -> dict[str, Any]:
        """Networks, optimiser and generator."""
        return {
            "networks": self._networks.state_dict(),
            "optimizer": self._optimizer.state_dict(),
            "generator": self._generator.get_state(),
        }

    def load_state_dict(self, state: dict[str, Any]) -> None:
        """Go back to a saved state."""
        self._networks.load_state_dict(state["networks"])
        self._optimizer.load_state_dict(state["optimizer"])
        self._generator.set_state(state["generator"])

    def _minimize(self, loss: Tensor) -> None:
        self._optimizer.zero_grad(set_to_none=True)
        loss.backward()
        self._optimizer.step()

    def _shuffled(self, count: int) -> Tensor:
        """The numbers below `count` in random order, as many as every process has: their steps go together."""
        order = torch.randperm(count, generator=self._generator, device=self.library.device)
        return order[: distributed.fewest(count)]

    def _passes(self, count: int, needed: int) -> Tensor:
        """`needed` numbers below `count` in random order, none of them again before all have been."""
        orders = [torch.randperm(count, generator=self._generator, device=self.library.device)]
        while len(orders) * count < needed:
            orders.append(torch.randperm(count, generator=self._generator, device=self.library.device))
        return torch.cat(orders)[:needed]


class Countdown:
    """How long the latent of each environment still lasts, in control steps, where a method changes it within episodes.

    Args:
        shortest, longest: bounds of its life, uniform in between.
    """

    def __init__(self, shortest: int, longest: int) -> None:
        self.left = torch.zeros(0, dtype=torch.long)
        self._shortest, self._choices = shortest, longest - shortest + 1

    def due(self, elapsed: Tensor, draws: Draws) -> Tensor:
        """Which environments (N,) change their latent after a step; `elapsed` (N,) is 1 after an episode's first."""
        first, next_ = (self._shortest + draws.integers(self._choices) for _ in range(2))
        lasting = self.left.to(elapsed.device) if len(self.left) else first
        left = torch.where(elapsed == 1, first, lasting) - 1
        due = left <= 0
        self.left = torch.where(due, next_, left)
        return due
