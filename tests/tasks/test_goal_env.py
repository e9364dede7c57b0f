"""A box that is sent over a field: what its decisions bring, by hand."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import pytest
import torch
from torch import Tensor

from rgsd import rotations
from rgsd.bodies.body import Body
from rgsd.envs.goal_field import FieldConfig
from rgsd.envs.observation import ObservationLayout
from rgsd.errors import UsageError
from rgsd.learning.networks import Actor, NetworkConfig
from rgsd.learning.skill_policy import SkillPolicy
from rgsd.motions.library import MotionLibrary
from rgsd.physics.mujoco_cpu import MujocoCpu
from rgsd.tasks.goal_env import GoalEnv

MakeEnv = Callable[..., GoalEnv]


def towards_goal(env: GoalEnv) -> Tensor:
    return env.observe()[:, -3:-1]


def test_latents_of_any_length_move_the_box_for_a_period(make_env: MakeEnv) -> None:
    env = make_env(3)
    env.reset()
    start, yaw = env.position, rotations.yaw(env.physics.state.body_quat[:, 0])
    decision = env.step(torch.tensor([[0.5, 0.0], [0.0, 7.0], [-0.3, 0.0]]))
    np.testing.assert_allclose(decision.z, [[1, 0], [0, 1], [-1, 0]], atol=1e-6)
    # tiny's actions are clipped to [-1, 1] of 1 and 0.5 rad: 5 steps of 0.02 s at 1 m/s ahead, at 0.5 m/s aside
    moved = rotations.seen_from(start, yaw, decision.after)
    np.testing.assert_allclose(moved, [[0.1, 0], [0, 0.05], [-0.1, 0]], atol=1e-4)
    assert env.elapsed.tolist() == [5, 5, 5]


def test_who_goes_for_a_goal_gets_there_and_gets_another(make_env: MakeEnv) -> None:
    env = make_env(1, side=3.0)
    env.reset()
    env.field.goal = env.position + torch.tensor([[1.0, 0.0]])
    first, decisions = env.field.goal, 0
    while True:
        decision = env.step(towards_goal(env))
        decisions += 1
        assert float(decision.progress) > 0.04  # at least half a metre a second
        if bool(decision.reached):
            break
    assert 5 <= decisions <= 10  # half a metre to go before the radius begins
    assert not torch.equal(env.field.goal, first)
    assert not decision.fell.any()
    assert not decision.truncated.any()
    # what is decided on next, and what the value of the state is taken of, know the new goal
    view = env.field.view(env.position, rotations.yaw(env.physics.state.body_quat[:, 0]))
    np.testing.assert_allclose(decision.final_observation[:, -3:], view, atol=1e-6)
    assert float(env.observe_privileged()) == 1.0


def test_a_missed_goal_ends_no_episode(make_env: MakeEnv) -> None:
    env = make_env(1, seconds=0.3, side=1000.0)
    env.reset()
    goal = env.field.goal
    for _ in range(2):
        assert not env.step(-towards_goal(env)).missed
    assert float(env.observe_privileged()) == pytest.approx(1 / 3, abs=1e-5)
    decision = env.step(-towards_goal(env))
    assert bool(decision.missed)
    assert not torch.equal(env.field.goal, goal)
    assert not (decision.truncated | decision.fell).any()
    assert env.elapsed.tolist() == [15]


def test_a_fall_ends_the_episode_and_earns_no_goal(make_env: MakeEnv) -> None:
    env = make_env(2, side=1.0, rim=0.6)
    env.reset()
    env.physics.reset(torch.tensor([0]), torch.tensor([[0.59, 0, 0.1, 1, 0, 0, 0, 0, 0]]), torch.zeros(1, 8))
    env.field.goal = torch.tensor([[0.7, 0.0], [50.0, 50.0]])
    decision = env.step(torch.tensor([[1.0, 0.0], [1e-6, 0.0]]))
    assert bool(decision.fell[0])
    assert not decision.reached[0]  # though it lies within the radius
    assert float(decision.progress[0]) == 0.0
    assert int(env.elapsed[0]) == 0  # the next episode stands somewhere else
    assert not torch.equal(decision.observation[0], decision.final_observation[0])
    assert float(env.position[0].abs().max()) <= 0.5


def test_who_goes_astray_is_cut_off_and_starts_on_the_field_again(make_env: MakeEnv) -> None:
    env = make_env(50, side=1.0, margin=0.2, radius=1e-6)
    env.reset()
    seen = False
    for _ in range(200):
        decision = env.step(torch.tensor([[1.0, 0.0]]).repeat(50, 1))  # straight on, which leaves any field
        outside = (decision.after.abs() > 0.7).any(dim=1)  # half a side and the margin
        assert torch.equal(decision.truncated, outside)
        assert not decision.fell.any()
        assert float(env.position.abs().max()) <= 0.7
        assert (env.position[outside].abs() <= 0.5).all()
        seen |= bool(outside.any())
    assert seen


def test_time_limits_are_no_falls(make_env: MakeEnv) -> None:
    env = make_env(2, episode_seconds=0.2)
    env.reset()
    first, second = (env.step(torch.ones(2, 2)) for _ in range(2))
    assert not first.truncated.any()
    assert second.truncated.all()
    assert not second.fell.any()
    assert env.elapsed.tolist() == [0, 0]


def test_every_control_step_can_be_watched(make_env: MakeEnv) -> None:
    env, seen = make_env(2, period=3), []
    env.reset()
    env.step(torch.ones(2, 2), lambda state: seen.append(state.body_pos[0, 0, :2].clone()))
    steps = torch.stack(seen).diff(dim=0).norm(dim=1)
    assert len(seen) == 3
    assert (steps > 0.005).all()


def test_episodes_can_begin_in_the_references(tiny: Body, make_env: MakeEnv, compass: MotionLibrary) -> None:
    side = compass.select(["left"])
    began = {}
    for name, references in (("side", side), ("still", None)):
        policy = make_env(1).policy
        env = GoalEnv(policy, FieldConfig(side=3.0), physics=MujocoCpu(tiny, 200), references=references)
        env.reset()
        began[name] = env.physics.state.clone()
    heading = rotations.from_yaw(rotations.yaw(began["side"].body_quat[:, 0]))
    # the clip goes to its left at 0.4 m/s, and is put down anywhere
    velocity = rotations.rotate_inverse(heading, began["side"].qvel[:, :3])
    np.testing.assert_allclose(velocity.mean(0), [0, 0.4, 0], atol=0.02)  # the noise of 0.05 m/s over sqrt(200)
    np.testing.assert_allclose(began["still"].qvel[:, :3].mean(0), 0.0, atol=0.02)
    for state in began.values():
        assert (state.qpos[:, :2].abs() <= 1.5).all()
        np.testing.assert_allclose(state.qpos[:, :2].std(0), 3 / 12**0.5, rtol=0.2)
        assert float(rotations.yaw(state.body_quat[:, 0]).std()) == pytest.approx(2 * np.pi / 12**0.5, rel=0.2)


def test_scattered_environments_end_at_different_times(make_env: MakeEnv) -> None:
    env = make_env(100, seconds=2.0, side=1000.0, episode_seconds=4.0)
    env.reset()
    env.scatter()
    decisions = [env.step(towards_goal(env)) for _ in range(40)]  # four seconds, of a tenth each
    missed, ended = (torch.stack([getattr(d, name) for d in decisions]).sum(dim=1) for name in ("missed", "truncated"))
    # one tenth of a second in twenty, and in forty, where all together would be 100 or none
    assert int(missed.max()) <= 20
    assert int(ended.max()) <= 12
    assert int(ended.sum()) == 100  # each once


def test_it_goes_on_where_it_was(make_env: MakeEnv) -> None:
    env, other = make_env(4, seconds=0.2), make_env(4, seconds=0.2, seed=5)
    env.reset()
    other.reset()
    env.step(torch.ones(4, 2))
    observation = other.restore(env.snapshot())
    assert torch.equal(observation, env.observe())
    for _ in range(3):
        mine, its = env.step(torch.ones(4, 2)), other.step(torch.ones(4, 2))
        assert torch.equal(mine.observation, its.observation)
        assert torch.equal(mine.missed, its.missed)


def test_a_tracker_has_no_latents_to_choose(tiny: Body) -> None:
    actor = Actor(ObservationLayout(tiny).size, 2, torch.ones(2), NetworkConfig((8,), (8,)))
    with pytest.raises(UsageError, match="has no latents to choose"):
        GoalEnv(
            SkillPolicy(body=tiny, actor=actor, latent_dim=2, method="tracker", condition="reference"), FieldConfig()
        )
