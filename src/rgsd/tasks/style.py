"""Styles: which clips a task should look like, and how they travel."""

from __future__ import annotations

import math
from dataclasses import dataclass

import torch
from torch import Tensor

from rgsd import rotations
from rgsd.errors import UnknownName, UsageError
from rgsd.motions.library import MotionLibrary

SLOWEST_TRAVEL = 0.1
"""Speed below which a body does not travel, m/s (as the held-out gaits of protocol.md)."""
SAME_DIRECTION = math.pi / 4
"""Angle within which two directions of travel are the same, rad."""

_BY_TRAVEL = {"sidestep": (math.pi / 2, -math.pi / 2), "backward": (math.pi,)}
FREE = "free"
NAMED_STYLES = (FREE, *_BY_TRAVEL)
"""Styles that every body has; the others are its clips and groups, by name."""


@dataclass(frozen=True)
class Style:
    """What a task is to look like."""

    name: str
    """As it was asked for."""
    clips: tuple[str, ...]
    """The clips that show it; all of them for the free style."""
    directions: Tensor
    """(k,) angles between heading and travel of those clips that travel, rad, left positive; none where all goes."""

    @property
    def free(self) -> bool:
        """Whether any way to move will do."""
        return self.name == FREE


def travel(library: MotionLibrary) -> Tensor:
    """(M, 2) mean root velocity of each clip in its own heading frame, x ahead and y left, m/s."""
    states = library.states
    velocity = rotations.in_heading(states.body_quat[:, 0], states.body_linvel[:, :1])[:, 0, :2]
    sums = velocity.new_zeros(len(library), 2).index_add_(0, library.clip_of_frame, velocity)
    return sums / library.lengths.unsqueeze(1)


def make_style(name: str, library: MotionLibrary) -> Style:
    """The style of that name.

    `free` is any; `sidestep` and `backward` are the clips that travel sideways or backwards; else a clip or a group.

    Raises:
        UnknownName: there is none; the message lists the nearest.
        UsageError: no clip travels that way.
    """
    velocity = travel(library)
    angle = torch.atan2(velocity[:, 1], velocity[:, 0])
    moves = velocity.norm(dim=1) >= SLOWEST_TRAVEL
    if name == FREE:
        return Style(name, library.names, angle[:0])
    if name in _BY_TRAVEL:
        chosen = (moves & same_direction(angle, angle.new_tensor(_BY_TRAVEL[name]))).nonzero().squeeze(1).tolist()
        if not chosen:
            raise UsageError(f"--style {name}: no clip of the run travels so; name one of its clips instead")
    elif name in library.names:
        chosen = [library.index(name)]
    elif name in library.groups:
        chosen = library.groups[name]
    else:
        raise UnknownName("style", name, list(dict.fromkeys((*NAMED_STYLES, *library.groups, *library.names))))
    return Style(name, tuple(library.names[i] for i in chosen), angle[chosen][moves[chosen]])


def same_direction(angle: Tensor, wanted: Tensor) -> Tensor:
    """Which angles (...,) are within 45 degrees of any of the wanted (k,), rad."""
    return (rotations.wrap_angle(angle.unsqueeze(-1) - wanted).abs() <= SAME_DIRECTION + 1e-6).any(dim=-1)


def similarity(z: Tensor, latents: Tensor) -> Tensor:
    """Cosine (N,) of latents z (N, d) with the nearest of a style's (k, d), in [-1, 1]."""
    return (z @ latents.T).amax(dim=1)
