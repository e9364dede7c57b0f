"""What was collected: T steps of N environments, dealt out in minibatches."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, fields

import torch
from torch import Tensor


@dataclass
class Minibatch:
    """n transitions, in any order: of each what some loss reads, since gathering is what costs."""

    observation: Tensor
    """(n, D) what was acted on."""
    privileged: Tensor
    """(n, P) the critic's extra view of the state that was acted on."""
    z: Tensor
    """(n, d) latent that the policy was given."""
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
    source: Tensor
    """(n,) long, what z was made from, as the method numbers it."""
    clip: Tensor
    """(n,) long."""
    frame: Tensor
    """(n,) long, reference frame of the state that followed."""
    imitation: Tensor
    """(n,) bool."""


@dataclass
class Rollout:
    """T steps of N environments; every tensor leads with (T, N)."""

    observation: Tensor
    """(T, N, D) what was acted on."""
    next_observation: Tensor
    """(T, N, D) what it led to, before any reset."""
    privileged: Tensor
    """(T, N, P) the critic's view of the state that was acted on."""
    next_privileged: Tensor
    """(T, N, P) the critic's view of the state that followed."""
    z: Tensor
    """(T, N, d) latent that the policy was given."""
    next_z: Tensor
    """(T, N, d) latent that it would be given in the state that followed, were the episode to go on."""
    source: Tensor
    """(T, N) long, what z was made from, as the method numbers it; 0 where it does not say."""
    root: Tensor
    """(T, N, 2) world position of the root where the step began, m."""
    next_root: Tensor
    """(T, N, 2) where it led to, before any reset, m."""
    elapsed: Tensor
    """(T, N) long, control steps since the episode began, before this one."""
    action: Tensor
    """(T, N, A)."""
    mean: Tensor
    """(T, N, A) mean of the policy that acted."""
    log_prob: Tensor
    """(T, N)."""
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
    terminated: Tensor
    """(T, N) bool."""
    truncated: Tensor
    """(T, N) bool."""
    fell: Tensor
    """(T, N) bool."""
    worst_body: Tensor
    """(T, N) distance of the worst body from its reference in the state that followed, m."""
    root_error: Tensor
    """(T, N) distance of the root from its reference, m."""
    heading_error: Tensor
    """(T, N) absolute yaw difference, rad."""

    @property
    def num_samples(self) -> int:
        """T N."""
        return self.observation.shape[0] * self.observation.shape[1]

    def minibatches(
        self, advantage: Tensor, returns: Tensor, count: int, generator: torch.Generator
    ) -> Iterator[Minibatch]:
        """Shuffle all transitions and deal them into `count` minibatches; advantage and returns are (T, N)."""
        order = torch.randperm(self.num_samples, generator=generator, device=self.observation.device)
        computed = {"advantage": advantage, "returns": returns}
        flat = {
            f.name: computed.get(f.name, getattr(self, f.name, None)).flatten(0, 1)  # pyright: ignore
            for f in fields(Minibatch)
        }
        for ids in order.chunk(count):
            # index_select takes an eighth of the time of tensor[ids]
            yield Minibatch(**{name: tensor.index_select(0, ids) for name, tensor in flat.items()})


class Recorder:
    """Writes a rollout step by step: each number is copied once, while the processor's cache still holds it.

    Args:
        steps: T.
    """

    def __init__(self, steps: int) -> None:
        self._steps, self._written = steps, 0
        self._rows: dict[str, Tensor] = {}

    def add(self, **step: Tensor) -> None:
        """Write the next step: all fields of `Rollout`, (N, ...) each."""
        if not self._rows:
            self._rows = {name: value.new_empty((self._steps, *value.shape)) for name, value in step.items()}
        for name, value in step.items():
            self._rows[name][self._written] = value
        self._written += 1

    def rollout(self) -> Rollout:
        """What was written, when all T steps were."""
        return Rollout(**self._rows)
