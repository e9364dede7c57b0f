"""95 % confidence intervals: Student's t for means, Wilson for fractions, the bootstrap for metrics of a whole sample.

All are over rollouts of one policy (initial noise, latents), never over training seeds. An interval is `[low, high]`,
None where the sample is too small to have one.
"""

from __future__ import annotations

import torch
from scipy import stats
from torch import Tensor

LEVEL = 0.95
"""Fraction of intervals that should hold the true value."""
RESAMPLES = 1000
"""Bootstrap samples."""

Interval = list[float] | None


def student(values: Tensor) -> tuple[float | None, Interval]:
    """Mean of values (R,) without the NaN ones, and its interval by Student's t; None below two values."""
    kept = values[~values.isnan()].double()
    if len(kept) == 0:
        return None, None
    mean = float(kept.mean())
    if len(kept) < 2:
        return mean, None
    half = float(stats.t.ppf((1 + LEVEL) / 2, len(kept) - 1)) * float(kept.std()) / len(kept) ** 0.5
    return mean, [mean - half, mean + half]


def wilson(fraction: float | None, of: int) -> Interval:
    """Interval of a fraction that was seen in `of` trials (Wilson 1927): also of 0 and 1 it is not a point."""
    if fraction is None or of == 0:
        return None
    z = float(stats.norm.ppf((1 + LEVEL) / 2))
    middle = (fraction + z * z / (2 * of)) / (1 + z * z / of)
    half = z / (1 + z * z / of) * (fraction * (1 - fraction) / of + z * z / (4 * of * of)) ** 0.5
    # at the ends the formula is exact but for rounding
    return [0.0 if fraction == 0 else middle - half, 1.0 if fraction == 1 else middle + half]


def resample(count: int, seed: int = 0) -> Tensor:
    """Bootstrap samples of `count` things, as indices (RESAMPLES, count); the same ones every time, of a seed."""
    return torch.randint(count, (RESAMPLES, count), generator=torch.Generator().manual_seed(seed))


def percentile(drawn: Tensor) -> Interval:
    """Interval of a metric from what it is on bootstrap samples (S,), NaN where a sample has none (Efron 1979).

    None where fewer than half of the samples have the metric.
    """
    kept = drawn[~drawn.isnan()].double()
    if len(kept) < len(drawn) / 2:
        return None
    tails = kept.new_tensor([(1 - LEVEL) / 2, (1 + LEVEL) / 2])
    return torch.quantile(kept, tails).tolist()


def pooled_fraction(part: Tensor, whole: Tensor) -> tuple[float | None, Interval]:
    """Fraction of all trials of N things, of which each made several, and its bootstrap interval over things.

    One thing's trials are alike, so that Wilson's interval over all of them would be too narrow. Where all things agree
    the bootstrap has nothing to draw: then it is Wilson's of as many trials as there are things.

    Args:
        part: (N,) how many of each one's trials succeeded.
        whole: (N,) how many it made.
    """
    if not int(whole.sum()):
        return None, None
    samples = resample(len(part)).to(part.device)
    drawn = part[samples].sum(dim=1) / whole[samples].sum(dim=1)
    fraction, interval = int(part.sum()) / int(whole.sum()), percentile(drawn)
    if interval is None or interval[0] == interval[1]:
        interval = wilson(fraction, len(part))
    return fraction, interval


def mean_of_pairs(distances: Tensor) -> tuple[float | None, Interval]:
    """Mean over pairs of different things, and its bootstrap interval over things; None where there is no pair.

    A thing that a sample holds twice is no pair with itself: its distance of zero would make every sample look narrow.

    Args:
        distances: (L, L), zero on the diagonal; NaN in the rows and columns of things that do not count.
    """
    counts = distances.new_zeros(RESAMPLES, len(distances), dtype=torch.double)
    samples = resample(len(distances)).to(distances.device)
    counts.scatter_add_(1, samples, torch.ones_like(counts))
    valid = ~distances.diagonal().isnan()
    table = distances[valid][:, valid].double()
    counts = torch.cat((torch.ones_like(counts[:1]), counts))[:, valid]  # row 0: everything once
    pairs = counts.sum(dim=1).square() - counts.square().sum(dim=1)
    means = ((counts @ table) * counts).sum(dim=1) / torch.where(pairs > 0, pairs, torch.nan)
    return (None if bool(means[0].isnan()) else float(means[0])), percentile(means[1:])
