"""What is looked at while a policy is trained, on puppets whose fate is known."""

from __future__ import annotations

import random
from collections.abc import Callable

import numpy as np
import pytest
import torch
from torch import Tensor

from rgsd.envs.reference_frames import ReferenceFrames
from rgsd.evaluation.rollouts import Simulate
from rgsd.evaluation.signs_of_life import SignsOfLife
from rgsd.learning.skill_policy import SkillPolicy
from rgsd.motions.library import MotionLibrary
from rgsd.physics.interface import Physics

DIRECTIONS = {"walk": torch.tensor([1.0, 0.0, 0.0]), "turn": torch.tensor([0.0, 1.0, 0.0])}


def still(observation: Tensor, z: Tensor, clock: Tensor) -> Tensor:
    """The standing pose."""
    return torch.zeros(len(observation), 12)


@pytest.fixture
def look(library: MotionLibrary, exploding: Simulate, monkeypatch: pytest.MonkeyPatch) -> SignsOfLife:
    """On puppets at rest, of which the first blows up in its third step."""

    def at_rest(count: int) -> Physics:
        puppet = exploding(count)
        reset = puppet.reset
        monkeypatch.setattr(puppet, "reset", lambda ids, qpos, qvel: reset(ids, qpos, torch.zeros_like(qvel)))
        return puppet

    look = SignsOfLife(library, seed=3)
    monkeypatch.setattr(look, "_simulate", at_rest)
    return look


def test_survival_error_and_falls(
    look: SignsOfLife, library: MotionLibrary, make_policy: Callable[..., SkillPolicy]
) -> None:
    policy = make_policy(still, clip_latents=DIRECTIONS)
    metrics = look(policy)
    clips = [f"Check/{key}/{name}" for key in ("survival", "error_cm") for name in ("walk", "turn")]
    assert set(metrics) == {"Check/survival", "Check/error_cm", "Check/fall_rate", *clips}
    # the shorter clip comes first: it stands in the frames 0, 1 and 2, and then no more
    assert metrics["Check/survival/turn"] == pytest.approx(3 / int(library.lengths[1]))
    mean = (metrics["Check/survival/turn"] + metrics["Check/survival/walk"]) / 2
    assert metrics["Check/survival"] == pytest.approx(mean)
    assert metrics["Check/fall_rate"] == 1 / 32
    assert look(policy) == metrics  # the same starts and latents each time


def test_what_a_policy_does_not_have_is_left_out(
    look: SignsOfLife, library: MotionLibrary, make_policy: Callable[..., SkillPolicy]
) -> None:
    assert set(look(make_policy())) == {"Check/fall_rate"}  # which latent is which clip takes a search
    tracker = make_policy(still, condition="reference", condition_moments=ReferenceFrames(library).moments)
    assert "Check/fall_rate" not in look(tracker)


def test_nobody_elses_random_numbers_are_drawn(look: SignsOfLife, make_policy: Callable[..., SkillPolicy]) -> None:
    policy = make_policy(clip_latents=DIRECTIONS)
    torch.manual_seed(0)
    np.random.seed(0)
    random.seed(0)
    expected = torch.rand(1), np.random.rand(), random.random()
    torch.manual_seed(0)
    np.random.seed(0)
    random.seed(0)
    look(policy)
    assert (torch.rand(1), np.random.rand(), random.random()) == expected
