"""`GoalSession`: a body that a task's policy sends to the places that one points at."""

from __future__ import annotations

import torch
from torch import Tensor

from rgsd.learning.networks import Actor
from rgsd.tasks.goal_env import GoalEnv
from rgsd.viewing.play.acting import Acting
from rgsd.viewing.play.ghost import Ghost


class GoalSession(Acting):
    """One body, a goal on the ground, and the policy that chooses latents on the way there.

    Attributes:
        env: the field with the goal and the skills.
        reached: how many goals were reached.
        wanders: whether a goal that is reached is followed by another, anywhere on the field.

    Args:
        env: a field of one body.
        actor: chooses latents.
    """

    def __init__(self, env: GoalEnv, actor: Actor) -> None:
        super().__init__(env.policy, env.physics, Ghost(None))
        self.env, self.reached, self.wanders = env, 0, False
        self._actor, self._arrived = actor, False
        self._z = torch.zeros(1, env.action_size)
        self.reset()

    @property
    def goal(self) -> tuple[float, float]:
        """Where the goal is, m."""
        x, y = self.env.field.goal[0].tolist()
        return x, y

    @property
    def distance(self) -> float:
        """From the body to the goal over the ground, m."""
        return float((self.env.field.goal - self.env.position).norm())

    def set_goal(self, x: float, y: float) -> None:
        """Send the body to a place on the ground, m."""
        self.env.field.goal = torch.tensor([[x, y]])
        self._arrived = False

    def advance(self) -> None:
        if self.steps % self.env.period == 0:
            action = self._actor(self.env.observe(), torch.zeros(1, 0))
            self._z = torch.nn.functional.normalize(action, dim=1)
        super().advance()

    def _latents(self) -> Tensor:
        return self._z

    def _begin(self, ids: Tensor) -> None:
        self.env.reset()
        self._arrived = False

    def _passed(self) -> None:
        if self._arrived or self.distance > self.env.field.config.radius:
            return
        self.reached, self._arrived = self.reached + 1, True
        if self.wanders:
            self.set_goal(*self.env.field.uniform(1)[0].tolist())
