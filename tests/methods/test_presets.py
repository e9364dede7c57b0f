"""What docs/rgsd.md says of the presets, against the presets."""

from __future__ import annotations

import dataclasses
from pathlib import Path
from typing import Any

import pytest

from rgsd.methods.presets import make_preset
from rgsd.methods.rgsd import RgsdConfig
from rgsd.methods.runs import RunConfig
from rgsd.methods.settings import setting_names

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
    """What an option of the command line is set to."""
    name = option.removeprefix("--").replace("-", "_")
    assert name in setting_names(config), option
    found: Any = config
    for part in name.split("."):
        found = getattr(found, part)
    return found


@pytest.mark.parametrize("body", ["quadruped", "smpl"])
def test_the_pages_table_is_the_presets(body: str) -> None:
    config, written = make_preset("cpu", "rgsd", body), table()[body]
    assert len(written) == 43
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
    options = {name: "--" + name.replace("_", "-") for name in setting_names(a)}
    differ = {option for option in options.values() if value(a, option) != value(b, option)}
    assert differ - set(table()[body]) == {"--body", "--motions"}


@pytest.mark.parametrize("body", ["quadruped", "smpl"])
def test_the_paper_preset_is_as_the_page_says(body: str) -> None:
    config = make_preset("paper", "rgsd", body)
    network, ppo, settings = config.network, config.ppo, config.settings
    assert network.actor_hidden == network.critic_hidden == (1024, 1024, 512)
    assert (network.privileged_critic, network.learn_noise, ppo.entropy_bonus) == (False, True, 1e-3)
    assert not ppo.advantage_per_stream
    assert config.trainer.warm_start.iterations == 0
    assert isinstance(settings, RgsdConfig)
    assert (settings.reward, settings.imitation_fraction) == ("cosine", 0.5)
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
