"""`Acting`: bodies that a policy moves under latents, one control step at a time, with what one can do to them."""

from __future__ import annotations

import math
from abc import ABC, abstractmethod
from collections import deque

import numpy as np
import torch
from torch import Tensor

from rgsd import rotations
from rgsd.bodies.body import Body
from rgsd.bodies.state import BodyState
from rgsd.envs.observation import observe
from rgsd.envs.termination import fallen
from rgsd.learning.skill_policy import SkillPolicy
from rgsd.physics.interface import Physics
from rgsd.viewing.play.clock import Trace
from rgsd.viewing.play.ghost import Ghost
from rgsd.viewing.play.take import Take

TRACE_SECONDS = 10.0
"""How far back plots reach, s."""
_TRAIL_SECONDS = 20.0
_LIES_SECONDS = 1.5  # how long a body lies before it begins anew
_HEIGHT, _SPEED, _REWARD = "height (m)", "speed (m/s)", "mu(s)·z"


class Acting(ABC):
    """N bodies under a policy of latents.

    Attributes:
        policy: what moves them.
        physics: what steps them.
        steps: control steps since everything began anew.
        down: (N,) bool, who has fallen.
        restarts: whether a body that has lain for a while begins anew.
        ghost: a reference beside the first body.
        trail: places (N, 3) of the roots, the latest last.
        trace: measures of the first body.
        take: the recording that goes on, or None.
    """

    def __init__(self, policy: SkillPolicy, physics: Physics, ghost: Ghost) -> None:
        self.policy, self.physics, self.ghost = policy, physics, ghost
        self.body: Body = policy.body
        self.steps, self.restarts = 0, True
        self.down = torch.zeros(physics.num_envs, dtype=torch.bool)
        self.take: Take | None = None
        rate = self.body.control_hz
        self.trail: deque[np.ndarray] = deque(maxlen=round(_TRAIL_SECONDS * rate))
        reward = () if policy.encoder is None else (_REWARD, *policy.clip_latents)
        self.trace = Trace((_HEIGHT, _SPEED, *reward), round(TRACE_SECONDS * rate))
        self._down_for = torch.zeros(physics.num_envs)
        self._center, self._scale = (
            torch.tensor(a, dtype=torch.float32) for a in (self.body.action_center, self.body.action_scale)
        )

    @property
    def state(self) -> BodyState:
        """(N,) where the bodies are."""
        return self.physics.state

    @property
    def z(self) -> Tensor:
        """(N, d) the latents that they act under."""
        return self._latents()

    @property
    def seconds(self) -> float:
        """Since everything began anew, s."""
        return self.steps * self.body.control_dt

    @abstractmethod
    def _latents(self) -> Tensor:
        """(N, d) what to act under now."""

    @abstractmethod
    def _begin(self, ids: Tensor) -> None:
        """Put bodies `ids` (n,) where they begin."""

    def _passed(self) -> None:  # noqa: B027 - for whoever has something to do then
        """A control step is over."""

    def looks_like(self) -> tuple[str, float] | None:
        """The clip that the first body looked most like in the last second, and its mean cosine; None without any."""
        columns = self.trace.columns()
        recent = {
            clip: columns[clip][-round(self.body.control_hz) :] for clip in self.policy.clip_latents if clip in columns
        }
        means = {clip: float(values.mean()) for clip, values in recent.items() if len(values)}
        return max(means.items(), key=lambda item: item[1]) if means else None

    def reset(self) -> None:
        """Everything begins anew."""
        self.steps = 0
        self._begin(torch.arange(self.physics.num_envs))
        self.down = torch.zeros(self.physics.num_envs, dtype=torch.bool)
        self._down_for = torch.zeros(self.physics.num_envs)
        self.trail.clear()
        self.trace.clear()

    def advance(self) -> None:
        """One control step."""
        z = self._latents()
        clock = torch.full((self.physics.num_envs,), self.seconds)
        action = self.policy.act(observe(self.state), z, clock)
        self.physics.step(self._center + self._scale * action)
        self.steps += 1
        self.ghost.advance(self.state.qpos[0])
        self.down = fallen(self.body, self.state) | self.physics.blown_up
        self._measure(z)
        if self.take is not None:
            self.take.add(self.state, z.numpy(), self.ghost.qpos)
        self._passed()
        self._pick_up()

    def push(self, impulse: float, angle: float) -> None:
        """Push every body: an impulse spread over its whole mass, along the ground.

        Args:
            impulse: N s.
            angle: where it goes, seen from the body, rad: 0 ahead, pi/2 to its left.
        """
        qpos, qvel = self.state.qpos.clone(), self.state.qvel.clone()
        heading = rotations.yaw(qpos[:, 3:7]) + angle
        gained = impulse / float(self.body.model.body_mass.sum())
        qvel[:, 0] += gained * torch.cos(heading)
        qvel[:, 1] += gained * torch.sin(heading)
        self.physics.reset(torch.arange(self.physics.num_envs), qpos, qvel)

    def record(self) -> None:
        """Begin a recording."""
        self.take = Take(self.body, self.body.control_hz)

    def stop_recording(self) -> Take:
        """End the recording and return it; an empty one if none was going on."""
        take, self.take = self.take or Take(self.body, self.body.control_hz), None
        return take

    def _measure(self, z: Tensor) -> None:
        self.trail.append(self.state.body_pos[:, 0].double().numpy().copy())
        own = self.state[:1]
        values = [float(own.qpos[0, 2]), float(own.qvel[0, :2].norm())]
        mu = self.policy.encode(observe(own))
        if mu is not None:
            values += [float(mu[0] @ z[0]), *(float(mu[0] @ clip) for clip in self.policy.clip_latents.values())]
        self.trace.add(values)

    def _pick_up(self) -> None:
        self._down_for = torch.where(self.down, self._down_for + self.body.control_dt, 0.0)
        lying = self._down_for >= _LIES_SECONDS
        if self.restarts and bool(lying.any()):
            self._begin(lying.nonzero().squeeze(1))
            self._down_for[lying] = 0.0
            self.trail.clear()  # a line from there to here would be a lie


def direction(words: str) -> float:
    """The angle of a push, rad, by the word for where it goes."""
    return {"ahead": 0.0, "left": math.pi / 2, "back": math.pi, "right": -math.pi / 2}[words]
