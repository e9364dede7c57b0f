"""PPO by hand: advantages at the two kinds of ends, rate and divergence; and on a problem with a known answer."""

from __future__ import annotations

import copy
import dataclasses
import math
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
import torch
from torch import Tensor, nn

from rgsd.learning.networks import Actor, Critic, NetworkConfig, gaussian_log_prob
from rgsd.learning.ppo import Ppo, PpoConfig, generalized_advantage
from rgsd.learning.rollout import Minibatch, Rollout

MakeRollout = Callable[..., Rollout]
NETWORK = NetworkConfig(actor_hidden=(16,), critic_hidden=(16,), noise=0.05, privileged_critic=False)


def make_ppo(config: PpoConfig, network: NetworkConfig = NETWORK, **hooks: Any) -> Ppo[Minibatch]:
    torch.manual_seed(0)
    actor, critic = Actor(1, 1, torch.ones(2), network), Critic(1, 1, 1, network)
    return Ppo(actor, critic, config, **hooks)


class Echo(nn.Module):
    """A critic that values a state by its only observation entry."""

    def forward(self, observation: Tensor, z: Tensor, privileged: Tensor) -> Tensor:
        return observation[..., 0]


def column(*values: float) -> Tensor:
    return torch.tensor(values, dtype=torch.float32).unsqueeze(1)


def test_advantages_of_a_truncated_and_a_terminated_episode_by_hand() -> None:
    # gamma = lambda = 1/2. Step 1 ends by a time limit, its true last state being worth 2; step 3 ends by a fall
    advantage = generalized_advantage(
        rewards=column(1, 2, 3, 4),
        values=column(1, 1, 1, 1),
        next_values=column(1, 2, 1, 8),
        terminated=column(0, 0, 0, 1).bool(),
        ended=column(0, 1, 0, 1).bool(),
        gamma=0.5,
        lam=0.5,
    )
    # deltas: 1 + 0.5 - 1, 2 + 0.5 x 2 - 1, 3 + 0.5 - 1, 4 + 0 - 1 (the 8 of a terminal state does not count)
    # step 3: 3;  step 2: 2.5 + 3/4;  step 1: 2 alone, as the next row is another episode's;  step 0: 0.5 + 2/4
    np.testing.assert_allclose(advantage.flatten(), [1.0, 2.0, 3.25, 3.0])


def test_without_ends_advantages_are_discounted_sums() -> None:
    generator = torch.Generator().manual_seed(0)
    rewards, values = torch.randn(6, 3, generator=generator), torch.randn(7, 3, generator=generator)
    no = torch.zeros(6, 3, dtype=torch.bool)
    advantage = generalized_advantage(rewards, values[:-1], values[1:], no, no, gamma=0.9, lam=1.0)
    for t in range(6):
        returns = sum(0.9**k * rewards[t + k] for k in range(6 - t)) + 0.9 ** (6 - t) * values[6]
        np.testing.assert_allclose(advantage[t], returns - values[t], atol=1e-5)


def test_the_last_state_of_an_episode_is_valued_itself(make_rollout: MakeRollout) -> None:
    rollout = make_rollout(
        4,
        1,
        observation=column(1, 2, 30, 4).unsqueeze(2),
        next_observation=column(2, 7, 4, 9).unsqueeze(2),  # 7 is the true end of an episode, 30 begins the next
        truncated=column(0, 1, 0, 0).bool(),
    )
    ppo = make_ppo(PpoConfig())
    ppo.critic = Echo()  # pyright: ignore[reportAttributeAccessIssue]
    values, next_values = ppo.evaluate_values(rollout)
    np.testing.assert_allclose(values.flatten(), [1, 2, 30, 4])
    np.testing.assert_allclose(next_values.flatten(), [2, 7, 4, 9])  # the rollout's last step, too
    assert rollout.truncated.flatten().tolist() == [False, True, False, False]


class EchoLatent(nn.Module):
    """A critic that values a state by its latent."""

    def forward(self, observation: Tensor, z: Tensor, privileged: Tensor) -> Tensor:
        return z[..., 0]


def test_a_state_is_valued_under_the_latent_that_it_would_be_acted_on_with(make_rollout: MakeRollout) -> None:
    # the latent moves on each step; at the time limit the 3 that would have come counts, not the 8 of a new episode
    rollout = make_rollout(
        3,
        1,
        z=column(1, 2, 8).unsqueeze(2),
        next_z=column(2, 3, 9).unsqueeze(2),
        truncated=column(0, 1, 0).bool(),
    )
    ppo = make_ppo(PpoConfig())
    ppo.critic = EchoLatent()  # pyright: ignore[reportAttributeAccessIssue]
    values, next_values = ppo.evaluate_values(rollout)
    np.testing.assert_allclose(values.flatten(), [1, 2, 8])
    np.testing.assert_allclose(next_values.flatten(), [2, 3, 9])


