"""A policy that lies down under one latent: who falls after which change."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
import torch
from torch import Tensor

from rgsd.bodies.body import Body
from rgsd.bodies.kinematics import forward_kinematics
from rgsd.evaluation import rollouts, switching
from rgsd.evaluation.rollouts import SkillController
from rgsd.learning.skill_policy import SkillPolicy
from rgsd.motions.library import MotionLibrary
from rgsd.physics.interface import Physics


class Trapdoor:
    """Physics in which an environment stands still until its first hinge's target is positive, and then lies on the
    ground."""

    def __init__(self, body: Body, count: int) -> None:
        self.body, self.num_envs, self.device = body, count, torch.device("cpu")
        self.blown_up, self.blowups = torch.zeros(count, dtype=torch.bool), 0
        self.state = rollouts.standing(body, count, self.device)

    def reset(self, env_ids: Tensor, qpos: Tensor, qvel: Tensor) -> None:
        self.state = forward_kinematics(self.body, qpos.double().numpy(), 0 * qvel.double().numpy())

    def step(self, targets: Tensor) -> None:
        self.state.body_pos[targets[:, 0] > 0] -= torch.tensor([0.0, 0.0, 1.0])

    def snapshot(self) -> dict[str, Any]:
        return {}

    def restore(self, snapshot: dict[str, Any]) -> None:
        self.state = rollouts.standing(self.body, self.num_envs, self.device)


@pytest.fixture
def lies_down_under_second(make_policy: Callable[..., SkillPolicy]) -> SkillPolicy:
    return make_policy(lambda observation, z, clock: (2 * z[:, 1:2] - 1).expand(-1, 12))


def test_only_changes_to_the_latent_that_falls_count(
    body: Body, library: MotionLibrary, lies_down_under_second: SkillPolicy
) -> None:
    def simulate(count: int) -> Physics:
        return Trapdoor(body, count)

    found = switching.switch(simulate, lies_down_under_second, library, torch.eye(3)[:2], 3, 5, seed=0)
    assert found["clips"] == ["walk", "turn"]
    # under the second latent it is down before any change: nobody is left to fall
    assert found["falls"] == [[0.0, 1.0], [None, None]]
    assert found["mean"] == 1.0
    assert found["per_pair"] == 3
    assert found["up"] == 0.5  # of the pairs of different clips, those that begin under the first latent
    # of three rollouts none falls: up to z^2 / (3 + z^2) = 3.84 / 6.84; the one pair of the mean has all three falling
    assert found["falls_ci"][0][0] == pytest.approx([0.0, 0.5615], abs=1e-4)
    assert found["falls_ci"][1] == [None, None]
    assert found["mean_ci"] == pytest.approx([0.4385, 1.0], abs=1e-4)


def test_the_latent_changes_at_the_given_step(library: MotionLibrary, make_policy: Callable[..., SkillPolicy]) -> None:
    held = []
    policy = make_policy(lambda observation, z, clock: held.append(z[:, 0].tolist()) or torch.zeros(2, 12))
    before, after = torch.zeros(2, 3), torch.ones(2, 3)
    controller: SkillController = switching.SwitchingController(policy, before, after, torch.tensor([1, 3]))
    controller.begin(torch.zeros(2, dtype=torch.long), torch.zeros(2, dtype=torch.long))
    state = rollouts.standing(library.body, 2, torch.device("cpu"))
    for step in range(4):
        controller.act(state, step)
    assert held == [[0.0, 0.0], [1.0, 0.0], [1.0, 0.0], [1.0, 1.0]]
