"""The published policy: its two files, and what they give back."""

from __future__ import annotations

import copy
import dataclasses
import json
import re
from pathlib import Path

import numpy as np
import pytest
import torch

from rgsd.bodies.body import Body
from rgsd.bodies.registry import make_body
from rgsd.envs.observation import ObservationLayout, observe
from rgsd.envs.skill_env import Clock
from rgsd.learning.networks import Actor, NetworkConfig
from rgsd.learning.skill_policy import PolicyError, SkillPolicy
from rgsd.motions.library import MotionLibrary
from rgsd.skills.contrastive import clip_directions
from rgsd.skills.encoder import Encoder, EncoderConfig


def make_policy(library: MotionLibrary, clock: Clock = "none") -> SkillPolicy:
    torch.manual_seed(0)
    body = library.body
    layout = ObservationLayout(body)
    network = NetworkConfig(actor_hidden=(16, 8), noise=0.2)
    actor = Actor(layout.size + (clock != "none"), 4, torch.tensor(body.action_scale), network)
    torch.nn.init.normal_(actor.network[-1].weight)  # pyright: ignore[reportArgumentType]
    actor.normalizer.update(torch.randn(100, layout.size + (clock != "none")))
    encoder = Encoder(EncoderConfig(latent_dim=4, hidden=(16,), kinds=("position",)), layout)
    encoder.fit_normalization(observe(library.states))
    latents = dict(zip(library.names, clip_directions(encoder, library), strict=True))
    return SkillPolicy(
        body=body, actor=actor, latent_dim=4, method="rgsd", encoder=encoder, clip_latents=latents, clock=clock
    )


@pytest.fixture
def policy(tiny_library: MotionLibrary) -> SkillPolicy:
    return make_policy(tiny_library)


@pytest.fixture
def observation(tiny_library: MotionLibrary) -> torch.Tensor:
    return observe(tiny_library.states[:6])


@pytest.mark.parametrize("clock", ["none", "elapsed"])
def test_what_was_saved_acts_the_same(
    tiny_library: MotionLibrary, observation: torch.Tensor, tmp_path: Path, clock: Clock
) -> None:
    policy = make_policy(tiny_library, clock)
    policy.save(tmp_path / "run" / "policy")
    # a run's folder will do, and so will the folder inside
    for folder in (tmp_path / "run", tmp_path / "run" / "policy"):
        loaded = SkillPolicy.load(folder, tiny_library.body)
        z, seconds = policy.sample_z(6), torch.arange(6.0)
        assert torch.equal(loaded.act(observation, z, seconds), policy.act(observation, z, seconds))
        noisy = [
            p.act(observation, z, seconds, deterministic=False, generator=torch.Generator().manual_seed(1))
            for p in (loaded, policy)
        ]
        assert torch.equal(*noisy)
        assert (loaded.method, loaded.clock, loaded.condition) == ("rgsd", clock, "latent")
        assert list(loaded.clip_latents) == list(tiny_library.names)
        assert all(torch.equal(loaded.clip_latents[n], policy.clip_latents[n]) for n in tiny_library.names)
        assert not any(p.requires_grad for p in loaded.actor.parameters())


def test_a_tracker_keeps_the_scale_that_it_was_shown_frames_at(tiny_library: MotionLibrary, tmp_path: Path) -> None:
    policy = make_policy(tiny_library)
    policy.save(tmp_path / "latent")
    assert SkillPolicy.load(tmp_path / "latent", tiny_library.body).condition_moments is None
    policy.condition, policy.condition_moments = "reference", torch.randn(2, 4)
    policy.save(tmp_path / "reference")
    loaded = SkillPolicy.load(tmp_path / "reference", tiny_library.body)
    assert loaded.condition_moments is not None
    assert torch.equal(loaded.condition_moments, policy.condition_moments)


def test_the_first_frames_of_its_clips_are_kept(tiny_library: MotionLibrary, tmp_path: Path) -> None:
    policy = make_policy(tiny_library)
    policy.clip_starts = {name: torch.randn(17) for name in reversed(tiny_library.names)}  # in any order
    policy.save(tmp_path)
    loaded = SkillPolicy.load(tmp_path, tiny_library.body)
    assert list(loaded.clip_starts) == list(tiny_library.names)
    assert all(torch.equal(loaded.clip_starts[n], policy.clip_starts[n]) for n in tiny_library.names)


def test_the_same_policy_makes_the_same_bytes_without_a_date(policy: SkillPolicy, tmp_path: Path) -> None:
    for name in ("a", "b"):
        policy.save(tmp_path / name)
    for file in ("policy.json", "policy.safetensors"):
        assert (tmp_path / "a" / file).read_bytes() == (tmp_path / "b" / file).read_bytes()
    text = (tmp_path / "a" / "policy.json").read_text()
    assert json.loads(text)["weights_sha256"] == policy.digest
    text = re.sub(r"[0-9a-f]{64}", "", text)  # digests hold any digits
    assert not re.search(r"20\d\d|date|time\b", text)
    assert json.loads(text)["clips"] == ["swing", "slide", "still"]


def test_a_motions_embedding_is_its_clips_latent(policy: SkillPolicy, tiny_library: MotionLibrary) -> None:
    for motion in tiny_library.motions:
        np.testing.assert_allclose(policy.embed(motion), policy.clip_latents[motion.name], atol=1e-6)
    frames = observe(tiny_library.states[:51])
    np.testing.assert_allclose(policy.embed(frames), policy.clip_latents["swing"], atol=1e-6)
    assert policy.encode(frames) is not None


