"""Feet that stand: when one touches the ground, and how it must be moved to roll there and not to slide."""

from __future__ import annotations

import numpy as np
from scipy.ndimage import distance_transform_edt

_SPEED, _HEIGHT = 0.5, 0.025  # m/s and m of a foot's lowest point: below both it touches the ground
_CLEAR, _LIFT_SPEED = 0.03, 0.4  # m that a foot in the air is above the ground at least, and m/s up to there


def touching(sole: np.ndarray, fps: float) -> np.ndarray:
    """(T,) bool, whether a foot with sole points (T, P, 3), m above the ground, touches it."""
    frames, lowest = np.arange(len(sole)), sole[..., 2].argmin(axis=1)
    speed = np.linalg.norm(np.gradient(sole, axis=0), axis=-1) * fps
    return (sole[frames, lowest, 2] < _HEIGHT) & (speed[frames, lowest] < _SPEED)


def rolled(sole: np.ndarray, touches: np.ndarray, fps: float) -> np.ndarray:
    """Corrections (T, 3) by which a foot with sole points (T, P, 3) rolls over the ground while it touches (T,).

    The lowest point stays where it is from frame to frame, on the ground; each run of such frames stays where it is on
    average, and between two the correction goes from one's to the other's, and higher where the foot would graze.
    """
    frames = np.arange(len(sole))
    lowest = sole[..., 2].argmin(axis=1)
    slide = sole[frames[1:], lowest[:-1]] - sole[frames[:-1], lowest[:-1]]
    correction = np.zeros((len(sole), 3))
    down = np.flatnonzero(touches)
    for run in np.split(down, np.flatnonzero(np.diff(down) > 1) + 1):
        back = -np.concatenate([np.zeros((1, 3)), np.cumsum(slide[run[:-1]], axis=0)]) if len(run) else correction[:0]
        correction[run] = back - back.mean(axis=0) if len(run) else back
        correction[run, 2] = -sole[run, lowest[run], 2]
    if len(down):
        correction = np.stack([np.interp(frames, down, column[down]) for column in correction.T], axis=1)
        clear = np.minimum(_CLEAR, _LIFT_SPEED / fps * np.asarray(distance_transform_edt(~touches), dtype=float))
        correction[:, 2] = np.maximum(correction[:, 2], clear - sole[..., 2].min(axis=1))
    return correction
