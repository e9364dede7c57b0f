"""Changing the latent within an episode: at random times, at once or along the great circle between the two."""

from __future__ import annotations

import math

import torch
from torch import Tensor

from rgsd.errors import UsageError
from rgsd.randomness import Draws
from rgsd.skills import sphere


class Redraw:
    """Latents that are drawn anew at a constant rate, and glide to what was drawn at a constant speed.

    Args:
        rate: mean number of redraws a second; their times are those of a Poisson process.
        slerp_seconds: time that the change takes, s; 0 for a jump.
        control_dt: control period, s.

    Raises:
        UsageError: a rate or a time that is negative or not finite.
    """

    def __init__(self, rate: float, slerp_seconds: float, control_dt: float) -> None:
        for option, value in (("--settings.resample-rate", rate), ("--settings.slerp-seconds", slerp_seconds)):
            if not 0 <= value < math.inf:
                raise UsageError(f"{option} is {value}; give 0 or more")
        self.chance = 1.0 - math.exp(-rate * control_dt)
        self._glide = max(round(slerp_seconds / control_dt), 1)
        self._target, self._left = torch.empty(0), torch.empty(0, dtype=torch.long)

    def next(self, z: Tensor, free: Tensor, begun: Tensor, draws: Draws) -> Tensor:
        """The next step's latents (N, d).

        Args:
            z: (N, d) the latents of the last step.
            free: (N,) bool, whose latents may change.
            begun: (N,) bool, whose episode began with the last step: what was under way there belongs to another.
            draws: of times and latents, for the N environments.
        """
        drawn = sphere.draw_uniform(draws, z.shape[1])
        due = (draws.uniform() < self.chance) & free
        target = drawn if not len(self._target) else torch.where(due.unsqueeze(1), drawn, self._target.to(z.device))
        under_way = (
            torch.where(begun, 0, self._left.to(z.device))
            if len(self._left)
            else torch.zeros_like(due, dtype=torch.long)
        )
        left = torch.where(due, self._glide, under_way)
        # the last of n equal arcs is the whole of what is left, the first an n-th of it
        moved = sphere.slerp(z, target, 1.0 / left.clamp(min=1).unsqueeze(1))
        gliding = left > 0
        self._target, self._left = target, (left - 1).clamp(min=0)
        return torch.where((gliding & free).unsqueeze(1), moved, z)

    def state_dict(self) -> dict[str, Tensor]:
        """Where the latents are going, and for how long."""
        return {"target": self._target, "left": self._left}

    def load_state_dict(self, state: dict[str, Tensor]) -> None:
        """Go back to a saved state."""
        self._target, self._left = state["target"].clone(), state["left"].clone()
