"""The discriminator's loss by hand, and what its reward says."""

from __future__ import annotations

import math

import numpy as np
import pytest
import torch

from rgsd.envs.observation import ObservationLayout, observe
from rgsd.motions.library import MotionLibrary
from rgsd.skills.encoder import EncoderConfig
from rgsd.skills.window_networks import Discriminator, DiscriminatorConfig, WindowEncoder, style_reward

MASK = EncoderConfig(latent_dim=3, hidden=(16,), kinds=("height",))


def linear(library: MotionLibrary) -> Discriminator:
    """Of windows of two root heights, in which all but the last layer pass on: logit = elu(h1) + 2 elu(h2)."""
    config = DiscriminatorConfig(
        hidden=(2,), window=2, gradient_penalty=5.0, logit_regularization=0.1, weight_decay=1, sees="mask"
    )
    network = Discriminator(config, MASK, ObservationLayout(library.body))
    network.load_state_dict(
        network.state_dict()
        | {
            "trunk.0.weight": torch.eye(2),
            "trunk.0.bias": torch.zeros(2),
            "head.weight": torch.tensor([[1.0, 2.0]]),
            "head.bias": torch.zeros(1),
        }
    )
    return network


def heights(*values: float) -> torch.Tensor:
    """One window of features, which are root heights."""
    return torch.tensor(values).view(1, -1, 1)


def test_the_loss_by_hand(tiny_library: MotionLibrary) -> None:
    network = linear(tiny_library)
    real, fake = heights(0.5, 0.25), heights(0.2, 0.1)
    assert float(network(real).detach()) == pytest.approx(1.0)
    assert float(network(fake).detach()) == pytest.approx(0.4)
    loss, metrics = network.loss(real, network.describe(fake))
    entropy = 0.5 * (math.log(1 + math.exp(-1.0)) + math.log(1 + math.exp(0.4)))
    # the logit's gradient is (1, 2); squared weights are 5 in the last layer and 2 in the other
    assert float(loss.detach()) == pytest.approx(entropy + 5.0 * 5.0 + 0.1 * 5.0 + 1.0 * 7.0, rel=1e-5)
    assert metrics["Discriminator/gradient"] == pytest.approx(5.0)
    assert metrics["Discriminator/reference"] == pytest.approx(1 / (1 + math.exp(-1.0)))
    assert metrics["Discriminator/policy"] == pytest.approx(1 / (1 + math.exp(-0.4)))


def test_it_sees_the_root_and_the_places_of_the_key_bodies(tiny_library: MotionLibrary) -> None:
    layout = ObservationLayout(tiny_library.body)
    network = Discriminator(DiscriminatorConfig(), MASK, layout)
    # the torso's height, 6-D rotation and two velocities, and where the two arms are
    assert network.num_features == 1 + 6 + 3 + 3 + 2 * 3
    seen = [layout.entries[entry] for entry in network.mask.tolist()]
    assert {name for kind, name in seen if kind != "position"} == {"torso"}
    assert {name for kind, name in seen if kind == "position"} == {"left", "right"}


def test_the_style_reward_and_its_ceiling() -> None:
    # D = 1/2: -2 log(1/2); D near 0: 0; D near 1: -2 log 1e-4
    values = style_reward(torch.tensor([0.0, -30.0, 30.0]))
    np.testing.assert_allclose(values, [2 * math.log(2), 0.0, 8 * math.log(10)], atol=1e-4)


def test_a_condition_changes_the_verdict(tiny_library: MotionLibrary) -> None:
    torch.manual_seed(0)
    network = Discriminator(
        DiscriminatorConfig(window=2, sees="mask"), MASK, ObservationLayout(tiny_library.body), condition=3
    )
    window, (a, b) = heights(0.1, 0.1), torch.eye(3)[:2].unsqueeze(1)
    assert float(network(window, a).detach()) != float(network(window, b).detach())


def test_windows_are_encoded_onto_the_sphere(tiny_library: MotionLibrary) -> None:
    torch.manual_seed(0)
    config, layout = EncoderConfig(latent_dim=3, hidden=(16,)), ObservationLayout(tiny_library.body)
    encoder = WindowEncoder(config, config.mask(layout), layout, frames=4)
    states = observe(tiny_library.states)
    encoder.fit_normalization(states)
    z = encoder(states[:12].unflatten(0, (3, 4))).detach()
    np.testing.assert_allclose(z.norm(dim=1), 1.0, atol=1e-6)
    # the order of the frames counts
    assert not torch.allclose(encoder(states[[0, 1, 2, 3]].unsqueeze(0)), encoder(states[[3, 2, 1, 0]].unsqueeze(0)))
