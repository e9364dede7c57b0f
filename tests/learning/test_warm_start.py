"""Cloning of playback: the student learns the PD targets of its reference's next frame."""

from __future__ import annotations

import numpy as np
import torch

from rgsd.envs.skill_env import EnvConfig, SkillEnv
from rgsd.learning.collector import Collector
from rgsd.learning.method import Method
from rgsd.learning.networks import Actor, Critic, NetworkConfig
from rgsd.learning.warm_start import WarmStart, WarmStartConfig
from rgsd.motions.library import MotionLibrary
from rgsd.physics.mujoco_cpu import MujocoCpu

NETWORK = NetworkConfig(actor_hidden=(32,), critic_hidden=(32,))


def test_cloning_approaches_the_references_own_targets(tiny_library: MotionLibrary, numbered: Method) -> None:
    torch.manual_seed(0)
    env = SkillEnv(tiny_library, EnvConfig(), physics=MujocoCpu(tiny_library.body, 16, threads=1), seed=0)
    actor = Actor(env.observation_size, 1, torch.tensor(env.body.action_scale), NETWORK)
    critic = Critic(env.observation_size, 1, env.privileged_size, NETWORK)
    collector = Collector(env, numbered, actor, seed=0)
    settings = WarmStartConfig(epochs=100, minibatches=1, learning_rate=5e-3)
    warm_start = WarmStart(actor, critic, tiny_library, settings, 0.97, seed=0)
    rollout, _ = collector.collect(10)
    values = torch.zeros(2, 10, 16)
    first = warm_start.update(rollout, (values[0], values[1]), numbered.rewards(rollout))
    last = warm_start.update(rollout, (values[0], values[1]), numbered.rewards(rollout))
    assert last["Loss/clone"] < 0.2 * first["Loss/clone"]
    assert last["Loss/value"] < first["Loss/value"]
    # the arms are held at -0.6 rad in clip 1; scales are 1.0 and 0.5 rad, and -1.2 lies beyond the range
    chosen = rollout.imitation & (rollout.clip == 1)
    mean = actor(rollout.observation[chosen], rollout.z[chosen]).detach()
    np.testing.assert_allclose(mean.mean(dim=0), [-0.6, -1.0], atol=0.15)


def test_what_imitates_nothing_is_not_cloned(tiny_library: MotionLibrary, numbered: Method) -> None:
    torch.manual_seed(0)
    env = SkillEnv(tiny_library, EnvConfig(), physics=MujocoCpu(tiny_library.body, 4, threads=1), seed=0)
    actor = Actor(env.observation_size, 1, torch.tensor(env.body.action_scale), NETWORK)
    critic = Critic(env.observation_size, 1, env.privileged_size, NETWORK)
    rollout, _ = Collector(env, numbered, actor, seed=0).collect(4)
    rollout.imitation[:] = False
    before = [p.clone() for p in actor.parameters()]
    warm_start = WarmStart(actor, critic, tiny_library, WarmStartConfig(epochs=2), 0.97, seed=0)
    figures = warm_start.update(rollout, (torch.zeros(4, 4), torch.zeros(4, 4)), numbered.rewards(rollout))
    assert figures["Loss/clone"] == 0
    assert all(torch.equal(p, q) for p, q in zip(before, actor.parameters(), strict=True))
