"""Intervals against values by hand, and how often they hold the truth."""

from __future__ import annotations

import math

import pytest
import torch

from rgsd.evaluation.intervals import RESAMPLES, mean_of_pairs, percentile, pooled_fraction, resample, student, wilson


def test_student_by_hand() -> None:
    # 1, 2, 3: mean 2, deviation 1, t(0.975; 2) = 4.303: half-width 4.303 / sqrt(3) = 2.484; NaN left out
    mean, interval = student(torch.tensor([1.0, math.nan, 2.0, 3.0]))
    assert mean == 2.0
    assert interval == pytest.approx([-0.484, 4.484], abs=1e-3)
    assert student(torch.tensor([5.0])) == (5.0, None)
    assert student(torch.tensor([math.nan])) == (None, None)


def test_wilson_by_hand() -> None:
    # z = 1.96, z^2 = 3.8415. None of 10: middle 1.92 / 10 / 1.384 = 0.1388, half-width the same: 0 to 0.2775
    assert wilson(0.0, 10) == pytest.approx([0.0, 0.2775], abs=1e-4)
    assert wilson(1.0, 10) == pytest.approx([0.7225, 1.0], abs=1e-4)
    # half of 100: middle 0.5, half-width 1.96 / 1.0384 * sqrt(0.0025 + 0.000096) = 0.0962
    assert wilson(0.5, 100) == pytest.approx([0.4038, 0.5962], abs=1e-4)
    assert wilson(None, 10) is wilson(0.5, 0) is None


def test_percentile_cuts_both_tails_and_wants_half_of_the_samples() -> None:
    # 0 to 1000: 2.5 % from either end
    assert percentile(torch.arange(1001.0)) == pytest.approx([25.0, 975.0])
    assert percentile(torch.tensor([1.0, math.nan, 3.0])) == pytest.approx([1.05, 2.95])
    assert percentile(torch.tensor([1.0, math.nan, math.nan])) is None


def test_bootstrap_of_a_mean_is_as_wide_as_students() -> None:
    values = torch.randn(400, generator=torch.Generator().manual_seed(1))
    samples = resample(400)
    assert samples.shape == (RESAMPLES, 400)
    low, high = percentile(values[samples].mean(dim=1)) or [0.0, 0.0]
    _, expected = student(values)
    assert [low, high] == pytest.approx(expected, abs=0.02)


def line(*places: float) -> torch.Tensor:
    x = torch.tensor(places)
    return (x.unsqueeze(0) - x.unsqueeze(1)).abs()


def test_mean_of_pairs_by_hand() -> None:
    # at 0, 1 and 3: distances 1, 2, 3
    mean, _ = mean_of_pairs(line(0.0, 1.0, 3.0))
    assert mean == pytest.approx(2.0)
    assert mean_of_pairs(line(5.0)) == (None, None)
    # equal distances: a sample that draws one thing twice is no narrower, so that the interval is a point
    same = torch.ones(4, 4) - torch.eye(4)
    assert mean_of_pairs(same)[1] == pytest.approx([1.0, 1.0])


def test_mean_of_pairs_leaves_out_what_does_not_count() -> None:
    mean, interval = mean_of_pairs(line(0.0, math.nan, 1.0, 3.0, math.nan))
    assert mean == pytest.approx(2.0)
    assert interval == pytest.approx([1.0, 3.0])


def test_a_pooled_fraction_is_over_things_and_never_a_point() -> None:
    # 2 of 2, 0 of 2 and 1 of 2: a half of all; the samples of three go from none to all
    fraction, interval = pooled_fraction(torch.tensor([2, 0, 1]), torch.tensor([2, 2, 2]))
    assert fraction == 0.5
    assert interval == [0.0, 1.0]
    # where all agree: Wilson's of 32 trials, z^2 / (32 + z^2) = 3.8415 / 35.8415
    fraction, interval = pooled_fraction(torch.zeros(32), torch.full((32,), 3))
    assert fraction == 0.0
    assert interval == pytest.approx([0.0, 0.1072], abs=1e-4)
    assert pooled_fraction(torch.zeros(2), torch.zeros(2)) == (None, None)
