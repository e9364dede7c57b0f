"""Rollouts written by hand, and a method that can be seen through."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
import torch
from torch import Tensor

from rgsd.learning.method import Episodes, Method, Progress
from rgsd.learning.rollout import Minibatch, Rollout
from rgsd.motions.library import MotionLibrary


@pytest.fixture
def make_rollout() -> Callable[..., Rollout]:
    """Makes a rollout of T steps, N copies, of zeros but for what is given; 1-D observations and latents, 2 actions."""

    def make(steps: int, copies: int, **given: Tensor) -> Rollout:
        lead = (steps, copies)
        numbers = {name: torch.zeros(*lead) for name in ("log_prob", "worst_body", "root_error", "heading_error")}
        wide = {
            name: torch.zeros(*lead, size)
            for name, size in (("observation", 1), ("privileged", 1), ("z", 1), ("action", 2), ("mean", 2))
        }
        whole = {name: torch.zeros(lead, dtype=torch.long) for name in ("clip", "frame")}
        flags = {name: torch.zeros(lead, dtype=torch.bool) for name in ("imitation", "terminated", "truncated", "fell")}
        content = numbers | wide | whole | flags | given
        for name in ("observation", "privileged"):
            content.setdefault(f"next_{name}", content[name].clone())
        return Rollout(**content)

    return make


class Numbered:
    """A method whose latent is the number of the episode; every other one imitates, all rewards are one."""

    latent_dim = 1

    def __init__(self, library: MotionLibrary) -> None:
        self.library, self.begun = library, 0

    def begin_episodes(self, count: int) -> Episodes:
        number = torch.arange(self.begun, self.begun + count)
        self.begun += count
        frame = torch.full((count,), 40)
        return Episodes(number % len(self.library), frame, number.float().unsqueeze(1), number % 2 == 0)

    def maybe_resample(self, progress: Progress) -> Tensor:
        return progress.z

    def rewards(self, rollout: Rollout) -> Tensor:
        return torch.ones_like(rollout.log_prob)

    def update(self, rollout: Rollout) -> dict[str, float]:
        return {"Skill/begun": float(self.begun)}

    def latents(self, minibatch: Minibatch) -> Tensor:
        return minibatch.z

    def extra_loss(self, minibatch: Minibatch) -> None:
        return None

    def export(self) -> dict[str, Any]:
        return {}

    def state_dict(self) -> dict[str, Any]:
        return {"begun": self.begun}

    def load_state_dict(self, state: dict[str, Any]) -> None:
        self.begun = state["begun"]


@pytest.fixture
def numbered(tiny_library: MotionLibrary) -> Method:
    return Numbered(tiny_library)
