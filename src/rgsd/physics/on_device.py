"""The hybrid: physics on the CPU's cores, everything else on a GPU.

A control step costs two transfers through pinned memory: the targets go down, the state comes up in one piece.
Environments that are reset come up once more, by themselves.
"""

from __future__ import annotations

from dataclasses import fields
from typing import Any

import torch
from torch import Tensor

from rgsd.bodies.state import BodyState
from rgsd.physics.interface import Physics

_FIELDS = tuple(field.name for field in fields(BodyState))


def on_device(physics: Physics, device: torch.device) -> Physics:
    """The same physics with its tensors on a device; itself, where they lie there already."""
    return physics if physics.device == device else OnDevice(physics, device)


class OnDevice:
    """`Physics` whose tensors lie elsewhere than it steps; see `rgsd.physics.interface.Physics` for the attributes.

    Args:
        physics: steps on the CPU.
        device: where its state is shown, and where targets and poses come from.
    """

    def __init__(self, physics: Physics, device: torch.device) -> None:
        self._inner, self.device = physics, device
        self.body, self.num_envs = physics.body, physics.num_envs
        state, pinned = physics.state, device.type == "cuda"
        self._shapes = [getattr(state, name).shape[1:] for name in _FIELDS]
        self._widths = [shape.numel() for shape in self._shapes]
        # one column more says which environments have blown up
        self._up = torch.empty(self.num_envs, sum(self._widths) + 1, pin_memory=pinned)
        self._down = torch.empty(self.num_envs, self.body.num_actions, pin_memory=pinned)
        self._show()

    def reset(self, env_ids: Tensor, qpos: Tensor, qvel: Tensor) -> None:
        """Put environments into poses with velocities."""
        ids = env_ids.cpu()
        self._inner.reset(ids, qpos.cpu(), qvel.cpu())
        self.state[env_ids] = self._inner.state[ids].to(self.device)

    def step(self, targets: Tensor) -> None:
        """One control period."""
        self._down.copy_(targets)
        self._inner.step(self._down)
        self._show()

    def snapshot(self) -> dict[str, Any]:
        """What the physics itself keeps, on the CPU."""
        return self._inner.snapshot()

    def restore(self, snapshot: dict[str, Any]) -> None:
        """Go back to a snapshot."""
        self._inner.restore(snapshot)
        self._show()

    def _show(self) -> None:
        """Bring up the state of all environments; copies to and from pinned memory wait until they are done."""
        inner = self._inner.state
        parts = [getattr(inner, name).flatten(1) for name in _FIELDS]
        torch.cat((*parts, self._inner.blown_up.unsqueeze(1).float()), dim=1, out=self._up)
        # a copy even where the device is the CPU: what was shown before must not change
        *columns, blown_up = self._up.to(self.device, copy=True).split([*self._widths, 1], dim=1)
        shaped = (part.unflatten(1, shape) for part, shape in zip(columns, self._shapes, strict=True))
        self.state, self.blown_up, self.blowups = BodyState(*shaped), blown_up.squeeze(1) > 0, self._inner.blowups
