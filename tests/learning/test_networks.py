"""Actor and critic: noise in rad, its schedule, and what each network sees."""

from __future__ import annotations

import math

import numpy as np
import pytest
import torch
from torch.distributions import Normal

from rgsd.learning.networks import Actor, Critic, NetworkConfig, gaussian_log_prob, mlp

SCALE = torch.tensor([0.5, 2.0])


def make_actor(**settings: object) -> Actor:
    torch.manual_seed(0)
    return Actor(3, 4, SCALE, NetworkConfig(actor_hidden=(8,), **settings))  # pyright: ignore[reportArgumentType]


def test_noise_is_given_in_rad_and_used_in_units_of_the_action() -> None:
    # 0.1 rad are 0.2 of a scale of 0.5 rad, and 0.05 of one of 2 rad
    np.testing.assert_allclose(make_actor(noise=0.1).std.detach(), [0.2, 0.05], rtol=1e-6)


def test_noise_anneals_geometrically_and_then_stays() -> None:
    actor = make_actor(noise=0.16, final_noise=0.01, noise_steps=1000)
    for samples, rad in ((0, 0.16), (500, 0.04), (1000, 0.01), (5000, 0.01)):  # 0.04 is the geometric mean
        actor.anneal(samples)
        np.testing.assert_allclose(actor.std.detach() * SCALE, rad, rtol=1e-5)
    assert not actor.log_noise.requires_grad


def test_learned_noise_is_a_parameter_and_not_annealed() -> None:
    actor = make_actor(noise=0.16, final_noise=0.01, noise_steps=10, learn_noise=True)
    actor.anneal(1000)
    np.testing.assert_allclose(actor.std.detach() * SCALE, 0.16, rtol=1e-6)
    assert actor.log_noise.requires_grad


def test_the_latent_is_scaled_by_its_dimension_and_never_normalised() -> None:
    actor = make_actor()
    actor.normalizer.update(5 + 3 * torch.randn(100, 3))
    observation, z = torch.randn(6, 3), torch.nn.functional.normalize(torch.randn(6, 4), dim=-1)
    # in 4 dimensions sqrt(d) = 2
    expected = actor.network(torch.cat((actor.normalizer(observation), 2 * z), dim=1))
    torch.testing.assert_close(actor(observation, z), expected)


def test_a_fresh_actor_hardly_acts_and_reacts_to_the_latent() -> None:
    actor, observation = make_actor(), torch.randn(50, 3)
    first, second = (actor(observation, torch.eye(4)[i].expand(50, -1)).detach() for i in (0, 1))
    assert float(first.abs().max()) < 0.1
    assert not torch.allclose(first, second)


def test_the_privileged_view_reaches_the_critic_only_if_wanted() -> None:
    observation, z, view = torch.randn(5, 3), torch.randn(5, 4), torch.randn(5, 2)
    for wanted in (True, False):
        critic = Critic(3, 4, 2, NetworkConfig(critic_hidden=(8,), privileged_critic=wanted))
        value = critic(observation, z, view)
        assert value.shape == (5,)
        assert torch.equal(value, critic(observation, z, view + 1)) is not wanted


def test_layers_are_orthogonal_with_their_gains() -> None:
    network = mlp((6, 4, 2), output_gain=0.01)
    first, last = network[0], network[-1]
    assert isinstance(first, torch.nn.Linear)
    assert isinstance(last, torch.nn.Linear)
    np.testing.assert_allclose(first.weight.detach() @ first.weight.detach().T, 2 * np.eye(4), atol=1e-5)
    np.testing.assert_allclose(last.weight.detach() @ last.weight.detach().T, 1e-4 * np.eye(2), atol=1e-8)
    assert len(network) == 3  # no ELU after the last


def test_log_density_against_torch_and_by_hand() -> None:
    mean, std = torch.randn(7, 3), torch.rand(3) + 0.1
    action = torch.randn(7, 3)
    torch.testing.assert_close(gaussian_log_prob(action, mean, std), Normal(mean, std).log_prob(action).sum(-1))
    # at its mean, a unit Gaussian in two dimensions has density 1 / 2 pi
    zero = torch.zeros(2)
    assert float(gaussian_log_prob(zero, zero, torch.ones(2))) == pytest.approx(-math.log(2 * math.pi))
