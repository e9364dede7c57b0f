"""Courses one after another: a long way without a cut, as recordings have them.

Velocity, yaw rate and height change smoothly from course to course, and the planner of `gait.py` does the rest: it sets
each foot down where its place under the trunk will be at mid-stance, also while the trunk speeds up or begins to turn.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np

from rgsd.motions.synthesis.gait import Course, ease

_STEP = 1e-3  # s, of the integral of the velocity


@dataclass(frozen=True)
class Medley:
    """Where the trunk goes: courses that follow one another; the first lasts before its time, the last after."""

    courses: tuple[Course, ...]
    """At least one."""
    seconds: float = 2.0
    """How long each lasts, from the middle of one change to that of the next, s."""
    blend: float = 0.5
    """How long a change takes, s."""

    def yaw(self, times: np.ndarray) -> np.ndarray:
        """Heading (T,) at the given times (T,), rad; 0 at time 0."""
        turn = [course.turn for course in self.courses]
        # the closed integral of the blended yaw rate
        return turn[0] * times + self.blend * self._changes(turn, _ease_integral, times)

    def position(self, times: np.ndarray) -> np.ndarray:
        """Trunk (T, 3) at the given times (T,), m; above the world's origin at time 0."""
        first, last = min(times.min(), 0.0), max(times.max(), 0.0)
        grid = _STEP * np.arange(np.floor(first / _STEP), np.ceil(last / _STEP) + 1)
        yaw = self.yaw(grid)
        forward = self._blended([course.forward for course in self.courses], grid)
        left = self._blended([course.left for course in self.courses], grid)
        velocity = np.stack(
            [forward * np.cos(yaw) - left * np.sin(yaw), forward * np.sin(yaw) + left * np.cos(yaw)], axis=-1
        )
        way = np.zeros_like(velocity)
        way[1:] = np.cumsum(_STEP * (velocity[1:] + velocity[:-1]) / 2, axis=0)
        way -= way[np.argmin(np.abs(grid))]
        height = self._blended([course.height for course in self.courses], times)
        return np.stack([*(np.interp(times, grid, axis) for axis in way.T), height], axis=-1)

    def _blended(self, values: list[float], times: np.ndarray) -> np.ndarray:
        """A quantity (T,) that each course holds at a value of its own."""
        return values[0] + self._changes(values, ease, times)

    def _changes(self, values: list[float], shape: Callable[[np.ndarray], np.ndarray], times: np.ndarray) -> np.ndarray:
        """What the changes from value to value add up to (T,), each in a shape over its fraction of the blend."""
        total = np.zeros_like(times)
        for number, change in enumerate(np.diff(values), start=1):
            total += change * shape((times - number * self.seconds) / self.blend + 0.5)
        return total


def _ease_integral(u: np.ndarray) -> np.ndarray:
    """The integral of `ease` from 0 to u: 0 before, (u - 1/2) after its end."""
    inside = np.clip(u, 0, 1)
    return inside**4 * (2.5 - 3 * inside + inside**2) + np.maximum(u - 1, 0)
