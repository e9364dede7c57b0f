"""`BodyState`: where every part of a body is in many environments, and how it moves."""

from __future__ import annotations

from dataclasses import dataclass, fields, replace
from typing import Self

import torch
from torch import Tensor


@dataclass
class BodyState:
    """World-frame kinematic state of a batch; leading shape `(...,)`, B moving bodies, root first."""

    qpos: Tensor
    """(..., nq) root position m, root quaternion wxyz, hinge angles rad."""
    qvel: Tensor
    """(..., nv) root linear velocity (world, m/s), root angular (root frame, rad/s), hinge rates rad/s."""
    body_pos: Tensor
    """(..., B, 3) body frame origins, m."""
    body_quat: Tensor
    """(..., B, 4) body orientations, wxyz."""
    body_linvel: Tensor
    """(..., B, 3) velocities of the body frame origins (MuJoCo's mjOBJ_XBODY), m/s."""
    body_angvel: Tensor
    """(..., B, 3) angular velocities, rad/s."""

    def __getitem__(self, index: object) -> Self:
        return type(self)(*(getattr(self, f.name)[index] for f in fields(self)))

    def __setitem__(self, index: object, value: BodyState) -> None:
        for f in fields(self):
            getattr(self, f.name)[index] = getattr(value, f.name)

    def clone(self) -> Self:
        """A copy that later physics steps do not change."""
        return type(self)(*(getattr(self, f.name).clone() for f in fields(self)))

    def to(self, device: torch.device | str) -> Self:
        """The state on another device."""
        return type(self)(*(getattr(self, f.name).to(device) for f in fields(self)))

    def at_speed(self, factor: float) -> Self:
        """The same poses, passed through at `factor` times the speed."""
        velocities = {name: factor * getattr(self, name) for name in ("qvel", "body_linvel", "body_angvel")}
        return replace(self, **velocities)

    @classmethod
    def concatenate(cls, states: list[BodyState]) -> Self:
        """States joined along their first axis."""
        return cls(*(torch.cat([getattr(s, f.name) for s in states]) for f in fields(cls)))


def posture(qpos: Tensor, qvel: Tensor) -> Tensor:
    """(..., 2 A): hinge angles, rad, and where their rates lead in a tenth of a second; what makes two poses alike."""
    return torch.cat((qpos[..., 7:], 0.1 * qvel[..., 6:]), dim=-1)
