"""Episodes on a puppet whose moves are prescribed, so that every end can be foreseen; and on physics."""

from __future__ import annotations

import dataclasses
import math
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
import torch
from torch import Tensor

from rgsd import rotations
from rgsd.bodies.body import Body
from rgsd.bodies.kinematics import forward_kinematics
from rgsd.bodies.state import BodyState
from rgsd.envs.observation import observe
from rgsd.envs.reference_frames import Lag
from rgsd.envs.skill_env import EnvConfig, SkillEnv, Starts
from rgsd.motions.library import MotionLibrary

SWING, SLIDE, STILL = 0, 1, 2
EXACT = EnvConfig(joint_noise=0.0, velocity_noise=0.0)


class Puppet:
    """Physics that adds a prescribed push (N, 3) in m and turn (N,) in rad to the roots at each step, and no more."""

    def __init__(self, body: Body, count: int) -> None:
        self.body, self.num_envs, self.device = body, count, torch.device("cpu")
        self.push, self.turn = torch.zeros(count, 3), torch.zeros(count)
        self.blown_up, self.blowups = torch.zeros(count, dtype=torch.bool), 0
        self.targets = torch.empty(0)
        qpos = np.tile(body.standing_qpos, (count, 1))
        self.state = forward_kinematics(body, qpos, np.zeros((count, body.model.nv)))
        self.stepped = self.state

    def reset(self, env_ids: Tensor, qpos: Tensor, qvel: Tensor) -> None:
        self.state[env_ids] = forward_kinematics(self.body, qpos.double().numpy(), qvel.double().numpy())

    def step(self, targets: Tensor) -> None:
        self.targets, qpos = targets, self.state.qpos.clone()
        qpos[:, :3] += self.push
        qpos[:, 3:7] = rotations.multiply(rotations.from_yaw(self.turn), qpos[:, 3:7])
        self.state = forward_kinematics(self.body, qpos.double().numpy(), self.state.qvel.double().numpy())
        self.stepped = self.state.clone()

    def snapshot(self) -> dict[str, Any]:
        raise AssertionError("not asked for here")

    def restore(self, snapshot: dict[str, Any]) -> None:
        raise AssertionError("not asked for here")


Build = Callable[..., tuple[SkillEnv, Puppet]]


@pytest.fixture
def build(tiny: Body, tiny_library: MotionLibrary) -> Build:
    """Makes an environment of a puppet whose first episodes imitate as told and start at a clip and frame."""

    def make(imitation: list[bool], clip: int = STILL, frame: int = 0, **config: Any) -> tuple[SkillEnv, Puppet]:
        puppet, flags = Puppet(tiny, len(imitation)), torch.tensor(imitation)
        env = SkillEnv(tiny_library, dataclasses.replace(EXACT, **config), physics=puppet)
        env.set_starts(lambda ids: Starts(torch.full((len(ids),), clip), torch.full((len(ids),), frame), flags[ids]))
        env.reset()
        return env, puppet

    return make


def still(env: SkillEnv) -> Tensor:
    return torch.zeros(env.num_envs, env.action_size)


def test_usable_in_ten_lines(tiny_library: MotionLibrary) -> None:
    env = SkillEnv(tiny_library, num_envs=4, seed=1)
    observation = env.reset()
    for _ in range(60):
        result = env.step(0.1 * torch.randn(4, env.action_size))
        observation = result.observation
    assert observation.shape == (4, env.observation_size)
    assert torch.isfinite(observation).all()


def test_some_episodes_start_from_the_standing_pose_at_rest(build: Build, tiny: Body) -> None:
    env, _ = build([False, False])
    clip, frame = torch.tensor([SLIDE, SLIDE]), torch.tensor([20, 20])
    env.set_starts(lambda ids: Starts(clip, frame, clip < 0, standing=torch.tensor([True, False])))
    env.reset()
    np.testing.assert_allclose(env.state.qpos[0], tiny.standing_qpos, atol=1e-6)
    np.testing.assert_allclose(env.state.qvel[0], 0.0)
    np.testing.assert_allclose(env.state.qpos[1, 7:], -0.6, atol=1e-6)  # the slide holds its arms back
    assert float(env.state.qvel[1, 0]) == pytest.approx(0.4, abs=1e-4)


def test_episodes_start_on_reference_states_with_noise(tiny_library: MotionLibrary) -> None:
    env = SkillEnv(tiny_library, EnvConfig(joint_noise=0.02, velocity_noise=0.3), num_envs=2000, seed=0)
    env.reset()
    reference = tiny_library.state(env.clip, env.frame)
    assert torch.equal(env.state.qpos[:, :7], reference.qpos[:, :7])  # the root is where the reference has it
    joints, speeds = env.state.qpos[:, 7:] - reference.qpos[:, 7:], env.state.qvel - reference.qvel
    assert float(joints.std()) == pytest.approx(0.02, rel=0.05)
    assert float(speeds.std()) == pytest.approx(0.3, rel=0.05)
    # clips uniformly, frames uniformly up to the last but one
    np.testing.assert_allclose(torch.bincount(env.clip) / 2000, 1 / 3, atol=0.04)
    assert (int(env.frame.min()), int(env.frame.max())) == (0, 49)
    assert env.imitation.all()


