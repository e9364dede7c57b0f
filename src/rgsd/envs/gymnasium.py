"""`SkillEnv` in Gymnasium's clothes: numpy in and out, a reward, and the autoreset that its learners expect.

Needs the extra `gym`; nothing else in rgsd imports this file at load time.
"""

from __future__ import annotations

from typing import Any

import numpy as np
import torch
from torch import Tensor

from rgsd.envs.skill_env import SkillEnv, StepResult
from rgsd.envs.termination import closeness

try:
    import gymnasium
    from gymnasium.spaces import Box
    from gymnasium.vector import AutoresetMode, VectorEnv
    from gymnasium.vector.utils import batch_space
except ModuleNotFoundError as error:
    raise ModuleNotFoundError(
        "rgsd.envs.gymnasium needs gymnasium: install rgsd with its extra, `rgsd[gym]`"
    ) from error


class SkillVectorEnv(VectorEnv[np.ndarray, np.ndarray, np.ndarray]):
    """A `SkillEnv` as a `gymnasium.vector.VectorEnv`.

    Rewards are `closeness` of the worst body, with the distance at which the environment ends imitation as its
    threshold; an episode that follows no reference earns 0. An ended environment starts anew within the same step
    (`AutoresetMode.SAME_STEP`): the observation is then the first of the next episode, and `infos` holds
    `final_obs` (N,), the last observation (D,) of each ended environment, and `final_info` with `fell` (N,) bool and
    `worst_body` (N,) m; `_final_obs` and `_final_info` (N,) bool say whose entries count. `infos` always says
    which reference frame the observation belongs to: `clip` and `frame`, (N,) int.

    Args:
        env: the episodes, and with them the number of environments N.
    """

    # not a ClassVar, because Gymnasium declares it so
    metadata: dict[str, Any] = {"render_modes": [], "autoreset_mode": AutoresetMode.SAME_STEP}  # noqa: RUF012 - as Gymnasium declares it

    def __init__(self, env: SkillEnv) -> None:
        self.env, self.num_envs = env, env.num_envs
        self.single_observation_space, self.single_action_space = _spaces(env)
        self.observation_space = batch_space(self.single_observation_space, self.num_envs)
        self.action_space = batch_space(self.single_action_space, self.num_envs)

    def reset(
        self, *, seed: int | None = None, options: dict[str, Any] | None = None
    ) -> tuple[np.ndarray, dict[str, Any]]:
        """Start every episode anew; a seed makes its start and all that follow repeatable.

        Args:
            seed: of start states and their noise.
            options: none are known; ignored.

        Returns:
            observations (N, D) float32, infos.
        """
        super().reset(seed=seed)
        return _numpy(self.env.reset(seed)), self._infos()

    def step(self, actions: np.ndarray) -> tuple[np.ndarray, np.ndarray, np.ndarray, np.ndarray, dict[str, Any]]:
        """One control period under actions (N, A) in [-1, 1].

        Returns:
            observations (N, D) float32, rewards (N,) float64, terminations (N,), truncations (N,), infos.
        """
        imitation = self.env.imitation
        result = self.env.step(torch.as_tensor(actions, dtype=torch.float32, device=self.env.device))
        rewards = closeness(result.tracking.worst, self.env.config.worst_body_distance) * imitation
        infos = self._infos()
        ended = result.terminated | result.truncated
        if bool(ended.any()):
            infos |= self._final(result, _numpy(ended))
        return (
            _numpy(result.observation),
            _numpy(rewards).astype(np.float64),
            _numpy(result.terminated),
            _numpy(result.truncated),
            infos,
        )

    def _infos(self) -> dict[str, Any]:
        everyone = np.ones(self.num_envs, dtype=bool)
        return {
            "clip": _numpy(self.env.clip),
            "_clip": everyone,
            "frame": _numpy(self.env.frame),
            "_frame": everyone.copy(),
        }

    def _final(self, result: StepResult, ended: np.ndarray) -> dict[str, Any]:
        """What Gymnasium tells of episodes that ended, in its layout."""
        last = np.full(self.num_envs, None, dtype=object)
        for index in ended.nonzero()[0]:
            last[index] = _numpy(result.final_observation[index])
        info = {
            "fell": _numpy(result.fell) & ended,
            "_fell": ended,
            "worst_body": np.where(ended, _numpy(result.tracking.worst), 0.0),
            "_worst_body": ended,
        }
        return {"final_obs": last, "_final_obs": ended, "final_info": info, "_final_info": ended}


class SingleSkillEnv(gymnasium.Env[np.ndarray, np.ndarray]):
    """A `SkillEnv` of one environment as an ordinary `gymnasium.Env`; spaces and rewards are `SkillVectorEnv`'s.

    After an episode's end it waits for `reset`, as Gymnasium asks.

    Args:
        env: the episodes.

    Raises:
        ValueError: `env` has more than one environment.
    """

    metadata: dict[str, Any] = {"render_modes": []}  # noqa: RUF012 - as Gymnasium declares it

    def __init__(self, env: SkillEnv) -> None:
        if env.num_envs != 1:
            raise ValueError(f"num_envs is {env.num_envs}; SingleSkillEnv takes 1, SkillVectorEnv any number")
        self._vector = SkillVectorEnv(env)
        self.observation_space, self.action_space = _spaces(env)

    def reset(
        self, *, seed: int | None = None, options: dict[str, Any] | None = None
    ) -> tuple[np.ndarray, dict[str, Any]]:
        """Start the episode anew; returns the observation (D,) and `clip` and `frame` of its reference."""
        super().reset(seed=seed)
        observations, infos = self._vector.reset(seed=seed)
        return observations[0], {name: int(infos[name][0]) for name in ("clip", "frame")}

    def step(self, action: np.ndarray) -> tuple[np.ndarray, float, bool, bool, dict[str, Any]]:
        """One control period under an action (A,); at an end the observation is the episode's last."""
        observations, rewards, terminated, truncated, infos = self._vector.step(action[None])
        ended = bool(terminated[0] or truncated[0])
        observation = infos["final_obs"][0] if ended else observations[0]
        return observation, float(rewards[0]), bool(terminated[0]), bool(truncated[0]), {}


def _spaces(env: SkillEnv) -> tuple[Box, Box]:
    """Of the observation (D,) and of the action (A,) of one environment."""
    observation = Box(-np.inf, np.inf, (env.observation_size,), np.float32)
    return observation, Box(-1.0, 1.0, (env.action_size,), np.float32)


def _numpy(tensor: Tensor) -> np.ndarray:
    """A copy that later steps leave alone."""
    return tensor.cpu().numpy().copy()
