"""A method that can be seen through."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import pytest
import torch
from torch import Tensor, nn

from rgsd.envs.observation import observe
from rgsd.envs.reference_frames import ReferenceFrames
from rgsd.envs.skill_env import Clock
from rgsd.learning.method import Episodes, Exported, Method, Progress
from rgsd.learning.networks import Actor, NetworkConfig
from rgsd.learning.policy_files import Condition
from rgsd.learning.rollout import Minibatch, Rollout
from rgsd.learning.skill_policy import SkillPolicy
from rgsd.motions.library import MotionLibrary
from rgsd.randomness import Draws


class Numbered:
    """A method whose latent and source are the number of the episode; every other one imitates, all rewards are one."""

    latent_dim = 1

    def __init__(self, library: MotionLibrary) -> None:
        self.library, self.begun = library, 0

    def begin_episodes(self, draws: Draws) -> Episodes:
        count = len(draws)
        number = torch.arange(self.begun, self.begun + count)
        self.begun += count
        frame = torch.full((count,), 40)
        z = number.float().unsqueeze(1)
        return Episodes(number % len(self.library), frame, z, number % 2 == 0, source=number)

    def maybe_resample(self, progress: Progress, draws: Draws) -> tuple[Tensor, Tensor]:
        return progress.z, progress.source

    def rewards(self, rollout: Rollout) -> Tensor:
        return torch.ones_like(rollout.log_prob)

    def update(self, rollout: Rollout) -> dict[str, float]:
        return {"Skill/begun": float(self.begun)}

    def latents(self, minibatch: Minibatch) -> Tensor:
        return minibatch.z

    def parameters(self) -> Sequence[nn.Parameter]:
        return ()

    def extra_loss(self, minibatch: Minibatch, mean: Tensor, actor: Actor) -> None:
        return None

    def export(self) -> Exported:
        return Exported()

    def state_dict(self) -> dict[str, Any]:
        return {"begun": self.begun}

    def load_state_dict(self, state: dict[str, Any]) -> None:
        self.begun = state["begun"]


@pytest.fixture
def numbered(tiny_library: MotionLibrary) -> Method:
    return Numbered(tiny_library)


@pytest.fixture
def make_tracker() -> Callable[..., SkillPolicy]:
    """Makes a policy of random weights of the kind that a tracker's run leaves behind, the same each time."""

    def make(library: MotionLibrary, clock: Clock = "none", condition: Condition = "reference") -> SkillPolicy:
        frames, size = ReferenceFrames(library), observe(library.states).shape[1] + (clock != "none")
        network = NetworkConfig(actor_hidden=(16,), critic_hidden=(16,))
        torch.manual_seed(1)
        actor = Actor(size, frames.size, torch.tensor(library.body.action_scale), network).requires_grad_(False)
        [*actor.network.parameters()][-2].mul_(100)  # actions that differ: the last layer begins near zero
        return SkillPolicy(
            body=library.body,
            actor=actor,
            latent_dim=frames.size,
            method="tracker",
            clock=clock,
            condition=condition,
            condition_moments=frames.moments,
            clips=library.names,
        )

    return make
