"""Supports and variance on points drawn by hand; the whole of it on a puppet whose root never heeds its latent."""

from __future__ import annotations

from collections.abc import Callable

import pytest
import torch
from torch import Tensor

from rgsd.evaluation.rollouts import Simulate
from rgsd.evaluation.skill_space import SpaceConfig, concentration, measure_space, support, variance_shares
from rgsd.learning.skill_policy import SkillPolicy
from rgsd.motions.library import MotionLibrary
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
    assert variance_shares(rows) == pytest.approx((1.0, 0.0))
    # variances 1 of the rows and 8/3 of the columns, and of their product 8/3
    both = (z + start).unsqueeze(-1)
    assert variance_shares(both) == pytest.approx((3 / 11, 8 / 11))
    assert variance_shares((z * start).unsqueeze(-1)) == pytest.approx((0.0, 0.0))
    # two dimensions are summed: 1 + 1 + 8/3 in all
    assert variance_shares(torch.cat((rows, both), dim=-1)) == pytest.approx((6 / 14, 8 / 14))


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


def test_a_puppets_variety_of_place_is_its_starts_and_that_of_pose_its_latents(
    puppet: Simulate, library: MotionLibrary, make_policy: Callable[..., SkillPolicy]
) -> None:
    def script(observation: Tensor, z: Tensor, clock: Tensor) -> Tensor:
        return z[:, :1].expand(-1, 12)

    policy = make_policy(script)
    names = library.names
    policy.clip_latents = {name: torch.nn.functional.normalize(torch.ones(policy.latent_dim), dim=0) for name in names}
    config = SpaceConfig(num_latents=6, starts=5, seconds=2.0, rollouts_per_clip=2, num_envs=10)
    found = measure_space(puppet, policy, library, config)
    assert list(found) == ["reference", "standing"]
    for part in found.values():
        assert part["path_by_start"] > 0.99  # the root glides on as it began
        assert part["path_by_latent"] < 0.01
        assert part["pose_by_latent"] > 0.9  # hinges jump to where the latent says
        assert 0 <= part["inside"] <= 1
        assert 0 <= part["covers"] <= 1
    again = measure_space(puppet, policy, library, config)
    assert found == again
