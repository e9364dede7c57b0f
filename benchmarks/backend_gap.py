"""What the engine does to a policy: one trained run, evaluated by the protocol on C MuJoCo and on MuJoCo Warp.

    python benchmarks/backend_gap.py RUN [--device cuda] [--config.rollouts-per-clip 4 --config.num-latents 32]

Both sides see the same initial noise and latents. A metric's interval is over rollouts, as everywhere; the gap's is
that of a difference of independent means, which is on the safe side. Rounding alone makes single rollouts part, so what
should agree are the means.
"""

from __future__ import annotations

import functools
import math
import sys
import time
from pathlib import Path
from typing import Annotated, Any

import tyro

from rgsd.cli.trained import load_trained
from rgsd.evaluation.protocol import EvaluationConfig, evaluate
from rgsd.learning import distributed
from rgsd.methods.runs import load_library
from rgsd.physics.choice import Engine, make_physics
from rgsd.physics.interface import Physics

_IMITATION = (
    "cartesian_error_cm", "skill", "tracked", "survival", "root_error_end_m", "path_ratio", "turn_ratio",
    "foot_lift_ratio", "blown_up",
)  # fmt: skip
_DISCOVERY = ("fall_rate", "direction_coverage", "turn_coverage", "spread_path_m", "blown_up")


def main(
    run: Annotated[Path, tyro.conf.Positional],
    motions: str | None = None,
    device: str = "cpu",
    config: EvaluationConfig = EvaluationConfig(),  # noqa: B008 (frozen)
) -> None:
    """Print a markdown table of both evaluations and their gap.

    Args:
        run: a run's folder.
        motions: where the run's motions lie now, if they have moved.
        device: of Warp's physics and the policy on that side, cpu or cuda.
        config: how much is rolled out.
    """
    found = {
        engine: _evaluate(run, motions, engine, place, config) for engine, place in (("cpu", "cpu"), ("warp", device))
    }
    (ours, seconds), (theirs, more_seconds) = found["cpu"], found["warp"]
    print(f"\n{run.name}: C MuJoCo {seconds:.0f} s; MuJoCo Warp on {device} {more_seconds:.0f} s, kernels included\n")
    print("| metric | C MuJoCo | MuJoCo Warp | gap |\n|---|---|---|---|")
    for part, keys in (("mean", _IMITATION), ("discovery", _DISCOVERY)):
        if ours[part] is not None:
            for key in keys:
                _print_row(f"{part}.{key}", key, ours[part], theirs[part])


def _evaluate(
    run: Path, motions: str | None, engine: Engine, place: str, config: EvaluationConfig
) -> tuple[dict[str, Any], float]:
    """The content of evaluation.json on one engine, and the seconds it took."""
    begun, device = time.perf_counter(), distributed.own_device(place)
    settings, library, policy = load_trained(run, motions)
    if device.type == "cuda":
        library = load_library(settings, library.body, device)
        policy.actor.to(device)
        policy.clip_latents = {name: z.to(device) for name, z in policy.clip_latents.items()}
        if policy.encoder is not None:
            policy.encoder.to(device)

    @functools.cache  # every rollout begins by resetting all environments
    def simulate(count: int) -> Physics:
        return make_physics(engine, library.body, count, device, config.threads)

    def tell(stage: str) -> None:
        print(f"{engine}: {stage}", file=sys.stderr)

    result = evaluate(policy, library, config, run=run.name, simulate=simulate, progress=tell)
    return result, time.perf_counter() - begun


def _print_row(name: str, key: str, ours: dict[str, Any], theirs: dict[str, Any]) -> None:
    cells, halves = [], []
    for side in (ours, theirs):
        value, interval = side.get(key), side.get(f"{key}_ci")
        limits = "" if interval is None else f" ({interval[0]:.3g} to {interval[1]:.3g})"
        cells.append("-" if value is None else f"{value:.3g}{limits}")
        halves.append(math.nan if interval is None else (interval[1] - interval[0]) / 2)
    known = ours.get(key) is not None and theirs.get(key) is not None
    gap = f"{theirs[key] - ours[key]:+.3g} ± {math.hypot(*halves):.2g}" if known else "-"
    print(f"| {name} | {cells[0]} | {cells[1]} | {gap} |")


if __name__ == "__main__":
    tyro.cli(main, config=(tyro.conf.FlagCreatePairsOff,))
