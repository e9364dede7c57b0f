"""Latents around a clip's own: what the draws are, and what they make of a pose that the latent sets."""

from __future__ import annotations

from collections.abc import Callable

import pytest
import torch

from rgsd.evaluation.rollouts import Simulate
from rgsd.evaluation.variations import vary
from rgsd.learning.skill_policy import SkillPolicy
from rgsd.motions.library import MotionLibrary
from rgsd.skills.sphere import mean_resultant


def test_sharper_draws_are_nearer_and_more_alike(
    puppet: Simulate, library: MotionLibrary, make_policy: Callable[..., SkillPolicy]
) -> None:
    policy = make_policy(lambda observation, z, clock: 0.3 * z[:, [0, 1, 2] * 4])
    z = torch.tensor([[1.0, 0.0, 0.0], [0.0, 0.0, 1.0]])
    found = vary(puppet, policy, library, z, per_clip=24, num_envs=30, seed=0)
    assert set(found) == {"walk", "turn"}
    for rows in found.values():
        assert list(rows) == ["20", "100", "1000"]
        # in three dimensions the mean cosine is coth(kappa) - 1 / kappa: 0.95, 0.99, 0.999
        for kappa, row in rows.items():
            assert mean_resultant(3, float(kappa)) == pytest.approx(1 - 1 / float(kappa), abs=1e-6)
            assert 1 - row["mean_cosine"] == pytest.approx(1 / float(kappa), rel=0.6)
        # in cm: legs of some 35 cm, in a pose that is not the clip's
        assert all(1.0 < row["cartesian_error_cm"] < 35.0 for row in rows.values())
        spreads = [row["spread_pose_cm"] for row in rows.values()]
        assert spreads[0] > spreads[1] > spreads[2] > 0


def test_who_falls_is_no_variation(
    exploding: Simulate, library: MotionLibrary, make_policy: Callable[..., SkillPolicy]
) -> None:
    policy = make_policy(lambda observation, z, clock: torch.zeros(len(z), 12))
    z = torch.tensor([[1.0, 0.0, 0.0], [0.0, 0.0, 1.0]])
    found = vary(exploding, policy, library, z, per_clip=3, num_envs=3, seed=0)
    for row in found["walk"].values():
        assert row["fall_rate"] == pytest.approx(1 / 3)
        # two glide for a second at 0.6 m/s, but for the start noise of 0.05; the third stays where it broke, in the
        # third frame, 0.57 m behind: as a variation it would make two of three pairs that far apart
        assert row["spread_path_m"] < 0.25
    for row in vary(exploding, policy, library, z, per_clip=2, num_envs=2, seed=0)["walk"].values():
        assert row["spread_path_m"] is None
