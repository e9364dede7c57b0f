"""Presets: settings that go together, by name, body and method."""

from __future__ import annotations

import dataclasses
from pathlib import Path

from rgsd.bodies.mjcf import standing_height
from rgsd.bodies.quadruped import STANDING_HEIGHT
from rgsd.bodies.registry import BODIES, is_mjcf
from rgsd.envs.skill_env import EnvConfig
from rgsd.errors import UnknownName
from rgsd.learning.networks import NetworkConfig
from rgsd.learning.ppo import PpoConfig
from rgsd.learning.precision import has_fast_bfloat16
from rgsd.learning.trainer import TrainerConfig
from rgsd.learning.warm_start import WarmStartConfig
from rgsd.methods.ase import AseConfig
from rgsd.methods.calm import CalmConfig
from rgsd.methods.diayn import DiaynConfig
from rgsd.methods.dual_descent import MetricConfig
from rgsd.methods.official import official
from rgsd.methods.registry import METHODS, MethodConfig
from rgsd.methods.rgsd import RgsdConfig
from rgsd.methods.runs import RunConfig, check_method
from rgsd.methods.tracker import TrackerConfig
from rgsd.motions.embedded import EMBEDDED
from rgsd.skills.contrastive import ContrastiveConfig
from rgsd.skills.encoder import EncoderConfig

PRESETS = ("cpu", "gpu", "paper", "official")
"""What works best on two cores; the same for a GPU, in field sizes; RGSD's algorithm as printed, and the baselines in
its sizes; each baseline as its authors' code trains it."""

_WIDE = (1024, 1024, 512)
_ENTROPY = 5e-4  # that of the first author's next paper (GGSD); RGSD's own is not published

ALIVE_REWARD = 0.5
"""What every step is worth, to every method alike: rewards are of order one, and METRA's can be negative."""
NOISE_FREE = 0.1
"""Fraction of ASE's and CALM's environments that act without noise: the mean over environments of the official code's
exp(10 (u - 1)), u evenly in [0, 1]."""


def make_preset(name: str, method: str, body: str) -> RunConfig:
    """The settings of a preset.

    Args:
        name: one of `PRESETS`.
        method: one of `rgsd.methods.registry.METHODS`.
        body: a built-in body, or the path of an MJCF file.

    Raises:
        UnknownName: no such preset, method or body.
        BodyError: the file cannot be a body.
        UsageError: preset `official` of a method that has no official code.
    """
    if name not in PRESETS:
        raise UnknownName("preset", name, PRESETS)
    settings = METHODS[check_method(method)].settings()
    if body == "quadruped":
        config = _quadruped(method)
    elif body == "smpl":
        config = _smpl(method)
    elif is_mjcf(body):
        config = _own(method, body)
    else:
        raise UnknownName("body", body, BODIES)
    if isinstance(settings, RgsdConfig):
        settings = _rgsd_settings(name, body)
    elif isinstance(settings, TrackerConfig):
        config = dataclasses.replace(config, env=dataclasses.replace(config.env, lag=True))
        # of twenty clips some are ten times as hard as others
        settings = TrackerConfig(clip_sampling="hardest" if body == "smpl" else "uniform")
    else:
        settings = _baseline_settings(settings, name, body)
        # open-loop replay would show them the references, which they are to do without or to know by a discriminator
        # alone
        config = from_scratch(config) if name in ("cpu", "official") else _without_warm_start(config)
    config = dataclasses.replace(
        config,
        preset=name,
        ppo=dataclasses.replace(config.ppo, bfloat16=name != "gpu" and has_fast_bfloat16()),
        settings=settings,
        trainer=dataclasses.replace(
            config.trainer,
            alive_reward=ALIVE_REWARD,
            noise_free=NOISE_FREE if isinstance(settings, AseConfig | CalmConfig) else 0.0,
        ),
    )
    if name == "gpu":
        return _wide(config)
    if name == "official":
        return official(config)
    if name == "paper":
        config = dataclasses.replace(
            config,
            network=NetworkConfig(_WIDE, _WIDE, noise=config.network.noise, learn_noise=True, privileged_critic=False),
            ppo=dataclasses.replace(config.ppo, advantage_per_stream=False, entropy_bonus=_ENTROPY),
        )
        config = _without_warm_start(config)
    return config


