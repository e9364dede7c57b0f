"""The collection loop: what is stored of a step, and what is reported of episodes."""

from __future__ import annotations

import dataclasses
import math

import numpy as np
import pytest
import torch
from torch import Tensor

from rgsd.envs.observation import observe
from rgsd.envs.skill_env import Clock, EnvConfig, SkillEnv
from rgsd.learning.collector import Collector
from rgsd.learning.method import Episodes, Method
from rgsd.learning.networks import Actor, NetworkConfig, gaussian_log_prob
from rgsd.learning.statistics import EpisodeStatistics
from rgsd.motions.library import MotionLibrary
from rgsd.physics.mujoco_cpu import MujocoCpu
from rgsd.randomness import Draws

ENV = EnvConfig(discovery_seconds=0.12)  # 6 steps; imitation from frame 40 runs for 10


def make_collector(library: MotionLibrary, method: Method, seed: int = 0) -> Collector:
    torch.manual_seed(0)
    env = SkillEnv(library, ENV, physics=MujocoCpu(library.body, 4, threads=1), seed=seed)
    actor = Actor(env.observation_size, 1, torch.tensor(env.body.action_scale), NetworkConfig(actor_hidden=(8,)))
    return Collector(env, method, actor)


def test_the_next_state_is_stored_before_the_reset(tiny_library: MotionLibrary, numbered: Method) -> None:
    rollout, _ = make_collector(tiny_library, numbered).collect(14)
    ended = rollout.terminated | rollout.truncated
    assert ended[5, 1::2].all()  # the time limit of discovery
    assert ended[9, 0::2].all()  # the clips' end
    going = ~ended[:-1]
    assert torch.equal(rollout.next_observation[:-1][going], rollout.observation[1:][going])
    assert torch.equal(rollout.next_privileged[:-1][going], rollout.privileged[1:][going])
    assert (rollout.next_observation[:-1][~going] != rollout.observation[1:][~going]).any(dim=1).all()


def test_a_step_keeps_the_latent_and_clip_that_it_was_taken_with(tiny_library: MotionLibrary, numbered: Method) -> None:
    rollout, _ = make_collector(tiny_library, numbered).collect(14)
    # environments 0 to 3 begin as episodes 0 to 3; after 6 steps episodes 4 and 5 begin in the odd ones
    number = rollout.z[..., 0]
    assert number[:, 1].tolist() == [1.0] * 6 + [4.0] * 8
    assert number[:, 0].tolist() == [0.0] * 10 + [6.0] * 4
    assert torch.equal(rollout.clip, number.long() % 3)
    assert torch.equal(rollout.imitation, number % 2 == 0)
    # the frame is that of the state which the step led to: 41 after the first step
    assert rollout.frame[:, 0].tolist() == [*range(41, 51), 41, 42, 43, 44]


def test_the_next_latent_is_that_of_the_state_before_the_reset(
    tiny_library: MotionLibrary, numbered: Method, monkeypatch: pytest.MonkeyPatch
) -> None:
    # a latent that moves on: the frame that comes next, but for an episode's first step
    following = lambda progress, draws: (progress.frame.float().unsqueeze(1) + 1, progress.source)  # noqa: E731
    monkeypatch.setattr(numbered, "maybe_resample", following)
    rollout, _ = make_collector(tiny_library, numbered).collect(14)
    # environment 0 starts on frame 40 as episode 0, reaches the last frame 50 with its tenth step, and begins anew as 6
    assert rollout.z[:, 0, 0].tolist() == [0, *range(42, 51), 6, 42, 43, 44]
    assert rollout.next_z[:, 0, 0].tolist() == [*range(42, 52), 42, 43, 44, 45]
    assert rollout.source[:, 0].tolist() == [0] * 10 + [6] * 4
    assert rollout.elapsed[:, 0].tolist() == [*range(10), 0, 1, 2, 3]
    going = ~(rollout.terminated | rollout.truncated)[:-1]
    assert torch.equal(rollout.next_root[:-1][going], rollout.root[1:][going])
    assert torch.equal(rollout.next_z[:-1][going], rollout.z[1:][going])


def test_actions_are_draws_of_the_policy(tiny_library: MotionLibrary, numbered: Method) -> None:
    collector = make_collector(tiny_library, numbered)
    rollout, _ = collector.collect(40)
    actor = collector.actor
    with torch.no_grad():
        torch.testing.assert_close(rollout.mean, actor(rollout.observation, rollout.z))
        noise = (rollout.action - rollout.mean) / actor.std
        torch.testing.assert_close(rollout.log_prob, gaussian_log_prob(rollout.action, rollout.mean, actor.std))
    assert float(noise.mean()) == pytest.approx(0, abs=0.15)
    assert float(noise.std()) == pytest.approx(1, abs=0.12)


def test_tracking_errors_are_those_of_the_stored_state(tiny_library: MotionLibrary, numbered: Method) -> None:
    collector = make_collector(tiny_library, numbered)
    rollout, _ = collector.collect(3)
    env = collector.env
    distance = (env.state.body_pos - env.library.state(env.clip, env.frame).body_pos).norm(dim=-1)
    torch.testing.assert_close(rollout.worst_body[-1], distance.max(dim=1).values)
    torch.testing.assert_close(rollout.root_error[-1], distance[:, 0])
    torch.testing.assert_close(rollout.next_observation[-1], observe(env.state))


