"""`SmplClip`: what every reader of human motion hands over, before it becomes coordinates of a body."""

from __future__ import annotations

import unicodedata
from dataclasses import dataclass, field, replace
from pathlib import Path

import numpy as np
from scipy.spatial.transform import Rotation

from rgsd.bodies.smpl import SKELETON
from rgsd.motions.arrays import MotionError, check_finite
from rgsd.motions.motion import check_rate

_LONGEST = 120  # bytes of a clip's name: a file's may have 255, and endings are added
_FARTHEST = 1e4  # m

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
    """A file's stem as a clip name: letters and digits of any script, single underscores; AMASS's endings are dropped.

    A stem without any letter or digit gives `motion`; a name takes at most 120 bytes.
    """
    for ending in ("_poses", "_stageii"):
        stem = stem.removesuffix(ending)
    letters = (c if unicodedata.category(c)[0] in "LNM" else " " for c in unicodedata.normalize("NFC", stem))
    name = "_".join("".join(letters).split()).encode()[:_LONGEST].decode(errors="ignore")
    return name or "motion"


def stood_up(clip: SmplClip) -> SmplClip:
    """The clip of a source whose other axis points up: turned by 90 degrees about x, so that what was y is z."""
    turn = Rotation.from_euler("x", 90, degrees=True).as_matrix()
    landmarks = {name: place @ turn.T for name, place in clip.landmarks.items()}
    return replace(clip, rotations=turn @ clip.rotations, pelvis=clip.pelvis @ turn.T, landmarks=landmarks)


def check_clip(path: Path, clip: SmplClip) -> None:
    """Refuse what no capture holds, whatever the format.

    Raises:
        MotionError: its rate, or a position in it, is impossible.
    """
    check_rate(path, "the frame rate", clip.fps)
    check_finite(path, "the pelvis' position", clip.pelvis)
    check_finite(path, "a body's orientation", clip.rotations.reshape(len(clip.rotations), -1))
    farthest = max(float(np.abs(place).max()) for place in (clip.pelvis, *clip.landmarks.values()))
    if not farthest < _FARTHEST:
        raise MotionError(
            f"{path}: its positions go up to {farthest:.3g} m from the origin, expected at most {_FARTHEST:g}; "
            "mend their unit, or give it by --unit"
        )


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
