"""DIAYN's reward and loss by hand, and a point whose skills part."""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
import torch
from torch import Tensor

from rgsd.envs.observation import ObservationLayout
from rgsd.learning.rollout import Rollout
from rgsd.methods.diayn import Diayn, DiaynConfig
from rgsd.motions.library import MotionLibrary
from rgsd.randomness import Draws
from rgsd.skills.encoder import Encoder, EncoderConfig

MakeRollout = Callable[..., Rollout]
KAPPA = 5.0
ROOT_MOTION: dict[str, Any] = {"kinds": ("linear_velocity",), "bodies": ("torso",)}


def make(library: MotionLibrary, dim: int = 3, **settings: Any) -> Diayn:
    torch.manual_seed(0)
    config = DiaynConfig(EncoderConfig(latent_dim=dim, hidden=(32,), **ROOT_MOTION), kappa=KAPPA, **settings)
    return Diayn(library, Encoder(config.encoder, ObservationLayout(library.body)), config, seed=0)


def stub(method: Diayn, mu: list[float]) -> None:
    """An encoder that says the same of every state."""
    method.encoder.forward = lambda observation: torch.tensor(mu).expand(*observation.shape[:-1], -1)


def one_step(make_rollout: MakeRollout, library: MotionLibrary, z: list[list[float]]) -> Rollout:
    size = ObservationLayout(library.body).size
    return make_rollout(1, len(z), observation=torch.zeros(1, len(z), size), z=torch.tensor([z]))


def test_the_reward_on_the_sphere(make_rollout: MakeRollout, tiny_library: MotionLibrary) -> None:
    rollout = one_step(make_rollout, tiny_library, [[1.0, 0, 0], [0, 1.0, 0], [-1.0, 0, 0]])
    bounded, exact = make(tiny_library), make(tiny_library, reward="exact")
    for method in (bounded, exact):
        stub(method, [1.0, 0.0, 0.0])
    np.testing.assert_allclose(bounded.rewards(rollout)[0], [1.0, 0.5, 0.0], atol=1e-6)
    # in three dimensions E_uniform[exp(kappa u)] = sinh(kappa) / kappa
    constant = -math.log(math.sinh(KAPPA) / KAPPA)
    np.testing.assert_allclose(exact.rewards(rollout)[0], [KAPPA + constant, constant, constant - KAPPA], atol=1e-4)


def test_the_reward_of_discrete_skills(make_rollout: MakeRollout, tiny_library: MotionLibrary) -> None:
    rollout = one_step(make_rollout, tiny_library, [[1.0, 0, 0], [0, 1.0, 0]])
    bounded, exact = make(tiny_library, discrete=True), make(tiny_library, discrete=True, reward="exact")
    for method in (bounded, exact):
        stub(method, [1.0, 0.0, 0.0])
    q = np.array([math.exp(KAPPA), 1.0]) / (math.exp(KAPPA) + 2.0)  # softmax of (5, 0, 0)
    np.testing.assert_allclose(bounded.rewards(rollout)[0], q, rtol=1e-5)
    np.testing.assert_allclose(exact.rewards(rollout)[0], np.log(q) - math.log(1 / 3), atol=1e-5)


@pytest.mark.parametrize("discrete", [False, True])
def test_the_encoders_loss_by_hand(make_rollout: MakeRollout, tiny_library: MotionLibrary, discrete: bool) -> None:
    method = make(tiny_library, discrete=discrete, minibatches=1, learning_rate=0.0)
    rollout = one_step(make_rollout, tiny_library, [[1.0, 0, 0], [0, 1.0, 0]])
    mu = method.encoder(rollout.next_observation).detach()[0].numpy()
    own = KAPPA * np.array([mu[0, 0], mu[1, 1]])
    if discrete:
        own -= np.log(np.exp(KAPPA * mu).sum(axis=1))
    assert method.update(rollout)["Encoder/loss"] == pytest.approx(-own.mean(), abs=1e-5)


def test_discrete_skills_are_the_axes_alike(tiny_library: MotionLibrary) -> None:
    z = make(tiny_library, discrete=True).begin_episodes(Draws(torch.arange(3000))).z
    assert torch.equal(z.sort(dim=1).values, torch.tensor([0.0, 0.0, 1.0]).expand(3000, -1))
    np.testing.assert_allclose(z.mean(dim=0), 1 / 3, atol=0.03)


def test_the_skills_of_a_point_part(point_world: Callable[..., Any], crossing: MotionLibrary) -> None:
    method = make(crossing, dim=2)
    world = point_world(method)
    angles = torch.arange(8) * math.pi / 4
    z = torch.stack((angles.cos(), angles.sin()), dim=1)
    before = world.ends(z)
    metrics = world.train(60)
    after = world.ends(z)
    assert metrics["Discovery/alignment"] > 0.7
    assert nearest(after) > 0.2 > 10 * nearest(before)  # of eight skills no two arrive at one place


def nearest(places: Tensor) -> float:
    """The least distance between two of the places (n, 2)."""
    return float(torch.pdist(places).min())
