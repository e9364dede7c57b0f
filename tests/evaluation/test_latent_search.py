"""Where a clip's latent comes from, and a search whose best latent is known."""

from __future__ import annotations

from collections.abc import Callable

import pytest
import torch
from torch import Tensor

from rgsd.envs.observation import observe
from rgsd.evaluation import latent_search
from rgsd.evaluation.rollouts import Simulate, clip_states
from rgsd.learning.skill_policy import SkillPolicy
from rgsd.motions.library import MotionLibrary


def follow_or_stray(library: MotionLibrary) -> Callable[[Tensor, Tensor, Tensor], Tensor]:
    """A script that plays the walk, with every hinge off by 0.5 rad times the latent's distance from (1, 0, 0)."""
    body = library.body

    def script(observation: Tensor, z: Tensor, clock: Tensor) -> Tensor:
        frame = (clock / body.control_dt).round().long() + 1
        hinges = library.state(torch.zeros_like(frame), frame).qpos[:, 7:]
        stray = (z - torch.tensor([1.0, 0.0, 0.0])).norm(dim=1, keepdim=True)
        return (hinges + 0.5 * stray - torch.tensor(body.action_center)) / torch.tensor(body.action_scale)

    return script


def test_search_errors_grow_with_the_distance_from_the_right_latent(
    puppet: Simulate, library: MotionLibrary, make_policy: Callable[..., SkillPolicy]
) -> None:
    policy = make_policy(follow_or_stray(library))
    z = torch.tensor([[1.0, 0.0, 0.0], [0.8, 0.6, 0.0], [0.0, 1.0, 0.0], [-1.0, 0.0, 0.0]])
    (errors,) = latent_search.search_errors(puppet, policy, library, [0], z, num_envs=3, seed=0)
    assert errors.argsort().tolist() == [0, 1, 2, 3]
    assert errors[0] < 1e-3


def test_clips_are_searched_side_by_side_as_one_by_one(
    puppet: Simulate, library: MotionLibrary, make_policy: Callable[..., SkillPolicy], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(latent_search, "with_noise", lambda state, generator: (state.qpos, state.qvel))
    policy = make_policy(follow_or_stray(library))
    z = torch.tensor([[1.0, 0.0, 0.0], [0.0, 1.0, 0.0], [-1.0, 0.0, 0.0]])

    def search(clips: list[int], num_envs: int) -> Tensor:
        return latent_search.search_errors(puppet, policy, library, clips, z, num_envs, seed=0)

    apart = torch.cat([search([clip], 3) for clip in (0, 1)])  # a walk of 1 s, a turn of half a second
    for num_envs in (6, 4, 1):
        torch.testing.assert_close(search([0, 1], num_envs), apart)
    torch.testing.assert_close(search([1, 0], 4), apart.flip(0))


def test_a_policy_that_does_not_embed_is_searched(
    puppet: Simulate, library: MotionLibrary, make_policy: Callable[..., SkillPolicy]
) -> None:
    policy, walk = make_policy(follow_or_stray(library)), library.select(["walk"])
    z, sources = latent_search.clip_latents(puppet, policy, walk, num_latents=60, num_envs=60, seed=0)
    assert sources == ["search"]
    assert z[0, 0] > 0.9  # the best of 60 uniform directions lies within 25 degrees of the right one


def test_stored_latents_come_before_embeddings(
    puppet: Simulate, library: MotionLibrary, make_policy: Callable[..., SkillPolicy]
) -> None:
    stored = torch.tensor([0.0, 0.0, 1.0])
    policy = make_policy(encoder=True, clip_latents={"walk": stored})
    z, sources = latent_search.clip_latents(puppet, policy, library, num_latents=5, num_envs=5, seed=0)
    assert sources == ["training", "embedding"]
    torch.testing.assert_close(z, torch.stack((stored, policy.embed(observe(clip_states(library, 1))))))


def test_a_greater_fraction_of_one_draw_holds_the_smaller(
    puppet: Simulate, library: MotionLibrary, make_policy: Callable[..., SkillPolicy], monkeypatch: pytest.MonkeyPatch
) -> None:
    walk, policy = library.select(["walk"]), make_policy(follow_or_stray(library))
    # by their distance from (1, 0, 0): 1.41, 0.63, 2, 0
    draw = torch.tensor([[0.0, 1.0, 0.0], [0.8, 0.6, 0.0], [-1.0, 0.0, 0.0], [1.0, 0.0, 0.0]])
    monkeypatch.setattr(latent_search, "sample_uniform", lambda count, dim, generator: draw[:count])
    gains = latent_search.search_gains(puppet, policy, walk, [1, 2, 3, 4], rollouts=3, num_envs=4, seed=0)
    assert gains.least.shape == gains.again.shape == (1, 4)
    for errors in gains:
        first, second, third, fourth = errors[0].tolist()
        assert first > second == third > fourth  # the third latent is worse than the second: nothing changes
        assert fourth < 1e-3
    (seen,) = latent_search.search_errors(puppet, policy, walk, [0], draw, 4, seed=1)
    torch.testing.assert_close(gains.least[0], seen.cummin(dim=0).values)


def test_what_is_found_is_played_again_with_other_noise(
    puppet: Simulate, library: MotionLibrary, make_policy: Callable[..., SkillPolicy]
) -> None:
    policy = make_policy(follow_or_stray(library))
    gains = latent_search.search_gains(puppet, policy, library, [2, 20], rollouts=2, num_envs=8, seed=3)
    assert gains.again.shape == (2, 2)
    assert torch.isfinite(gains.again).all()
    assert (gains.least[:, 1] <= gains.least[:, 0]).all()
    assert not torch.equal(gains.least, gains.again)
