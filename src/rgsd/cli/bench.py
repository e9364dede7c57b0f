"""`rgsd bench`: steps a second and memory of this machine, layer by layer, for each body."""

from __future__ import annotations

import json
import subprocess
import sys
from dataclasses import asdict
from importlib.util import find_spec
from typing import Any

from rich.table import Table

from rgsd.cli.console import make_console
from rgsd.cli.main import without_gl
from rgsd.cli.options import AsJson
from rgsd.errors import UsageError

_LAYERS = {
    "raw": "bare Batch.step, same actions and resets",
    "collection": "physics, observation, policy, rewards, resets",
    "loop": "collection and PPO",
    "gymnasium_sync": "SyncVectorEnv, same MJCF",
    "gymnasium_async": "AsyncVectorEnv, same MJCF",
}


def bench(
    bodies: tuple[str, ...] = ("smpl", "quadruped"),
    preset: str = "cpu",
    motions: str | None = None,
    num_envs: int | None = None,
    rounds: int = 5,
    as_json: AsJson = False,
) -> None:
    """Measure control steps a second of bare physics, collection and training, and of Gymnasium's vector envs.

    All layers are measured in turn within each round; the medians over the rounds count. Each body has a process of
    its own, so that its peak memory is its own. The encoder is pretrained for a few steps only: what it knows does
    not change what it costs.

    Args:
        bodies: which to measure.
        preset: cpu, gpu or paper; settings of networks, learner and references.
        motions: references for a single body; without them the preset's, or a stand-in where those are not here.
        num_envs: environments that are stepped together; the preset's if not given.
        rounds: how often everything is measured; 1 for a first look.
        as_json: print the metrics as JSON, by body.

    Raises:
        UsageError: gymnasium is missing, or options that do not go together.
    """
    if find_spec("gymnasium") is None:
        raise UsageError("rgsd bench compares with gymnasium, which is not installed: pip install 'rgsd[gym]'")
    for option, value in (("--rounds", rounds), ("--num-envs", num_envs)):
        if value is not None and value < 1:
            raise UsageError(f"{option} {value}: give a positive number")
    if motions is not None and len(bodies) != 1:
        raise UsageError(f"--motions {motions}: motions belong to one body; add --bodies with that body alone")
    with make_console(quiet=as_json, stderr=True).status("") as status:
        metrics: dict[str, dict[str, Any]] = {}
        for body in bodies:
            status.update(f"measuring {body}, {rounds} rounds")
            metrics[body] = (
                _measure_here(body, preset, motions, num_envs, rounds)
                if len(bodies) == 1
                else _measure_in_a_process(body, preset, num_envs, rounds)
            )
    if as_json:
        print(json.dumps(metrics, indent=2))
        return
    for body, found in metrics.items():
        _show(body, found)


def _measure_here(body: str, preset: str, motions: str | None, num_envs: int | None, rounds: int) -> dict[str, Any]:
    with without_gl():  # gymnasium's processes import MuJoCo too
        from rgsd.cli.bench_body import measure  # torch, which a process that only waits for others need not hold

        return asdict(measure(body, preset, motions, num_envs, rounds))


def _measure_in_a_process(body: str, preset: str, num_envs: int | None, rounds: int) -> dict[str, Any]:
    """This same command for one body; its messages go to our standard error.

    Raises:
        SystemExit: with the status of a process that failed.
    """
    words = ["bench", "--json", "--bodies", body, "--preset", preset, "--rounds", str(rounds)]
    words += [] if num_envs is None else ["--num-envs", str(num_envs)]
    done = subprocess.run([sys.executable, "-m", "rgsd", *words], stdout=subprocess.PIPE, text=True)
    if done.returncode:
        raise SystemExit(done.returncode)
    return json.loads(done.stdout)[body]


def _show(body: str, found: dict[str, Any]) -> None:
    table = Table(
        "layer", "control steps/s", "fraction of raw", "what it is", title=f"{body}, preset {found['preset']}"
    )
    for layer, meaning in _LAYERS.items():
        rate = found[f"{layer}_steps_per_s"]
        # a ratio within each round is steadier than one of medians
        fraction = found.get(f"{layer}_over_raw", rate / found["raw_steps_per_s"])
        table.add_row(layer.replace("_", " "), f"{rate:,.0f}", f"{100 * fraction:.0f} %", meaning)
    console = make_console()
    console.print(table)
    console.print(
        f"{found['num_envs']} envs ({found['gymnasium_envs']} with gymnasium), medians of {found['rounds']} rounds; "
        f"peak memory {found['peak_memory_gib']:.2f} GiB; references: {found['motions']}\n"
    )