def from_scratch(config: RunConfig) -> RunConfig:
    """The same run (of preset `cpu`) without warm start, with the noise that this asks for: how baselines begin.

    RGSD's imitation is then half of the samples: at first its episodes last 0.17 s, and four of five such episodes are
    a few samples in a hundred.
    """
    config = _without_warm_start(config)
    if isinstance(config.settings, RgsdConfig):
        settings = dataclasses.replace(config.settings, imitation_fraction=0.5, fraction_of="samples")
        config = dataclasses.replace(config, settings=settings)
    if config.body == "smpl":
        return config
    # to who starts from nothing, 0.03 rad and the bound on the KL leave almost no room in an update
    network = dataclasses.replace(config.network, noise=0.1, final_noise=0.03, noise_steps=2_000_000)
    return dataclasses.replace(config, network=network)


def from_tracker(config: RunConfig, tracker: Path) -> RunConfig:
    """The same RGSD run of the humanoid (of preset `cpu`), begun by cloning a tracker of its clips.

    The settings of `smpl-accad20` (docs/results/smpl_accad20.md), but for a shorter cloning: of twenty minutes PPO is
    to have the greater part.
    """
    settings, encoder = config.settings, EncoderConfig(latent_dim=8)
    assert isinstance(settings, RgsdConfig)
    contrastive = dataclasses.replace(settings.contrastive, steps=1500, hard_negatives=(0.0, 0.5, 1.5))
    return dataclasses.replace(
        config,
        network=dataclasses.replace(config.network, noise=0.03, final_noise=0.03),
        ppo=dataclasses.replace(config.ppo, kl_per_action=1e-3),
        trainer=dataclasses.replace(
            config.trainer,
            averaging=100,
            warm_start=dataclasses.replace(
                config.trainer.warm_start, teachers=(str(tracker),), iterations=100, anchor_weight=0.01
            ),
        ),
        settings=dataclasses.replace(
            settings,
            encoder=encoder,
            contrastive=contrastive,
            kappa=10.0,
            imitation_fraction=0.5,
            rsi="half",
            standing_starts=0.2,
            clip_sampling="failures",
        ),
    )


def equal_start(config: RunConfig) -> RunConfig:
    """The same run (of preset `cpu`) with RGSD's warm start and noise: every actor is cloned from the same replay."""
    own = make_preset("cpu", "rgsd", config.body)
    trainer = dataclasses.replace(config.trainer, warm_start=own.trainer.warm_start)
    return dataclasses.replace(config, network=own.network, trainer=trainer)


def _wide(config: RunConfig) -> RunConfig:
    """For a GPU: physics there, 4,096 environments for 24 steps, wide networks, as many minibatches as before.

    Nothing of it has been tried on a GPU yet (docs/scaling.md).
    """
    return dataclasses.replace(
        config,
        device="cuda",
        physics="warp",
        num_envs=4096,
        trainer=dataclasses.replace(config.trainer, horizon=24),
        network=dataclasses.replace(config.network, actor_hidden=_WIDE, critic_hidden=_WIDE),
    )


def _without_warm_start(config: RunConfig) -> RunConfig:
    trainer = dataclasses.replace(config.trainer, warm_start=WarmStartConfig(iterations=0))
    return dataclasses.replace(config, trainer=trainer)


def _quadruped(method: str) -> RunConfig:
    return RunConfig(
        method=method,
        body="quadruped",
        # so small a body costs little physics: what else a step costs, many environments share
        num_envs=2048,
        env=EnvConfig(discovery_seconds=4.0, worst_body_distance=0.08, heading_error=0.25),
        network=NetworkConfig(actor_hidden=(256, 128), critic_hidden=(256, 128), noise=0.03, final_noise=0.03),
        # a third of this KL discovers far less in as many samples, and three times of it can lose a gait
        ppo=PpoConfig(gamma=0.97, kl_per_action=3e-3),
        trainer=TrainerConfig(horizon=6, warm_start=WarmStartConfig(anchor_weight=0.02)),
    )


