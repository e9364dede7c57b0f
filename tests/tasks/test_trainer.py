"""Rewards by hand, learning where the best policy is known, and going on to the bit."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from torch import Tensor

from rgsd.learning.checkpoint import CheckpointError
from rgsd.learning.networks import NetworkConfig
from rgsd.learning.ppo import PpoConfig
from rgsd.motions.library import MotionLibrary
from rgsd.tasks.goal_env import GoalEnv
from rgsd.tasks.trainer import LoopConfig, RewardConfig, TaskTrainer, reward

MakeEnv = Callable[..., GoalEnv]


def make(
    env: GoalEnv,
    library: MotionLibrary,
    folder: Path,
    style: Tensor | None = None,
    identity: str = "skills",
    **more: Any,
) -> TaskTrainer:
    network = NetworkConfig((32,), (32,), noise=0.3, final_noise=0.3)
    ppo = PpoConfig(gamma=0.9, learning_rate=3e-3, kl_per_action=0.02, minibatches=2)
    loop = LoopConfig(horizon=16, checkpoint_minutes=0.0)
    return TaskTrainer(env, library, style, identity, RewardConfig(**more), network, ppo, loop, folder, 0)


def test_rewards_by_hand() -> None:
    config = RewardConfig(progress_weight=2.0, speed=0.8, style_weight=0.5)
    progress = torch.tensor([0.08, 0.04, 0.0, -0.4])  # in 0.1 s: 0.8, 0.4, 0 and -4 m/s
    z = torch.tensor([[1.0, 0.0], [0.0, 1.0], [-1.0, 0.0], [0.6, 0.8]])
    earned = [2.0, 2.0 * 0.75, 1.0, 0.0]
    np.testing.assert_allclose(reward(config, progress, 0.1, z, None), earned, atol=1e-6)
    styled = reward(config, progress, 0.1, z, torch.tensor([[1.0, 0.0]]))
    # (1 + cos) / 2 of 1, 0, -1 and 0.6
    np.testing.assert_allclose(styled, np.array(earned) + 0.5 * np.array([1.0, 0.5, 0.0, 0.8]), atol=1e-6)


def test_it_learns_to_go_to_goals(make_env: MakeEnv, compass: MotionLibrary, tmp_path: Path) -> None:
    trainer = make(make_env(64, side=6.0), compass, tmp_path, speed=0.5)
    metrics = [trainer.iterate() for _ in range(25)]
    # the box can do 0.5 to 1.1 m/s; an untrained policy goes nowhere
    assert abs(metrics[0]["Task/speed_to_goal"]) < 0.15
    assert metrics[-1]["Task/speed_to_goal"] > 0.35
    assert metrics[-1]["samples"] == 25 * 16 * 64 * 5
    assert "Task/style" not in metrics[-1]


def test_a_style_bends_the_choice_of_latents(make_env: MakeEnv, compass: MotionLibrary, tmp_path: Path) -> None:
    trainer = make(make_env(64, side=6.0), compass, tmp_path, torch.tensor([[0.0, 1.0]]), style_weight=5.0)
    metrics = [trainer.iterate() for _ in range(12)]
    # the mean cosine with any direction is 0 over the circle
    assert abs(metrics[0]["Task/style"]) < 0.15
    assert metrics[-1]["Task/style"] > 0.5


def test_going_on_equals_never_having_stopped(make_env: MakeEnv, compass: MotionLibrary, tmp_path: Path) -> None:
    def run(folder: str, iterations: int) -> TaskTrainer:
        trainer = make(make_env(4, side=3.0), compass, tmp_path / folder)
        trainer.resume()
        assert trainer.run(steps=iterations * 16 * 4 * 5)
        return trainer

    whole, _, parts = run("whole", 4), run("parts", 2), run("parts", 4)
    assert parts.iteration == 4
    for a, b in zip(whole.actor.state_dict().values(), parts.actor.state_dict().values(), strict=True):
        assert torch.equal(a, b)
    logs = [
        [json.loads(line)["Train/mean_reward"] for line in (tmp_path / name / "metrics.jsonl").read_text().splitlines()]
        for name in ("whole", "parts")
    ]
    assert logs[0] == logs[1]


def test_a_checkpoint_over_other_skills_is_refused(make_env: MakeEnv, compass: MotionLibrary, tmp_path: Path) -> None:
    make(make_env(2), compass, tmp_path).save()
    with pytest.raises(CheckpointError, match="the skills have been trained on"):
        make(make_env(2), compass, tmp_path, identity="others").resume()
