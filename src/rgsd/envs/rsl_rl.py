"""`SkillEnv` as rsl_rl's `VecEnv` (rsl_rl 5): observation groups in a TensorDict, time limits in `extras`.

rsl_rl asks its environments for attributes and two methods, not for a base class, so only tensordict is needed, which
rsl_rl brings; nothing else in rgsd imports either. Mind that rsl_rl bootstraps time limits with the value of the state
before, not of the one that was reached.
"""

from __future__ import annotations

import dataclasses
import importlib
from collections.abc import Callable
from typing import Any

import torch
from torch import Tensor

from rgsd.envs.skill_env import SkillEnv, StepResult
from rgsd.envs.termination import closeness


class SkillVecEnv:
    """N environments of a `SkillEnv`, started at once, for rsl_rl's runners and algorithms.

    Observation groups: `policy` (N, D + C), the observation and the command; `privileged` (N, P), the critic's view.

    Attributes:
        num_envs, num_actions, device: those of the environment.
        max_episode_length: control steps of the longest clip or discovery episode, whichever is longer.
        cfg: the episodes' settings by name, for rsl_rl's loggers.

    Args:
        env: the episodes; `env.set_starts` says before how they begin.
        reward: rewards (N,) of a step, from its result and from the clips (N,) and imitation flags (N,) that it was
            taken with; the closeness to the reference as in `rgsd.envs.gymnasium` if None.
        command: what the policy is shown (N, C) beside the observation for its next step, such as the reference's next
            frame (`env.clip`, `env.frame`); nothing if None.

    Raises:
        ModuleNotFoundError: tensordict is not installed.
    """

    def __init__(
        self,
        env: SkillEnv,
        reward: Callable[[StepResult, Tensor, Tensor], Tensor] | None = None,
        command: Callable[[], Tensor] | None = None,
    ) -> None:
        try:
            self._group = importlib.import_module("tensordict").TensorDict
        except ModuleNotFoundError as error:
            raise ModuleNotFoundError(
                "rgsd.envs.rsl_rl needs tensordict: install it, or rsl-rl-lib, which brings it"
            ) from error
        self.env, self._reward, self._command = env, reward or self._closeness, command
        self.num_envs, self.num_actions, self.device = env.num_envs, env.action_size, env.device
        discovery = round(env.config.discovery_seconds * env.body.control_hz)
        self.max_episode_length = max(int(env.library.lengths.max()) - 1, discovery)
        self.cfg = dataclasses.asdict(env.config)
        self._observation = env.reset()

    @property
    def episode_length_buf(self) -> Tensor:
        """(N,) long, control steps since each start; rsl_rl may set it once, to spread the ends of episodes.

        That spreads discovery alone: imitation ends with its clip, and its starts are spread over it as they are.
        """
        return self.env.elapsed

    @episode_length_buf.setter
    def episode_length_buf(self, steps: Tensor) -> None:
        self.env.elapsed = steps

    def get_observations(self) -> Any:
        """What to act on next: a TensorDict of the groups."""
        policy = self._observation
        if self._command is not None:
            policy = torch.cat((policy, self._command()), dim=1)
        return self._group({"policy": policy, "privileged": self.env.observe_privileged()}, batch_size=[self.num_envs])

    def step(self, actions: Tensor) -> tuple[Any, Tensor, Tensor, dict[str, Any]]:
        """One control period under actions (N, A), clipped to [-1, 1]; ended environments start anew in the same step.

        Returns:
            observations as `get_observations`, rewards (N,), dones (N,) long, and extras with `time_outs` (N,) bool.
        """
        clip, imitation = self.env.clip, self.env.imitation
        result = self.env.step(actions)
        reward = self._reward(result, clip, imitation)
        self._observation = result.observation
        done = (result.terminated | result.truncated).long()
        return self.get_observations(), reward, done, {"time_outs": result.truncated}

    def _closeness(self, result: StepResult, clip: Tensor, imitation: Tensor) -> Tensor:
        return closeness(result.tracking.worst, self.env.config.worst_body_distance) * imitation
