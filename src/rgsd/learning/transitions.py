"""What a learner needs of what was collected: T steps of N environments, dealt out in batches.

No clip, skill or task is known here. Who collects more for itself derives from `Transitions` and `Batch`, as
`rgsd.learning.rollout` does; the further fields are dealt out with the others.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, fields
from typing import ClassVar, Generic, TypeVar

import torch
from torch import Tensor


@dataclass
class Batch:
    """n transitions, in any order: of each what some loss reads, since gathering is what costs."""

    observation: Tensor
    """(n, D) what was acted on."""
    privileged: Tensor
    """(n, P) the critic's extra view of the state that was acted on."""
    z: Tensor
    """(n, d) condition that the policy was given; d may be 0."""
    action: Tensor
    """(n, A)."""
    mean: Tensor
    """(n, A) mean of the policy that acted."""
    log_prob: Tensor
    """(n,) of the action under that policy."""
    advantage: Tensor
    """(n,) normalised."""
    returns: Tensor
    """(n,) targets of the critic."""


B = TypeVar("B", bound=Batch)


@dataclass
class Transitions(Generic[B]):
    """T steps of N environments; every tensor leads with (T, N)."""

    batch_type: ClassVar[type[Batch]] = Batch
    """What `minibatches` deals out: B."""

    observation: Tensor
    """(T, N, D) what was acted on."""
    next_observation: Tensor
    """(T, N, D) what it led to, before any reset."""
    privileged: Tensor
    """(T, N, P) the critic's view of the state that was acted on."""
    next_privileged: Tensor
    """(T, N, P) the critic's view of the state that followed."""
    z: Tensor
    """(T, N, d) condition that the policy was given; d may be 0."""
    next_z: Tensor
    """(T, N, d) condition that it would be given in the state that followed, were the episode to go on."""
    action: Tensor
    """(T, N, A)."""
    mean: Tensor
    """(T, N, A) mean of the policy that acted."""
    log_prob: Tensor
    """(T, N)."""
    terminated: Tensor
    """(T, N) bool."""
    truncated: Tensor
    """(T, N) bool."""

    @property
    def num_samples(self) -> int:
        """T N."""
        return self.observation.shape[0] * self.observation.shape[1]

    @property
    def advantage_groups(self) -> Sequence[Tensor]:
        """Masks (T, N) bool, disjoint and as many in every process: advantages are normalised within each.

        What is in none of them teaches the policy nothing.
        """
        return (torch.ones_like(self.terminated),)

    def minibatches(self, advantage: Tensor, returns: Tensor, count: int, generator: torch.Generator) -> Iterator[B]:
        """Shuffle all transitions and deal them into `count` minibatches; advantage and returns are (T, N)."""
        order = torch.randperm(self.num_samples, generator=generator, device=self.observation.device)
        computed = {"advantage": advantage, "returns": returns}
        flat = {
            f.name: computed.get(f.name, getattr(self, f.name, None)).flatten(0, 1)  # pyright: ignore
            for f in fields(self.batch_type)
        }
        for ids in order.chunk(count):
            # index_select takes an eighth of the time of tensor[ids]
            yield self.batch_type(  # pyright: ignore[reportReturnType]
                **{name: tensor.index_select(0, ids) for name, tensor in flat.items()}
            )


class Recorder:
    """Writes down what was collected step by step: each number is copied once, while the processor's cache holds it.

    Args:
        steps: T.
    """

    def __init__(self, steps: int) -> None:
        self._steps, self._written = steps, 0
        self._rows: dict[str, Tensor] = {}

    def add(self, **step: Tensor) -> None:
        """Write the next step: all fields of what is collected, (N, ...) each."""
        if not self._rows:
            self._rows = {name: value.new_empty((self._steps, *value.shape)) for name, value in step.items()}
        for name, value in step.items():
            self._rows[name][self._written] = value
        self._written += 1

    def rows(self) -> dict[str, Tensor]:
        """What was written, (T, N, ...) each, when all T steps were."""
        return self._rows
