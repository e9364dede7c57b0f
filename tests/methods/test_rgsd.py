"""RGSD's rewards and losses by hand, with encoders whose output is known."""

from __future__ import annotations

import copy
import math
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
import torch
from torch import Tensor

from rgsd.envs.observation import ObservationLayout
from rgsd.learning.method import Progress
from rgsd.learning.rollout import Rollout
from rgsd.methods.rgsd import Rgsd, RgsdConfig
from rgsd.motions.library import MotionLibrary
from rgsd.randomness import Draws
from rgsd.skills import sphere
from rgsd.skills.contrastive import clip_directions
from rgsd.skills.encoder import Encoder, EncoderConfig

KAPPA = 10.0
MakeRollout = Callable[..., Rollout]


def make(library: MotionLibrary, **settings: object) -> Rgsd:
    """3-D latents; the two encoders differ, as after some training."""
    torch.manual_seed(0)
    config = RgsdConfig(
        EncoderConfig(latent_dim=3, hidden=(16,)),
        kappa=KAPPA,
        **settings,  # pyright: ignore[reportArgumentType]
    )
    method = Rgsd(library, Encoder(config.encoder, ObservationLayout(library.body)), config, seed=0)
    with torch.no_grad():
        for parameter in method.encoder.parameters():
            parameter += 0.1 * torch.randn_like(parameter)
    return method


@pytest.fixture
def rollout(tiny_library: MotionLibrary) -> Rollout:
    """Two steps of three environments, the first of which imitates."""
    generator = torch.Generator().manual_seed(0)
    size = ObservationLayout(tiny_library.body).size
    z = torch.nn.functional.normalize(torch.randn(2, 3, 3, generator=generator), dim=-1)
    here, there = (torch.randn(2, 3, size, generator=generator) for _ in range(2))
    zeros, no = torch.zeros(2, 3), torch.zeros(2, 3, dtype=torch.bool)
    return Rollout(
        observation=here, next_observation=there, privileged=zeros, next_privileged=zeros, z=z, action=zeros,
        next_z=z, root=zeros, next_root=zeros, source=zeros.long(), elapsed=zeros.long(),
        mean=zeros, log_prob=zeros, clip=zeros.long(), frame=zeros.long(),
        imitation=torch.tensor([[True, False, False]] * 2), terminated=no, truncated=no, fell=no,
        standing=no, noisy=~no, worst_body=zeros, root_error=zeros, heading_error=zeros,
    )  # fmt: skip


def cosines(encoder: Encoder, rollout: Rollout) -> Tensor:
    return (encoder(rollout.next_observation).detach() * rollout.z).sum(-1)


@pytest.mark.parametrize(
    ("form", "value"),
    [
        ("cosine", lambda c: (1 + c) / 2),
        ("likelihood", lambda c: math.exp(KAPPA * (c - 1))),
        # the constant at d = 3 is -log(sinh(kappa) / kappa)
        ("exact", lambda c: KAPPA * c - math.log(math.sinh(KAPPA) / KAPPA)),
    ],
)
def test_rewards_are_those_of_the_next_state_by_the_streams_own_encoder(
    tiny_library: MotionLibrary, rollout: Rollout, form: str, value: Callable[[float], float]
) -> None:
    method = make(tiny_library, reward=form)
    rewards = method.rewards(rollout)
    frozen, trained = cosines(method.frozen, rollout), cosines(method.encoder, rollout)
    assert float((frozen - trained).abs().min()) > 1e-3  # the two can be told apart
    for t in range(2):
        for n in range(3):
            cosine = frozen[t, n] if n == 0 else trained[t, n]
            assert float(rewards[t, n]) == pytest.approx(value(float(cosine)), abs=1e-5)
    assert not rewards.requires_grad


def test_rewards_at_a_known_cosine(tiny_library: MotionLibrary, rollout: Rollout) -> None:
    rollout.z = make(tiny_library).frozen(rollout.next_observation).detach()  # perfect alignment
    rollout.imitation[:] = True
    for form, expected in (("cosine", 1.0), ("likelihood", 1.0), ("exact", 10 - math.log(math.sinh(10) / 10))):
        np.testing.assert_allclose(make(tiny_library, reward=form).rewards(rollout), expected, atol=1e-5)


