"""Trajectories of a motion where a puppet glides on as the motion begins."""

from __future__ import annotations

from collections.abc import Callable

import torch

from rgsd.evaluation.paths import motion_paths
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
        assert abs(clip.mean_cosine - (1 - 1e-4)) < 5e-5
        assert clip.metrics["fid"] == clip.fid
    # the walk begins at 0.6 m/s, give or take the noise of 0.05 m/s, and lasts a second
    assert abs(float(found["walk"].path[:, -1, 0].mean()) - 0.6) < 0.1
