"""`rgsd sweep FILE`: variants and seeds one after another, one table and one chart of them all."""

from __future__ import annotations

import dataclasses
import json
from pathlib import Path
from typing import Annotated, Any

import tyro
from rich.console import Console

from rgsd.atomic import write_atomically
from rgsd.cli.finishing import finish_all, is_evaluated, run_folder, training_cost
from rgsd.cli.marked import bold
from rgsd.evaluation.headlines import metric, over_seeds
from rgsd.evaluation.protocol import PROTOCOL_VERSION
from rgsd.evaluation.sweep import Sweep, read_sweep
from rgsd.viewing.comparison import comparison_chart, comparison_table
from rgsd.viewing.run_folder import RunFolder
from rgsd.viewing.theme import png_bytes


def sweep(file: Annotated[Path, tyro.conf.Positional], out: Path | None = None) -> None:
    """Train and evaluate every variant of FILE with every seed, one after another, and compare them.

    FILE is TOML: `steps` or `minutes`, `seeds`, settings for all in [base], and either a [grid] of values, of which
    every combination is run, or [[variant]] tables, each with `name` and `set`. Settings have the dotted names of a
    run's config.yaml, such as env.worst_body_distance. docs/sweep.md explains all keys; benchmarks/sweeps/ has
    examples.

    Each run is a folder OUT/VARIANT/seedN that all other commands take. After each, OUT/sweep.md (a table), sweep.json
    and sweep.png are written anew. Seed by seed, so that all variants can soon be compared. The same command goes on
    after an interruption: what is finished is not run again, what was interrupted resumes at its checkpoint.

    Args:
        file: what to run.
        out: folder of the sweep; runs/<name of FILE> if not given.
    """
    plan, console = read_sweep(file), Console()
    folder = out or Path("runs") / file.stem
    for _ in finish_all(plan.variants, plan.seeds, plan.evaluation, folder, console):
        write_comparison(plan, folder)
    console.print((folder / "sweep.md").read_text(), soft_wrap=True, highlight=False, markup=False)
    console.print(f"in {bold(folder)}: sweep.md, sweep.json, sweep.png, and a folder for each run", soft_wrap=True)


def write_comparison(plan: Sweep, folder: Path) -> None:
    """Write sweep.json, sweep.md and sweep.png of the runs that are evaluated."""
    variants: dict[str, Any] = {}
    for variant in plan.variants:
        seeds = {}
        for seed in plan.seeds:
            run = run_folder(folder, variant.name, seed)
            if is_evaluated(run):
                evaluation, cost = RunFolder(run).evaluation, training_cost(run)
                metrics = {name: metric(name, evaluation, cost) for name in plan.metrics}
                seeds[str(seed)] = {"run": str(run.relative_to(folder)), "metrics": metrics}
        points = {name: [found["metrics"][name] for found in seeds.values()] for name in plan.metrics}
        summary = {name: over_seeds(values) for name, values in points.items()}
        variants[variant.name] = {"settings": variant.settings, "seeds": seeds, "metrics": summary}
    content = {
        "schema": 1,
        "protocol": PROTOCOL_VERSION,
        "file": plan.file.name,
        "about": plan.about,
        "seeds": list(plan.seeds),
        "evaluation": dataclasses.asdict(plan.evaluation),
        "variants": variants,
    }
    summaries = {name: found["metrics"] for name, found in variants.items()}
    table = comparison_table(summaries, plan.metrics)
    chart = png_bytes(comparison_chart(summaries, plan.metrics))
    write_atomically(folder / "sweep.json", lambda path: path.write_text(json.dumps(content, indent=1) + "\n"))
    write_atomically(folder / "sweep.md", lambda path: path.write_text(f"{_head(plan)}\n{table}"))
    write_atomically(folder / "sweep.png", lambda path: path.write_bytes(chart))


def _head(plan: Sweep) -> str:
    """What stands above the table."""
    amount = plan.evaluation
    lines = [
        f"# {plan.file.stem}",
        plan.about,
        f"`rgsd sweep {plan.file}`: seeds {', '.join(map(str, plan.seeds))}; deterministic policy, "
        f"{amount.rollouts_per_clip} rollouts a clip, {amount.num_latents} random latents, "
        f"protocol {PROTOCOL_VERSION}. "
        "The mean over seeds, then in brackets the seeds' own metrics or, of five or more, its 95 % interval.",
        "![seeds as points, means as bars](sweep.png)",
    ]
    return "\n\n".join(line for line in lines if line) + "\n"
