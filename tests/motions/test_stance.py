"""Feet that stand, by a heel and a toe on a line."""

from __future__ import annotations

import numpy as np
import pytest

from rgsd.motions.stance import rolled, touching


def test_a_foot_touches_where_its_lowest_point_is_low_and_slow() -> None:
    sole = np.zeros((9, 2, 3))
    sole[:, 0, 2] = [0.01] * 6 + [0.04] * 3  # the heel is low, then is not
    sole[:, 1, 2] = 0.1
    sole[3:, 0, 0] = 0.03 * np.arange(6)  # and moves from frame 3 on, at 30 fps by 0.9 m/s; at frame 3 by half of it
    assert touching(sole, fps=30.0).tolist() == [True] * 4 + [False] * 5


def test_a_foot_rolls_without_sliding_and_clears_the_ground_in_the_air() -> None:
    # heel and toe of a foot that slides 1 cm a frame for five frames at 1 cm depth, then swings below the ground
    sole = np.zeros((10, 2, 3))
    sole[:, 0, 0] = 0.01 * np.arange(10)
    sole[:, 1, 0] = sole[:, 0, 0] + 0.2
    sole[:, :, 2] = [-0.01, 0.0]
    touches = np.arange(10) < 5
    moved = sole + rolled(sole, touches, fps=30.0)[:, None]
    np.testing.assert_allclose(np.diff(moved[:5, 0], axis=0), 0, atol=1e-12)  # the heel, the lowest, stays
    np.testing.assert_allclose(moved[:5, 0, 2], 0, atol=1e-12)
    assert moved[:5, 0, 0].mean() == pytest.approx(0.02)  # where it was on average
    np.testing.assert_allclose(moved[7:, 0, 2], 0.03)  # 3 cm, reached at 0.4 m/s
