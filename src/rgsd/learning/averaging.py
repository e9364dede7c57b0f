"""`AveragedActor`: the mean of the actors of many iterations, which is what a run publishes.

A policy gradient of 69 actuators is mostly noise, and so is the last step that an actor took. The mean over its walk
(Polyak and Juditsky 1992) leaves the noise out and keeps what the walk has in common; who collects is the walker.
"""

from __future__ import annotations

import copy
from typing import Any

import torch

from rgsd.learning.networks import Actor


class AveragedActor:
    """A running mean of an actor's weights; what it observes is normalised as the actor's is.

    Args:
        actor: whose mean it is; its present weights begin it.
        horizon: iterations that the mean goes back, in the order of; 1 for the actor itself.
    """

    def __init__(self, actor: Actor, horizon: int) -> None:
        self.mean = copy.deepcopy(actor).requires_grad_(False)
        self._actor, self._horizon, self._count = actor, horizon, 0

    @torch.no_grad()
    def update(self) -> None:
        """Take in the actor as it is now: a plain mean of the first `horizon`, from then on an exponential one."""
        self._count = min(self._count + 1, self._horizon)
        for mean, weight in zip(self.mean.parameters(), self._actor.parameters(), strict=True):
            mean.lerp_(weight, 1 / self._count)
        for mean, weight in zip(self.mean.buffers(), self._actor.buffers(), strict=True):
            mean.copy_(weight)

    def restart(self) -> None:
        """Forget what the actor was; the next update begins anew."""
        self._count = 0

    def state_dict(self) -> dict[str, Any]:
        """The mean and how many it is of."""
        return {"mean": self.mean.state_dict(), "count": self._count}

    def load_state_dict(self, state: dict[str, Any]) -> None:
        """Go back to a saved state."""
        self.mean.load_state_dict(state["mean"])
        self._count = state["count"]
