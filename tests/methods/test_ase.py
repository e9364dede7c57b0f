"""ASE's rewards and losses by hand, and what its discriminator asks of a point."""

from __future__ import annotations

import copy
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
from rgsd.methods.ase import Ase, AseConfig, AseNetwork
from rgsd.motions.library import MotionLibrary
from rgsd.randomness import Draws
from rgsd.skills import sphere
from rgsd.skills.encoder import EncoderConfig
from rgsd.skills.window_networks import DiscriminatorConfig

MakeRollout = Callable[..., Rollout]
EVERYTHING = EncoderConfig(latent_dim=2)
ROOT_MOTION = EncoderConfig(latent_dim=2, kinds=("linear_velocity",), bodies=("torso",))


def make(library: MotionLibrary, mask: EncoderConfig = EVERYTHING, penalty: float = 5.0, **settings: Any) -> Ase:
    """Windows of three."""
    torch.manual_seed(0)
    discriminator = DiscriminatorConfig(
        (32,), window=3, gradient_penalty=penalty, updates=4, batch_fraction=1 / 6, learning_rate=1e-3, sees="mask"
    )
    config = AseConfig(mask, discriminator, **settings)
    return Ase(library, AseNetwork(config, ObservationLayout(library.body)), config, seed=0)


def clip_rollout(make_rollout: MakeRollout, library: MotionLibrary, clip: int, **given: Tensor) -> Rollout:
    """Eight environments of one clip's frames 1 to 48."""
    states = observe(library.states[int(library.offsets[clip]) : int(library.offsets[clip]) + 49])
    states = states.unsqueeze(1).expand(-1, 8, -1)
    z = torch.nn.functional.normalize(torch.randn(48, 8, 2, generator=torch.Generator().manual_seed(0)), dim=-1)
    elapsed = torch.arange(48).unsqueeze(1).expand(-1, 8)
    shown = {"observation": states[:-1], "next_observation": states[1:], "frame": elapsed + 1}
    return make_rollout(48, 8, **(shown | {"z": z, "elapsed": elapsed} | given))


def test_the_reward_by_hand(make_rollout: MakeRollout, tiny_library: MotionLibrary) -> None:
    method = make(tiny_library)
    method.network.discriminate = lambda windows: (
        torch.zeros(len(windows)),
        torch.tensor([1.0, 0.0]).expand(len(windows), -1),
    )
    rollout = clip_rollout(make_rollout, tiny_library, 0)
    rollout.z[:] = torch.tensor([0.6, 0.8])
    rollout.z[:, 1] = torch.tensor([-1.0, 0.0])
    rewards = method.rewards(rollout)
    # D = 1/2, mu.z = 0.6, and -1, which counts as nothing; from the first step on
    np.testing.assert_allclose(rewards[:, 0], 0.5 * 2 * math.log(2) + 0.5 * 0.6, rtol=1e-5)
    np.testing.assert_allclose(rewards[:, 1], 0.5 * 2 * math.log(2), rtol=1e-5)


@pytest.mark.parametrize("slope", [0.0, 0.5, 1.0])
def test_the_diversity_loss_in_closed_form(tiny_library: MotionLibrary, slope: float) -> None:
    method = make(tiny_library)
    z = torch.nn.functional.normalize(torch.randn(50, 2, generator=torch.Generator().manual_seed(7)), dim=-1)
    fields = {name: torch.zeros(50, 1) for name in Minibatch.__dataclass_fields__}
    minibatch = Minibatch(**(fields | {"z": z}))

    def actor(observation: Tensor, latent: Tensor) -> Tensor:
        return slope * latent

    # actions slope z: |a - a'|^2 / 2 = slope^2 (1 - cos), over (1 - cos) / 2: 2 slope^2, whatever the other latent is
    loss = method.extra_loss(minibatch, actor(minibatch.observation, z), actor)  # pyright: ignore[reportArgumentType]
    assert float(loss) == pytest.approx(0.01 * (1 - 2 * slope**2) ** 2, rel=2e-2)


@pytest.mark.parametrize(("minibatch", "asked"), [(50, 6), (4, 1)])
def test_the_diversity_loss_looks_at_an_eighth(tiny_library: MotionLibrary, minibatch: int, asked: int) -> None:
    method = make(tiny_library)
    seen: list[tuple[int, int]] = []
    fields = {name: torch.zeros(minibatch, 2) for name in Minibatch.__dataclass_fields__}

    def actor(observation: Tensor, latent: Tensor) -> Tensor:
        seen.append((len(observation), len(latent)))
        return latent

    method.extra_loss(Minibatch(**fields), torch.zeros(minibatch, 2), actor)  # pyright: ignore[reportArgumentType]
    assert seen == [(asked, asked)]


def test_latents_that_meet_are_kept_from_dividing_by_zero(
    tiny_library: MotionLibrary, monkeypatch: pytest.MonkeyPatch
) -> None:
    method, same = make(tiny_library), torch.tensor([[1.0, 0.0]]).expand(50, -1)
    fields = {name: torch.zeros(50, 2) for name in Minibatch.__dataclass_fields__}
    monkeypatch.setattr(sphere, "sample_uniform", lambda count, dim, generator: same[:count])
    means = torch.full((50, 2), math.sqrt(3e-5))  # the other's are 0: 3e-5 over a distance of 0 and 1e-5
    loss = method.extra_loss(Minibatch(**(fields | {"z": same})), means, lambda observation, z: 0 * z)  # pyright: ignore[reportArgumentType]
    assert float(loss) == pytest.approx(0.01 * (1 - 3) ** 2, rel=1e-4)


