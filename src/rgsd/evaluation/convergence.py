"""When a learning curve has arrived: how many samples it took, and whether it still rises where it ends."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

_SMOOTHING, _END, _ARRIVED, _RISING = 0.05, 0.1, 0.9, 0.05


@dataclass(frozen=True)
class Convergence:
    """What a curve has come to.

    Attributes:
        samples: after which the running mean has made 90 % of the way from its beginning to its end.
        rising: whether the last tenth of the curve lies more than 5 % of that way above the tenth before, so that
            `samples` tells where the training stopped rather than what it takes.
    """

    samples: float
    rising: bool


def convergence(samples: Sequence[float], values: Sequence[float]) -> Convergence:
    """Of a figure that is to grow.

    Args:
        samples: of each iteration, ascending.
        values: the figure in each; at least one. Smoothed by the mean over the last 5 % of the iterations.

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
    way = end - smooth[0]
    arrived = np.flatnonzero((smooth - smooth[0]) * np.sign(way) >= _ARRIVED * abs(way))
    index = arrived[0] if len(arrived) else -1
    return Convergence(float(samples[index]), bool(end - before > _RISING * abs(way)))
