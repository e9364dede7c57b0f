"""Mirrored actions ask for the mirrored pose; a clock is nobody's left or right."""

from __future__ import annotations

import numpy as np
import pytest
import torch

from rgsd.bodies.body import Body
from rgsd.bodies.kinematics import forward_kinematics
from rgsd.bodies.mirror import Mirror
from rgsd.bodies.registry import make_body
from rgsd.envs.observation import observe
from rgsd.envs.policy_mirror import PolicyMirror


@pytest.mark.parametrize("name", ["quadruped", "smpl", "tiny"])
def test_an_action_is_mirrored_as_the_pose_that_it_asks_for(name: str, tiny: Body) -> None:
    body = tiny if name == "tiny" else make_body(name)
    mirror, action = PolicyMirror(body), torch.rand(5, body.num_actions) * 2 - 1
    wanted, image = (
        body.action_center + body.action_scale * a.double().numpy() for a in (action, mirror.action(action))
    )
    np.testing.assert_allclose(image, Mirror(body).targets(wanted), atol=1e-5)
    torch.testing.assert_close(mirror.action(mirror.action(action)), action)
    assert not torch.allclose(mirror.action(action), action, atol=0.1)


@pytest.mark.parametrize("name", ["quadruped", "tiny"])
def test_an_observation_is_mirrored_entry_by_entry(name: str, tiny: Body) -> None:
    body = tiny if name == "tiny" else make_body(name)
    mirror, generator = PolicyMirror(body), np.random.default_rng(0)
    qpos, qvel = 0.6 * generator.normal(size=(5, body.model.nq)), generator.normal(size=(5, body.model.nv))
    qpos[:, 3:7] /= np.linalg.norm(qpos[:, 3:7], axis=1, keepdims=True)
    seen = observe(forward_kinematics(body, qpos, qvel))
    image = observe(forward_kinematics(body, mirror.mirror.poses(qpos), mirror.mirror.velocities(qvel)))
    np.testing.assert_allclose(image, mirror.observation(seen), atol=1e-4, rtol=1e-4)
    assert not np.allclose(image, seen, atol=0.1)


def test_a_clock_stays_as_it_is(tiny: Body) -> None:
    mirror, observation = PolicyMirror(tiny), torch.rand(4, 15 * tiny.num_bodies - 2)
    with_a_clock = torch.cat((observation, torch.arange(4.0).unsqueeze(1)), dim=1)
    expected = torch.cat((mirror.observation(observation), torch.arange(4.0).unsqueeze(1)), dim=1)
    assert torch.equal(mirror.observation(with_a_clock), expected)
    assert torch.equal(mirror.observation(mirror.observation(observation)), observation)
