"""`GoalField`: places on the ground that the bodies of many environments are sent to, one after another."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Any, NamedTuple

import torch
from torch import Tensor

from rgsd import rotations
from rgsd.errors import UsageError


@dataclass(frozen=True)
class FieldConfig:
    """Where goals lie and when they count."""

    side: float = 20.0
    """Length of the square field's sides, m; its middle is the world's origin."""
    radius: float = 0.5
    """Distance of the root over the ground at which a goal is reached, m."""
    seconds: float = 10.0
    """Time after which a goal that is not reached is missed, s."""


class GoalStep(NamedTuple):
    """What became of the goals in some time."""

    progress: Tensor
    """(N,) by how much the distance to the goal has shrunk, m."""
    reached: Tensor
    """(N,) bool, which goals were reached."""
    missed: Tensor
    """(N,) bool, whose time ran out."""


class GoalField:
    """One goal for each of N environments.

    Goals are uniform over the field, wherever the environment stands: about one in five hundred is reached as it is
    drawn.

    Attributes:
        goal: (N, 2) places of the goals, m.
        waited: (N,) time since each was drawn, s.

    Args:
        config: the field.
        num_envs: N.
        seed: of the goals.
        device: where the tensors lie.
    """

    def __init__(self, config: FieldConfig, num_envs: int, seed: int, device: torch.device) -> None:
        for name in ("side", "radius", "seconds"):
            value = getattr(config, name)
            if not 0 < value < math.inf:
                raise UsageError(f"--field.{name} is {value}; give a positive number")
        self.config = config
        self.goal = torch.zeros(num_envs, 2, device=device)
        self.waited = torch.zeros(num_envs, device=device)
        self._generator = torch.Generator(device).manual_seed(seed)

    def uniform(self, count: int) -> Tensor:
        """Places (count, 2) uniform over the field, m."""
        fraction = torch.rand(count, 2, generator=self._generator, device=self.goal.device)
        return self.config.side * (fraction - 0.5)

    def draw(self, which: Tensor) -> None:
        """New goals for the environments where `which` (N,) bool."""
        drawn = self.uniform(len(which))
        self.goal = torch.where(which.unsqueeze(1), drawn, self.goal)
        self.waited = torch.where(which, 0.0, self.waited)

    def settle(self, before: Tensor, after: Tensor, seconds: float) -> GoalStep:
        """What `seconds` on the way from places `before` (N, 2) to `after` (N, 2) have brought; draws no goals."""
        distance = (self.goal - after).norm(dim=1)
        self.waited = self.waited + seconds
        reached = distance <= self.config.radius
        missed = (self.waited >= self.config.seconds - 1e-6) & ~reached
        return GoalStep((self.goal - before).norm(dim=1) - distance, reached, missed)

    def view(self, position: Tensor, yaw: Tensor) -> Tensor:
        """(N, 3) the goal as it lies for who stands at `position` (N, 2) with heading `yaw` (N,).

        Its direction as a unit vector, x ahead and y left; then its distance, m.
        """
        seen = rotations.seen_from(position, yaw, self.goal)
        distance = seen.norm(dim=1, keepdim=True)
        return torch.cat((seen / distance.clamp(min=1e-6), distance), dim=1)

    def snapshot(self) -> dict[str, Any]:
        """Goals, times and the generator."""
        return {"goal": self.goal.clone(), "waited": self.waited.clone(), "generator": self._generator.get_state()}

    def restore(self, snapshot: dict[str, Any]) -> None:
        """Go back to a snapshot."""
        self.goal, self.waited = snapshot["goal"].clone(), snapshot["waited"].clone()
        self._generator.set_state(snapshot["generator"])
