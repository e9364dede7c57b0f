"""What docs/rgsd.md says of the presets, against the presets."""

from __future__ import annotations

import dataclasses
from pathlib import Path
from typing import Any

import pytest

from rgsd.errors import UsageError
from rgsd.methods.ase import AseConfig
from rgsd.methods.calm import CalmConfig
from rgsd.methods.metra import MetraConfig
from rgsd.methods.presets import from_scratch, make_preset
from rgsd.methods.rgsd import RgsdConfig
from rgsd.methods.runs import RunConfig
from rgsd.methods.settings import file_only_names, setting_names

PAGE = Path(__file__).parents[2] / "docs" / "rgsd.md"


def table() -> dict[str, dict[str, str]]:
    """The page's values by body and option."""
    section = PAGE.read_text().split("## The preset's values")[1].split("\n## ")[0]
    rows = [
        [cell.strip() for cell in line.strip("|").split("|")] for line in section.splitlines() if line.startswith("|")
    ]
    assert rows[0][:3] == ["option", "quadruped", "smpl"]
    options = [row[0].strip("`") for row in rows[2:]]
    return {
        body: dict(zip(options, (row[at] for row in rows[2:]), strict=True))
        for at, body in ((1, "quadruped"), (2, "smpl"))
    }


def value(config: RunConfig, option: str) -> Any:
    """What an option, or a setting of the file of --config alone, is set to."""
    name = option.removeprefix("--").replace("-", "_")
    assert name in setting_names(config), option
    assert (name in file_only_names(config)) != option.startswith("--"), option
    found: Any = config
    for part in name.split("."):
        found = getattr(found, part)
    return found


@pytest.mark.parametrize("body", ["quadruped", "smpl"])
def test_the_pages_table_is_the_presets(body: str) -> None:
    config, written = make_preset("cpu", "rgsd", body), table()[body]
    assert len(written) == 42
    for option, text in written.items():
        held = value(config, option)
        if isinstance(held, tuple):
            assert [int(part) for part in text.split("-")] == list(held), option
        elif isinstance(held, str):
            assert text == held, option
        else:
            assert float(text.replace(",", "")) == held, option


@pytest.mark.parametrize("body", ["quadruped", "smpl"])
def test_the_table_leaves_out_nothing_that_the_bodies_differ_in(body: str) -> None:
    a, b = make_preset("cpu", "rgsd", "quadruped"), make_preset("cpu", "rgsd", "smpl")
    hidden = file_only_names(a)
    options = {name: name if name in hidden else "--" + name.replace("_", "-") for name in setting_names(a)}
    differ = {option for option in options.values() if value(a, option) != value(b, option)}
    assert differ - set(table()[body]) == {"--body", "--motions"}


@pytest.mark.parametrize("body", ["quadruped", "smpl"])
def test_the_paper_preset_is_as_the_page_says(body: str) -> None:
    config = make_preset("paper", "rgsd", body)
    network, ppo, settings = config.network, config.ppo, config.settings
    assert network.actor_hidden == network.critic_hidden == (1024, 1024, 512)
    assert (network.privileged_critic, network.learn_noise, ppo.entropy_bonus) == (False, True, 5e-4)
    assert not ppo.advantage_per_stream
    assert config.trainer.warm_start.iterations == 0
    assert isinstance(settings, RgsdConfig)
    assert (settings.reward, settings.imitation_fraction) == ("exact", 0.5)
    assert settings.kappa == settings.contrastive.kappa == 10


@pytest.mark.parametrize("body", ["quadruped", "smpl"])
def test_the_preset_for_a_gpu_is_wide_and_otherwise_the_usual_one(body: str) -> None:
    usual, wide = make_preset("cpu", "rgsd", body), make_preset("gpu", "rgsd", body)
    assert (wide.device, wide.physics, wide.num_envs, wide.trainer.horizon) == ("cuda", "warp", 4096, 24)
    assert wide.network.actor_hidden == wide.network.critic_hidden == (1024, 1024, 512)
    ppo = dataclasses.replace(usual.ppo, bfloat16=False)  # which is the CPU's own
    assert (wide.settings, wide.ppo, wide.env, wide.trainer.warm_start) == (
        usual.settings, ppo, usual.env, usual.trainer.warm_start,
    )  # fmt: skip


@pytest.mark.parametrize("method", ["ase", "calm"])
def test_the_adversarial_baselines_official_setting_is_that_of_their_code(method: str) -> None:
    config = make_preset("official", method, "smpl")
    ppo, settings = config.ppo, config.settings
    assert isinstance(settings, AseConfig | CalmConfig)
    # 4,096 x 32 samples, 6 epochs of minibatches of 16,384, one optimiser at 2e-5
    assert (config.num_envs, config.trainer.horizon) == (4096, 32)
    assert config.num_envs * config.trainer.horizon / ppo.minibatches == 16_384
    assert (ppo.epochs, ppo.learning_rate, ppo.kl_per_action) == (6, 2e-5, 0.0)
    assert (ppo.gamma, ppo.gae_lambda, ppo.clip, ppo.entropy_bonus) == (0.99, 0.95, 0.2, 0.0)
    discriminator = settings.discriminator
    assert discriminator.learning_rate == 2e-5
    # 48 steps of 4,096 windows
    assert discriminator.updates == 48
    assert discriminator.batch_fraction * config.num_envs * config.trainer.horizon == 4096
    assert settings.encoder.latent_dim == 64
    assert config.trainer.noise_free == 0.1
    assert config.trainer.warm_start.iterations == 0


def test_metras_official_setting_is_the_ants_command() -> None:
    config = make_preset("official", "metra", "quadruped")
    settings = config.settings
    assert isinstance(settings, MetraConfig)
    samples = config.num_envs * config.trainer.horizon
    assert samples == 8 * 200
    assert (samples // settings.samples_per_update, settings.batch) == (50, 256)
    assert (settings.encoder.latent_dim, settings.encoder.hidden) == (2, (1024, 1024))
    assert (settings.learning_rate, settings.dual_learning_rate, config.ppo.gamma) == (1e-4, 1e-4, 0.99)


def test_the_official_setting_of_what_has_no_official_code_is_refused() -> None:
    with pytest.raises(UsageError, match="rgsd has no official code; give --preset paper"):
        make_preset("official", "rgsd", "quadruped")


def test_every_official_setting_is_within_the_limits() -> None:
    for method in ("diayn", "metra", "lgsd", "ase", "calm"):
        make_preset("official", method, "quadruped").check()


def test_from_scratch_half_of_the_samples_imitate() -> None:
    config = from_scratch(make_preset("cpu", "rgsd", "quadruped"))
    assert isinstance(config.settings, RgsdConfig)
    assert (config.settings.imitation_fraction, config.settings.fraction_of) == (0.5, "samples")
    assert config.network == make_preset("cpu", "diayn", "quadruped").network