def test_actions_are_clipped_and_mapped_to_targets(build: Build) -> None:
    env, puppet = build([True, True])
    env.step(torch.tensor([[0.5, 0.5], [-3.0, 3.0]]))
    # center 0, scales 1.0 and 0.5 rad
    np.testing.assert_allclose(puppet.targets, [[0.5, 0.25], [-1.0, 0.5]])


def test_imitation_ends_beyond_the_worst_body_distance(build: Build) -> None:
    env, puppet = build([True, True, False])
    puppet.push[:, 1] = torch.tensor([0.24, 0.26, 0.26])  # the threshold is 0.25 m, in the world frame
    result = env.step(still(env))
    assert result.terminated.tolist() == [False, True, False]
    assert not result.fell.any()
    assert not result.truncated.any()
    np.testing.assert_allclose(result.tracking.worst, [0.24, 0.26, 0.26], atol=1e-6)


def test_imitation_ends_beyond_the_heading_error(build: Build) -> None:
    env, puppet = build([True, True, True, False])
    puppet.turn = torch.tensor([0.78, 0.80, -0.80, -0.80])  # the threshold is 0.79 rad
    assert env.step(still(env)).terminated.tolist() == [False, True, True, False]


def test_without_early_termination_only_falls_end_imitation(build: Build) -> None:
    env, puppet = build([True, True], early_termination=False)
    puppet.push[:] = torch.tensor([[2.0, 0, 0], [2.0, 0, -0.06]])
    assert env.step(still(env)).terminated.tolist() == [False, True]


def test_falls_and_blow_ups_end_every_episode(build: Build) -> None:
    env, puppet = build([True, False, False])
    puppet.push[:2, 2] = -0.06  # from 0.10 m to 0.04 m, below the rule's 0.05 m
    puppet.blown_up[2] = True
    result = env.step(still(env))
    assert result.fell.all()
    assert result.terminated.all()


def test_imitation_is_truncated_at_the_clips_end(build: Build) -> None:
    env, _ = build([True], frame=48)
    first = env.step(still(env))
    assert (first.truncated.item(), int(first.final_frame)) == (False, 49)
    second = env.step(still(env))  # frame 50 is the last of 51
    assert (second.truncated.item(), second.terminated.item(), int(second.final_frame)) == (True, False, 50)
    assert (int(env.frame), int(env.elapsed)) == (48, 0)


def test_discovery_is_truncated_at_the_time_limit(build: Build) -> None:
    env, _ = build([False], frame=48, discovery_seconds=0.1)  # 5 steps of 20 ms, past the clip's end
    assert [env.step(still(env)).truncated.item() for _ in range(6)] == [False] * 4 + [True, False]


def test_a_fall_at_the_time_limit_is_terminal(build: Build) -> None:
    env, puppet = build([True], frame=49)
    puppet.push[:, 2] = -0.06
    result = env.step(still(env))
    assert (result.terminated.item(), result.truncated.item()) == (True, False)


def test_the_final_state_is_the_one_before_the_reset(build: Build) -> None:
    env, puppet = build([True, False], clip=SLIDE, frame=10)
    puppet.push[:, 0] = torch.tensor([0.5, 0.2])
    start = observe(env.state)
    result = env.step(still(env))
    assert result.terminated.tolist() == [True, False]
    stepped = observe(puppet.stepped)
    torch.testing.assert_close(result.final_observation, stepped)
    # the clip slides at 0.4 m/s, so frame 10 of 50 fps starts at x = 0.08 m
    np.testing.assert_allclose(result.final_root[:, 0], [0.58, 0.28], atol=1e-6)
    torch.testing.assert_close(result.observation[0], start[0])
    torch.testing.assert_close(result.observation[1], stepped[1])
    np.testing.assert_allclose(env.state.qpos[:, 0], [0.08, 0.28], atol=1e-6)


def test_the_privileged_view_is_nothing_in_discovery(build: Build) -> None:
    env, puppet = build([True, False], clip=STILL, frame=10)
    puppet.push[:, 0], puppet.turn = 0.1, torch.full((2,), math.pi / 6)
    result = env.step(still(env))
    assert result.final_privileged.shape == (2, env.privileged_size) == (2, 3 + 3 * 3)
    assert not result.final_privileged[1].any()
    view = result.final_privileged[0]
    # stream, phase 11 of 50, heading error; then the root's 0.1 m along x, seen from a heading of 30 deg
    expected = [1, 11 / 50, math.pi / 6, 0.1 * math.cos(math.pi / 6), -0.1 * math.sin(math.pi / 6), 0]
    np.testing.assert_allclose(view[:6], expected, atol=1e-5)
    torch.testing.assert_close(env.observe_privileged(), result.final_privileged)


