"""Numbers that make no sense are refused by the name of their option; those that ship are not."""

from __future__ import annotations

import math
from dataclasses import replace
from typing import Any

import pytest

from rgsd.errors import UsageError
from rgsd.methods.limits import check_limits
from rgsd.methods.presets import PRESETS, make_preset
from rgsd.methods.registry import METHODS
from rgsd.methods.settings import replace_settings
from rgsd.tasks.runs import TaskConfig


@pytest.mark.parametrize(
    ("name", "value", "said"),
    [
        ("ppo.gamma", 1.0, "--ppo.gamma is 1.0; give a number from 0 to below 1"),
        ("ppo.gae_lambda", 7.0, "ppo.gae_lambda is 7.0; give a number from 0 to 1"),
        ("ppo.clip", -1.0, "--ppo.clip is -1.0; give a positive number"),
        ("ppo.learning_rate", math.nan, "--ppo.learning-rate is nan; give a positive number"),
        ("num_envs", 0, "--num-envs is 0; give a number of 1 or more"),
        ("network.actor_hidden", [256, 0], "--network.actor-hidden is 0; give a number of 1 or more"),
        ("env.discovery_seconds", -1.0, "--env.discovery-seconds is -1.0; give a positive number"),
        ("trainer.alive_reward", math.nan, "--trainer.alive-reward is nan; give a finite number"),
        ("trainer.warm_start.iterations", -1, "--trainer.warm-start.iterations is -1; give a number of 0 or more"),
        ("settings.imitation_fraction", 1.5, "--settings.imitation-fraction is 1.5; give a number from 0 to 1"),
        ("settings.encoder.latent_dim", 1, "--settings.encoder.latent-dim is 1; give a number of 2 or more"),
        ("settings.kappa", -5.0, "--settings.kappa is -5.0; give a positive number"),
        ("settings.contrastive.batch", 0, "settings.contrastive.batch is 0; give a number of 1 or more"),
        (
            "settings.contrastive.hard_negatives",
            [0.0, math.inf],
            "--settings.contrastive.hard-negatives is inf; give a finite number",
        ),
        ("settings.alpha", math.nan, "--settings.alpha is nan; give a number of 0 or more"),
    ],
)
def test_what_makes_no_sense_is_refused_by_name(name: str, value: Any, said: str) -> None:
    config = replace(make_preset("cpu", "rgsd", "quadruped"), minutes=1.0)
    with pytest.raises(UsageError) as refused:
        replace_settings(config, {name: value}).check()
    assert str(refused.value).startswith(said)


def test_what_is_without_is_allowed() -> None:
    config = replace(make_preset("cpu", "rgsd", "quadruped"), minutes=1.0)
    without = {
        "settings.contrastive.steps": 0,
        "settings.contrastive.noise": 0.0,
        "settings.encoder_learning_rate": 0.0,
        "settings.alpha": 0.0,
        "settings.imitation_fraction": 0.0,
        "trainer.warm_start.iterations": 0,
        "trainer.alive_reward": -0.1,
        "ppo.kl_per_action": 0.0,  # keeps the rate
        "ppo.max_gradient_norm": math.inf,
        "env.heading_error": math.inf,
        "settings.contrastive.hard_negatives": [-1.0, 0.5],
    }
    replace_settings(config, without).check()
    check_limits(TaskConfig(minutes=1.0, margin=math.inf))
    with pytest.raises(UsageError, match=r"--reward\.style-weight is nan"):
        check_limits(replace_settings(TaskConfig(), {"reward.style_weight": math.nan}))


# RGSD and the tracker have no official code
AVAILABLE = [(p, m) for p in PRESETS for m in METHODS if p != "official" or m not in ("rgsd", "tracker")]


@pytest.mark.parametrize(("preset", "method"), AVAILABLE)
@pytest.mark.parametrize("body", ["quadruped", "smpl"])
def test_every_preset_is_within_its_limits(preset: str, method: str, body: str) -> None:
    check_limits(make_preset(preset, method, body))