def test_windows_of_the_references_come_from_all_of_a_clip(
    make_rollout: MakeRollout, tiny_library: MotionLibrary, monkeypatch: pytest.MonkeyPatch
) -> None:
    method = make(tiny_library)
    frames: list[Tensor] = []
    windows = method._real_windows
    monkeypatch.setattr(method, "_real_windows", lambda clip, frame: frames.append(frame) or windows(clip, frame))
    for _ in range(4):
        method.update(clip_rollout(make_rollout, tiny_library, 0))
    drawn = torch.cat(frames)
    assert (int(drawn.min()), int(drawn.max())) == (0, 51 - 3)


def test_the_encoder_comes_to_point_where_the_latents_do(
    make_rollout: MakeRollout, tiny_library: MotionLibrary
) -> None:
    method, rollout = make(tiny_library), clip_rollout(make_rollout, tiny_library, 0)
    rollout.z[:] = torch.tensor([-0.6, 0.8])
    assert [method.update(rollout) for _ in range(40)][-1]["Discovery/alignment"] > 0.95


def test_latents_change_within_episodes(tiny_library: MotionLibrary) -> None:
    method, draws = make(tiny_library, shortest_skill=2, longest_skill=2), Draws(torch.arange(5))
    whole, z = torch.zeros(5, dtype=torch.long), torch.zeros(5, 2)
    kept, _ = method.maybe_resample(Progress(whole, whole, whole + 1, z, whole, whole.bool()), draws)
    assert torch.equal(kept, z)
    changed, _ = method.maybe_resample(Progress(whole, whole, whole + 2, z, whole, whole.bool()), draws)
    np.testing.assert_allclose(changed.norm(dim=1), 1.0, atol=1e-6)


def test_the_discriminator_prefers_the_right_motion(make_rollout: MakeRollout, tiny_library: MotionLibrary) -> None:
    # the references swing; a policy that keeps still is told apart, and one that swings earns more
    method = make(tiny_library.select(["swing"]), penalty=0.1)
    still, swing = (clip_rollout(make_rollout, tiny_library, clip) for clip in (2, 0))
    before = method.rewards(swing).mean() - method.rewards(still).mean()
    metrics = [method.update(still) for _ in range(40)][-1]
    assert metrics["Discriminator/reference"] > 0.7 > 0.3 > metrics["Discriminator/policy"]
    assert float(method.rewards(swing).mean() - method.rewards(still).mean()) > float(before) + 1.0


def test_state_goes_on_to_the_bit(make_rollout: MakeRollout, tiny_library: MotionLibrary) -> None:
    method, other = make(tiny_library), make(tiny_library, diversity_weight=0.0)
    rollout = clip_rollout(make_rollout, tiny_library, 1)
    whole = torch.zeros(8, dtype=torch.long)
    progress = Progress(whole, whole, whole + 1, rollout.z[0], whole, whole.bool())
    method.maybe_resample(progress, Draws(whole))
    method.update(rollout)
    other.load_state_dict(copy.deepcopy(method.state_dict()))
    rollout.elapsed = rollout.elapsed + 48  # the windows at its start reach into the rollout before
    assert torch.equal(other.rewards(rollout), method.rewards(rollout))
    assert other.update(rollout) == method.update(rollout)
    for elapsed in range(2, 40):
        later = Progress(whole, whole, whole + elapsed, rollout.z[0], whole, whole.bool())
        mine, theirs = (m.maybe_resample(later, Draws(whole + elapsed))[0] for m in (method, other))
        assert torch.equal(mine, theirs)


def test_a_point_comes_to_move_like_the_reference(point_world: Callable[..., Any], crossing: MotionLibrary) -> None:
    # the reference moves ahead at 0.5 m/s; a point shows its action as its speed
    world = point_world(make(crossing.select(["ahead"]), ROOT_MOTION, diversity_weight=0.0), shows="speed")
    z = torch.nn.functional.normalize(torch.randn(64, 2, generator=torch.Generator().manual_seed(7)), dim=-1)
    world.train(70)
    ends = world.ends(z)
    # 12 steps of 0.1 of that: latents part around it, as the encoder asks, and none turns back
    np.testing.assert_allclose(ends.mean(dim=0), [0.6, 0.0], atol=0.15)
    assert float(ends[:, 0].min()) > 0.0
    assert float(torch.pdist(ends).mean()) > 0.1


def test_half_of_a_batch_is_of_earlier_rollouts(
    make_rollout: MakeRollout, tiny_library: MotionLibrary, monkeypatch: pytest.MonkeyPatch
) -> None:
    method = make(tiny_library)  # four steps, each of a sixth of the windows
    batches: list[tuple[int, int]] = []
    present: list[int] = []
    loss, encode = method.network.loss, method.network.encode

    def watched(real: Tensor, seen: Tensor) -> Any:
        batches.append((len(real), len(seen)))
        return loss(real, seen)

    monkeypatch.setattr(method.network, "loss", watched)
    monkeypatch.setattr(method.network, "encode", lambda seen: present.append(len(seen)) or encode(seen))
    method.update(clip_rollout(make_rollout, tiny_library, 0))
    assert batches == [(64, 64)] * 4  # 48 x 8 / 6
    assert present == [64] * 4  # nothing has been before
    method.update(clip_rollout(make_rollout, tiny_library, 2))
    assert batches[4:] == [(64, 64)] * 4
    assert present[4:] == [32] * 4  # the encoder learns from those of now alone