def shifted(ppo: Ppo[Minibatch], make_rollout: MakeRollout, shift: float) -> Rollout:
    """32 transitions of a policy whose means lay `shift` from the present ones in both actions."""
    observation = torch.randn(4, 8, 1, generator=torch.Generator().manual_seed(1))
    mean = ppo.actor(observation, torch.zeros(4, 8, 1)).detach() + shift
    action = mean + 0.05
    log_prob = gaussian_log_prob(action, mean, ppo.actor.std.detach())
    return make_rollout(4, 8, observation=observation, mean=mean, action=action, log_prob=log_prob)


@pytest.mark.parametrize(
    ("shift", "kl", "rate"),
    [
        # wanted: 1e-3 per action, 2e-3 in all. With a deviation of 0.05, KL = 2 x (shift / 0.05)^2 / 2
        (0.01, 0.04, 1e-3 / 1.5),
        (0.0022, 0.001936, 1e-3),
        (0.0005, 1e-4, 1.5e-3),
        (0.0, 0.0, 1e-3),
    ],
)
def test_the_rate_follows_the_divergence(make_rollout: MakeRollout, shift: float, kl: float, rate: float) -> None:
    ppo = make_ppo(PpoConfig(learning_rate=1e-3, epochs=1, minibatches=1, kl_per_action=1e-3))
    metrics = ppo.update(shifted(ppo, make_rollout, shift), torch.randn(4, 8))
    assert metrics["Policy/kl"] == pytest.approx(kl, rel=1e-3, abs=1e-9)
    assert metrics["Loss/learning_rate"] == pytest.approx(rate)


def test_the_rate_stays_within_bounds_and_can_be_fixed(make_rollout: MakeRollout) -> None:
    for config, shift, rate in (
        (PpoConfig(learning_rate=1e-3, min_learning_rate=9e-4, epochs=1, minibatches=1), 0.02, 9e-4),
        (PpoConfig(learning_rate=1e-3, max_learning_rate=1.1e-3, epochs=1, minibatches=1), 0.0005, 1.1e-3),
        (PpoConfig(learning_rate=1e-3, kl_per_action=0.0, epochs=1, minibatches=1), 0.02, 1e-3),
    ):
        ppo = make_ppo(config)
        assert ppo.update(shifted(ppo, make_rollout, shift), torch.randn(4, 8))["Loss/learning_rate"] == rate


@pytest.mark.parametrize("per_stream", [True, False])
def test_advantages_are_normalised_by_stream_or_together(make_rollout: MakeRollout, per_stream: bool) -> None:
    seen: list[Minibatch] = []
    ppo = make_ppo(
        PpoConfig(epochs=1, minibatches=2, advantage_per_stream=per_stream),
        extra_losses=(lambda batch, _: seen.append(batch),),
    )
    imitation = torch.arange(8).expand(4, 8) < 3
    everyone = torch.ones(4, 8, dtype=torch.bool)
    rewards = torch.randn(4, 8, generator=torch.Generator().manual_seed(0)) + 5 * imitation
    ppo.update(make_rollout(4, 8, imitation=imitation, terminated=everyone), rewards)
    advantage, flags = torch.cat([b.advantage for b in seen]), torch.cat([b.imitation for b in seen])
    for stream in (advantage[flags], advantage[~flags]):
        centred = abs(float(stream.mean())) < 1e-5 and abs(float(stream.std()) - 1) < 1e-4
        assert centred is per_stream
    assert abs(float(advantage.mean())) < 1e-5


def test_the_critics_targets_are_discounted_mean_rewards(make_rollout: MakeRollout) -> None:
    seen: list[Minibatch] = []
    ppo = make_ppo(PpoConfig(gamma=0.9, epochs=1, minibatches=1), extra_losses=(lambda batch, _: seen.append(batch),))
    terminated = torch.ones(1, 4, dtype=torch.bool)
    ppo.update(make_rollout(1, 4, terminated=terminated), torch.full((1, 4), 3.0))
    np.testing.assert_allclose(seen[0].returns, 0.3, atol=1e-6)  # (1 - gamma) r of a step that ends all


