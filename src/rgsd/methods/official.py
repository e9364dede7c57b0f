"""The official setting of each baseline: what its authors' code trains it with, as far as this learner can have it.

Values are those that the official repositories ship: `ase_humanoid.yaml` of nv-tlabs/ASE, `calm_humanoid.yaml` of
NVlabs/CALM, the command for the state-based Ant of seohongpark/METRA, and DIAYN's `SHARED_PARAMS`. Bodies, physics and
control rates stay this project's. METRA and DIAYN were published with SAC; of that only what PPO shares is taken. The
pages docs/METHOD.md have a table of each, and say what cannot be.
"""

from __future__ import annotations

import dataclasses
import math

import numpy as np

from rgsd.bodies.body import Body
from rgsd.bodies.registry import make_body
from rgsd.errors import UsageError
from rgsd.learning.networks import NetworkConfig
from rgsd.learning.ppo import PpoConfig
from rgsd.methods.ase import AseConfig
from rgsd.methods.calm import CalmConfig
from rgsd.methods.diayn import DiaynConfig
from rgsd.methods.dual_descent import MetricConfig
from rgsd.methods.runs import RunConfig

_WIDE = (1024, 1024, 512)
_NOISE = 0.055  # exp(-2.9), of the range of actions


def official(config: RunConfig) -> RunConfig:
    """A baseline's run with its official setting.

    Raises:
        UsageError: the method has no official code.
    """
    settings, body = config.settings, make_body(config.body)
    match settings:
        case AseConfig() | CalmConfig():
            return _adversarial(config, settings, body)
        case MetricConfig():
            return _metra(config, settings, body)
        case DiaynConfig():
            return _diayn(config, settings, body)
        case _:
            raise UsageError(f"--preset official: {config.method} has no official code; give --preset paper")


def _adversarial(config: RunConfig, settings: AseConfig | CalmConfig, body: Body) -> RunConfig:
    """ASE and CALM: 4,096 environments x 32 steps, six epochs of eight minibatches, one rate throughout."""
    encoder = dataclasses.replace(settings.encoder, latent_dim=64, hidden=_WIDE)
    discriminator = dataclasses.replace(settings.discriminator, hidden=_WIDE, learning_rate=2e-5, replay=200_000)
    settings = dataclasses.replace(settings, encoder=encoder, discriminator=discriminator)
    if isinstance(settings, CalmConfig):
        settings = dataclasses.replace(settings, motion_seconds=2.0, motion_frames=60)
    # there it is a fraction of each joint's range; here the same angle for all of them
    noise = _NOISE * float(np.mean(body.action_scale))
    return dataclasses.replace(
        config,
        settings=settings,
        num_envs=4096,
        env=dataclasses.replace(config.env, discovery_seconds=10.0),
        network=NetworkConfig(_WIDE, _WIDE, noise=noise, final_noise=noise, privileged_critic=False),
        ppo=PpoConfig(
            gamma=0.99,
            gae_lambda=0.95,
            clip=0.2,
            epochs=6,
            minibatches=8,
            learning_rate=2e-5,
            kl_per_action=0.0,
            value_weight=5.0,
            bound_weight=10.0,
            max_gradient_norm=math.inf,
            advantage_per_stream=False,
        ),
        trainer=dataclasses.replace(config.trainer, horizon=32, alive_reward=0.0),
    )


def _metra(config: RunConfig, settings: MetricConfig, body: Body) -> RunConfig:
    """METRA on the Ant: eight paths of 200 steps an iteration, 50 gradient steps of 256 transitions, 2-D skills.

    LGSD's takes the same, with its own pairs. The alive reward stays: there no fall ends an episode.
    """
    encoder = dataclasses.replace(settings.encoder, latent_dim=2, hidden=(1024, 1024))
    return dataclasses.replace(
        config,
        settings=dataclasses.replace(settings, encoder=encoder, learning_rate=1e-4, dual_learning_rate=1e-4),
        num_envs=8,
        env=dataclasses.replace(config.env, discovery_seconds=200 * body.control_dt),
        network=_off_policy(config, (1024, 1024)),
        ppo=dataclasses.replace(config.ppo, gamma=0.99, learning_rate=1e-4, kl_per_action=0.0),
        trainer=dataclasses.replace(config.trainer, horizon=200),
    )


def _diayn(config: RunConfig, settings: DiaynConfig, body: Body) -> RunConfig:
    """DIAYN: fifty discrete skills, log q(z|s) - log p(z) itself, entropy at 0.1, paths of 1,000 steps."""
    encoder = dataclasses.replace(settings.encoder, latent_dim=50, hidden=(300, 300))
    return dataclasses.replace(
        config,
        settings=dataclasses.replace(settings, encoder=encoder, discrete=True, reward="exact", learning_rate=3e-4),
        env=dataclasses.replace(config.env, discovery_seconds=1000 * body.control_dt),
        network=dataclasses.replace(_off_policy(config, (300, 300)), learn_noise=True),
        ppo=dataclasses.replace(config.ppo, gamma=0.99, learning_rate=3e-4, kl_per_action=0.0, entropy_bonus=0.1),
        trainer=dataclasses.replace(config.trainer, alive_reward=0.0),
    )


def _off_policy(config: RunConfig, hidden: tuple[int, ...]) -> NetworkConfig:
    return dataclasses.replace(config.network, actor_hidden=hidden, critic_hidden=hidden, privileged_critic=False)
