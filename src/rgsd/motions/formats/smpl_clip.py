"""`SmplClip`: what every reader of human motion hands over, before it becomes coordinates of a body."""

from __future__ import annotations

from dataclasses import dataclass, field

import numpy as np

from rgsd.bodies.smpl import SKELETON

BODY_NAMES: tuple[str, ...] = tuple(name for name, _, _ in SKELETON)
"""The 24 SMPL bodies in the MJCF's depth-first order."""

PARENTS: tuple[int, ...] = tuple(-1 if parent is None else BODY_NAMES.index(parent) for _, parent, _ in SKELETON)
"""Index of each body's parent, -1 for the pelvis."""


@dataclass(frozen=True)
class SmplClip:
    """T poses of an SMPL skeleton in a z-up world, at the source's own rate."""

    name: str
    """From the file, without extension; cleaned of spaces and punctuation."""
    fps: float
    """Frames a second."""
    rotations: np.ndarray = field(repr=False)
    """(T, 24, 3, 3) world orientations of the bodies, in `BODY_NAMES` order; all identity is a T-pose facing +x."""
    pelvis: np.ndarray = field(repr=False)
    """(T, 3) position of the pelvis, m, at the scale of the neutral SMPL skeleton."""
    landmarks: dict[str, np.ndarray] = field(repr=False)
    """(T, 3) each: where the source, brought to that scale, has these bodies, m; a retargeting is held to them."""
    source: str = ""
    """Where the clip comes from."""
    license: str = ""
    """Under which licence."""
    note: str = ""
    """What had to be made up because the file lacks it; empty where it lacks nothing."""


def clean_name(stem: str) -> str:
    """A file's stem as a clip name: letters, digits and single underscores; AMASS's endings are dropped."""
    for ending in ("_poses", "_stageii"):
        stem = stem.removesuffix(ending)
    words = "".join(c if c.isascii() and c.isalnum() else " " for c in stem).split()
    return "_".join(words)


def smpl_positions(rotations: np.ndarray, pelvis: np.ndarray) -> np.ndarray:
    """Forward kinematics of the neutral skeleton: body positions (T, 24, 3) in m.

    Args:
        rotations: (T, 24, 3, 3) world orientations, `BODY_NAMES` order.
        pelvis: (T, 3) m.
    """
    positions = np.empty(rotations.shape[:3])
    positions[:, 0] = pelvis
    for index, (_, _, offset) in enumerate(SKELETON):
        parent = PARENTS[index]
        if parent >= 0:
            positions[:, index] = positions[:, parent] + rotations[:, parent] @ np.array(offset)
    return positions