def test_hooks_shape_the_policy(make_rollout: MakeRollout) -> None:
    """A method's latents replace the stored ones, and its loss reaches the actor and its own parameters."""
    own = nn.Parameter(torch.ones(1))
    ppo = make_ppo(
        PpoConfig(epochs=1, minibatches=1),
        latents=lambda batch: batch.z + own,
        parameters=[own],
        extra_losses=(lambda *_: 3.0 * own.sum(),),
    )
    metrics = ppo.update(make_rollout(2, 8), torch.randn(2, 8))
    assert own.grad is not None
    assert float(own.detach()) < 1.0  # trained beside actor and critic, against the slope of its own term
    # through the losses besides the 3.0 of its own term
    assert float(own.grad) != 3.0
    assert metrics["Policy/kl"] > 0  # the stored means are those of other latents


def test_targets_and_explained_variance_by_hand(make_rollout: MakeRollout) -> None:
    seen: list[Minibatch] = []
    config = PpoConfig(gamma=0.5, gae_lambda=0.5, epochs=1, minibatches=1)
    ppo = make_ppo(config, extra_losses=(lambda batch, _: seen.append(batch),))
    ppo.critic = Echo()  # pyright: ignore[reportAttributeAccessIssue]
    # environment 0 falls in step 1; environment 1 comes to its limit in step 0, in a state that is worth 6
    rollout = make_rollout(
        2,
        2,
        observation=torch.tensor([[1.0, 0.0], [2.0, 3.0]]).unsqueeze(2),
        next_observation=torch.tensor([[2.0, 6.0], [4.0, 1.0]]).unsqueeze(2),
        terminated=torch.tensor([[False, False], [True, False]]),
        truncated=torch.tensor([[False, True], [False, False]]),
    )
    metrics = ppo.update(rollout, torch.tensor([[2.0, 4.0], [6.0, 2.0]]))
    # half of the rewards: deltas 1 + 2/2 - 1 = 1 and 3 - 2 = 1; 2 + 6/2 - 0 = 5 and 1 + 1/2 - 3 = -1.5
    # advantages 1 + 1/4 and 1; 5, for what follows is another episode's, and -1.5; targets are values and advantages
    assert sorted(seen[0].returns.tolist()) == pytest.approx([1.5, 2.25, 3.0, 5.0])
    assert metrics["Loss/value"] == pytest.approx((1.25**2 + 1 + 25 + 1.5**2) / 4)
    errors, targets = np.array([1.25, 1.0, 5.0, -1.5]), np.array([2.25, 3.0, 5.0, 1.5])
    assert metrics["Loss/explained_variance"] == pytest.approx(1 - errors.var() / targets.var(), rel=1e-5)


def test_the_clipped_surrogate_by_hand(make_rollout: MakeRollout) -> None:
    ppo = make_ppo(PpoConfig(clip=0.2, epochs=1, minibatches=1))
    ppo.critic = Echo()  # pyright: ignore[reportAttributeAccessIssue]
    mean = ppo.actor(torch.zeros(1, 4, 1), torch.zeros(1, 4, 1)).detach()
    action, ratio = mean + 0.05, torch.tensor([[1.5, 1.5, 0.5, 1.1]])
    log_prob = gaussian_log_prob(action, mean, ppo.actor.std.detach()) - ratio.log()
    ended = torch.ones(1, 4, dtype=torch.bool)
    rollout = make_rollout(1, 4, mean=mean, action=action, log_prob=log_prob, terminated=ended)
    metrics = ppo.update(rollout, torch.tensor([[1.0, -1.0, 1.0, -1.0]]))
    # advantages of plus and minus one over their deviation, sqrt(4/3); a gain counts up to 1.2, a loss in full
    assert metrics["Loss/surrogate"] == pytest.approx(-(1.2 - 1.5 + 0.5 - 1.1) / 4 * math.sqrt(3 / 4), rel=1e-4)
    assert metrics["Policy/clip_fraction"] == 0.75


def test_metrics_are_means_over_all_minibatches(make_rollout: MakeRollout) -> None:
    ppo = make_ppo(PpoConfig(epochs=3, minibatches=2))
    metrics = ppo.update(shifted(ppo, make_rollout, 0.0), torch.randn(4, 8))
    # of two Gaussians of deviation 0.05, whatever their means
    assert metrics["Policy/entropy"] == pytest.approx(2 * (math.log(0.05) + math.log(2 * math.pi * math.e) / 2))


