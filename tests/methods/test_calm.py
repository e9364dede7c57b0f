"""CALM's rewards and losses by hand, and what its condition selects."""

from __future__ import annotations

import copy
import dataclasses
import math
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
import torch
from torch import Tensor

from rgsd.envs.observation import ObservationLayout, observe
from rgsd.learning.method import Progress
from rgsd.learning.rollout import Minibatch, Rollout
from rgsd.methods.calm import Calm, CalmConfig
from rgsd.motions.library import MotionLibrary
from rgsd.randomness import Draws
from rgsd.skills.encoder import EncoderConfig
from rgsd.skills.window_networks import Discriminator, DiscriminatorConfig, WindowEncoder

MakeRollout = Callable[..., Rollout]
EVERYTHING = EncoderConfig(latent_dim=2, hidden=(32,))
ROOT_MOTION = EncoderConfig(latent_dim=2, hidden=(32,), kinds=("linear_velocity",), bodies=("torso",))


def make(library: MotionLibrary, mask: EncoderConfig = EVERYTHING, penalty: float = 5.0, **settings: Any) -> Calm:
    """Pieces of 25 frames, at 50 Hz, seen through 5 of them; windows of 3."""
    torch.manual_seed(0)
    discriminator = DiscriminatorConfig(
        (32,), window=3, gradient_penalty=penalty, updates=4, batch_fraction=1 / 6, learning_rate=1e-3, sees="mask"
    )
    config = CalmConfig(mask, motion_seconds=0.5, motion_frames=5, discriminator=discriminator, **settings)
    layout = ObservationLayout(library.body)
    encoder = WindowEncoder(mask, mask.mask(layout), layout, 5)
    return Calm(library, encoder, Discriminator(discriminator, mask, layout, mask.latent_dim), config, seed=0)


def everything_under_everything(make_rollout: MakeRollout, library: MotionLibrary, method: Calm) -> Rollout:
    """Frames 1 to 48 of every clip, each clip once under the latent of each."""
    z = torch.stack([*method.export().clip_latents.values()])
    pairs = torch.cartesian_prod(torch.arange(len(library)), torch.arange(len(library)))
    rows = library.offsets[pairs[:, 0]] + torch.arange(49).unsqueeze(1)
    states = observe(library.states[rows.flatten()]).unflatten(0, rows.shape)
    elapsed = torch.arange(48).unsqueeze(1).expand(-1, len(pairs))
    return make_rollout(
        48, len(pairs), observation=states[:-1], next_observation=states[1:], z=z[pairs[:, 1]].expand(48, -1, -1),
        elapsed=elapsed, clip=pairs[:, 0].expand(48, -1), frame=elapsed + 1,
    )  # fmt: skip


def test_the_reward_by_hand(make_rollout: MakeRollout, tiny_library: MotionLibrary) -> None:
    method = make(tiny_library)
    method.discriminator.forward = lambda windows, z=None: torch.zeros(len(windows)) if z is None else 2.0 * z[:, 0]
    rollout = everything_under_everything(make_rollout, tiny_library, method)
    rewards = method.rewards(rollout)
    # 1 - sigmoid(x) = 1 / (1 + e^x); from the first step on
    np.testing.assert_allclose(rewards, 2 * torch.log1p(torch.exp(2.0 * rollout.z[..., 0])), rtol=1e-4)


def test_a_latent_is_the_encoding_of_its_piece(tiny_library: MotionLibrary) -> None:
    method = make(tiny_library)
    episodes = method.begin_episodes(Draws(torch.arange(300)))
    assert episodes.source is not None
    clip = tiny_library.clip_of_frame[episodes.source]
    first = episodes.source - tiny_library.offsets[clip]
    np.testing.assert_allclose(torch.bincount(clip) / 300, 1 / 3, atol=0.1)
    assert int(first.max()) == 51 - 25  # all whole pieces, and no others
    states = observe(tiny_library.states)
    rows = episodes.source.unsqueeze(1) + torch.tensor([0, 6, 12, 18, 24])  # five of 25, evenly
    torch.testing.assert_close(episodes.z, method.encoder(states[rows]).detach())


def test_clip_latents_are_the_mean_over_pieces(tiny_library: MotionLibrary) -> None:
    method = make(tiny_library)
    latents = method.export().clip_latents
    assert list(latents) == ["swing", "slide", "still"]
    for name, offset in (("swing", 0), ("slide", 51)):  # of 51 frames each; pieces begin at 0 to 26
        pieces = method.encode(offset + torch.arange(27)).detach()
        torch.testing.assert_close(latents[name], torch.nn.functional.normalize(pieces.mean(dim=0), dim=0))


