"""Trajectories of a motion where a puppet glides on as the motion begins, and what makes them differ."""

from __future__ import annotations

from collections.abc import Callable

import pytest
import torch

from rgsd.evaluation.paths import motion_paths, variance_parts
from rgsd.evaluation.rollouts import Simulate
from rgsd.learning.skill_policy import SkillPolicy
from rgsd.motions.library import MotionLibrary


def test_paths_of_each_motion(
    puppet: Simulate, library: MotionLibrary, make_policy: Callable[..., SkillPolicy]
) -> None:
    z = torch.eye(3)[:2]
    found = motion_paths(puppet, make_policy(), library, z, kappa=1e4, count=40, seed=0)
    assert tuple(found) == library.names
    for name, clip in zip(library.names, found.values(), strict=True):
        assert clip.path.shape == (40, int(library.lengths[library.names.index(name)]), 2)
        assert clip.path[:, 0].abs().max() < 1e-6
        assert clip.fell.shape == (40,)
        # in 3-D the mean cosine of vMF is coth(kappa) - 1 / kappa
        assert abs(clip.metrics["mean_cosine"] - (1 - 1e-4)) < 5e-5
    # the walk begins at 0.6 m/s, give or take the noise of 0.05 m/s, and lasts a second
    assert abs(float(found["walk"].path[:, -1, 0].mean()) - 0.6) < 0.1


def test_under_one_latent_all_variance_is_the_starts(
    puppet: Simulate, library: MotionLibrary, make_policy: Callable[..., SkillPolicy]
) -> None:
    z = torch.eye(3)[:2]
    walk = motion_paths(puppet, make_policy(), library, z, kappa=None, count=400, seed=0)["walk"].metrics
    assert walk["mean_cosine"] == pytest.approx(1.0)
    # the puppet glides on whatever the latent: velocity noise of 0.05 m/s in x and in y over t, mean t^2 1/3 of 1 s^2
    assert walk["spread_m"] == pytest.approx(0.05 * (2 / 3) ** 0.5, rel=0.15)
    assert walk["variance_by_start"] > 0.8


def test_variance_parts_by_hand() -> None:
    # three latents that lead to 0, 2 and 4 along x, two starts a centimetre to either side along y, one point each
    path = torch.tensor([[[x, -0.01], [x, 0.01]] for x in (0.0, 2.0, 4.0)]).unsqueeze(2)
    # within: 2e-4 along y; between: 4 along x, and along y 0 - 2e-4 / 2
    parts = variance_parts(path)
    by_z, by_start = 4.0 - 1e-4, 2e-4
    assert parts["spread_m"] == pytest.approx((by_z + by_start) ** 0.5)
    assert parts["variance_by_z"] == pytest.approx(by_z / (by_z + by_start))
    assert parts["variance_by_start"] == pytest.approx(by_start / (by_z + by_start))
    assert variance_parts(path[:1])["spread_m"] is None
    assert variance_parts(torch.zeros(3, 2, 5, 2))["variance_by_z"] is None
