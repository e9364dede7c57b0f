"""Windows of a long clip as motions of their own: how a recording that nobody has segmented is trained on.

The encoder gives each motion one direction, and so a long clip of many skills, too; of windows, each stretch of it gets
its own. The paper only says that one long clip works; that windows stand in for motions is inferred from it.
"""

from __future__ import annotations

import dataclasses
import math

import numpy as np

from rgsd.errors import UsageError
from rgsd.motions.motion import Motion, at_origin


def split(motion: Motion, seconds: float, overlap: float = 0.0) -> list[Motion]:
    """Cut a motion into windows of equal length.

    There are as few as have neighbours share at least `overlap` of their length, or begin a frame apart; spread evenly,
    they leave out no frame, so that where the length does not divide they share more. Each begins at the origin and
    heads along x.

    Args:
        motion: what is cut; one that is no longer than a window is returned whole.
        seconds: length of a window, from its first frame to its last.
        overlap: fraction of a window that the next one repeats, at least 0 and below 1. Frames in two windows are told
            to have two directions.

    Returns:
        The windows `NAME_1`, `NAME_2`, ... in order of time, in the motion's group; if it has none, in one of its name.

    Raises:
        UsageError: a window that would hold less than two frames, or an overlap out of its range.
    """
    if not 1 <= seconds * motion.fps < math.inf:
        raise UsageError(f"--seconds {seconds:g}: a window of '{motion.name}' needs at least {1 / motion.fps:.3g} s")
    if not 0 <= overlap < 1:
        raise UsageError(f"--overlap {overlap:g}: give a fraction of the window, at least 0 and below 1, such as 0.5")
    span = round(seconds * motion.fps)  # frames from the first to the last of a window
    latest = motion.num_frames - 1 - span
    if latest <= 0:
        return [motion]
    hop = max(1, math.floor((1 - overlap) * span + 1e-9))  # the most: in whole frames, or rounded starts lie further
    count = 1 + math.ceil(latest / hop)
    starts = np.linspace(0, latest, count).round().astype(int)
    return [
        cut(motion, int(start), int(start) + span, f"{motion.name}_{number}")
        for number, start in enumerate(starts, start=1)
    ]


def cut(motion: Motion, first: int, last: int, name: str) -> Motion:
    """The frames `first` to `last` of a motion as one of its own, beginning at the origin and heading along x."""
    rows = slice(first, last + 1)
    qpos, qvel = at_origin(motion.qpos[rows], motion.qvel[rows])
    times = f"{first / motion.fps:.2f} to {last / motion.fps:.2f} s of {motion.name}"
    return dataclasses.replace(
        motion,
        name=name,
        qpos=qpos,
        qvel=qvel,
        source=f"{motion.source}, {times}" if motion.source else times,
        group=motion.group or motion.name,
        loop=False,  # nothing says that it does
        quality={},  # which was of the whole
    )