def test_ended_episodes_are_reported_by_stream(tiny_library: MotionLibrary, numbered: Method) -> None:
    _, statistics = make_collector(tiny_library, numbered).collect(10)
    metrics = statistics.report(control_dt=0.02)
    assert metrics["Imitation/episode_s"] == pytest.approx(0.2)
    assert metrics["Discovery/episode_s"] == pytest.approx(0.12)
    assert metrics["Imitation/fall_rate"] == metrics["Discovery/fall_rate"] == 0
    assert metrics["Imitation/early_termination_rate"] == 0
    _, quiet = make_collector(tiny_library, numbered).collect(2)
    assert quiet.report(0.02) == {}


def test_displacement_is_measured_in_the_first_heading(
    tiny_library: MotionLibrary, numbered: Method, monkeypatch: pytest.MonkeyPatch
) -> None:
    moves: list[torch.Tensor] = []
    record = EpisodeStatistics.record

    def note(statistics: EpisodeStatistics, **step: torch.Tensor) -> None:
        moves.append(step["travelled"])
        record(statistics, **step)

    monkeypatch.setattr(EpisodeStatistics, "record", note)
    collector = make_collector(tiny_library, numbered)
    env = collector.env
    # all environments begin facing y at (1, 2) and slide along their own x at 0.5 m/s, too slow to lose by friction
    qpos = env.state.qpos.clone()
    qpos[:, :2] = torch.tensor([1.0, 2.0])
    qpos[:, 3:7] = torch.tensor([math.sqrt(0.5), 0, 0, math.sqrt(0.5)])
    qpos[:, 2] += 1.0  # in the air: nothing but inertia
    qvel = torch.zeros_like(env.state.qvel)
    qvel[:, 1] = 0.5
    env.physics.reset(torch.arange(4), qpos, qvel)
    env.imitation[:] = False
    collector._mark_origin(torch.ones(4, dtype=torch.bool))
    _, statistics = collector.collect(6)
    assert len(moves) == 6
    np.testing.assert_allclose(moves[-1], [[0.06, 0.0]] * 4, atol=0.01)  # 0.5 m/s for 0.12 s, straight ahead
    assert statistics.report(0.02)["Discovery/travel_m"] == pytest.approx(0.06, abs=0.01)


def test_a_snapshot_goes_on_to_the_bit(tiny_library: MotionLibrary, numbered: Method) -> None:
    collector = make_collector(tiny_library, numbered)
    collector.collect(5)
    snapshot, state = collector.snapshot(), numbered.state_dict()
    first, _ = collector.collect(12)
    other = make_collector(tiny_library, numbered, seed=5)
    numbered.load_state_dict(state)
    other.restore(snapshot)
    again, _ = other.collect(12)
    for name, value in vars(first).items():
        assert torch.equal(value, getattr(again, name)), name


class Masked(MujocoCpu):
    """Physics that is told by a mask whom to reset, as MuJoCo Warp on a GPU is."""

    def reset_where(self, which: Tensor, qpos: Tensor, qvel: Tensor) -> None:
        ids = which.nonzero().squeeze(1)
        self.reset(ids, qpos[ids], qvel[ids])


@pytest.mark.parametrize("clock", ["none", "elapsed"])
def test_who_begins_anew_by_a_mask_begins_the_same(
    clock: Clock, tiny_library: MotionLibrary, numbered: Method, monkeypatch: pytest.MonkeyPatch
) -> None:
    def drawn(draws: Draws) -> Episodes:
        """Nothing that depends on how many are asked for at once."""
        clip, frame = tiny_library.draw(draws, margin=1)
        return Episodes(clip, frame, draws.normal(1), draws.uniform() < 0.5, draws.uniform() < 0.5, clip)

    monkeypatch.setattr(numbered, "begin_episodes", drawn)
    rollouts = []
    for physics in (MujocoCpu(tiny_library.body, 16, threads=1), Masked(tiny_library.body, 16, threads=1)):
        torch.manual_seed(0)
        env = SkillEnv(tiny_library, dataclasses.replace(ENV, clock=clock), physics=physics, seed=0)
        monkeypatch.setattr(env, "_by_mask", isinstance(physics, Masked))
        actor = Actor(env.observation_size, 1, torch.tensor(env.body.action_scale), NetworkConfig(actor_hidden=(8,)))
        rollouts.append(Collector(env, numbered, actor).collect(60)[0])
    ended = rollouts[0].terminated | rollouts[0].truncated
    assert 16 < int(ended.sum()) < ended.numel() / 2
    for name, value in vars(rollouts[0]).items():
        assert torch.equal(value, getattr(rollouts[1], name)), name


def test_some_environments_act_without_noise(tiny_library: MotionLibrary, numbered: Method) -> None:
    torch.manual_seed(0)
    env = SkillEnv(tiny_library, ENV, physics=MujocoCpu(tiny_library.body, 8, threads=1), first_env=8)
    actor = Actor(env.observation_size, 1, torch.tensor(env.body.action_scale), NetworkConfig(actor_hidden=(8,)))
    rollout, _ = Collector(env, numbered, actor, noise_free=0.25).collect(3)
    # numbers 8 to 15: the fourth of every four
    assert rollout.noisy[0].tolist() == [True, True, True, False] * 2
    assert torch.equal(rollout.noisy, rollout.noisy[:1].expand(3, -1))
    apart = (rollout.action != rollout.mean).any(dim=-1)
    assert torch.equal(apart, rollout.noisy)
