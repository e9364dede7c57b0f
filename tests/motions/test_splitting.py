"""Windows of a long clip: where they begin, what each holds, and that it is feasible by itself."""

from __future__ import annotations

import dataclasses
import math
from collections.abc import Callable

import numpy as np
import pytest

from rgsd.bodies.body import Body
from rgsd.errors import UsageError
from rgsd.motions.motion import Motion, finite_difference_velocity
from rgsd.motions.splitting import split


@pytest.fixture
def ramp(tiny_motion: Callable[..., Motion]) -> Motion:
    """A second at 50 fps, whose left arm turns by 0.01 rad a frame: the angle tells the frame."""
    return tiny_motion("ramp", np.stack([0.01 * np.arange(51), np.zeros(51)], axis=1), speed=0.5)


def begins(windows: list[Motion]) -> list[int]:
    return [round(window.qpos[0, 7] / 0.01) for window in windows]


@pytest.mark.parametrize(
    ("seconds", "overlap", "frames"),
    [
        # windows of 0.2 s are 10 steps long, the last begins at frame 40
        (0.2, 0.0, [0, 10, 20, 30, 40]),
        (0.2, 0.5, [0, 5, 10, 15, 20, 25, 30, 35, 40]),
        # 15 steps, the last begins at 35: hops of 15 would leave out five frames, so three hops of 11.67
        (0.3, 0.0, [0, 12, 23, 35]),
        # hops of 7.5 steps: 35 / 7.5 = 4.67, so five hops of 7
        (0.3, 0.5, [0, 7, 14, 21, 28, 35]),
        # a hop is never shorter than a frame
        (0.9, 0.999, [0, 1, 2, 3, 4, 5]),
    ],
)
def test_windows_lie_evenly_and_leave_nothing_out(
    ramp: Motion, seconds: float, overlap: float, frames: list[int]
) -> None:
    windows = split(ramp, seconds, overlap)
    assert begins(windows) == frames
    steps = round(50 * seconds)
    for window, first in zip(windows, frames, strict=True):
        assert window.duration == pytest.approx(seconds)
        np.testing.assert_array_equal(window.qpos[:, 7:], ramp.qpos[first : first + steps + 1, 7:])
    assert windows[-1].qpos[-1, 7] == ramp.qpos[-1, 7]


def test_neighbours_share_no_less_than_is_asked_for(ramp: Motion) -> None:
    # 10 steps of which a quarter is shared: hops of at most 7.5 steps, so of 7, and the last window begins at step 15;
    # two hops of 7.5 would begin at 0, 8 and 15, and the first two share 2 of 10
    short = dataclasses.replace(ramp, qpos=ramp.qpos[:26], qvel=ramp.qvel[:26])
    assert begins(split(short, 0.2, 0.25)) == [0, 5, 10, 15]


def test_a_window_says_where_it_is_from(ramp: Motion) -> None:
    whole = dataclasses.replace(ramp, source="camera", loop=True, quality={"skate_cm": 1.0})
    windows = split(whole, 0.5)
    assert [window.name for window in windows] == ["ramp_1", "ramp_2"]
    assert windows[1].source == "camera, 0.50 to 1.00 s of ramp"
    assert (windows[1].group, windows[1].loop, windows[1].quality) == ("ramp", False, {})
    assert split(dataclasses.replace(whole, group="walk"), 0.5)[0].group == "walk"


def test_each_window_begins_at_the_origin_and_heads_along_x(tiny: Body) -> None:
    # a circle to the left: 2 rad/s at 0.6 m/s, from the place (3, -1) with the heading 1 rad
    yaw = 1.0 + 2.0 * np.arange(101) / 50
    qpos = np.tile(tiny.standing_qpos, (101, 1))
    qpos[:, 0], qpos[:, 1] = 3.0 + 0.3 * (np.sin(yaw) - np.sin(1.0)), -1.0 - 0.3 * (np.cos(yaw) - np.cos(1.0))
    qpos[:, 3], qpos[:, 6] = np.cos(yaw / 2), np.sin(yaw / 2)
    qvel = finite_difference_velocity(tiny, qpos, 50.0)
    windows = split(Motion("circle", tiny.name, 50.0, tiny.joint_names, tiny.body_names, qpos, qvel), 0.5)
    assert len(windows) == 4
    for window in windows:
        window.check(window.name, tiny)
        np.testing.assert_allclose(window.qpos[0, :3], [0, 0, 0.1], atol=1e-9)
        np.testing.assert_allclose(np.abs(window.qpos[0, 3:7]), [1, 0, 0, 0], atol=1e-9)  # of either sign
        # half a second: 1 rad further, 0.3 sin 1 ahead and 0.3 (1 - cos 1) to the left
        np.testing.assert_allclose(window.qpos[-1, :2], [0.3 * math.sin(1), 0.3 * (1 - math.cos(1))], atol=1e-9)
        inner = finite_difference_velocity(tiny, window.qpos, 50.0)[1:-1]
        np.testing.assert_allclose(window.qvel[1:-1], inner, atol=1e-9)
    # central differences at the cuts, too: 0.6 m/s along x but for the chord's sin(0.04) / 0.04
    np.testing.assert_allclose(windows[1].qvel[0, :3], [0.6, 0, 0], atol=1e-3)


def test_what_is_no_longer_than_a_window_stays_whole(ramp: Motion) -> None:
    assert split(ramp, 1.0) == [ramp]
    assert split(ramp, 5.0, 0.5) == [ramp]


@pytest.mark.parametrize(
    ("seconds", "overlap", "said"),
    [
        (0.0, 0.0, "--seconds 0: a window of 'ramp' needs at least 0.02 s"),
        (math.nan, 0.0, "--seconds nan"),
        (0.2, 1.0, "--overlap 1: give a fraction"),
        (0.2, -0.1, "--overlap -0.1: give a fraction"),
    ],
)
def test_impossible_windows_are_refused(ramp: Motion, seconds: float, overlap: float, said: str) -> None:
    with pytest.raises(UsageError, match=said):
        split(ramp, seconds, overlap)
