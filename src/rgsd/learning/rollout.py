"""A rollout of skills: what the learner needs, and what the methods do of clips, latents and the way travelled."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

from torch import Tensor

from rgsd.learning.transitions import Batch, Transitions


@dataclass
class Minibatch(Batch):
    """n transitions, in any order; z is the latent."""

    source: Tensor
    """(n,) long, what z was made from, as the method numbers it."""
    clip: Tensor
    """(n,) long."""
    frame: Tensor
    """(n,) long, reference frame of the state that followed."""
    imitation: Tensor
    """(n,) bool."""


@dataclass
class Rollout(Transitions[Minibatch]):
    """T steps of N environments; every tensor leads with (T, N)."""

    batch_type: ClassVar[type[Batch]] = Minibatch

    source: Tensor
    """(T, N) long, what z was made from, as the method numbers it; 0 where it does not say."""
    root: Tensor
    """(T, N, 2) world position of the root where the step began, m."""
    next_root: Tensor
    """(T, N, 2) where it led to, before any reset, m."""
    elapsed: Tensor
    """(T, N) long, control steps since the episode began, before this one."""
    clip: Tensor
    """(T, N) long, reference clip."""
    frame: Tensor
    """(T, N) long, reference frame of the state that followed."""
    imitation: Tensor
    """(T, N) bool."""
    standing: Tensor
    """(T, N) bool, whether the episode began standing and not on a reference."""
    noisy: Tensor
    """(T, N) bool, whether the action had exploration noise."""
    fell: Tensor
    """(T, N) bool."""
    worst_body: Tensor
    """(T, N) distance of the worst body from its reference in the state that followed, m."""
    root_error: Tensor
    """(T, N) distance of the root from its reference, m."""
    heading_error: Tensor
    """(T, N) absolute yaw difference, rad."""

    @property
    def advantage_groups(self) -> tuple[Tensor, Tensor]:
        """Imitation and discovery; where there was no noise, nothing did better or worse than was meant."""
        return self.imitation & self.noisy, ~self.imitation & self.noisy
