"""The encoder: what it sees, in which units, and that it ends on the sphere."""

from __future__ import annotations

import numpy as np
import pytest
import torch

from rgsd.bodies.body import Body
from rgsd.envs.observation import ObservationLayout
from rgsd.skills.encoder import Encoder, EncoderConfig


@pytest.fixture
def layout(tiny: Body) -> ObservationLayout:
    return ObservationLayout(tiny)


@pytest.fixture
def observations(layout: ObservationLayout) -> torch.Tensor:
    return torch.randn(200, layout.size, generator=torch.Generator().manual_seed(0))


def test_ends_on_the_unit_sphere(layout: ObservationLayout, observations: torch.Tensor) -> None:
    encoder = Encoder(EncoderConfig(latent_dim=5, hidden=(16,)), layout)
    mu = encoder(100 * observations.reshape(2, 100, -1))
    assert mu.shape == (2, 100, 5)
    np.testing.assert_allclose(mu.detach().norm(dim=-1), 1, atol=1e-5)


def test_the_mask_hides_entries(layout: ObservationLayout, observations: torch.Tensor) -> None:
    config = EncoderConfig(latent_dim=3, hidden=(16,), kinds=("height", "linear_velocity"), bodies=("torso", "left"))
    encoder = Encoder(config, layout)
    seen = layout.indices(config.kinds, config.bodies)
    assert len(seen) == 1 + 2 * 3
    hidden = [i for i in range(layout.size) if i not in seen]
    changed = observations.clone()
    changed[:, hidden] += 7.0
    assert torch.equal(encoder(changed), encoder(observations))
    for i in seen:
        changed = observations.clone()
        changed[:, i] += 0.1
        assert not torch.equal(encoder(changed), encoder(observations))
    # a clock behind the last entry stays unseen
    clocked = torch.cat((observations, torch.full((200, 1), 3.0)), dim=1)
    assert torch.equal(encoder(clocked), encoder(observations))


def test_features_that_hardly_vary_are_divided_by_their_floor(layout: ObservationLayout) -> None:
    encoder = Encoder(EncoderConfig(latent_dim=3, hidden=(16,)), layout)
    frames = torch.zeros(2, layout.size)
    frames[1, 0] = 2e-3  # height: deviation 1.4 mm, floor 5 cm
    frames[1, 1] = 4.0  # position: deviation 2 sqrt(2) m, above its floor
    encoder.fit_normalization(frames)
    assert float(encoder.scale[0]) == pytest.approx(0.05)
    assert float(encoder.scale[1]) == pytest.approx(8**0.5)
    np.testing.assert_allclose(encoder.mean[:2], [1e-3, 2.0])


def test_an_empty_mask_is_refused(layout: ObservationLayout) -> None:
    with pytest.raises(ValueError, match="feature mask is empty"):
        Encoder(EncoderConfig(kinds=("height",), bodies=("left",)), layout)  # of the root alone
    with pytest.raises(ValueError, match="unknown body part 'nose'"):
        Encoder(EncoderConfig(bodies=("nose",)), layout)
