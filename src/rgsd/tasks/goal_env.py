"""`GoalEnv`: a body that a frozen skill policy drives, sent from goal to goal by whoever chooses the latents."""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor

from rgsd import rotations
from rgsd.bodies.state import BodyState
from rgsd.envs.goal_field import FieldConfig, GoalField
from rgsd.envs.observation import ObservationLayout, observe
from rgsd.envs.skill_env import EnvConfig
from rgsd.envs.termination import fallen
from rgsd.errors import UsageError
from rgsd.learning.skill_policy import SkillPolicy
from rgsd.motions.library import MotionLibrary
from rgsd.physics.interface import Physics
from rgsd.physics.mujoco_cpu import MujocoCpu

_GOAL_ENTRIES = 3  # what `GoalField.view` adds to the observation
_NOISE = EnvConfig()  # whose start noise is the protocol's


@dataclass
class Decision:
    """What one decision, several control steps under one latent, has brought."""

    z: Tensor
    """(N, d) the latents that were held."""
    observation: Tensor
    """(N, D) what to decide on next: after a reset where an episode has ended."""
    privileged: Tensor
    """(N, 1) the critic's extra view of it."""
    final_observation: Tensor
    """(N, D) where the decision led, before any reset, with the goal that is to be reached next."""
    final_privileged: Tensor
    """(N, 1) the critic's extra view of that."""
    after: Tensor
    """(N, 2) where it led, m."""
    progress: Tensor
    """(N,) by how much the distance to the goal has shrunk, m; 0 for an environment that fell."""
    reached: Tensor
    """(N,) bool, which goals were reached; none by an environment that fell."""
    missed: Tensor
    """(N,) bool, whose time ran out."""
    fell: Tensor
    """(N,) bool, fell or blew up, which ends the episode."""
    truncated: Tensor
    """(N,) bool, ran into the episode's time limit or went astray; the state is not terminal."""


