"""A box that goes wherever its latent points: a skill space in which the best way to a goal is known."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
import torch
from torch import Tensor

from rgsd.bodies.body import Body
from rgsd.bodies.kinematics import forward_kinematics
from rgsd.envs.goal_field import FieldConfig
from rgsd.envs.observation import ObservationLayout
from rgsd.learning.networks import Actor, NetworkConfig
from rgsd.learning.skill_policy import SkillPolicy
from rgsd.motions.library import MotionLibrary
from rgsd.motions.motion import Motion
from rgsd.tasks.goal_env import GoalEnv

SPEED = 1.0  # m/s, of the box


class Glider:
    """Physics of the tiny body in which the root glides at its targets, in its own frame; who leaves the rim falls."""

    def __init__(self, body: Body, count: int, rim: float = 1e9) -> None:
        self.body, self.num_envs, self.device, self._rim = body, count, torch.device("cpu"), rim
        self.blown_up, self.blowups = torch.zeros(count, dtype=torch.bool), 0
        self._qpos = np.tile(body.standing_qpos, (count, 1))
        self._refresh()

    def reset(self, env_ids: Tensor, qpos: Tensor, qvel: Tensor) -> None:
        self._qpos[env_ids.numpy()] = qpos.numpy()
        self._refresh()

    def step(self, targets: Tensor) -> None:
        w, z = self._qpos[:, 3], self._qpos[:, 6]
        yaw = 2 * np.arctan2(z, w)
        ahead, left = targets.numpy().T * SPEED * self.body.control_dt
        self._qpos[:, 0] += np.cos(yaw) * ahead - np.sin(yaw) * left
        self._qpos[:, 1] += np.sin(yaw) * ahead + np.cos(yaw) * left
        self._qpos[np.abs(self._qpos[:, :2]).max(axis=1) > self._rim, 2] = 0.01
        self._refresh()

    def snapshot(self) -> dict[str, Any]:
        return {"qpos": torch.from_numpy(self._qpos.copy())}

    def restore(self, snapshot: dict[str, Any]) -> None:
        self._qpos[:] = snapshot["qpos"].numpy()
        self._refresh()

    def _refresh(self) -> None:
        still = np.zeros((self.num_envs, self.body.model.nv))
        self.state = forward_kinematics(self.body, self._qpos, still)


class Pointing(SkillPolicy):
    """A policy whose targets are the latent itself, both of its components: ahead and left."""

    def act(
        self,
        observation: Tensor,
        z: Tensor,
        clock: Tensor | None = None,
        deterministic: bool = True,
        generator: torch.Generator | None = None,
    ) -> Tensor:
        return z / torch.tensor(self.body.action_scale, dtype=z.dtype)


@pytest.fixture
def make_env(tiny: Body) -> Callable[..., GoalEnv]:
    """Makes a field of gliders: `make_env(environments, rim=..., radius=..., period=5, episode_seconds=60)`."""

    def make(num_envs: int, rim: float = 1e9, seed: int = 0, **settings: Any) -> GoalEnv:
        field = FieldConfig(**{name: settings.pop(name) for name in ("side", "radius", "seconds") if name in settings})
        torch.manual_seed(0)
        scale = torch.tensor([0.5, 1.0])  # the tiny body's own clips targets of more than half a radian
        actor = Actor(ObservationLayout(tiny).size, 2, scale, NetworkConfig((8,), (8,)))
        policy = Pointing(body=tiny, actor=actor, latent_dim=2, method="test")
        return GoalEnv(policy, field, num_envs=num_envs, physics=Glider(tiny, num_envs, rim), seed=seed, **settings)

    return make


@pytest.fixture(scope="session")
def compass(tiny: Body, tiny_motion: Callable[..., Motion]) -> MotionLibrary:
    """Clips of the tiny body that go ahead, back and to both sides at 0.4 m/s, and one that stands."""

    def turned(name: str, group: str, velocity: tuple[float, float]) -> Motion:
        motion = tiny_motion(name, np.zeros((51, 2)), speed=1.0)
        qpos, qvel = motion.qpos.copy(), motion.qvel.copy()
        qpos[:, :2], qvel[:, :2] = np.outer(motion.qpos[:, 0], velocity), velocity
        return Motion(
            name, tiny.name, 50.0, tiny.joint_names, tiny.body_names, qpos, qvel, source="", license="", group=group
        )

    plans = {"ahead": (0.4, 0), "back": (-0.4, 0), "left": (0, 0.4), "right": (0, -0.4), "stand": (0, 0)}
    groups = {"left": "side", "right": "side"}
    return MotionLibrary(tiny, [turned(name, groups.get(name, name), v) for name, v in plans.items()])
