"""The gait planner's formulas against sums and pencil."""

from __future__ import annotations

import numpy as np
import pytest

from rgsd.motions.synthesis.gait import Course, Gait, foot_path

HOME = np.array([0.2, 0.1])


def path(gait: Gait, course: Course, times: np.ndarray, leg: int = 0) -> np.ndarray:
    return foot_path(gait, course, leg, HOME, 0.02, times)


def test_course_is_the_sum_of_its_velocity():
    course = Course(forward=0.5, left=0.2, turn=1.3)
    step = 1e-4
    middle = (np.arange(20000) + 0.5) * step
    yaw = 1.3 * middle
    x = np.sum(0.5 * np.cos(yaw) - 0.2 * np.sin(yaw)) * step
    y = np.sum(0.5 * np.sin(yaw) + 0.2 * np.cos(yaw)) * step
    assert course.position(np.array([2.0]))[0] == pytest.approx([x, y, 0.28], abs=1e-6)


def test_straight_course():
    assert Course(forward=0.4).position(np.array([-0.5, 2.0]))[:, 0] == pytest.approx([-0.2, 0.8])


def test_foothold_is_passed_at_mid_stance():
    # Stance of the first leg: 0 to 0.3 s, middle at 0.15 s, when the trunk is at 0.4 * 0.15 = 0.06 m.
    gait = Gait(period=0.5, duty=0.6)
    stance = path(gait, Course(forward=0.4), np.array([0.0, 0.1, 0.299]))
    assert stance == pytest.approx(np.tile([0.2 + 0.06, 0.1, 0.02], (3, 1)))


def test_foothold_turns_with_the_trunk():
    # A turn of pi/2 per second: at the third stance's middle, 1 s + 0.125 s, the yaw is 1.125 * pi/2.
    foot = path(Gait(period=0.5, duty=0.5), Course(turn=np.pi / 2), np.array([1.1]))[0]
    yaw = 1.125 * np.pi / 2
    assert foot[0] == pytest.approx(0.2 * np.cos(yaw) - 0.1 * np.sin(yaw))
    assert foot[1] == pytest.approx(0.2 * np.sin(yaw) + 0.1 * np.cos(yaw))


def test_swing_carries_one_stride_and_lifts():
    # Swing of the first leg: 0.25 to 0.5 s; half-way it is half a stride (0.1 m) further and at its highest.
    gait = Gait(period=0.5, duty=0.5, swing_height=0.06)
    before, middle, after = path(gait, Course(forward=0.4), np.array([0.2, 0.375, 0.55]))
    assert after - before == pytest.approx([0.2, 0, 0])
    assert middle - before == pytest.approx([0.1, 0, 0.06])


def test_feet_leave_and_meet_the_ground_at_rest():
    gait, course = Gait(period=0.5, duty=0.5), Course(forward=0.8, turn=0.5)
    h = 1e-4
    for event in (0.25, 0.5):
        around = path(gait, course, np.array([event - h, event, event + h]))
        assert np.abs(np.diff(around, axis=0) / h).max() < 1e-3  # m/s; mid-swing goes at 3 m/s


def test_trot_moves_the_diagonals_together():
    times = np.linspace(0, 1, 101)
    lift = [path(Gait(), Course(), times, leg)[:, 2] for leg in range(4)]
    assert lift[0] == pytest.approx(lift[3])
    assert lift[1] == pytest.approx(lift[2])
    assert np.corrcoef(lift[0], lift[1])[0, 1] < -0.3


def test_impossible_rhythm_is_refused():
    with pytest.raises(ValueError, match=r"period is 0\.0"):
        Gait(period=0.0)
    with pytest.raises(ValueError, match=r"duty is 1\.0"):
        Gait(duty=1.0)
