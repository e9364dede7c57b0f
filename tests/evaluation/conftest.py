"""A quadruped, two short clips, a puppet for physics and a policy that plays a script."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
import torch
from torch import Tensor

from rgsd.bodies.body import Body
from rgsd.bodies.kinematics import forward_kinematics
from rgsd.bodies.quadruped import make_quadruped
from rgsd.bodies.state import BodyState
from rgsd.envs.observation import ObservationLayout
from rgsd.evaluation.rollouts import Simulate
from rgsd.learning.networks import Actor, NetworkConfig
from rgsd.learning.skill_policy import SkillPolicy
from rgsd.motions.library import MotionLibrary
from rgsd.motions.synthesis.gait import Course, Gait
from rgsd.motions.synthesis.quadruped import synthesize
from rgsd.skills.encoder import Encoder, EncoderConfig


class Puppet:
    """Physics on strings: hinges jump to their targets, the root glides on at its initial velocity and never turns.

    From control step `explodes_at` on, environment 0 blows up.
    """

    def __init__(self, body: Body, count: int, explodes_at: int | None = None) -> None:
        self.body, self.num_envs, self.device = body, count, torch.device("cpu")
        self.blown_up, self.blowups, self._steps, self._explodes_at = (
            torch.zeros(count, dtype=torch.bool),
            0,
            0,
            explodes_at,
        )
        self.state: BodyState

    def reset(self, env_ids: Tensor, qpos: Tensor, qvel: Tensor) -> None:
        assert len(env_ids) == self.num_envs
        self.state = forward_kinematics(self.body, qpos.double().numpy(), qvel.double().numpy())

    def step(self, targets: Tensor) -> None:
        qpos, qvel = self.state.qpos.clone(), self.state.qvel
        qpos[:, 7:] = targets
        qpos[:, :3] += qvel[:, :3] * self.body.control_dt
        if self._steps == self._explodes_at:
            qpos[0, 2] = 1e6
            self.blown_up[0], self._explodes_at = True, self._steps + 1
        self._steps += 1
        self.state = forward_kinematics(self.body, qpos.double().numpy(), qvel.double().numpy())

    def snapshot(self) -> dict[str, Any]:
        raise AssertionError("an evaluation takes no snapshots")

    def restore(self, snapshot: dict[str, Any]) -> None:
        raise AssertionError("an evaluation restores no snapshots")


class ScriptedPolicy(SkillPolicy):
    """A skill policy whose actions are a given function of (observation, z, clock); no noise of its own."""

    script: Callable[[Tensor, Tensor, Tensor], Tensor]

    def act(
        self,
        observation: Tensor,
        z: Tensor,
        clock: Tensor | None = None,
        deterministic: bool = True,
        generator: torch.Generator | None = None,
    ) -> Tensor:
        assert clock is not None
        return self.script(observation, z, clock)


@pytest.fixture(scope="session")
def body() -> Body:
    return make_quadruped()


@pytest.fixture(scope="session")
def library(body: Body) -> MotionLibrary:
    """One second of a walk ahead and half a second of a turn on the spot."""
    walk = synthesize(body, "walk", "travel", Gait(), Course(forward=0.6), seconds=1.0)
    turn = synthesize(body, "turn", "turn", Gait(), Course(turn=1.5), seconds=0.5)
    return MotionLibrary(body, [walk, turn])


@pytest.fixture
def puppet(body: Body) -> Simulate:
    return lambda count: Puppet(body, count)


@pytest.fixture
def exploding(body: Body) -> Simulate:
    return lambda count: Puppet(body, count, explodes_at=2)


@pytest.fixture
def make_policy(body: Body) -> Callable[..., SkillPolicy]:
    """Makes a policy with 3-D latents: random, or one that plays a script; with a random encoder or without."""

    def make(
        script: Callable[[Tensor, Tensor, Tensor], Tensor] | None = None, encoder: bool = False, **settings: Any
    ) -> SkillPolicy:
        torch.manual_seed(0)
        layout = ObservationLayout(body)
        actor = Actor(layout.size, 3, torch.tensor(body.action_scale), NetworkConfig((16,), (16,)))
        mu = Encoder(EncoderConfig(latent_dim=3, hidden=(16,)), layout) if encoder else None
        if script is None:
            return SkillPolicy(
                body=body, actor=actor.requires_grad_(False), latent_dim=3, method="test", encoder=mu, **settings
            )
        policy = ScriptedPolicy(body=body, actor=actor, latent_dim=3, method="test", encoder=mu, **settings)
        policy.script = script
        return policy

    return make
