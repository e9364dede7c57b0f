"""Are the baselines run as their authors run them? What can be told within seconds, method by method.

    python benchmarks/audit.py
    python benchmarks/audit.py --methods metra lgsd --iterations 20

Trainers of preset `cpu`, RGSD's from scratch as the baselines are, take turns, iteration by iteration, in one process.
Prints a Markdown table, a method a row:

- elapsed: standard deviation of the environments' time in their episodes at the end, control steps; near 0 in lockstep;
- samples a step: environment steps for each gradient step of the method's own networks;
- lambda: the multiplier of METRA's and LGSD's constraint at the end, from 30;
- clip fraction: samples that PPO's clip silences, mean over the second half of the iterations;
- discriminator: numbers that it sees at once, frames of a window times features;
- imitation, noise-free: fractions of the samples that imitate, and whose action had no noise;
- cost: processor seconds an iteration over RGSD's, medians; other programs distort these less than the wall clock.
"""

from __future__ import annotations

import tempfile
import time
from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from statistics import mean, median

import torch
import tyro

from rgsd.learning.rollout import Rollout
from rgsd.learning.trainer import Trainer
from rgsd.methods.presets import from_scratch, make_preset
from rgsd.methods.runs import make_trainer
from rgsd.skills.window_networks import Discriminator

_FIRST = 2  # iterations that only warm up the machine


@dataclass
class Audit:
    """One method's trainer, watched."""

    trainer: Trainer
    """Whose iterations are counted."""
    steps: int = 0
    """Gradient steps of the method's own networks."""
    imitation: list[float] = field(default_factory=list)
    """By iteration, the fraction of the samples that imitate."""
    noise_free: list[float] = field(default_factory=list)
    """By iteration, the fraction of the samples without noise."""
    metrics: list[dict[str, float]] = field(default_factory=list)
    """What each iteration logged."""
    seconds: list[float] = field(default_factory=list)
    """Processor seconds of each."""

    def __post_init__(self) -> None:
        method = self.trainer.method
        optimizer: torch.optim.Optimizer = method._optimizer  # pyright: ignore
        optimizer.register_step_post_hook(self._count)
        rewards = method.rewards

        def watched(rollout: Rollout) -> torch.Tensor:
            self.imitation.append(float(rollout.imitation.float().mean()))
            self.noise_free.append(1.0 - float(rollout.noisy.float().mean()))
            return rewards(rollout)

        method.rewards = watched

    def iterate(self) -> None:
        """One iteration."""
        begun = time.process_time()
        self.metrics.append(self.trainer.iterate())
        self.seconds.append(time.process_time() - begun)

    def row(self, name: str, rgsd: Audit) -> str:
        """Its line of the table."""
        half = self.metrics[len(self.metrics) // 2 :]
        modules = [value for value in vars(self.trainer.method).values() if isinstance(value, Discriminator)]
        width = f"{modules[0].config.window} x {modules[0].num_features}" if modules else "-"
        multiplier = self.metrics[-1].get("Metra/lambda")
        return (
            f"| {name} | {float(self.trainer.env.elapsed.float().std()):.1f} "
            f"| {self.trainer.samples / max(self.steps, 1):.0f} "
            f"| {'-' if multiplier is None else f'{multiplier:.2f}'} "
            f"| {mean(row['Policy/clip_fraction'] for row in half):.2f} | {width} "
            f"| {mean(self.imitation):.2f} | {mean(self.noise_free):.2f} "
            f"| {median(self.seconds[_FIRST:]) / median(rgsd.seconds[_FIRST:]):.2f} |"
        )

    def _count(self, *_: object) -> None:
        self.steps += 1


def main(
    methods: Sequence[str] = ("diayn", "metra", "ase", "calm"),
    body: str = "quadruped",
    iterations: int = 8,
    num_envs: int | None = None,
) -> None:
    """Print the table.

    Args:
        methods: beside RGSD.
        body: a body whose preset names its motions.
        iterations: of each method, more than the two that warm up.
        num_envs: environments of each, the preset's if not given; with fewer, what depends on the samples changes.
    """
    with tempfile.TemporaryDirectory() as scratch:
        audits = {}
        for name in ("rgsd", *methods):
            config = make_preset("cpu", name, body)
            config = from_scratch(config) if name == "rgsd" else config
            config = config if num_envs is None else replace(config, num_envs=num_envs)
            audits[name] = Audit(make_trainer(config, Path(scratch) / name))
        for turn in range(iterations):
            for name in audits if turn % 2 else reversed(audits):
                audits[name].iterate()
    samples = audits["rgsd"].trainer.samples
    print(f"{body}, preset cpu, {iterations} iterations, {samples:,} samples each\n")
    print(
        "| method | elapsed | samples a step | lambda | clip fraction | discriminator | imitation | noise-free | cost |"
    )
    print("|---|---|---|---|---|---|---|---|---|")
    for name, audit in audits.items():
        print(audit.row(name, audits["rgsd"]))


if __name__ == "__main__":
    tyro.cli(main)
