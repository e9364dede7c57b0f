"""Supports and variance on points drawn by hand; the whole of it on a puppet whose root never heeds its latent."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import pytest
import torch
from torch import Tensor

from rgsd.bodies.body import Body
from rgsd.evaluation import rollouts
from rgsd.evaluation.rollouts import Simulate
from rgsd.evaluation.skill_space import SpaceConfig, concentration, measure_space, support, variance_fractions
from rgsd.learning.skill_policy import SkillPolicy
from rgsd.motions.library import MotionLibrary
from rgsd.motions.motion import Motion
from rgsd.skills.encoder import Encoder


def test_support_is_a_ball_to_the_kth_neighbour() -> None:
    among = torch.tensor([[0.0], [1.0], [2.0], [10.0]])
    points = torch.tensor([[-0.9], [-1.1], [4.5], [19.0], [0.5]])
    # radii to the first neighbour: 1, 1, 1, 8: they cover -1 to 3 and 2 to 18
    assert support(points, among, neighbours=1) == pytest.approx(3 / 5)
    # to the second: 2, 1, 2, 9: -2 to 4 and 1 to 19
    assert support(points, among, neighbours=2) == pytest.approx(5 / 5)


def test_variance_falls_to_rows_columns_or_neither() -> None:
    z, start = torch.tensor([[-1.0], [1.0]]), torch.tensor([[-2.0, 0.0, 2.0]])
    rows = (z + 0 * start).unsqueeze(-1)
    assert variance_fractions(rows) == pytest.approx((1.0, 0.0))
    # variances 1 of the rows and 8/3 of the columns, and nothing besides
    both = (z + start).unsqueeze(-1)
    assert variance_fractions(both) == pytest.approx((3 / 11, 8 / 11))
    # an interaction is neither's
    assert variance_fractions((z * start).unsqueeze(-1)) == pytest.approx((0.0, 0.0))
    # two dimensions are summed: 1 + 1 + 8/3 in all
    assert variance_fractions(torch.cat((rows, both), dim=-1)) == pytest.approx((6 / 14, 8 / 14))
    # sums of squares 6 of the rows, 16 of the columns, 16 of their product, which has 2 degrees of freedom:
    # (6 - 8)/(38 + 8) is below nothing, (16 - 2 * 8)/(38 + 8) nothing, where plain fractions would be 0.16 and 0.42
    assert variance_fractions((z + start + z * start).unsqueeze(-1)) == pytest.approx((0.0, 0.0))
    # with three times the rows' height: (54 - 8)/(86 + 8)
    assert variance_fractions((3 * z + start + z * start).unsqueeze(-1)) == pytest.approx((46 / 94, 0.0))


def test_what_is_but_noise_is_nobodys() -> None:
    noise = torch.randn(64, 16, 30, generator=torch.Generator().manual_seed(0))
    assert max(variance_fractions(noise)) < 0.01  # plain fractions would be 63/1023 = 0.06 and 0.015


def test_concentration_is_the_length_of_the_mean(library: MotionLibrary) -> None:
    class Flips(Encoder):
        """All of the first clip in one direction, the other's by turns in this and in the opposite one."""

        def __init__(self) -> None:
            torch.nn.Module.__init__(self)
            self.called = 0

        def forward(self, observation: Tensor) -> Tensor:
            self.called += 1
            mu = torch.zeros(len(observation), 4)
            mu[:, 0] = 1.0
            if self.called > 1:
                mu[1::2] *= -1
            return mu

    first, second = concentration(Flips(), library)
    assert first == 1.0
    # alternating: nothing is left, or of an odd number of states one
    assert second == pytest.approx(int(library.lengths[1]) % 2 / int(library.lengths[1]), abs=1e-6)


@pytest.fixture
def still(body: Body, monkeypatch: pytest.MonkeyPatch) -> MotionLibrary:
    """A second of the standing pose at rest, from which no noise takes a rollout away."""
    monkeypatch.setattr(rollouts, "JOINT_NOISE", 0.0)
    monkeypatch.setattr(rollouts, "VELOCITY_NOISE", 0.0)
    qpos, qvel = np.tile(body.standing_qpos, (51, 1)), np.zeros((51, body.model.nv))
    return MotionLibrary(body, [Motion("still", body.name, 50.0, body.joint_names, body.body_names, qpos, qvel)])


def test_a_puppets_variety_of_pose_is_its_latents(
    puppet: Simulate, still: MotionLibrary, make_policy: Callable[..., SkillPolicy]
) -> None:
    policy = make_policy(lambda observation, z, clock: z[:, :1].expand(-1, 12))  # hinges jump to where the latent says
    policy.clip_latents = {"still": torch.eye(policy.latent_dim)[0]}
    config = SpaceConfig(num_latents=6, starts=5, seconds=2.0, rollouts_per_clip=5, num_envs=10)
    found = measure_space(puppet, policy, still, config)
    assert list(found) == ["reference", "standing"]
    for part in found.values():
        assert part["pose_by_latent"] == pytest.approx(1.0, abs=1e-6)
        assert part["pose_by_start"] == pytest.approx(0.0, abs=1e-6)
        assert part["falls"] == 0
        # imitation has the pose of one latent, discovery those of six others
        assert (part["inside"], part["covers"]) == (0.0, 0.0)
    again = measure_space(puppet, policy, still, config)
    assert found["reference"] == pytest.approx(again["standing"], nan_ok=True)


def test_a_puppets_variety_of_place_is_its_starts(
    puppet: Simulate, library: MotionLibrary, make_policy: Callable[..., SkillPolicy]
) -> None:
    policy = make_policy(lambda observation, z, clock: z[:, :1].expand(-1, 12))
    policy.clip_latents = {name: torch.eye(policy.latent_dim)[0] for name in library.names}
    config = SpaceConfig(num_latents=6, starts=5, seconds=1.0, rollouts_per_clip=2, num_envs=10)
    found = measure_space(puppet, policy, library, config)["standing"]
    assert found["path_by_start"] > 0.99  # the root glides on as the noise has pushed it
    assert found["path_by_latent"] < 0.01


def test_who_imitates_whatever_the_latent_is_inside(
    puppet: Simulate, still: MotionLibrary, make_policy: Callable[..., SkillPolicy]
) -> None:
    policy = make_policy(lambda observation, z, clock: torch.zeros(len(z), 12))
    policy.clip_latents = {"still": torch.eye(policy.latent_dim)[0]}
    config = SpaceConfig(num_latents=3, starts=4, seconds=1.0, rollouts_per_clip=4, num_envs=64)
    found = measure_space(puppet, policy, still, config)["standing"]
    assert (found["inside"], found["covers"]) == (1.0, 1.0)


def test_states_count_until_a_fall(
    exploding: Simulate, library: MotionLibrary, make_policy: Callable[..., SkillPolicy]
) -> None:
    policy = make_policy(lambda observation, z, clock: z[:, :1].expand(-1, 12))
    policy.clip_latents = {name: torch.eye(policy.latent_dim)[0] for name in library.names}
    config = SpaceConfig(num_latents=6, starts=5, seconds=1.0, rollouts_per_clip=2, num_envs=10)
    found = measure_space(exploding, policy, library, config)["standing"]
    # environment 0 of each of three batches blows up: 3 of 30 rollouts, under latents that are left out of the
    # fractions
    assert found["falls"] == pytest.approx(0.1)
    assert found["path_by_start"] > 0.99