@pytest.mark.parametrize(("clock", "seconds"), [("elapsed", [0.0, 0.02, 0.04]), ("clip_time", [0.2, 0.22, 0.24])])
def test_clocks_are_the_last_entry(build: Build, clock: str, seconds: list[float]) -> None:
    env, _ = build([True], frame=10, clock=clock)
    plain, _ = build([True])
    assert env.observation_size == plain.observation_size + 1
    shown = [float(env.reset()[0, -1])] + [float(env.step(still(env)).observation[0, -1]) for _ in range(2)]
    np.testing.assert_allclose(shown, seconds, atol=1e-6)


def test_the_lag_stands_between_state_and_clock(build: Build) -> None:
    (plain, _), (env, _) = build([True]), build([True], lag=True, clock="elapsed")
    size, lag = plain.observation_size, Lag.size_of(env.body.num_bodies)
    assert env.observation_size == size + lag + 1
    env.reset()
    result = env.step(torch.zeros(env.num_envs, env.action_size))
    state, parts = env.state, result.observation.split([size, lag, 1], dim=1)
    shown = Lag(env.library).seen(parts[0], state.body_pos[:, 0], state.body_quat[:, 0], env.clip, env.frame)
    torch.testing.assert_close(parts[1], shown)


def test_references_are_observed_as_a_body_there_would_be(build: Build) -> None:
    env, _ = build([True], lag=True, clock="clip_time")
    references, library = env.observe_references(), env.library
    assert references.shape == (len(library.states.qpos), env.observation_size)
    row = int(library.offsets[1]) + 5
    assert float(references[row, -1]) == pytest.approx(5 * env.body.control_dt)
    torch.testing.assert_close(references[:, : observe(library.states).shape[1]], observe(library.states))


def test_a_clock_of_an_ended_episode_shows_both_sides(build: Build) -> None:
    env, _ = build([True], frame=49, clock="elapsed")
    result = env.step(still(env))
    assert result.truncated.item()
    assert float(result.final_observation[0, -1]) == pytest.approx(0.02)
    assert float(result.observation[0, -1]) == 0.0


def test_a_snapshot_goes_on_to_the_bit(tiny_library: MotionLibrary) -> None:
    actions = torch.randn(30, 8, 2, generator=torch.Generator().manual_seed(0))
    env = SkillEnv(tiny_library, EnvConfig(clock="elapsed"), num_envs=8, seed=3)
    env.reset()
    last = [env.step(action) for action in actions[:10]][-1]
    snapshot = env.snapshot()
    first = [env.step(action) for action in actions[10:]]
    other = SkillEnv(tiny_library, EnvConfig(clock="elapsed"), num_envs=8, seed=4)
    other.reset()
    assert torch.equal(other.restore(snapshot), last.observation)
    again = [other.step(action) for action in actions[10:]]
    assert any(bool((a.terminated | a.truncated).any()) for a in first)  # the start noise is drawn on, too
    for a, b in zip(first, again, strict=True):
        for field in ("observation", "final_observation", "final_privileged", "final_root", "terminated", "truncated"):
            assert torch.equal(getattr(a, field), getattr(b, field)), field


def test_earlier_results_do_not_change_later(build: Build) -> None:
    env, puppet = build([True, False], frame=48)
    puppet.push[:, 0] = 0.01
    first = env.step(still(env))
    kept = {k: v.clone() for k, v in vars(first).items() if isinstance(v, Tensor)}
    for _ in range(3):
        env.step(still(env))
    for name, value in kept.items():
        assert torch.equal(getattr(first, name), value), name


def test_states_can_be_joined_and_indexed(tiny_library: MotionLibrary) -> None:
    a, b = tiny_library.states[:2], tiny_library.states[2:5]
    joined = BodyState.concatenate([a, b])
    assert torch.equal(joined.body_pos, tiny_library.states.body_pos[:5])


def test_scattered_episodes_end_anywhere_within_their_limit(build: Build) -> None:
    env, _ = build([False] * 200, discovery_seconds=0.2)  # 10 steps
    env.scatter()
    ended = [int(env.step(still(env)).truncated.sum()) for _ in range(10)]
    assert sum(ended) == 200
    # 20 a step of a uniform draw, within five standard deviations
    assert all(0 < count < 20 + 5 * 18**0.5 for count in ended)
    assert float(env.elapsed.float().std()) > 2.5  # of 0 to 9, evenly: 2.9; without, all have come to the same
    # whoever began anew has the whole time: nobody ends twice within ten steps
    assert sum(int(env.step(still(env)).truncated.sum()) for _ in range(10)) == 200
