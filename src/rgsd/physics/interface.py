"""What steps a body: the one interface that environments and evaluations see."""

from __future__ import annotations

from typing import Any, Protocol, runtime_checkable

import torch
from torch import Tensor

from rgsd.bodies.body import Body
from rgsd.bodies.state import BodyState

LARGEST_SPEED = 1e3
"""A finite state faster than this, in m/s or rad/s, is a simulation on its way to NaN: it has blown up."""


class Physics(Protocol):
    """Many environments of one body, stepped together.

    Attributes:
        body: what is stepped.
        num_envs: N, how many environments.
        device: where the state tensors lie.
        state: the state after the last `reset` or `step`, leading shape (N,); read only.
        blown_up: (N,) bool, environments whose last step was not finite; they have been put to the standing pose.
    """

    body: Body
    num_envs: int
    device: torch.device
    state: BodyState
    blown_up: Tensor

    @property
    def blowups(self) -> int:
        """How many environments have blown up so far; on a GPU reading it makes the host wait."""
        ...

    def reset(self, env_ids: Tensor, qpos: Tensor, qvel: Tensor) -> None:
        """Put environments `env_ids` (n,) into poses qpos (n, nq), m and rad, with velocities qvel (n, nv)."""
        ...

    def step(self, targets: Tensor) -> None:
        """Advance every environment by one control period under PD targets (N, num_actions), rad."""
        ...

    def snapshot(self) -> dict[str, Any]:
        """Everything that the next step depends on, as arrays: what an exact resume needs."""
        ...

    def restore(self, snapshot: dict[str, Any]) -> None:
        """Go back to a snapshot."""
        ...


@runtime_checkable
class LimitedRoom(Protocol):
    """What a physics has besides, whose room for contacts and constraints is given once for all."""

    @property
    def overflows(self) -> int:
        """How many of the environments that have blown up had run out of room; on a GPU reading it makes the host
        wait."""
        ...


@runtime_checkable
class ResetsByMask(Protocol):
    """What a physics has besides, which can be told on its device alone whom to reset."""

    def reset_where(self, which: Tensor, qpos: Tensor, qvel: Tensor) -> None:
        """Put the environments where `which` (N,) bool into poses qpos (N, nq) with velocities qvel (N, nv); others
        stay."""
        ...
