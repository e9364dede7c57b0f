"""The gait planner: from a rhythm and a velocity to footholds, swings and the trunk's path.

The trunk glides along a route, at a constant velocity and yaw rate or (`medley.py`) at one after another. Each foot
stands still during its stance, on the point that its nominal place under the trunk passes at mid-stance (Raibert's
neutral point), and swings from one foothold to the next with zero velocity and acceleration at lift-off and touch-down.
Everything is a function of time, so a plan can be sampled at any instant, before its beginning too.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Protocol

import numpy as np


@dataclass(frozen=True)
class Gait:
    """A rhythm of the legs."""

    period: float = 0.5
    """One stride, s."""
    duty: float = 0.5
    """Fraction of the stride that a foot stands, in (0, 1)."""
    offsets: tuple[float, ...] = (0.0, 0.5, 0.5, 0.0)
    """Fraction of the stride at which each leg's stance begins; half a stride between the diagonals is a trot."""
    swing_height: float = 0.055
    """How high a foot is lifted in mid-swing, m; 0 on a course without velocity is plain standing."""

    def __post_init__(self) -> None:
        if not self.period > 0:
            raise ValueError(f"Gait.period is {self.period}, expected a positive number of seconds")
        if not 0 < self.duty < 1:
            raise ValueError(f"Gait.duty is {self.duty}, expected a fraction between 0 and 1, such as 0.5 for a trot")


class Route(Protocol):
    """Where the trunk goes, at any time."""

    def yaw(self, times: np.ndarray) -> np.ndarray:
        """Heading (T,) at the given times (T,), rad; 0 at time 0."""
        ...

    def position(self, times: np.ndarray) -> np.ndarray:
        """Trunk (T, 3) at the given times (T,), m; above the world's origin at time 0."""
        ...


@dataclass(frozen=True)
class Course:
    """Where the trunk goes: a constant velocity in its own heading frame."""

    forward: float = 0.0
    """m/s."""
    left: float = 0.0
    """m/s."""
    turn: float = 0.0
    """Yaw rate, to the left, rad/s."""
    height: float = 0.28
    """Height of the trunk's origin, m."""

    def yaw(self, times: np.ndarray) -> np.ndarray:
        """Heading (T,) at the given times (T,), rad; 0 at time 0."""
        return self.turn * times

    def position(self, times: np.ndarray) -> np.ndarray:
        """Trunk (T, 3) at the given times (T,), m; above the world's origin at time 0."""
        # the integral of R(turn * t) (forward, left): an arc, whose chord is shortened by sin(a)/a and turned by a,
        # where a is half the angle turned
        half = self.yaw(times) / 2
        chord = times * np.sinc(half / np.pi)
        return np.stack(
            [
                chord * (self.forward * np.cos(half) - self.left * np.sin(half)),
                chord * (self.forward * np.sin(half) + self.left * np.cos(half)),
                np.full_like(times, self.height),
            ],
            axis=-1,
        )


def foot_path(gait: Gait, route: Route, leg: int, home: np.ndarray, ground: float, times: np.ndarray) -> np.ndarray:
    """World path of one foot's centre.

    Args:
        gait: the rhythm.
        route: the trunk's motion.
        leg: index into `gait.offsets`.
        home: (2,) the foot's place at mid-stance, x and y in the trunk's heading frame, m.
        ground: height of the foot's centre in stance, m.
        times: (T,) s.

    Returns:
        (T, 3) m.
    """
    stride = times / gait.period - gait.offsets[leg]
    number = np.floor(stride)
    phase = stride - number
    before = _foothold(gait, route, leg, home, number)
    after = _foothold(gait, route, leg, home, number + 1)
    swing = np.clip((phase - gait.duty) / (1 - gait.duty), 0, 1)
    path = np.empty((len(times), 3))
    path[:, :2] = before + ease(swing)[:, None] * (after - before)
    path[:, 2] = ground + gait.swing_height * _lift(swing)
    return path


def _foothold(gait: Gait, route: Route, leg: int, home: np.ndarray, number: np.ndarray) -> np.ndarray:
    """Where the foot stands (T, 2) in its stances of the given numbers (T,)."""
    middle = (number + gait.offsets[leg] + gait.duty / 2) * gait.period
    yaw = route.yaw(middle)
    x, y = home
    turned = np.stack([x * np.cos(yaw) - y * np.sin(yaw), x * np.sin(yaw) + y * np.cos(yaw)], axis=-1)
    return route.position(middle)[:, :2] + turned


def ease(u: np.ndarray) -> np.ndarray:
    """0 to 1 with zero first and second derivatives at both ends: the minimum-jerk polynomial, flat beyond them."""
    u = np.clip(u, 0, 1)
    return u**3 * (10 - 15 * u + 6 * u**2)


def _lift(u: np.ndarray) -> np.ndarray:
    """0 to 1 and back to 0 with zero first and second derivatives at both ends."""
    return 64 * (u * (1 - u)) ** 3
