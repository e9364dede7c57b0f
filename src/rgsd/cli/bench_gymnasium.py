"""What `rgsd bench` holds the batch against: one body as an ordinary `gymnasium.Env`, copied by Gymnasium itself.

Plain MuJoCo bindings and numpy, one `MjData` an environment, as most environments are written.
"""

from __future__ import annotations

import time
from collections.abc import Sequence
from functools import partial
from multiprocessing import get_context
from typing import Any

import gymnasium
import mujoco
import numpy as np
from gymnasium.spaces import Box
from gymnasium.vector import AsyncVectorEnv, AutoresetMode, SyncVectorEnv, VectorEnv

from rgsd.bodies.body import Body

_NOISE = 0.3  # standard deviation of the random actions, of their range [-1, 1]


class OrdinaryEnv(gymnasium.Env[np.ndarray, np.ndarray]):
    """One environment of a body, on the same MJCF, substeps, PD targets, fall rule and observation as `SkillEnv`.

    Args:
        body: what is stepped.
        qpos, qvel: (F, nq), (F, nv) states that episodes start from.
    """

    metadata: dict[str, Any] = {"render_modes": []}  # noqa: RUF012 - Gymnasium declares it so

    def __init__(self, body: Body, qpos: np.ndarray, qvel: np.ndarray) -> None:
        self.body, self._starts = body, (qpos, qvel)
        self.data = mujoco.MjData(body.model)
        self._limits = np.array(list(body.fall_rule.min_height.values()))
        self._limited = np.array(body.body_ids(tuple(body.fall_rule.min_height))) + 1
        self._steps = 0
        self._time_limit = round(body.discovery_seconds * body.control_hz)
        self.observation_space = Box(-np.inf, np.inf, (15 * body.num_bodies - 2,), np.float32)
        self.action_space = Box(-1.0, 1.0, (body.num_actions,), np.float32)

    def reset(
        self, *, seed: int | None = None, options: dict[str, Any] | None = None
    ) -> tuple[np.ndarray, dict[str, Any]]:
        """Start from a random reference state."""
        super().reset(seed=seed)
        row = self.np_random.integers(len(self._starts[0]))
        mujoco.mj_resetData(self.body.model, self.data)
        self.data.qpos[:], self.data.qvel[:] = self._starts[0][row], self._starts[1][row]
        mujoco.mj_step1(self.body.model, self.data)
        self._steps = 0
        return self.observe(), {}

    def step(self, action: np.ndarray) -> tuple[np.ndarray, float, bool, bool, dict[str, Any]]:
        """One control period; being up earns 1."""
        body, data = self.body, self.data
        data.ctrl[:] = body.action_center + body.action_scale * np.clip(action, -1.0, 1.0)
        mujoco.mj_step(body.model, data, body.substeps)
        mujoco.mj_step1(body.model, data)  # makes positions and velocities current, as mjSTAGE_VEL does
        self._steps += 1
        down = bool((data.xpos[self._limited, 2] < self._limits).any())
        if body.fall_rule.max_tilt is not None:
            down |= bool(data.xmat[1, 8] < np.cos(body.fall_rule.max_tilt))
        return self.observe(), float(not down), down, self._steps >= self._time_limit, {}

    def observe(self) -> np.ndarray:
        """The entries of `rgsd.envs.observation.observe`, in its order, (15 B - 2,) float32."""
        data = self.data
        positions, matrices = data.xpos[1:], data.xmat[1:].reshape(-1, 3, 3)
        angular = data.cvel[1:, :3]
        linear = data.cvel[1:, 3:] + np.cross(angular, positions - data.subtree_com[1])
        yaw = np.arctan2(matrices[0, 1, 0], matrices[0, 0, 0])
        cos, sin = np.cos(yaw), np.sin(yaw)
        heading = np.array([[cos, -sin, 0.0], [sin, cos, 0.0], [0.0, 0.0, 1.0]])  # rows times this: world to heading
        rotation = (heading.T @ matrices)[:, :, [0, 2]].transpose(0, 2, 1)
        parts = (positions[1:] - positions[0]) @ heading, rotation, linear @ heading, angular @ heading
        return np.concatenate([positions[0, 2:], *(part.ravel() for part in parts)], dtype=np.float32)


class GymnasiumBench:
    """Gymnasium's two vector envs over the same few environments.

    Args:
        body: what is stepped.
        qpos, qvel: (F, nq), (F, nv) states that episodes start from.
        num_envs: a handful; each is a worker process of the async one.
    """

    def __init__(self, body: Body, qpos: np.ndarray, qvel: np.ndarray, num_envs: int) -> None:
        self._num_actions = body.num_actions
        makers: Sequence[Any] = [partial(OrdinaryEnv, body, qpos, qvel)] * num_envs
        # a fork of this process, which runs torch's threads, may hang; the server has none and imports once for all
        get_context("forkserver").set_forkserver_preload([__name__])
        self.envs: dict[str, VectorEnv[Any, Any, Any]] = {
            "sync": SyncVectorEnv(makers, autoreset_mode=AutoresetMode.SAME_STEP),
            "async": AsyncVectorEnv(makers, context="forkserver", autoreset_mode=AutoresetMode.SAME_STEP),
        }
        for seed, envs in enumerate(self.envs.values()):
            envs.reset(seed=seed)

    def steps_per_s(self, kind: str, steps: int) -> float:
        """Control steps a second of all environments together, over `steps` steps under random actions."""
        envs = self.envs[kind]
        shape = (steps, envs.num_envs, self._num_actions)
        actions = np.random.default_rng(0).normal(0.0, _NOISE, shape).astype(np.float32)
        begun = time.perf_counter()
        for action in actions:
            envs.step(action)
        return steps * envs.num_envs / (time.perf_counter() - begun)

    def close(self) -> None:
        """End the worker processes."""
        for envs in self.envs.values():
            envs.close()
