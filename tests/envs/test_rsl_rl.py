"""`SkillVecEnv` as rsl_rl uses its environments, without rsl_rl."""

from __future__ import annotations

import sys
from types import ModuleType
from typing import Any

import numpy as np
import pytest
import torch
from torch import Tensor

from rgsd.envs.rsl_rl import SkillVecEnv
from rgsd.envs.skill_env import EnvConfig, SkillEnv, Starts, StepResult
from rgsd.envs.termination import closeness
from rgsd.motions.library import MotionLibrary

STILL = 2


class Groups(dict[str, Tensor]):
    """As much of tensordict's TensorDict as rsl_rl's runner touches."""

    def __init__(self, groups: dict[str, Tensor], batch_size: list[int]) -> None:
        super().__init__(groups)
        assert all(list(group.shape[:1]) == batch_size for group in groups.values())
        self.batch_size = batch_size


@pytest.fixture(autouse=True)
def tensordict(monkeypatch: pytest.MonkeyPatch) -> None:
    module: Any = ModuleType("tensordict")
    module.TensorDict = Groups
    monkeypatch.setitem(sys.modules, "tensordict", module)


def make_env(library: MotionLibrary, imitation: list[bool], frame: int = 0) -> SkillEnv:
    """Environments on the clip that stands still, at a frame of it; free ones have 0.5 s."""
    config = EnvConfig(discovery_seconds=0.5, joint_noise=0.0, velocity_noise=0.0)
    env, flags = SkillEnv(library, config, num_envs=len(imitation)), torch.tensor(imitation)
    env.set_starts(lambda ids: Starts(torch.full_like(ids, STILL), torch.full_like(ids, frame), flags[ids]))
    return env


def test_has_what_rsl_rl_asks_for(tiny_library: MotionLibrary) -> None:
    env = make_env(tiny_library, [True, True, False])
    vec = SkillVecEnv(env, command=lambda: env.frame.unsqueeze(1) / 50)
    assert (vec.num_envs, vec.num_actions, vec.device) == (3, 2, torch.device("cpu"))
    assert vec.max_episode_length == 50  # the clips' 51 frames are further than half a second of discovery
    assert vec.cfg["discovery_seconds"] == 0.5
    groups = vec.get_observations()
    assert groups.batch_size == [3]
    assert groups["policy"].shape == (3, env.observation_size + 1)
    assert groups["privileged"].shape == (3, env.privileged_size)
    groups, *_ = vec.step(torch.zeros(3, 2))
    assert groups["policy"][:, -1].tolist() == pytest.approx([0.02] * 3)  # the command of the state that is next


def test_runs_as_its_runner_runs_it(tiny_library: MotionLibrary) -> None:
    vec = SkillVecEnv(SkillEnv(tiny_library, num_envs=4, seed=0))
    vec.episode_length_buf = torch.randint_like(vec.episode_length_buf, high=int(vec.max_episode_length))
    begun, length = vec.episode_length_buf.clone(), torch.zeros(4)
    with torch.inference_mode():
        for _ in range(60):
            groups, rewards, dones, extras = vec.step(torch.randn(4, vec.num_actions))
            assert torch.isfinite(groups["policy"]).all()
            assert rewards.shape == dones.shape == extras["time_outs"].shape == (4,)
            assert not bool((extras["time_outs"] & (dones == 0)).any())
            length = (length + 1) * (dones == 0)
            begun = begun * (dones == 0)  # those that have ended count from 0
            assert torch.equal(vec.episode_length_buf, (begun + length).long())


def test_only_time_is_a_time_out(tiny_library: MotionLibrary) -> None:
    env = make_env(tiny_library, [True, True, False], frame=49)  # the last but one
    vec = SkillVecEnv(env)
    env.physics.reset(torch.tensor([1]), *_far_away(env))
    _, rewards, dones, extras = vec.step(torch.zeros(3, 2))
    assert dones.tolist() == [1, 1, 0]
    assert extras["time_outs"].tolist() == [True, False, False]
    # on its reference; a metre off it; without one
    assert float(rewards[0]) == pytest.approx(1.0, abs=0.01)
    assert rewards[1:].tolist() == pytest.approx([0.0, 0.0], abs=1e-6)


def test_a_reward_of_ones_own_sees_the_step_that_it_is_for(tiny_library: MotionLibrary) -> None:
    env = make_env(tiny_library, [True, False], frame=49)
    seen: list[tuple[StepResult, Tensor, Tensor]] = []

    def reward(result: StepResult, clip: Tensor, imitation: Tensor) -> Tensor:
        seen.append((result, clip, imitation))
        return 3 * closeness(result.tracking.worst, 0.1)

    vec = SkillVecEnv(env, reward)
    env.set_starts(lambda ids: Starts(torch.zeros_like(ids), torch.zeros_like(ids), ids < 0))  # what comes afterwards
    rewards = vec.step(torch.zeros(2, 2))[1]
    ((result, clip, imitation),) = seen
    np.testing.assert_allclose(rewards, 3 * closeness(result.tracking.worst, 0.1))
    assert (clip.tolist(), imitation.tolist()) == ([STILL, STILL], [True, False])
    assert (env.clip.tolist(), env.imitation.tolist()) == ([0, STILL], [False, False])


def test_without_tensordict_says_what_to_install(tiny_library: MotionLibrary, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "tensordict", None)
    with pytest.raises(ModuleNotFoundError, match="needs tensordict: install it, or rsl-rl-lib"):
        SkillVecEnv(make_env(tiny_library, [True]))


def _far_away(env: SkillEnv) -> tuple[Tensor, Tensor]:
    """A pose and velocity of one environment, a metre from its reference."""
    state = env.state[torch.tensor([1])]
    return state.qpos + torch.tensor([1.0] + [0.0] * 8), state.qvel
