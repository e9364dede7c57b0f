"""`BodyState`: many environments' bodies as tensors."""

from __future__ import annotations

import torch

from rgsd.motions.library import MotionLibrary


def test_another_speed_keeps_the_poses(tiny_library: MotionLibrary) -> None:
    own, twice = tiny_library.states, tiny_library.states.at_speed(2.0)
    for name in ("qpos", "body_pos", "body_quat"):
        assert torch.equal(getattr(twice, name), getattr(own, name)), name
    for name in ("qvel", "body_linvel", "body_angvel"):
        assert torch.equal(getattr(twice, name), 2 * getattr(own, name)), name
    assert own.qvel.abs().max() > 0
