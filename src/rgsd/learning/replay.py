"""A small memory of what earlier rollouts held, for networks that should not forget it."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import torch
from torch import Tensor


class Replay:
    """Keeps some random rows of each of the last rollouts; at first as many as it has room for.

    Rows are parts that belong together, such as a pair of states and its latent: tensors that lead with the same size.

    Args:
        capacity: rows that are kept; 0 for none.
        rollouts: how many share the room.
        generator: of what is kept and what is drawn.
    """

    def __init__(self, capacity: int, rollouts: int, generator: torch.Generator) -> None:
        self._capacity, self._rollouts, self._generator = capacity, rollouts, generator
        self._parts: list[Tensor] = []
        self._next = self._count = 0

    def __len__(self) -> int:
        """Rows that it holds."""
        return self._count

    def add(self, parts: Sequence[Tensor]) -> None:
        """Keep random rows of parts (n, ...), in place of the oldest."""
        share = min(len(parts[0]), max(-(-self._capacity // self._rollouts), self._capacity - self._count))
        if share == 0:
            return
        if not self._parts:
            self._parts = [part.new_empty((self._capacity, *part.shape[1:])) for part in parts]
        device = parts[0].device
        chosen = torch.randperm(len(parts[0]), generator=self._generator, device=device)[:share]
        places = (self._next + torch.arange(share, device=device)) % self._capacity
        for kept, part in zip(self._parts, parts, strict=True):
            kept[places] = part[chosen]
        self._next = (self._next + share) % self._capacity
        self._count = min(self._count + share, self._capacity)

    def draw(self, count: int) -> list[Tensor]:
        """`count` rows at random, some perhaps twice; not of an empty one."""
        rows = torch.randint(self._count, (count,), generator=self._generator, device=self._parts[0].device)
        return [kept[rows] for kept in self._parts]

    def state_dict(self) -> dict[str, Any]:
        """What it holds, and where the next rows go."""
        return {"parts": [part[: self._count] for part in self._parts], "next": self._next}

    def load_state_dict(self, state: dict[str, Any]) -> None:
        """Go back to a saved state."""
        self._next, self._count = state["next"], len(state["parts"][0]) if state["parts"] else 0
        device = self._generator.device
        self._parts = [part.new_empty((self._capacity, *part.shape[1:]), device=device) for part in state["parts"]]
        for kept, part in zip(self._parts, state["parts"], strict=True):
            kept[: self._count] = part.to(device)