def test_the_encoders_loss_by_hand(tiny_library: MotionLibrary, rollout: Rollout) -> None:
    method = make(tiny_library, alpha=0.7, encoder_minibatches=1)
    frozen, trained = (e(rollout.next_observation).detach() for e in (method.frozen, method.encoder))
    langevin = 1 / math.tanh(KAPPA) - 1 / KAPPA  # A_3
    total, divergences = 0.0, []
    for t in range(2):
        divergence = KAPPA * langevin * (1 - float(trained[t, 0] @ frozen[t, 0]))  # imitation: KL alone
        divergences.append(divergence)
        total += 0.7 * divergence
        for n in (1, 2):  # discovery: -log q alone, without its constant
            total -= KAPPA * float(trained[t, n] @ rollout.z[t, n])
    # a mean over all six samples, so that p weights the streams
    assert method.update(rollout)["Encoder/loss"] == pytest.approx(total / 6, abs=1e-5)
    metrics = make(tiny_library, alpha=0.7, encoder_learning_rate=0.0, encoder_minibatches=3).update(rollout)
    assert metrics["Encoder/loss"] == pytest.approx(total / 6, abs=1e-5)  # in three parts of two as well
    assert metrics["Encoder/kl"] == pytest.approx(np.mean(divergences), abs=1e-5)
    apart = [1 - float(trained[t, n] @ frozen[t, n]) for t in range(2) for n in (1, 2)]
    assert metrics["Encoder/discovery_kl"] == pytest.approx(KAPPA * langevin * np.mean(apart), abs=1e-5)


def test_discovery_is_learned_and_imitation_held_near_the_frozen_encoder(
    tiny_library: MotionLibrary, rollout: Rollout
) -> None:
    method = make(tiny_library, encoder_learning_rate=1e-2, encoder_minibatches=1)
    before = [p.clone() for p in method.frozen.parameters()]
    first = method.update(rollout)
    last = [method.update(rollout) for _ in range(60)][-1]
    assert last["Discovery/alignment"] > first["Discovery/alignment"] + 0.1
    assert last["Discovery/frozen_alignment"] == first["Discovery/frozen_alignment"]
    assert last["Skill/alignment"] == first["Skill/alignment"]
    assert last["Encoder/kl"] < first["Encoder/kl"]
    assert all(torch.equal(p, q) for p, q in zip(before, method.frozen.parameters(), strict=True))
    assert not any(p.requires_grad for p in method.frozen.parameters())


@pytest.mark.parametrize(("imitating", "missing"), [(True, "Discovery/alignment"), (False, "Skill/alignment")])
def test_a_stream_without_samples_has_no_metric(
    tiny_library: MotionLibrary, rollout: Rollout, imitating: bool, missing: str
) -> None:
    rollout.imitation[:] = imitating
    metrics = make(tiny_library).update(rollout)
    assert missing not in metrics
    assert all(math.isfinite(value) for value in metrics.values())


def test_episodes_of_both_streams_start_on_reference_states(tiny_library: MotionLibrary) -> None:
    method = make(tiny_library, imitation_fraction=0.3)
    episodes = method.begin_episodes(Draws(torch.arange(6000)))
    assert float(episodes.imitation.float().mean()) == pytest.approx(0.3, abs=0.02)
    for stream in (episodes.imitation, ~episodes.imitation):
        np.testing.assert_allclose(torch.bincount(episodes.clip[stream]) / stream.sum(), 1 / 3, atol=0.03)
        assert (int(episodes.frame[stream].min()), int(episodes.frame[stream].max())) == (0, 49)
    followed = episodes.imitation
    assert torch.equal(episodes.z[followed], method.directions[episodes.clip[followed]])
    free = episodes.z[~followed]
    np.testing.assert_allclose(free.norm(dim=1), 1, atol=1e-5)
    np.testing.assert_allclose(free.mean(dim=0), 0, atol=0.03)


