"""Warm start: before PPO, the actor learns to play its references back (DAgger, Ross et al. 2011).

Not in the paper. The teacher needs no training: the PD targets of a clip's next frame, which played open
loop cover much of a reference already. States come from the student's own rollouts, labels from the
time-aligned reference; early termination keeps the two close. The critic learns the student's values
meanwhile, so that the first policy gradients are not noise.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor

from rgsd.envs.skill_env import SkillEnv
from rgsd.learning.networks import Actor, Critic
from rgsd.learning.ppo import generalized_advantage
from rgsd.learning.rollout import Rollout
from rgsd.motions.library import MotionLibrary


@dataclass(frozen=True)
class WarmStartConfig:
    """Cloning of playback at the start of a run."""

    iterations: int = 20
    """Iterations that clone instead of following the policy gradient; 0 for none, as in the paper."""
    epochs: int = 5
    """Passes over each rollout."""
    minibatches: int = 8
    """Minibatches a pass."""
    learning_rate: float = 1e-3
    """Of Adam."""


class WarmStart:
    """Clones playback into an actor.

    Args:
        actor, critic: trained in place.
        library: gives the PD targets.
        config: cloning.
        gamma: discount of the critic's targets, as in PPO.
        seed: of the shuffling.
    """

    def __init__(
        self, actor: Actor, critic: Critic, library: MotionLibrary, config: WarmStartConfig, gamma: float, seed: int
    ) -> None:
        self.actor, self.critic, self.library, self.config = actor, critic, library, config
        self._gamma = gamma
        parameters = [*actor.network.parameters(), *critic.network.parameters()]
        self._optimizer = torch.optim.Adam(parameters, lr=config.learning_rate, fused=True)
        self._generator = torch.Generator(library.device).manual_seed(seed)
        center = torch.tensor(library.body.action_center, dtype=torch.float32, device=library.device)
        self._teacher = ((library.states.qpos[:, 7:] - center) / actor.action_scale).clamp(-1.0, 1.0)

    def teach(self, env: SkillEnv, iteration: int) -> Callable[[Tensor], Tensor]:
        """What replaces the mean actions in an iteration: the teacher's, in a share of copies that falls to none."""
        share = 1.0
        taught = torch.arange(env.num_envs, device=env.device) < share * env.num_envs

        def replace(mean: Tensor) -> Tensor:
            wanted = self._teacher[self.library.row(env.clip, env.frame + 1)]
            return torch.where((taught & env.imitation).unsqueeze(1), wanted, mean)

        return replace

    def update(self, rollout: Rollout, values: tuple[Tensor, Tensor], rewards: Tensor) -> dict[str, float]:
        """Learn from one rollout; `values` (T, N) of its states and their successors, rewards (T, N)."""
        ended = rollout.terminated | rollout.truncated
        advantage = generalized_advantage(
            (1 - self._gamma) * rewards, *values, rollout.terminated, ended, self._gamma, 0.95
        )
        # the frame that a step leads to is the one whose posture playback sends as its target
        action = self._teacher[self.library.row(rollout.clip, rollout.frame)].flatten(0, 1)
        observation, z = rollout.observation.flatten(0, 1), rollout.z.flatten(0, 1)
        privileged, returns = rollout.privileged.flatten(0, 1), (advantage + values[0]).flatten()
        follows = rollout.imitation.flatten().float()
        sums: dict[str, float] = defaultdict(float)
        for _ in range(self.config.epochs):
            order = torch.randperm(rollout.num_samples, generator=self._generator, device=z.device)
            for ids in order.chunk(self.config.minibatches):
                error = (self.actor(observation[ids], z[ids]) - action[ids]).square().mean(dim=-1)
                clone = (follows[ids] * error).sum() / follows[ids].sum().clamp(min=1)
                value = (self.critic(observation[ids], z[ids], privileged[ids]) - returns[ids]).square().mean()
                self._optimizer.zero_grad(set_to_none=True)
                (clone + value).backward()
                self._optimizer.step()
                sums["Loss/clone"] += float(clone.detach())
                sums["Loss/value"] += float(value.detach())
        return {k: v / (self.config.epochs * self.config.minibatches) for k, v in sums.items()}

    def state_dict(self) -> dict[str, Any]:
        """Optimiser and generator."""
        return {"optimizer": self._optimizer.state_dict(), "generator": self._generator.get_state()}

    def load_state_dict(self, state: dict[str, Any]) -> None:
        """Go back to a saved state."""
        self._optimizer.load_state_dict(state["optimizer"])
        self._generator.set_state(state["generator"])
