"""The Gymnasium faces of `SkillEnv`, on standing quadrupeds."""

from __future__ import annotations

import subprocess
import sys

import gymnasium
import numpy as np
import pytest
import torch
from gymnasium.utils import env_checker
from gymnasium.utils.env_checker import check_env
from gymnasium.vector import AutoresetMode
from gymnasium.wrappers.vector import RecordEpisodeStatistics

from rgsd.bodies.quadruped import make_quadruped
from rgsd.envs.gymnasium import SingleSkillEnv, SkillVectorEnv
from rgsd.envs.skill_env import EnvConfig, SkillEnv
from rgsd.motions.library import MotionLibrary
from rgsd.motions.motion import Motion

_FRAMES = 12


@pytest.fixture(scope="module")
def library() -> MotionLibrary:
    body = make_quadruped()
    stand = Motion(
        "stand", body.name, body.control_hz, body.joint_names, body.body_names,
        np.tile(body.standing_qpos, (_FRAMES, 1)), np.zeros((_FRAMES, body.model.nv)),
    )  # fmt: skip
    return MotionLibrary(body, [stand])


@pytest.fixture
def vector(library: MotionLibrary) -> SkillVectorEnv:
    return SkillVectorEnv(SkillEnv(library, EnvConfig(worst_body_distance=0.15), num_envs=3))


def standing(env: SkillVectorEnv) -> np.ndarray:
    """Actions (N, A) that hold the standing pose."""
    body = env.env.body
    action = (body.standing_qpos[7:] - body.action_center) / body.action_scale
    return np.tile(action, (env.num_envs, 1)).astype(np.float32)


@pytest.mark.filterwarnings("ignore:.*")  # an unbounded observation is warned of
def test_passes_gymnasiums_checker(library: MotionLibrary) -> None:
    check_env(SingleSkillEnv(SkillEnv(library, num_envs=1)), skip_render_check=True)


@pytest.mark.filterwarnings("ignore:.*")
def test_vector_env_passes_the_checks_that_are_not_about_scalars(vector: SkillVectorEnv) -> None:
    # gymnasium 1.4 has no checker of its own for vector envs; these parts of check_env fit both kinds
    for check in (
        env_checker.check_reset_seed_determinism,
        env_checker.check_reset_options,
        env_checker.check_reset_return_type,
    ):
        check(vector)  # pyright: ignore[reportArgumentType]


def test_a_seed_repeats_an_episode_and_another_does_not(vector: SkillVectorEnv) -> None:
    def after_three_steps(seed: int) -> np.ndarray:
        vector.reset(seed=seed)
        return [vector.step(standing(vector))[0] for _ in range(3)][-1]

    first = after_three_steps(5)
    assert not np.array_equal(first, after_three_steps(6))
    assert np.array_equal(first, after_three_steps(5))


def test_batched_spaces_hold_what_step_returns(vector: SkillVectorEnv) -> None:
    size, actions = vector.env.observation_size, vector.env.action_size
    assert vector.single_observation_space.shape == (size,)
    assert vector.observation_space.shape == (3, size)
    assert vector.single_action_space.shape == (actions,)
    observation, _ = vector.reset(seed=1)
    assert observation in vector.observation_space
    observation, reward, terminated, truncated, _ = vector.step(vector.action_space.sample())
    assert observation in vector.observation_space
    assert (reward.shape, reward.dtype) == ((3,), np.float64)
    assert terminated.dtype == truncated.dtype == np.bool_


def test_who_holds_the_pose_of_a_standing_reference_earns_nearly_all(vector: SkillVectorEnv) -> None:
    vector.reset(seed=0)
    rewards = vector.step(standing(vector))[1]
    assert (rewards > 0.9).all()
    assert (rewards < 1.0).all()


def test_an_episode_without_reference_earns_nothing(vector: SkillVectorEnv) -> None:
    vector.reset(seed=0)
    vector.env.imitation = torch.tensor([True, False, True])
    assert vector.step(standing(vector))[1][1] == 0.0


def test_ended_environments_start_anew_in_the_same_step(vector: SkillVectorEnv) -> None:
    assert vector.metadata["autoreset_mode"] is AutoresetMode.SAME_STEP
    vector.reset(seed=0)
    vector.env.frame = torch.tensor([_FRAMES - 2, 0, 0])  # one step before the clip's last frame
    observation, _, terminated, truncated, infos = vector.step(standing(vector))
    assert truncated.tolist() == [True, False, False]
    assert not terminated.any()
    assert infos["_final_obs"].tolist() == infos["_final_info"].tolist() == [True, False, False]
    assert infos["final_obs"][1] is None
    assert infos["final_obs"][0].shape == observation[0].shape
    assert not np.array_equal(infos["final_obs"][0], observation[0])
    assert not infos["final_info"]["fell"].any()
    assert infos["frame"].tolist() == vector.env.frame.tolist()
    assert vector.env.elapsed.tolist() == [0, 1, 1]


def test_single_env_shows_the_last_state_of_an_episode(library: MotionLibrary) -> None:
    single = SingleSkillEnv(SkillEnv(library, num_envs=1))
    twin = SkillVectorEnv(SkillEnv(library, num_envs=1))
    first, info = single.reset(seed=4)
    assert np.array_equal(first, twin.reset(seed=4)[0][0])
    action = standing(twin)
    for _ in range(info["frame"], _FRAMES - 2):
        assert single.step(action[0])[3] is False
        twin.step(action)
    last, _, terminated, truncated, _ = single.step(action[0])
    assert (terminated, truncated) == (False, True)
    assert np.array_equal(last, twin.step(action)[4]["final_obs"][0])


def test_single_env_refuses_several_environments(library: MotionLibrary) -> None:
    with pytest.raises(ValueError, match="num_envs is 2"):
        SingleSkillEnv(SkillEnv(library, num_envs=2))


def test_gymnasiums_vector_wrappers_understand_it(vector: SkillVectorEnv) -> None:
    wrapped = RecordEpisodeStatistics(vector)
    wrapped.reset(seed=0)
    lengths: list[int] = []
    for _ in range(_FRAMES):
        infos = wrapped.step(standing(vector))[4]
        if "episode" in infos:
            lengths += infos["episode"]["l"][infos["_episode"]].tolist()
    assert lengths
    assert max(lengths) < _FRAMES


def test_importing_rgsd_needs_no_gymnasium_and_the_error_names_the_extra() -> None:
    code = (
        "import sys; sys.modules['gymnasium'] = None\n"
        "import rgsd.envs.skill_env, rgsd.cli.main\n"
        "try: import rgsd.envs.gymnasium\n"
        "except ModuleNotFoundError as error: print(error)"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert "rgsd[gym]" in done.stdout
    assert gymnasium.__name__ in done.stdout