def test_imitation_can_sample_what_it_fails_at(tiny_library: MotionLibrary, rollout: Rollout) -> None:
    rollout.clip[:], rollout.terminated[:] = 2, True  # imitation (the first environment) loses clip 2 in every step
    for clip_sampling, fraction in (("uniform", 1 / 3), ("failures", 0.5 / 3 + 0.5)):
        method = make(tiny_library, clip_sampling=clip_sampling)
        method.update(rollout)
        episodes = method.begin_episodes(Draws(torch.arange(6000)))
        assert float((episodes.clip[episodes.imitation] == 2).float().mean()) == pytest.approx(fraction, abs=0.03)
        # discovery starts from the states of all clips alike, whatever imitation finds hard
        assert float((episodes.clip[~episodes.imitation] == 2).float().mean()) == pytest.approx(1 / 3, abs=0.03)
        assert torch.equal(episodes.z[episodes.imitation], method.directions[episodes.clip[episodes.imitation]])
        # and a run goes on with what it has counted
        resumed = make(tiny_library, clip_sampling=clip_sampling)
        resumed.load_state_dict(copy.deepcopy(method.state_dict()))
        assert torch.equal(resumed.begin_episodes(Draws(torch.arange(6000))).clip, episodes.clip)


def test_as_a_fraction_of_samples_every_environment_keeps_to_its_stream(tiny_library: MotionLibrary) -> None:
    envs = torch.arange(6000) * 7919
    by_episode, by_sample = (
        make(tiny_library, imitation_fraction=0.3, fraction_of=of) for of in ("episodes", "samples")
    )
    for method, lasts in ((by_episode, False), (by_sample, True)):
        first, second = (method.begin_episodes(Draws.at(envs, moment, "episodes")) for moment in (3, 8))
        assert float(first.imitation.float().mean()) == pytest.approx(0.3, abs=0.02)
        assert torch.equal(first.imitation, second.imitation) is lasts
        assert not torch.equal(first.clip, second.clip)
        # who imitates says nothing of which clip
        np.testing.assert_allclose(
            torch.bincount(first.clip[first.imitation]) / first.imitation.sum(), 1 / 3, atol=0.04
        )


@pytest.mark.parametrize(("starts", "last"), [("imitation", 49), ("none", 0)])
def test_without_rsi_discovery_stands_and_imitation_begins_at_its_beginning(
    tiny_library: MotionLibrary, starts: str, last: int
) -> None:
    method, usual = make(tiny_library, rsi=starts), make(tiny_library)
    episodes, paper = (m.begin_episodes(Draws(torch.arange(3000))) for m in (method, usual))
    assert paper.standing is None
    assert episodes.standing is not None
    assert torch.equal(episodes.standing, ~episodes.imitation)
    # an episode that imitates and stood would be ended at once, so that one starts on the clip it follows
    assert torch.equal(episodes.clip, paper.clip)
    assert torch.equal(episodes.imitation, paper.imitation)
    frames = episodes.frame[episodes.imitation]
    assert (int(frames.min()), int(frames.max())) == (0, last)


def test_half_of_discovery_can_start_standing(tiny_library: MotionLibrary) -> None:
    method, usual = make(tiny_library, rsi="half"), make(tiny_library)
    episodes, paper = (m.begin_episodes(Draws(torch.arange(6000))) for m in (method, usual))
    assert episodes.standing is not None
    assert not (episodes.standing & episodes.imitation).any()
    # of about 3,000, within four standard deviations
    assert float(episodes.standing[~episodes.imitation].float().mean()) == pytest.approx(0.5, abs=0.037)
    for name in ("clip", "frame", "z", "imitation"):
        assert torch.equal(getattr(episodes, name), getattr(paper, name))


