"""When curves made by hand have arrived."""

from __future__ import annotations

import numpy as np
import pytest

from rgsd.evaluation.convergence import convergence


def test_a_curve_that_has_arrived() -> None:
    # 100 iterations of 10 samples: up by 1/50 an iteration from 0 to 1 in the 51st, then flat
    values = [min(i / 50, 1.0) for i in range(100)]
    found = convergence([10.0 * (i + 1) for i in range(100)], values)
    # the mean over 5 iterations lags by 2 and is first whole at i = 5, 0.06: 0.9 of the way from there is
    # 0.06 + 0.9 * 0.94 = 0.906, reached where (i - 2) / 50 is, i = 47.3, the 49th iteration
    assert found.samples == 490
    assert not found.rising


def test_a_curve_that_still_rises() -> None:
    # a straight line: the last tenth lies a tenth of the whole above the one before
    assert convergence(range(1, 101), [float(i) for i in range(100)]).rising


@pytest.mark.parametrize("values", [[-min(i / 50, 1.0) for i in range(100)], [2.0] * 10, [1.0]])
def test_one_that_falls_or_stays_has_not_arrived(values: list[float]) -> None:
    found = convergence(range(len(values)), values)
    assert found.samples is None
    assert not found.rising


def test_one_that_begins_high_has_not_arrived_there() -> None:
    # a teacher's reward in the first iteration, then the student's from the bottom: arrived when it is back
    values = [1.0, *(min(i / 50, 1.0) for i in range(99))]
    # begun where the mean over 5 is that of the ramp's first values, 0.06: at 0.06 + 0.9 * 0.94 = 0.906, one later
    assert convergence(range(100), values).samples == pytest.approx(49, abs=1)


def test_one_that_takes_off_late_rises() -> None:
    late = convergence(range(100), [max(i - 85, 0) / 15 for i in range(100)])
    assert late.rising
    assert late.samples is not None


def test_noise_is_no_learning() -> None:
    found = [convergence(range(200), np.random.default_rng(seed).normal(size=200).tolist()) for seed in range(50)]
    assert not any(curve.samples is not None or curve.rising for curve in found)
    # nor does noise hide a rise of ten times its size
    ramp = np.minimum(np.arange(200) / 100, 1.0)
    for seed in range(20):
        noisy = ramp + 0.1 * np.random.default_rng(seed).normal(size=200)
        samples = convergence(range(200), noisy.tolist()).samples
        assert samples == pytest.approx(95, abs=15)


def test_nothing_to_tell() -> None:
    with pytest.raises(ValueError, match="0 samples and 0 values"):
        convergence([], [])
