"""`SphereMap`: the hypersphere of latents over three of its axes, and what a click on it means.

With orthonormal axes A (d, 3), a latent z lies in the picture at y = A^T z, inside the unit ball; what the picture does
not show is the rest r = z - A y. A click in direction u moves z to |y| A u + r: the rest is kept, and so is |z| = 1.
"""

from __future__ import annotations

from collections.abc import Mapping

import torch
from torch import Tensor

_PICK = 0.09  # of the sphere's radius: a click that passes a clip's mark this closely means the clip
_LEAST = 0.05  # share that a click gives a latent that lies beside the picture's axes, or nothing would be seen to move


class SphereMap:
    """Three axes of the sphere S^(d-1), with the clips' marks in them.

    Attributes:
        axes: (d, 3) orthonormal columns; where d is 2 the third is zero.
        choices: the axes that can be chosen, by name; the first, the clips' three principal ones, are chosen.
        clips: directions (d,) of the clips by name.

    Args:
        clips: directions (d,) of the clips by name; may be empty.
        dim: d.
    """

    def __init__(self, clips: Mapping[str, Tensor], dim: int) -> None:
        self.clips = dict(clips)
        components = torch.eye(dim)
        bases = {"components": components}
        if self.clips:
            _, _, right = torch.linalg.svd(torch.stack(list(self.clips.values())), full_matrices=True)
            bases = {"principal axes": right.T, "components": components}
        self.choices = {
            f"{kind} {first + 1}-{min(first + 3, dim)}": _three(basis[:, first : first + 3])
            for kind, basis in bases.items()
            for first in range(0, max(dim - 2, 1))
        }
        self.axes = next(iter(self.choices.values()))

    def choose(self, name: str) -> None:
        """Show other axes, one of `choices`."""
        self.axes = self.choices[name]

    def place(self, z: Tensor) -> Tensor:
        """Where latents (..., d) lie in the picture: (..., 3), inside the unit ball."""
        return z @ self.axes

    def fraction(self, z: Tensor) -> float:
        """How much of a latent (d,) the picture shows, |y|, from 0 to 1."""
        return float(self.place(z).norm())

    def towards(self, z: Tensor, direction: Tensor) -> Tensor:
        """The latent (d,) that a click in a direction (3,) moves z (d,) to."""
        rest = z - self.axes @ self.place(z)
        inside = max(self.fraction(z), _LEAST) * torch.nn.functional.normalize(self.axes @ direction, dim=-1)
        return torch.nn.functional.normalize(inside + rest, dim=-1)

    def with_fraction(self, z: Tensor, fraction: float) -> Tensor:
        """The latent (d,) in z's own directions of which the picture shows this fraction; z if it has but one."""
        inside = self.axes @ self.place(z)
        rest = z - inside
        if min(float(inside.norm()), float(rest.norm())) < 1e-6:
            return z
        unit = torch.nn.functional.normalize
        return fraction * unit(inside, dim=-1) + max(1 - fraction**2, 0.0) ** 0.5 * unit(rest, dim=-1)

    def pick(self, origin: Tensor, ray: Tensor) -> str | Tensor | None:
        """What a click means.

        Args:
            origin: (3,) where the eye is, in radii from the sphere's middle.
            ray: (3,) unit vector, where it looks.

        Returns:
            The name of the clip whose mark is hit, else the direction (3,) of the near side, else None beside it.
        """
        near = self._clip_near(origin, ray)
        if near is not None:
            return near
        along = -float(origin @ ray)
        gap = 1 - float((origin + along * ray).square().sum())
        if gap < 0 or along < 0:
            return None
        return origin + (along - gap**0.5) * ray

    def _clip_near(self, origin: Tensor, ray: Tensor) -> str | None:
        if not self.clips:
            return None
        marks = self.place(torch.stack(list(self.clips.values()))) - origin
        along = marks @ ray
        miss = (marks - along.unsqueeze(1) * ray).norm(dim=1)
        best = int(miss.argmin())
        return list(self.clips)[best] if float(miss[best]) < _PICK and float(along[best]) > 0 else None


def _three(columns: Tensor) -> Tensor:
    """(d, 3): columns (d, at most 3), zeros for those that lack."""
    return torch.cat((columns, columns.new_zeros(len(columns), 3 - columns.shape[1])), dim=1)