def _smpl(method: str) -> RunConfig:
    return RunConfig(
        method=method,
        body="smpl",
        motions=EMBEDDED,
        num_envs=512,
        # most references are lost by a stubbed toe, which a step later is made good: 0.25 m would end it there
        env=EnvConfig(discovery_seconds=10.0, worst_body_distance=0.4),
        network=NetworkConfig(actor_hidden=(512, 256), critic_hidden=(512, 256), noise=0.05, final_noise=0.05),
        # 69 dimensions want samples more than passes. At the wanted KL their probability ratio strays by 0.4: a clip of
        # 0.2 gives half of the samples no gradient, which 0.5 mends; up to 0.7 M samples that has shown no gain in
        # learning. A first rate of 1e-4 undoes the warm start in one update.
        ppo=PpoConfig(gamma=0.97, clip=0.5, epochs=2, minibatches=2, learning_rate=1e-5, min_learning_rate=1e-6),
        # whoever is told the phase has learned to play back within a few iterations
        trainer=TrainerConfig(
            horizon=24,
            averaging=50,
            warm_start=WarmStartConfig(
                latents="voronoi", iterations=8 if method == "tracker" else 25, final_learning_rate=1e-4
            ),
        ),
    )


def _own(method: str, path: str) -> RunConfig:
    """The quadruped's settings, but how far a body may stray from its reference grows with its standing height.

    From 0.08 m at 0.28 m that makes 0.27 m at the humanoid's 0.94 m, whose own preset has 0.4 m.
    """
    config = _quadruped(method)
    size = standing_height(Path(path)) / STANDING_HEIGHT
    env = dataclasses.replace(config.env, worst_body_distance=round(size * config.env.worst_body_distance, 3))
    # a run must find its body from wherever it is resumed
    return dataclasses.replace(config, body=str(Path(path).resolve()), motions="", env=env)


def _baseline_settings(settings: MethodConfig, name: str, body: str) -> MethodConfig:
    """RGSD's dimension and feature mask: a comparison on one body wants one latent space, and a search among 500
    latents covers few dimensions. In field sizes the dimension, networks and rates of the official code.
    """
    encoder = _rgsd_settings(name, body).encoder
    match settings:
        case DiaynConfig():
            return dataclasses.replace(settings, encoder=encoder)
        case MetricConfig() if name == "paper":
            encoder = dataclasses.replace(encoder, hidden=(1024, 1024))
            return dataclasses.replace(settings, encoder=encoder, learning_rate=1e-4, dual_learning_rate=1e-4)
        case MetricConfig():
            return dataclasses.replace(settings, encoder=encoder)
        case AseConfig() | CalmConfig() if name == "paper":
            wide = (1024, 1024, 512)
            discriminator = dataclasses.replace(settings.discriminator, hidden=wide, learning_rate=2e-5)
            encoder = dataclasses.replace(encoder, hidden=wide, latent_dim=64)
            return dataclasses.replace(settings, encoder=encoder, discriminator=discriminator)
        case AseConfig():
            return dataclasses.replace(settings, encoder=encoder)
        case CalmConfig():
            # a quadruped's planned gaits last two seconds, within which two pieces should overlap
            seconds = settings.motion_seconds if body == "smpl" else 1.0
            return dataclasses.replace(settings, encoder=encoder, motion_seconds=seconds)
        case _:
            return settings


def _rgsd_settings(name: str, body: str) -> RgsdConfig:
    """A small sphere for few clips: in 64-D a uniform z is nearly orthogonal to every reference."""
    encoder = EncoderConfig(latent_dim=16 if body == "smpl" else 4)
    if name == "paper":
        return RgsdConfig(encoder=encoder, kappa=ContrastiveConfig().kappa, reward="exact")
    if body == "smpl":
        # twenty clips of a humanoid take longer to tell apart than eight gaits of a quadruped; a humanoid must
        # learn not to fall first, for which the flat reward gives the clearer signal
        return RgsdConfig(
            encoder=encoder,
            contrastive=ContrastiveConfig(steps=2000, batch=512),
            reward="cosine",
            fraction_of="samples",
        )
    # its imitation lasts a second and its discovery four: four episodes in five are half of the samples
    return RgsdConfig(encoder=encoder, imitation_fraction=0.8)
