"""Failure-weighted clip sampling: imitation draws all clips alike, or more often those that it loses sooner.

An episode on a clip with twice the failure rate lasts half as long. Drawn in proportion to that rate, clips have equal
fractions of the *samples*, where drawn uniformly the hardest has the fewest. Drawn in proportion to its square, they
have samples in proportion to the rate. Either way half of the draws stay uniform.
"""

from __future__ import annotations

from typing import Literal

import torch
from torch import Tensor

from rgsd.learning import distributed
from rgsd.learning.rollout import Rollout
from rgsd.randomness import Draws

ClipSampling = Literal["uniform", "failures", "hardest"]
"""Alike; so that clips have equal samples; so that those that are lost more often have more of them."""
_POWERS = {"uniform": 0.0, "failures": 1.0, "hardest": 2.0}  # of the failure rate
_MEMORY = 0.95  # of an iteration's counts this fraction is left in the next one: they last for some twenty
_UNIFORM = 0.5  # fraction of the draws that goes by no count, so that a clip that was learned is not forgotten


class FailureRates:
    """Counts how often each clip is lost in a step of imitation, and draws clips by that.

    Args:
        count: M, of the clips.
        device: where they are drawn.
        sampling: how much the counts weigh.
    """

    def __init__(self, count: int, device: torch.device, sampling: ClipSampling) -> None:
        self._power = _POWERS[sampling]
        self._lost, self._steps = torch.zeros(2, count, dtype=torch.double, device=device)

    def record(self, rollout: Rollout) -> None:
        """Count what a rollout's imitation has lost, by falls as well, in all processes."""
        counts = []
        for chosen in (rollout.imitation & rollout.terminated, rollout.imitation):
            # by adding, since torch.bincount makes a GPU's host wait to be told how many there are
            found = torch.zeros_like(self._lost).index_add_(0, rollout.clip.flatten(), chosen.flatten().double())
            counts.append(distributed.average(found))
        self._lost, self._steps = _MEMORY * self._lost + counts[0], _MEMORY * self._steps + counts[1]

    @property
    def probabilities(self) -> Tensor:
        """(M,) with what probability each clip is drawn."""
        uniform = torch.full_like(self._lost, 1 / len(self._lost))
        rates = (self._lost / self._steps.clamp(min=1)) ** self._power
        total = rates.sum()
        return torch.where(total > 0, _UNIFORM * uniform + (1 - _UNIFORM) * rates / total.clamp(min=1e-12), uniform)

    def draw(self, draws: Draws) -> Tensor:
        """(n,) long, a clip for each of n environments."""
        ends = self.probabilities.cumsum(0)[:-1]  # what rounding leaves above the last end is the last clip's
        return torch.searchsorted(ends, draws.uniform().double(), right=True)

    def state_dict(self) -> dict[str, Tensor]:
        """The counts."""
        return {"lost": self._lost, "steps": self._steps}

    def load_state_dict(self, state: dict[str, Tensor]) -> None:
        """Go back to a saved state."""
        device = self._lost.device
        self._lost, self._steps = (state[name].to(device, copy=True) for name in ("lost", "steps"))
