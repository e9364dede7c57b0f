"""When a learning curve has arrived: how many samples it took, and whether it still rises where it ends."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

_SMOOTHING, _END, _ARRIVED, _RISING = 0.05, 0.1, 0.9, 0.05
_ABOVE_NOISE = 2.0  # a way shorter than this many times the scatter of the curve's end is none


@dataclass(frozen=True)
class Convergence:
    """What a curve has come to.

    Attributes:
        samples: after which the running mean has made 90 % of the way from its beginning to its end; None of a curve
            that has not risen by more than twice the scatter of its last fifth (standard deviation about a line): it
            has learned nothing that could have arrived.
        rising: whether such a curve's last tenth lies more than 5 % of that way above the tenth before, so that
            `samples` tells where the training stopped rather than what it takes.
    """

    samples: float | None
    rising: bool


def convergence(samples: Sequence[float], values: Sequence[float]) -> Convergence:
    """Of a metric that is to grow.

    Args:
        samples: of each iteration, ascending.
        values: the metric in each; at least one. Smoothed by the mean over the last 5 % of the iterations.

    Raises:
        ValueError: no iterations, or not as many samples as values.
    """
    if not len(values) or len(samples) != len(values):
        raise ValueError(f"convergence: {len(samples)} samples and {len(values)} values; give as many, at least one")
    sums = np.concatenate(([0.0], np.cumsum(np.asarray(values, dtype=float))))
    last = np.arange(1, len(values) + 1)
    first = np.maximum(last - max(round(_SMOOTHING * len(values)), 1), 0)
    smooth = (sums[last] - sums[first]) / (last - first)
    tenth = max(round(_END * len(values)), 1)
    end, before = np.mean(values[-tenth:]), np.mean(values[-2 * tenth : -tenth] or values[:1])
    begun = tenth // 2  # a running mean over the very first values is one over none
    way = end - smooth[begun]
    if way <= _ABOVE_NOISE * _scatter(np.asarray(values[-2 * tenth :], dtype=float)):
        return Convergence(None, rising=False)
    arrived = begun + np.flatnonzero(smooth[begun:] - smooth[begun] >= _ARRIVED * way)
    return Convergence(float(samples[arrived[0] if len(arrived) else -1]), bool(end - before > _RISING * way))


def _scatter(values: np.ndarray) -> float:
    """Standard deviation about a straight line: a curve that still rises does not scatter for that."""
    if len(values) < 3:
        return 0.0
    time = np.arange(len(values))
    return float(np.std(values - np.polyval(np.polyfit(time, values, 1), time)))