class GoalEnv:
    """N bodies on a field, each with a goal of its own.

    Episodes begin standing or in a frame of a reference, anywhere on the field and facing anywhere, with the protocol's
    noise. A fall ends them; their time limit and going astray cut them off. A goal that is reached or missed is redrawn
    and ends nothing.

    Attributes:
        field: the goals.
        elapsed: (N,) long, control steps since each episode's start.

    Args:
        policy: what drives the body under a latent, by its mean actions; never trained here.
        config: the field.
        period: control steps that a latent is held.
        episode_seconds: time limit of an episode, s.
        margin: how far outside the field the root may get before its episode is cut off, m.
        num_envs: N; ignored if `physics` is given.
        physics: what steps the body; C MuJoCo on CPU threads if None.
        references: whose frames episodes begin in; the standing pose if None.
        seed: of starts and goals.

    Raises:
        UsageError: the policy is given no latents.
    """

    def __init__(
        self,
        policy: SkillPolicy,
        config: FieldConfig,
        period: int = 5,
        episode_seconds: float = 60.0,
        margin: float = math.inf,
        num_envs: int = 64,
        physics: Physics | None = None,
        references: MotionLibrary | None = None,
        seed: int = 0,
    ) -> None:
        if policy.condition != "latent":
            raise UsageError(f"a {policy.method} policy follows a reference and has no latents to choose; give another")
        self.policy, self.body, self.period = policy, policy.body, period
        self.physics = physics or MujocoCpu(self.body, num_envs)
        self.device, self.num_envs = self.physics.device, self.physics.num_envs
        self._references = references
        self.field = GoalField(config, self.num_envs, seed, self.device)
        self.elapsed = torch.zeros(self.num_envs, dtype=torch.long, device=self.device)
        self._generator = torch.Generator(self.device).manual_seed(seed + 1)
        self._limit, self._edge = round(episode_seconds * self.body.control_hz), config.side / 2 + margin
        self._center, self._scale, self._standing = (
            torch.tensor(a, dtype=torch.float32, device=self.device)
            for a in (self.body.action_center, self.body.action_scale, self.body.standing_qpos)
        )

    @property
    def observation_size(self) -> int:
        """D: the policy's view of the body, then `GoalField.view`."""
        return ObservationLayout(self.body).size + _GOAL_ENTRIES

    privileged_size = 1
    """P: the fraction of the goal's time that is left."""

    @property
    def action_size(self) -> int:
        """d: a direction of the policy's sphere, not yet of unit length."""
        return self.policy.latent_dim

    @property
    def decision_seconds(self) -> float:
        """How long a latent is held, s."""
        return self.period * self.body.control_dt

    @property
    def position(self) -> Tensor:
        """(N, 2) the roots over the ground, m."""
        return self.physics.state.body_pos[:, 0, :2].clone()

    def reset(self) -> Tensor:
        """Start every episode anew; returns the observation (N, D)."""
        self._start(torch.ones(self.num_envs, dtype=torch.bool, device=self.device))
        return self.observe()

    def scatter(self) -> None:
        """Put the environments anywhere in their episodes' and their goals' time, or the ends of all would come in
        waves."""
        self.elapsed = (torch.rand(self.num_envs, generator=self._generator, device=self.device) * self._limit).long()
        waited = torch.rand(self.num_envs, generator=self._generator, device=self.device)
        self.field.waited = waited * self.field.config.seconds

    def observe(self) -> Tensor:
        """(N, D) what to decide on."""
        state = self.physics.state
        goal = self.field.view(state.body_pos[:, 0, :2], rotations.yaw(state.body_quat[:, 0]))
        return torch.cat((observe(state), goal), dim=1)

    def observe_privileged(self) -> Tensor:
        """(N, 1) the fraction of the goal's time that is left."""
        return (1 - self.field.waited / self.field.config.seconds).unsqueeze(1)

    def step(self, action: Tensor, on_control_step: Callable[[BodyState], None] | None = None) -> Decision:
        """Hold the latents in the directions of actions (N, d) for one period; ended episodes start anew.

        Args:
            action: (N, d), of any length but zero.
            on_control_step: shown the state after every control step.
        """
        z = torch.nn.functional.normalize(action, dim=1)
        before, fell = self.position, torch.zeros(self.num_envs, dtype=torch.bool, device=self.device)
        for _ in range(self.period):
            clock = self.elapsed * self.body.control_dt
            target = self._center + self._scale * self.policy.act(observe(self.physics.state), z, clock).clamp(-1, 1)
            self.physics.step(target)
            self.elapsed = self.elapsed + 1
            # who is down stays down to the decision's end, whatever the physics does with it
            fell = fell | fallen(self.body, self.physics.state) | self.physics.blown_up
            if on_control_step is not None:
                on_control_step(self.physics.state)
        after = self.position
        goals = self.field.settle(before, after, self.decision_seconds)
        reached, missed = goals.reached & ~fell, goals.missed & ~fell
        self.field.draw(reached | missed)
        final_observation, final_privileged = self.observe(), self.observe_privileged()
        astray = (after.abs() > self._edge).any(dim=1)
        truncated = ((self.elapsed >= self._limit) | astray) & ~fell
        self._start(fell | truncated)
        return Decision(
            z=z,
            observation=self.observe(),
            privileged=self.observe_privileged(),
            final_observation=final_observation,
            final_privileged=final_privileged,
            after=after,
            progress=torch.where(fell, 0.0, goals.progress),
            reached=reached,
            missed=missed,
            fell=fell,
            truncated=truncated,
        )

    def snapshot(self) -> dict[str, Any]:
        """Everything that the next step depends on."""
        return {
            "physics": self.physics.snapshot(),
            "field": self.field.snapshot(),
            "elapsed": self.elapsed.clone(),
            "generator": self._generator.get_state(),
        }

    def restore(self, snapshot: dict[str, Any]) -> Tensor:
        """Go back to a snapshot; returns the observation (N, D)."""
        self.physics.restore(snapshot["physics"])
        self.field.restore(snapshot["field"])
        self.elapsed = snapshot["elapsed"].clone()
        self._generator.set_state(snapshot["generator"])
        return self.observe()

    def _start(self, which: Tensor) -> None:
        ids = which.nonzero().squeeze(1)
        if len(ids) == 0:
            return
        if self._references is None:
            qpos = self._standing.repeat(len(ids), 1)
            qvel = torch.zeros(len(ids), self.body.model.nv, device=self.device)
        else:
            frames = self._references.state(*self._references.sample(len(ids), self._generator))
            qpos, qvel = frames.qpos.clone(), frames.qvel.clone()
            qpos[:, :2] = 0.0
        qpos[:, :2] += self.field.uniform(len(ids))
        turn = rotations.from_yaw(torch.rand(len(ids), generator=self._generator, device=self.device) * 2 * torch.pi)
        qpos[:, 3:7] = rotations.multiply(turn, qpos[:, 3:7])
        qvel[:, :3] = rotations.rotate(turn, qvel[:, :3])  # the angular velocity is told in the root's own frame
        qpos[:, 7:] += _NOISE.joint_noise * self._normal(len(ids), self.body.num_actions)
        self.physics.reset(ids, qpos, qvel + _NOISE.velocity_noise * self._normal(len(ids), self.body.model.nv))
        self.field.draw(which)
        self.elapsed = torch.where(which, 0, self.elapsed)

    def _normal(self, *shape: int) -> Tensor:
        return torch.randn(shape, generator=self._generator, device=self.device)
