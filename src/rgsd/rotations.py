"""Rotations as torch quaternions: the package's only shared maths.

Quaternions are wxyz and of unit length, as MuJoCo's; `(..., 4)` in every signature. A heading is the
yaw of a body's x axis in the z-up world, in radians.
"""

from __future__ import annotations

import torch
from torch import Tensor


def multiply(a: Tensor, b: Tensor) -> Tensor:
    """Hamilton product of `(..., 4)` quaternions: the rotation b followed by a."""
    aw, ax, ay, az = a.unbind(-1)
    bw, bx, by, bz = b.unbind(-1)
    return torch.stack(
        (
            aw * bw - ax * bx - ay * by - az * bz,
            aw * bx + ax * bw + ay * bz - az * by,
            aw * by - ax * bz + ay * bw + az * bx,
            aw * bz + ax * by - ay * bx + az * bw,
        ),
        dim=-1,
    )


def conjugate(q: Tensor) -> Tensor:
    """The inverse rotation of unit quaternions `(..., 4)`."""
    return q * q.new_tensor([1.0, -1.0, -1.0, -1.0])


def rotate(q: Tensor, v: Tensor) -> Tensor:
    """Vectors v `(..., 3)` turned by q `(..., 4)`."""
    w, u = q[..., :1], q[..., 1:]
    u, v = torch.broadcast_tensors(u, v)
    t = 2.0 * torch.linalg.cross(u, v, dim=-1)
    return v + w * t + torch.linalg.cross(u, t, dim=-1)


def rotate_inverse(q: Tensor, v: Tensor) -> Tensor:
    """Vectors v `(..., 3)` expressed in the frame that q `(..., 4)` orients."""
    return rotate(conjugate(q), v)


def yaw(q: Tensor) -> Tensor:
    """Heading of q `(..., 4)`: the angle of its x axis in the ground plane, radians in (-pi, pi], `(...,)`."""
    w, x, y, z = q.unbind(-1)
    return torch.atan2(2.0 * (x * y + w * z), 1.0 - 2.0 * (y * y + z * z))


def from_yaw(angle: Tensor) -> Tensor:
    """Quaternion `(..., 4)` of a turn about the vertical by `angle` `(...,)` radians."""
    zero = torch.zeros_like(angle)
    return torch.stack((torch.cos(angle / 2), zero, zero, torch.sin(angle / 2)), dim=-1)


def heading(q: Tensor) -> Tensor:
    """The yaw-only part `(..., 4)` of orientations q `(..., 4)`."""
    return from_yaw(yaw(q))


def in_heading(q: Tensor, vectors: Tensor) -> Tensor:
    """World vectors `(..., K, 3)` in the heading frames of q `(..., 4)`: turned back about the vertical by their yaw.

    A rotation in the plane takes a third of the time of the quaternion's, in the hottest place of all.
    """
    angle = yaw(q).unsqueeze(-1)
    cos, sin = torch.cos(angle), torch.sin(angle)
    x, y, z = vectors.unbind(-1)
    return torch.stack((cos * x + sin * y, cos * y - sin * x, z), dim=-1)


def seen_from(position: Tensor, angle: Tensor, points: Tensor) -> Tensor:
    """Points on the ground as they lie for who stands at a position and faces a heading: x ahead, y left, m.

    Args:
        position: (..., 2) m.
        angle: (...,) yaw of the heading, rad.
        points: (..., 2) m; all three are broadcast.

    Returns:
        (..., 2).
    """
    cos, sin = torch.cos(angle), torch.sin(angle)
    x, y = (points - position).unbind(-1)
    return torch.stack((cos * x + sin * y, cos * y - sin * x), dim=-1)


def wrap_angle(angle: Tensor) -> Tensor:
    """Angles folded into [-pi, pi)."""
    return torch.remainder(angle + torch.pi, 2 * torch.pi) - torch.pi


def tangent_normal(q: Tensor) -> Tensor:
    """The 6-D rotation feature `(..., 6)` of the field's humanoids: R ex, then R ez."""
    w, x, y, z = q.unbind(-1)
    return torch.stack(
        (
            1 - 2 * (y * y + z * z),
            2 * (x * y + w * z),
            2 * (x * z - w * y),
            2 * (x * z + w * y),
            2 * (y * z - w * x),
            1 - 2 * (x * x + y * y),
        ),
        dim=-1,
    )
