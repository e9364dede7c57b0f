"""What a policy and an encoder see: the heading-local state of a body, entry by named entry."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass

import torch
from torch import Tensor

from rgsd.bodies.body import Body
from rgsd.bodies.state import BodyState
from rgsd.errors import UnknownName
from rgsd.rotations import in_heading, tangent_normal

# changes with whatever `observe` computes, so that no policy is shown numbers that it was not trained on
_CONVENTION = "heading frame, z up, x forward; positions from the root; rotations (R ex, R ez); frame origins; SI units"
KINDS = ("height", "position", "rotation", "linear_velocity", "angular_velocity")


def observe(state: BodyState) -> Tensor:
    """The field's humanoid observation: 15 B - 2 numbers (358 for the 24 bodies of SMPL).

    Root height; positions of the other bodies relative to the root; 6-D rotations (R ex, R ez), linear and
    angular velocities of all bodies; everything in the heading frame (the root's yaw removed).

    Args:
        state: leading shape (N,), B bodies.

    Returns:
        (N, 15 B - 2).
    """
    relative = state.body_pos[:, 1:] - state.body_pos[:, :1]
    axes = tangent_normal(state.body_quat).unflatten(-1, (2, 3)).flatten(1, 2)
    vectors = torch.cat((relative, axes, state.body_linvel, state.body_angvel), dim=1)
    return torch.cat((state.body_pos[:, 0, 2:3], in_heading(state.body_quat[:, 0], vectors).flatten(1)), dim=1)


@dataclass(frozen=True)
class ObservationLayout:
    """Which entry of `observe` is what."""

    body: Body
    """The body that is observed."""

    @property
    def entries(self) -> list[tuple[str, str]]:
        """(kind, body name) of every entry, in order; kinds are those of `KINDS`."""
        names = self.body.body_names
        return (
            [("height", names[0])]
            + [("position", n) for n in names[1:] for _ in range(3)]
            + [("rotation", n) for n in names for _ in range(6)]
            + [("linear_velocity", n) for n in names for _ in range(3)]
            + [("angular_velocity", n) for n in names for _ in range(3)]
        )

    @property
    def size(self) -> int:
        """D, the number of entries."""
        return 15 * self.body.num_bodies - 2

    @property
    def digest(self) -> str:
        """SHA-256 of what the entries are: policies and encoders are worth something on it alone."""
        lines = [_CONVENTION, *(f"{kind} {name}" for kind, name in self.entries)]
        return hashlib.sha256("\n".join(lines).encode()).hexdigest()

    def indices(self, kinds: tuple[str, ...], bodies: tuple[str, ...] | None = None) -> list[int]:
        """Entries of the given kinds (of the given bodies, or of all).

        Raises:
            UnknownName: a kind or a body that does not exist.
        """
        for what, names, known in (
            ("observation kind", kinds, KINDS),
            ("body part", bodies or (), self.body.body_names),
        ):
            for name in names:
                if name not in known:
                    raise UnknownName(what, name, known)
        return [
            i for i, (kind, name) in enumerate(self.entries) if kind in kinds and (bodies is None or name in bodies)
        ]

    def root_and_key_bodies(self) -> list[int]:
        """Entries of the root, of every kind, and the places of the key bodies: what a discriminator goes by."""
        body, root = self.body, self.body.body_names[0]
        keys = tuple(name for name in body.key_bodies if name != root)
        return self.indices(KINDS, (root,)) + (self.indices(("position",), keys) if keys else [])

    def floors(self) -> Tensor:
        """(D,) physical size of a deviation that is noise, entry by entry, in the entry's unit."""
        scales = self.body.feature_scales
        return torch.tensor([getattr(scales, kind) for kind, _ in self.entries])