def test_alignment_and_uniformity_by_hand(tiny_library: MotionLibrary) -> None:
    method = make(tiny_library.select(["slide", "still"]), pair_seconds=0.3)
    minibatch = Minibatch(**{name: torch.zeros(300, dtype=torch.long) for name in Minibatch.__dataclass_fields__})
    # two opposite directions by clip, the same for all pieces: alignment 0; pairs are 0 or |2|^2 = 4 apart
    # with n and m of each: E exp(-2 |z - z'|^2) = (same + different exp(-8)) / pairs
    drawn: list[Tensor] = []

    def encode(source: Tensor) -> Tensor:
        drawn.append(source)
        return torch.tensor([[1.0, 0.0], [-1.0, 0.0]])[(source >= 51).long()]

    method.encode = encode
    loss = float(method.extra_loss(minibatch, None, None))  # pyright: ignore[reportArgumentType]
    later = int((drawn[0] >= 51).sum())
    different = later * (256 - later)
    pairs = 256 * 255 / 2  # of the 300 of the minibatch no more than 256 count
    expected = math.log((pairs - different + different * math.exp(-8.0)) / pairs)
    assert loss == pytest.approx(0.1 * (0.0 + 0.5 * expected), rel=1e-4)
    # the two pieces of a pair begin within 0.3 s
    assert int((drawn[1] - drawn[0]).min()) >= 0
    assert int((drawn[1] - drawn[0]).max()) == 15
    # and all of both lies within the clip
    for beginnings in drawn:
        assert int((beginnings % 51).max()) == 51 - 25


def test_windows_of_the_references_come_from_all_over_a_piece(tiny_library: MotionLibrary) -> None:
    short = [dataclasses.replace(m, qpos=m.qpos[:10], qvel=m.qvel[:10]) for m in tiny_library.motions]
    # windows of 3 frames in pieces of 25 begin up to 22 frames into them, in a clip of 10 frames at frame 7 at most
    for library, length, last, into in (
        (tiny_library, 51, 26, 22),
        (MotionLibrary(tiny_library.body, short), 10, 0, 7),
    ):
        method = make(library)
        method._latents = torch.arange(3.0 * length).unsqueeze(1)  # a latent that says where its piece begins
        method._real_windows = library.row
        rows, latents = method._reference_windows(4000)
        first = latents.squeeze(1).long()
        assert int((first % length).max()) == last
        assert (int((rows - first).min()), int((rows - first).max())) == (0, into)


def test_the_spread_of_the_clips_by_hand(make_rollout: MakeRollout, tiny_library: MotionLibrary) -> None:
    method = make(tiny_library)
    metrics = method.update(everything_under_everything(make_rollout, tiny_library, method))
    a, b, c = method.export().clip_latents.values()
    assert metrics["Skill/between_cosine"] == pytest.approx(float(a @ b + a @ c + b @ c) / 3, abs=1e-6)


def test_the_policys_losses_train_the_encoder(tiny_library: MotionLibrary) -> None:
    method = make(tiny_library)
    source = torch.tensor([3, 60, 3])
    fields: dict[str, Tensor] = {name: torch.zeros(3) for name in Minibatch.__dataclass_fields__}
    z = method.latents(Minibatch(**(fields | {"source": source})))
    assert torch.equal(z[0], z[2])
    z[:, 0].sum().backward()
    assert all(p.grad is not None for p in method.parameters())
    assert not any(p.grad is not None for p in method.discriminator.parameters())


def test_the_condition_selects_the_motion(make_rollout: MakeRollout, tiny_library: MotionLibrary) -> None:
    method = make(tiny_library, penalty=0.1)
    # an encoder that tells the clips apart, 120 degrees each; of what is played under a latent a third is right
    angles = torch.arange(3) * 2 * math.pi / 3
    directions = torch.stack((angles.cos(), angles.sin()), dim=1)
    method.encode = lambda source: directions[tiny_library.clip_of_frame[source]]
    method._refresh()
    rollout = everything_under_everything(make_rollout, tiny_library, method)
    for _ in range(160):
        method.update(rollout)
    earned = method.rewards(rollout)[2:].mean(dim=0).unflatten(0, (3, 3))  # clip shown, clip asked for
    assert earned.argmax(dim=0).tolist() == [0, 1, 2]
    others = earned.clone().fill_diagonal_(-1.0).max(dim=0).values
    assert float((earned.diagonal() - others).min()) > 0.1


def test_state_goes_on_to_the_bit(make_rollout: MakeRollout, tiny_library: MotionLibrary) -> None:
    method, other = make(tiny_library), make(tiny_library, uniformity_weight=0.0)
    with torch.no_grad():
        for parameter in method.encoder.parameters():
            parameter += 0.1  # as the policy's losses would
    rollout = everything_under_everything(make_rollout, tiny_library, method)
    method.update(rollout)
    other.load_state_dict(copy.deepcopy(method.state_dict()))
    assert torch.equal(other.rewards(rollout), method.rewards(rollout))
    assert other.update(rollout) == method.update(rollout)
    whole = torch.zeros(4, dtype=torch.long)
    for elapsed in range(1, 30):
        progress = Progress(whole, whole, whole + elapsed, torch.zeros(4, 2), whole, whole.bool())
        drawn = (m.maybe_resample(progress, Draws(whole + elapsed)) for m in (method, other))
        for mine, theirs in zip(*drawn, strict=True):
            assert torch.equal(mine, theirs)


def test_a_point_moves_as_its_latent_says(point_world: Callable[..., Any], crossing: MotionLibrary) -> None:
    method = make(crossing, ROOT_MOTION)
    world = point_world(method, shows="speed")
    world.train(90)
    z = torch.stack([*method.export().clip_latents.values()])
    ends = world.ends(z)
    # ahead along x at 0.5 m/s, aside along y: 12 steps of 0.1 of that, 0.6, in the right direction
    assert float((ends.diagonal() / ends.norm(dim=1)).min()) > 0.9
    np.testing.assert_allclose(ends.norm(dim=1), 0.6, atol=0.25)
