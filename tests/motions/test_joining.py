"""Clips joined to each other: that the body goes on where it was, and only where postures are near."""

from __future__ import annotations

import dataclasses
import math
from collections.abc import Callable

import numpy as np
import pytest

from rgsd.bodies.body import Body
from rgsd.errors import UsageError
from rgsd.motions.joining import join
from rgsd.motions.motion import Motion, finite_difference_velocity

MakeMotion = Callable[..., Motion]


def joined(motions: list[Motion], body: Body, seconds: float = 6.0, farthest: float = 0.5, seed: int = 0) -> Motion:
    return join(motions, body, "long", seconds, farthest, np.random.default_rng(seed))


def test_two_walks_go_straight_on(tiny: Body) -> None:
    def walk(name: str, x: float, y: float) -> Motion:
        """Three seconds at 0.8 m/s, the arms swinging twice a second."""
        swing = 0.3 * np.sin(4 * np.pi * np.arange(151) / 50)
        qpos = np.tile(tiny.standing_qpos, (151, 1))
        qpos[:, 0], qpos[:, 1], qpos[:, 7], qpos[:, 8] = x + 0.8 * np.arange(151) / 50, y, swing, -swing
        qvel = finite_difference_velocity(tiny, qpos, 50.0)
        return Motion(name, tiny.name, 50.0, tiny.joint_names, tiny.body_names, qpos, qvel)

    found = joined([walk("here", 0.0, 0.0), walk("there", 5.0, -3.0)], tiny)
    found.check("long", tiny)
    assert (found.num_frames, found.fps, found.group, found.loop) == (301, 50.0, "joined", False)
    # clips of one course: wherever one is left for the other, the place after t is 0.8 t, dead ahead
    np.testing.assert_allclose(found.qpos[:, 0], 0.8 * np.arange(301) / 50, atol=1e-9)
    np.testing.assert_allclose(found.qpos[:, 1], 0.0, atol=1e-9)
    np.testing.assert_allclose(found.qvel[:, 0], 0.8, atol=1e-6)
    # they swing in step, and are left and entered in step; but their first frames' rates are told by one side alone
    np.testing.assert_allclose(found.qpos[:, 7], 0.3 * np.sin(4 * np.pi * np.arange(301) / 50), atol=1e-6)


def test_a_turn_that_follows_itself_goes_round_and_round(tiny: Body) -> None:
    # to the left at 1 rad/s on a circle of 0.5 m, a second of it
    yaw = np.arange(51) / 50
    qpos = np.tile(tiny.standing_qpos, (51, 1))
    qpos[:, 0], qpos[:, 1] = 0.5 * np.sin(yaw), 0.5 * (1 - np.cos(yaw))
    qpos[:, 3], qpos[:, 6] = np.cos(yaw / 2), np.sin(yaw / 2)
    velocity = finite_difference_velocity(tiny, qpos, 50.0)
    turn = Motion("turn", tiny.name, 50.0, tiny.joint_names, tiny.body_names, qpos, velocity)
    found = joined([turn], tiny, seconds=2 * math.pi, seed=3)
    w, z = found.qpos[:, 3], found.qpos[:, 6]
    heading = np.unwrap(2 * np.arctan2(z, w), period=2 * np.pi)
    np.testing.assert_allclose(heading, np.arange(len(heading)) / 50, atol=1e-3)
    # nowhere off the circle by more than what a blend cuts off it
    np.testing.assert_allclose(np.hypot(found.qpos[:, 0], found.qpos[:, 1] - 0.5), 0.5, atol=5e-3)


def test_what_is_far_is_never_joined(tiny: Body, tiny_motion: MakeMotion) -> None:
    low, high = (tiny_motion(name, np.full((51, 2), angle)) for name, angle in (("low", 0.0), ("high", 1.0)))
    found = joined([low, high], tiny)
    assert set(found.source.removeprefix("joined: ").split(", ")) == {"low"}
    # both hinges differ by 1 rad: the postures by the root of 2
    assert "high" in joined([low, high], tiny, farthest=1.5).source


def test_a_change_is_smooth(tiny: Body, tiny_motion: MakeMotion) -> None:
    low, high = (tiny_motion(name, np.full((51, 2), angle)) for name, angle in (("low", 0.0), ("high", 0.5)))
    arms = joined([low, high], tiny, seconds=20.0, farthest=1.0).qpos[:, 7]
    assert arms.min() == 0.0
    assert arms.max() == 0.5
    # 0.5 rad over 12 steps along x^2 (3 - 2 x), whose steepest of 13 steps is 1.5 / 13
    assert np.abs(np.diff(arms)).max() <= 0.5 * 1.5 / 13 + 1e-9


def test_what_cannot_be_joined_is_refused(tiny: Body, tiny_motion: MakeMotion) -> None:
    ramp = tiny_motion("ramp", np.linspace(0, 5, 51)[:, None].repeat(2, axis=1))  # never where it was
    with pytest.raises(UsageError, match=r"from 'ramp' nothing is nearer than [0-9.]+, and --farthest is 0.5"):
        joined([ramp], tiny)
    assert joined([ramp], tiny, seconds=1.0).num_frames == 51  # nothing has to follow
    other = dataclasses.replace(ramp, fps=30.0)
    with pytest.raises(UsageError, match=r"\[30.0, 50.0\] frames a second"):
        joined([ramp, other], tiny)
    with pytest.raises(UsageError, match="--seconds is 0"):
        joined([ramp], tiny, seconds=0.0)
    with pytest.raises(UsageError, match="--farthest is nan"):
        joined([ramp], tiny, farthest=math.nan)
