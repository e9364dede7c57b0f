"""How episodes without a clip begin, and how long a latent lasts."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
import torch

from rgsd.envs.observation import ObservationLayout
from rgsd.learning import distributed
from rgsd.learning.method import Method
from rgsd.learning.rollout import Rollout
from rgsd.methods.ase import AseConfig
from rgsd.methods.baseline import Countdown
from rgsd.methods.diayn import DiaynConfig
from rgsd.methods.metra import MetraConfig
from rgsd.methods.presets import ALIVE_REWARD, PRESETS, make_preset
from rgsd.methods.registry import METHODS
from rgsd.motions.library import MotionLibrary
from rgsd.randomness import Draws
from rgsd.skills.encoder import EncoderConfig
from rgsd.skills.window_networks import DiscriminatorConfig

BASELINES = ("diayn", "metra", "lgsd", "ase", "calm")


@pytest.mark.parametrize("fraction", [0.0, 0.3])
def test_episodes_start_standing_or_on_references(tiny_library: MotionLibrary, fraction: float) -> None:
    config = DiaynConfig(EncoderConfig(latent_dim=3), rsi=fraction)
    method: Method = METHODS["diayn"].build(tiny_library, config, 0)
    episodes = method.begin_episodes(Draws(torch.arange(4000)))
    assert episodes.standing is not None
    assert float((~episodes.standing).float().mean()) == pytest.approx(fraction, abs=0.03)
    assert not episodes.imitation.any()
    np.testing.assert_allclose(episodes.z.norm(dim=1), 1.0, atol=1e-5)
    np.testing.assert_allclose(episodes.z.mean(dim=0), 0.0, atol=0.03)


def test_a_latent_lasts_as_long_as_drawn() -> None:
    countdown, draws = Countdown(2, 4), Draws(torch.arange(50))
    lives: list[int] = []
    age = torch.zeros(50, dtype=torch.long)
    for step in range(1, 201):
        due = countdown.due(torch.full((50,), step), draws)
        age += 1
        lives += age[due].tolist()
        age[due] = 0
    counts = np.bincount(lives, minlength=5)[2:] / len(lives)
    assert set(lives) == {2, 3, 4}
    np.testing.assert_allclose(counts, 1 / 3, atol=0.03)


def test_a_new_episode_draws_anew() -> None:
    countdown, draws = Countdown(3, 3), Draws(torch.arange(2))
    # the second environment begins another episode after its second step; it would have changed at the third
    seen = [countdown.due(torch.tensor(e), draws).tolist() for e in ([1, 1], [2, 2], [3, 1], [4, 2], [5, 3])]
    assert seen == [[False, False], [False, False], [True, False], [False, False], [False, True]]


@pytest.mark.parametrize("preset", [name for name in PRESETS if name != "official"])
@pytest.mark.parametrize("body", ["quadruped", "smpl"])
def test_all_methods_meet_the_same_conditions(preset: str, body: str) -> None:
    configs = {name: make_preset(preset, name, body) for name in METHODS}
    for name, config in configs.items():
        assert config.trainer.alive_reward == ALIVE_REWARD
        rgsd = configs["rgsd"]
        # a tracker alone has a reference to be behind of
        assert (dataclasses.replace(config.env, lag=False), config.ppo) == (rgsd.env, rgsd.ppo)
        assert config.env.lag == (name == "tracker")
        network = config.network
        if name in BASELINES:  # no open-loop replay of references for those that do without them
            assert (config.trainer.warm_start.iterations, config.trainer.warm_start.anchor_weight) == (0, 0.0)
            if (preset, body) == (
                "cpu",
                "quadruped",
            ):  # and so they begin with more noise, which after 2 M steps is RGSD's
                assert (network.noise, network.noise_steps) == (0.1, 2_000_000)
                steps = rgsd.network.noise_steps
                network = dataclasses.replace(network, noise=rgsd.network.noise, noise_steps=steps)
        assert network == rgsd.network


def networks(method: Method) -> torch.Tensor:
    return torch.cat([tensor.flatten() for tensor in method.state_dict()["networks"].values()])


def test_processes_with_different_amounts_to_learn_from_take_the_same_steps(
    tiny_library: MotionLibrary,
    make_rollout: Callable[..., Rollout],
    in_two_processes: Callable[[Callable[[], Any]], list[Any]],
) -> None:
    small = EncoderConfig(latent_dim=2, hidden=(8,))
    size = ObservationLayout(tiny_library.body).size

    def learn() -> dict[str, Any]:
        rank = distributed.rank()
        metra = METHODS["metra"].build(tiny_library, MetraConfig(small, samples_per_update=4), 0)
        ase = METHODS["ase"].build(tiny_library, AseConfig(small, DiscriminatorConfig(hidden=(8,), window=2)), 0)
        generator = torch.Generator().manual_seed(rank)
        here, there = (torch.randn(3, 4, size, generator=generator) for _ in range(2))
        rollout = make_rollout(
            3,
            4,
            observation=here,
            next_observation=there,
            z=torch.nn.functional.normalize(torch.randn(3, 4, 2, generator=generator), dim=-1),
            terminated=torch.arange(12).view(3, 4) < 7 * rank,  # METRA can use 12 steps here, 5 there
        )
        metrics = metra.update(rollout)
        return {
            "metra": networks(metra),
            "steps": metra.state_dict()["optimizer"]["state"][0]["step"],
            "scale": metrics["Metra/reward_scale"],
            "told": sorted(ase.update(rollout)),
            "ase": networks(ase),
        }

    first, second = in_two_processes(learn)
    assert torch.equal(first["metra"], second["metra"])
    assert (first["steps"], second["steps"]) == (6, 6)  # of the 24 samples of both, one step per four
    assert first["scale"] == second["scale"]
    assert torch.equal(first["ase"], second["ase"])
    assert first["told"] == second["told"] != []
