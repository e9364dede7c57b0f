"""The published actor: a mean over iterations."""

from __future__ import annotations

import pytest
import torch

from rgsd.learning.averaging import AveragedActor
from rgsd.learning.networks import Actor, NetworkConfig


def make_actor() -> Actor:
    return Actor(3, 2, torch.ones(1), NetworkConfig(actor_hidden=(4,), critic_hidden=(4,)))


def set_to(actor: Actor, number: float) -> None:
    with torch.no_grad():
        for weight in actor.parameters():
            weight.fill_(number)


def test_a_plain_mean_at_first_and_an_exponential_one_from_then_on() -> None:
    actor = make_actor()
    average = AveragedActor(actor, horizon=2)
    # 1; (1 + 3) / 2; (2 + 6) / 2
    for number, expected in ((1.0, 1.0), (3.0, 2.0), (6.0, 4.0)):
        set_to(actor, number)
        average.update()
        assert all(torch.allclose(w, torch.full_like(w, expected)) for w in average.mean.parameters())
    average.restart()
    set_to(actor, 9.0)
    average.update()
    assert all(torch.allclose(w, torch.full_like(w, 9.0)) for w in average.mean.parameters())


def test_it_observes_as_the_actor_does_and_a_horizon_of_one_is_the_actor() -> None:
    actor = make_actor()
    average = AveragedActor(actor, horizon=1)
    for number in (0.3, -0.2):
        set_to(actor, number)
        actor.normalizer.update(torch.randn(50, 3) * 4 + 1)
        average.update()
    observation, z = torch.randn(5, 3), torch.randn(5, 2)
    assert torch.equal(average.mean(observation, z), actor(observation, z))


def test_it_goes_on_where_it_was_saved() -> None:
    actor = make_actor()
    one, other = AveragedActor(actor, horizon=3), AveragedActor(make_actor(), horizon=3)
    set_to(actor, 2.0)
    one.update()
    one.update()
    other.load_state_dict(one.state_dict())
    other._actor = actor
    set_to(actor, 5.0)
    one.update()
    other.update()
    assert next(one.mean.parameters()).mean().item() == pytest.approx(3.0)  # (2 + 2 + 5) / 3
    assert all(torch.equal(a, b) for a, b in zip(one.mean.parameters(), other.mean.parameters(), strict=True))
