"""When curves made by hand have arrived."""

from __future__ import annotations

import pytest

from rgsd.evaluation.convergence import convergence


def test_a_curve_that_has_arrived() -> None:
    # 100 iterations of 10 samples: up by 1/50 an iteration from 0 to 1 in the 51st, then flat
    values = [min(i / 50, 1.0) for i in range(100)]
    found = convergence([10.0 * (i + 1) for i in range(100)], values)
    # the mean over 5 iterations lags by 2: 0.9 is reached where i / 50 - 2 / 50 = 0.9, i = 47, the 48th iteration
    assert found.samples == 480
    assert not found.rising


def test_a_curve_that_still_rises() -> None:
    # a straight line: the last tenth lies a tenth of the whole above the one before
    assert convergence(range(1, 101), [float(i) for i in range(100)]).rising


def test_one_that_falls_or_stays_does_not_rise() -> None:
    falling = convergence(range(100), [-min(i / 50, 1.0) for i in range(100)])
    assert falling.samples == 47
    assert not falling.rising
    flat = convergence(range(5, 15), [2.0] * 10)
    assert flat.samples == 5  # there from the first
    assert not flat.rising
    assert convergence([7.0], [1.0]).samples == 7


def test_nothing_to_tell() -> None:
    with pytest.raises(ValueError, match="0 samples and 0 values"):
        convergence([], [])
