"""What an iteration of training costs by one method and by another, under the same conditions.

    python benchmarks/method_cost.py --methods metra lgsd

Trainers with the same preset take turns, iteration by iteration, in one process, so that a machine that slows down
slows all of them. Medians are printed: steps a second by the wall clock, and processor seconds an iteration, which
other programs on a busy machine distort less.
"""

from __future__ import annotations

import tempfile
import time
from pathlib import Path
from statistics import median

import tyro

from rgsd.methods.presets import make_preset
from rgsd.methods.runs import make_trainer

_FIRST = 2  # iterations that only warm up


def main(methods: tuple[str, ...], body: str = "quadruped", iterations: int = 9) -> None:
    """Print a line for each method.

    Args:
        methods: names, as `rgsd train` knows them.
        body: a body whose preset names its motions.
        iterations: of each method, the two that warm up included.
    """
    with tempfile.TemporaryDirectory() as scratch:
        trainers = {name: make_trainer(make_preset("cpu", name, body), Path(scratch) / name) for name in methods}
        rates: dict[str, list[float]] = {name: [] for name in methods}
        costs: dict[str, list[float]] = {name: [] for name in methods}
        for turn in range(iterations):
            for name in methods if turn % 2 else reversed(methods):
                begun = time.process_time()
                metrics = trainers[name].iterate()
                if turn >= _FIRST:
                    costs[name].append(time.process_time() - begun)
                    rates[name].append(metrics["Perf/steps_per_s"])
    for name in methods:
        rate, cost = rates[name], median(costs[name])
        print(f"{name}: {median(rate):.0f} steps/s ({min(rate):.0f} to {max(rate):.0f}), {cost:.2f} processor s each")


if __name__ == "__main__":
    tyro.cli(main)