def test_learns_a_bandit_whose_best_action_depends_on_the_latent(make_rollout: MakeRollout) -> None:
    network = NetworkConfig(actor_hidden=(32,), critic_hidden=(32,), noise=0.1, privileged_critic=False)
    ppo = make_ppo(PpoConfig(learning_rate=3e-3, epochs=4, minibatches=2, kl_per_action=0.01), network)
    generator = torch.Generator().manual_seed(0)

    def best(z: Tensor) -> Tensor:
        return torch.cat((0.4 * z, -0.2 - 0.2 * z), dim=-1)

    metrics: dict[str, float] = {}
    for _ in range(120):
        z = 2.0 * torch.randint(0, 2, (1, 256, 1), generator=generator) - 1
        observation, std = torch.zeros(1, 256, 1), ppo.actor.std.detach()
        mean = ppo.actor(observation, z).detach()
        action = mean + std * torch.randn(mean.shape, generator=generator)
        rollout = make_rollout(
            1,
            256,
            observation=observation,
            z=z,
            mean=mean,
            action=action,
            log_prob=gaussian_log_prob(action, mean, std),
            terminated=torch.ones(1, 256, dtype=torch.bool),
        )
        metrics = ppo.update(rollout, -(action - best(z)).square().sum(dim=-1))
    z = torch.tensor([[1.0], [-1.0]])
    np.testing.assert_allclose(ppo.actor(torch.zeros(2, 1), z).detach(), best(z), atol=0.03)
    # nothing but the noise is lost: (1 - gamma) x 2 actions x 0.1^2
    value = float(ppo.critic(torch.zeros(1, 1), z[:1], torch.zeros(1, 1)).detach())
    assert value == pytest.approx(-0.03 * 0.02, abs=2e-3)
    assert 0 < metrics["Policy/clip_fraction"] < 0.6


@pytest.mark.parametrize(("bonus", "learned", "grows"), [(0.1, True, True), (0.0, True, False), (0.1, False, False)])
def test_the_entropy_bonus_widens_a_learned_noise(
    make_rollout: MakeRollout, bonus: float, learned: bool, grows: bool
) -> None:
    config = PpoConfig(learning_rate=1e-2, epochs=1, minibatches=1, kl_per_action=0.0, entropy_bonus=bonus)
    ppo = make_ppo(config, dataclasses.replace(NETWORK, learn_noise=learned))
    before, rollout = ppo.actor.std.detach().clone(), shifted(ppo, make_rollout, 0.0)
    # every step ends all and earns the same: normalised, no advantage is left to pull at the noise
    ended = torch.ones(4, 8, dtype=torch.bool)
    rollout = dataclasses.replace(rollout, terminated=ended, observation=torch.zeros(4, 8, 1))
    ppo.update(rollout, torch.ones(4, 8))
    after = ppo.actor.std.detach()
    if grows:  # by Adam's first step, which is the rate whatever the gradient, of the noise's logarithm
        np.testing.assert_allclose(after, before * np.exp(0.01), rtol=1e-4)
    else:
        assert torch.equal(after, before)


def test_mean_actions_are_pulled_back_into_their_range(make_rollout: MakeRollout) -> None:
    ppo = make_ppo(PpoConfig(learning_rate=1e-2, epochs=20, minibatches=1, kl_per_action=0.0, bound_weight=10.0))
    last = ppo.actor.network[-1]
    assert isinstance(last, nn.Linear)
    nn.init.constant_(last.bias, 1.5)
    rollout = shifted(ppo, make_rollout, 0.0)
    metrics = ppo.update(rollout, torch.zeros(4, 8))
    assert metrics["Loss/bound"] > 0
    assert float(ppo.actor(rollout.observation, rollout.z).detach().max()) < 1.45


def test_state_goes_on_to_the_bit(make_rollout: MakeRollout) -> None:
    a, b = make_ppo(PpoConfig()), make_ppo(PpoConfig(), seed=9)
    rollout, rewards = shifted(a, make_rollout, 0.001), torch.randn(4, 8, generator=torch.Generator().manual_seed(2))
    a.update(rollout, rewards)
    b.actor.load_state_dict(a.actor.state_dict())
    b.critic.load_state_dict(a.critic.state_dict())
    b.load_state_dict(copy.deepcopy(a.state_dict()))
    assert a.update(rollout, rewards) == b.update(rollout, rewards)
    for p, q in zip(a.actor.parameters(), b.actor.parameters(), strict=True):
        assert torch.equal(p, q)


def test_what_was_done_without_noise_teaches_the_policy_nothing(make_rollout: MakeRollout) -> None:
    ppo = make_ppo(PpoConfig())
    noisy = torch.tensor([[True, True, False], [True, True, False]])
    advantage = torch.tensor([[1.0, 3.0, 90.0], [1.0, 3.0, -90.0]])
    normal = ppo._normalize(advantage, [noisy])
    # of 1, 3, 1, 3: mean 2, deviation sqrt(4/3)
    one = (3 / 4) ** 0.5
    np.testing.assert_allclose(normal, [[-one, one, 0.0], [-one, one, 0.0]], rtol=1e-6)