def test_noise_is_the_trainings(policy: SkillPolicy, observation: torch.Tensor) -> None:
    torch.nn.init.zeros_(policy.actor.network[-1].weight)  # pyright: ignore[reportArgumentType] - off the clipping
    z = policy.sample_z(1)[0]  # one latent serves all observations
    many = observation[:1].expand(4000, -1)
    generator = torch.Generator().manual_seed(0)
    noise = policy.act(many, z, deterministic=False, generator=generator) - policy.act(many, z)
    # 0.2 rad at scales of 1.0 and 0.5 rad
    np.testing.assert_allclose(noise.std(dim=0), [0.2, 0.4], rtol=0.05)


def test_actions_are_clipped_as_the_environment_clips_them(policy: SkillPolicy, observation: torch.Tensor) -> None:
    z, strange = policy.sample_z(6), observation + 5 * torch.randn(observation.shape)
    mean = policy.actor(strange, z).detach()
    assert float(mean.abs().max()) > 1.5
    assert torch.equal(policy.act(strange, z), mean.clamp(-1, 1))
    assert float(policy.act(strange, z, deterministic=False).abs().max()) <= 1


@pytest.mark.parametrize("clock", ["none", "elapsed"])
def test_one_observation_will_do(tiny_library: MotionLibrary, observation: torch.Tensor, clock: Clock) -> None:
    policy = make_policy(tiny_library, clock)
    z = policy.sample_z(6)
    one = policy.act(observation[2], z[2])
    assert one.shape == (2,)
    torch.testing.assert_close(one, policy.act(observation, z)[2])
    seconds = torch.tensor(3.0)
    torch.testing.assert_close(
        policy.act(observation[2], z[2], seconds), policy.act(observation, z, seconds.expand(6))[2]
    )


def test_latents_are_drawn_from_the_sphere_or_near_a_clip(policy: SkillPolicy) -> None:
    generator = torch.Generator().manual_seed(0)
    free = policy.sample_z(n=2000, generator=generator)
    assert free.shape == (2000, 4)
    np.testing.assert_allclose(free.norm(dim=1), 1, atol=1e-5)
    np.testing.assert_allclose(free.mean(dim=0), 0, atol=0.05)
    direction = policy.clip_latents["slide"]
    cosines = [float((policy.sample_z(500, "slide", kappa, generator) @ direction).mean()) for kappa in (1.0, 20, 1000)]
    assert cosines[0] < 0.4
    assert 0.85 < cosines[1] < 0.97
    assert cosines[2] > 0.995
    near = policy.sample_z(n=5, near=direction, kappa=1000, generator=generator)
    assert float((near @ direction).min()) > 0.98


def test_what_cannot_be_sampled_is_refused(policy: SkillPolicy) -> None:
    with pytest.raises(PolicyError, match="no clip 'slid'; the policy knows swing, slide, still"):
        policy.sample_z(3, "slid", 20)
    with pytest.raises(PolicyError, match="needs kappa"):
        policy.sample_z(3, "slide")


def test_a_method_without_an_encoder_embeds_nothing(tiny_library: MotionLibrary, tmp_path: Path) -> None:
    full = make_policy(tiny_library)
    SkillPolicy(body=full.body, actor=full.actor, latent_dim=4, method="diayn").save(tmp_path)
    policy = SkillPolicy.load(tmp_path, full.body)
    assert policy.clip_latents == {}
    assert policy.encode(observe(tiny_library.states[:2])) is None
    with pytest.raises(PolicyError, match="a diayn policy has no encoder"):
        policy.embed(tiny_library.motions[0])


def test_another_body_is_refused(policy: SkillPolicy, tmp_path: Path) -> None:
    policy.save(tmp_path)
    with pytest.raises(PolicyError, match=r"policy.json: joint_names are those of 'tiny', not of 'quadruped'"):
        SkillPolicy.load(tmp_path, make_body("quadruped"))


def test_a_body_that_moves_otherwise_is_refused(policy: SkillPolicy, tiny: Body, tmp_path: Path) -> None:
    policy.save(tmp_path)
    heavier = copy.copy(tiny.model)
    heavier.body_mass[1] *= 1.01
    with pytest.raises(PolicyError, match=r"policy\.json: physics_sha256 is .* have changed since training; use the"):
        SkillPolicy.load(tmp_path, dataclasses.replace(tiny, model=heavier))


@pytest.mark.parametrize("key", ["latent_dim", "clips", "clock", "encoder"])
def test_a_description_that_does_not_fit_the_weights_is_refused(
    policy: SkillPolicy, tiny: Body, tmp_path: Path, key: str
) -> None:
    policy.save(tmp_path)
    file = tmp_path / "policy.json"
    content = json.loads(file.read_text())
    content |= {"latent_dim": 5, "clips": ["swing"], "clock": "elapsed"}
    content["encoder"]["bodies"] = ["tail"]
    whole = json.loads(file.read_text())
    file.write_text(json.dumps(whole | {key: content[key]}))
    with pytest.raises(PolicyError, match=rf"policy\.json: .*{key}.* do not fit what policy\.safetensors holds"):
        SkillPolicy.load(tmp_path, tiny)