def test_imitation_can_learn_to_set_off(tiny_library: MotionLibrary) -> None:
    method = make(tiny_library, rsi="half", standing_starts=0.4)
    episodes = method.begin_episodes(Draws(torch.arange(6000)))
    standing, imitation, rests = episodes.standing, episodes.imitation, episodes.clip != 1  # clip 1 begins on its way
    assert standing is not None
    assert not standing[~rests].any()
    # 2,000 of imitation, 3,000 of discovery, within four standard deviations
    assert float(standing[imitation & rests].float().mean()) == pytest.approx(0.4, abs=0.045)
    assert float(standing[~imitation].float().mean()) == pytest.approx(0.5, abs=0.037)
    assert not episodes.frame[standing].any()
    assert torch.equal(episodes.z[imitation], method.directions[episodes.clip[imitation]])
    # without standing discovery it is imitation's alone
    alone = make(tiny_library, standing_starts=0.4).begin_episodes(Draws(torch.arange(6000)))
    assert alone.standing is not None
    assert not alone.standing[~alone.imitation].any()
    assert alone.standing.any()


def test_the_latent_stays_for_the_episode(tiny_library: MotionLibrary) -> None:
    whole = torch.zeros(4, dtype=torch.long)
    progress = Progress(whole, whole, whole, torch.randn(4, 3), whole, whole.bool())
    assert make(tiny_library).maybe_resample(progress, Draws(whole))[0] is progress.z


def test_the_published_encoder_is_the_frozen_one(tiny_library: MotionLibrary) -> None:
    method = make(tiny_library)
    exported = method.export()
    assert exported.encoder is method.frozen
    directions = clip_directions(method.frozen, tiny_library)
    assert list(exported.clip_latents) == ["swing", "slide", "still"]
    assert torch.equal(torch.stack(list(exported.clip_latents.values())), directions)
    np.testing.assert_allclose(directions.norm(dim=1), 1, atol=1e-6)


def test_state_goes_on_to_the_bit(tiny_library: MotionLibrary, rollout: Rollout) -> None:
    method, other = make(tiny_library), make(tiny_library, imitation_fraction=0.5)
    method.update(rollout)
    with torch.no_grad():
        other.frozen.network[0].weight.zero_()  # pyright: ignore[reportCallIssue]
    other.load_state_dict(copy.deepcopy(method.state_dict()))
    assert torch.equal(other.directions, method.directions)
    assert torch.equal(other.rewards(rollout), method.rewards(rollout))
    assert other.update(rollout) == method.update(rollout)


def test_the_exact_reward_is_negative_below_the_documented_cosine() -> None:
    # facts/paper.md: 0.61 at d = 8 and 0.15 at d = 64, kappa 20
    for dim, cosine in ((8, 0.61), (64, 0.15)):
        assert -sphere.reward_constant(dim, 20.0) / 20.0 == pytest.approx(cosine, abs=0.005)


def test_a_point_imitates_and_fills_between(point_world: Callable[..., Any], crossing: MotionLibrary) -> None:
    # an encoder that is the direction of the velocity: clip "ahead" becomes x, clip "aside" y
    mask = EncoderConfig(latent_dim=2, hidden=(), kinds=("linear_velocity",), bodies=("torso",))
    encoder = Encoder(mask, ObservationLayout(crossing.body))
    encoder.network.load_state_dict({"0.weight": torch.eye(2, 3), "0.bias": torch.zeros(2)})
    method = Rgsd(crossing, encoder, RgsdConfig(mask, kappa=KAPPA, reward="cosine"), seed=0)
    np.testing.assert_allclose(method.directions, np.eye(2), atol=1e-3)
    world = point_world(method, shows="speed")
    between, opposite = torch.full((1, 2), math.sqrt(0.5)), torch.tensor([[-1.0, 0.0]])
    z = torch.cat((method.directions, between, opposite))
    before = torch.nn.functional.cosine_similarity(world.ends(z), z, dim=1)
    metrics = world.train(40)
    after = torch.nn.functional.cosine_similarity(world.ends(z), z, dim=1)
    assert float(before.mean()) < 0.9
    assert float(after.min()) > 0.98  # each goes where its latent points, also those of no clip
    assert metrics["Skill/alignment"] > 0.9
