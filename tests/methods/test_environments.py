"""What an environment sees does not depend on the process that steps it."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
import torch
from torch import Tensor, nn

from rgsd.bodies.registry import make_body
from rgsd.envs.skill_env import EnvConfig, SkillEnv
from rgsd.learning import distributed
from rgsd.learning.collector import Collector
from rgsd.learning.networks import Actor, Critic, NetworkConfig
from rgsd.learning.ppo import PpoConfig
from rgsd.learning.rollout import Rollout
from rgsd.learning.warm_start import WarmStart, WarmStartConfig
from rgsd.methods import runs
from rgsd.methods.ase import AseConfig
from rgsd.methods.calm import CalmConfig
from rgsd.methods.diayn import DiaynConfig
from rgsd.methods.lgsd import LgsdConfig
from rgsd.methods.metra import MetraConfig
from rgsd.methods.registry import METHODS, MethodConfig
from rgsd.methods.rgsd import RgsdConfig
from rgsd.methods.runs import RunConfig, load_library
from rgsd.methods.tracker import TrackerConfig
from rgsd.motions.library import MotionLibrary
from rgsd.physics.mujoco_cpu import MujocoCpu
from rgsd.skills.contrastive import ContrastiveConfig
from rgsd.skills.encoder import EncoderConfig
from rgsd.skills.window_networks import DiscriminatorConfig

SMALL, DISCRIMINATOR = EncoderConfig(latent_dim=3, hidden=(8,)), DiscriminatorConfig(hidden=(8,), window=3)
UNTRAINED = RgsdConfig(SMALL, ContrastiveConfig(steps=0))
SETTINGS: dict[str, tuple[str, MethodConfig]] = {
    "rgsd": ("rgsd", UNTRAINED),
    "tracker": ("tracker", TrackerConfig()),
    "diayn": ("diayn", DiaynConfig(SMALL, rsi=0.5)),
    "metra": ("metra", MetraConfig(SMALL)),
    "lgsd": ("lgsd", LgsdConfig(SMALL)),
    "ase": ("ase", AseConfig(SMALL, DISCRIMINATOR, longest_skill=4)),
    "calm": (
        "calm",
        CalmConfig(SMALL, motion_seconds=0.4, motion_frames=4, discriminator=DISCRIMINATOR, shortest_skill=2),
    ),
}
ACTION = NetworkConfig(actor_hidden=(16,), critic_hidden=(8,), noise=0.1)


def collect(library: MotionLibrary, name: str, envs: range, taught: bool) -> Rollout:
    """14 steps of so many environments by themselves; discovery is over after 6."""
    method_name, settings = SETTINGS[name]
    method = METHODS[method_name].build(library, settings, 0)
    config, physics = EnvConfig(discovery_seconds=0.12), MujocoCpu(library.body, len(envs), threads=1)
    env = SkillEnv(library, config, physics=physics, seed=5, first_env=envs.start)
    torch.manual_seed(0)
    actor = Actor(env.observation_size, method.latent_dim, torch.tensor(env.body.action_scale), ACTION)
    critic = Critic(env.observation_size, method.latent_dim, env.privileged_size, ACTION)
    latents = method.export().clip_latents
    z = torch.stack([*latents.values()]) if latents else None
    teacher = WarmStart(env, actor, critic, z, WarmStartConfig(), PpoConfig(), seed=envs.start)
    return Collector(env, method, actor).collect(14, teacher if taught else None)[0]


@pytest.fixture
def row_by_row(monkeypatch: pytest.MonkeyPatch) -> None:
    """A matrix product may round by its number of rows: on some processors 8 and 16 of them differ in the last bit."""

    def forward(layer: nn.Linear, x: Tensor) -> Tensor:
        rows = x.reshape(-1, 1, layer.in_features)
        return torch.cat([nn.functional.linear(row, layer.weight, layer.bias) for row in rows]).view(*x.shape[:-1], -1)

    monkeypatch.setattr(nn.Linear, "forward", forward)


@pytest.mark.parametrize(("name", "taught"), [*((name, False) for name in SETTINGS), ("rgsd", True)])
@pytest.mark.usefixtures("bag_of_words", "row_by_row")
def test_two_halves_are_the_whole(tiny_library: MotionLibrary, name: str, taught: bool) -> None:
    whole = collect(tiny_library, name, range(16), taught)
    halves = [collect(tiny_library, name, envs, taught) for envs in (range(8), range(8, 16))]
    ended = whole.terminated | whole.truncated
    assert bool(ended[:-1].any())  # other environments begin anew in each half, at other times
    for field, values in vars(whole).items():
        assert torch.equal(torch.cat([getattr(half, field) for half in halves], dim=1), values), field
    # and no copy is another's double
    assert len(whole.action.flatten(0, 1).unique(dim=0)) == whole.num_samples


def test_environments_are_counted_over_all_processes(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    names = load_library(RunConfig(), make_body("quadruped")).names
    config = RunConfig(clips=names[:2], num_envs=6, network=ACTION, settings=UNTRAINED)
    monkeypatch.setattr(runs, "Trainer", lambda env, *_: env)

    def begin() -> list[Tensor]:
        env: Any = runs.make_trainer(config, tmp_path / "run")
        env.reset()
        return [env.state.qpos, env.state.qvel, env.draws("exploration").normal(12)]

    alone, halves = begin(), []
    monkeypatch.setattr(distributed, "own_count", lambda count, _: count // 2)
    for rank in range(2):
        monkeypatch.setattr(distributed, "rank", lambda rank=rank: rank)
        halves.append(begin())
    for whole, first, second in zip(alone, *halves, strict=True):
        assert len(first) == len(second) == 3
        assert torch.equal(torch.cat((first, second)), whole)
