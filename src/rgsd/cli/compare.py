"""`rgsd compare RUN...`: evaluated runs beside each other, seeds as points, in tables, charts and learning curves."""

from __future__ import annotations

import dataclasses
import json
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Annotated, Any

import tyro
from rich.console import Console

from rgsd.atomic import write_atomically
from rgsd.cli.finishing import is_evaluated, training_cost
from rgsd.cli.marked import bold
from rgsd.errors import UsageError
from rgsd.evaluation.comparison import MEAN, WORST, EvaluatedRun, group_seeds
from rgsd.evaluation.comparison import compare as compare_runs
from rgsd.evaluation.convergence import convergence
from rgsd.evaluation.headlines import DEFAULT_METRICS, MEASURES
from rgsd.evaluation.paper import GROUPS
from rgsd.methods.runs import RunConfig
from rgsd.viewing.comparison import comparison_chart, comparison_table, run_curves
from rgsd.viewing.paper_table import table_one
from rgsd.viewing.run_folder import RunFolder
from rgsd.viewing.switching import switching_grid
from rgsd.viewing.theme import png_bytes


def compare(
    runs: Annotated[tuple[Path, ...], tyro.conf.Positional],
    out: Path = Path("runs/comparison"),
    as_json: Annotated[bool, tyro.conf.arg(name="json")] = False,
) -> None:
    """Compare evaluated RUNs: imitation by motion group, discovery, variations, cost and learning curves.

    Runs that differ only in their seed are one row, with a point for each seed. The protocol's reference rows stand in
    each table once; tracker runs among RUNs make the row `tracker`. Writes comparison.md, comparison.json,
    comparison.png, learning_curves.png and, of methods with latents, switching.png. Runs of different bodies, motions
    or protocol versions are refused.

    Args:
        runs: folders that `rgsd evaluate` has evaluated.
        out: folder of the comparison.
        as_json: print comparison.json instead of the tables.
    """
    content = write_comparison(runs, out, "Comparison")
    if as_json:
        print(json.dumps(content))
        return
    console = Console()
    console.print((out / "comparison.md").read_text(), soft_wrap=True, highlight=False, markup=False)
    console.print(
        f"in {bold(out)}: comparison.md, comparison.json, comparison.png and further pictures", soft_wrap=True
    )


def write_comparison(runs: Sequence[Path], out: Path, title: str) -> dict[str, Any]:
    """Write the files of a comparison; returns the content of comparison.json.

    Raises:
        UsageError: a folder without an evaluation, or runs that must not be compared.
    """
    evaluated = [_read(run) for run in runs]
    content = compare_runs(evaluated)
    rows = group_seeds(evaluated)
    histories = {name: [RunFolder(Path(run.name)).history for run in seeds] for name, seeds in rows.items()}
    chart = png_bytes(comparison_chart(content["metrics"], DEFAULT_METRICS))
    curves = png_bytes(run_curves(histories))
    switched = {name: [run.evaluation["discovery"]["switching"] for run in rows[name]] for name in _discovering(rows)}
    text = _markdown(content, title)
    write_atomically(out / "comparison.json", lambda path: path.write_text(json.dumps(content, indent=1) + "\n"))
    write_atomically(out / "comparison.md", lambda path: path.write_text(text))
    write_atomically(out / "comparison.png", lambda path: path.write_bytes(chart))
    write_atomically(out / "learning_curves.png", lambda path: path.write_bytes(curves))
    if switched:
        matrices = png_bytes(switching_grid(switched))
        write_atomically(out / "switching.png", lambda path: path.write_bytes(matrices))
    return content


def _discovering(rows: Mapping[str, Sequence[EvaluatedRun]]) -> list[str]:
    return [name for name, seeds in rows.items() if all(run.evaluation["discovery"] for run in seeds)]


def _read(run: Path) -> EvaluatedRun:
    config, folder = RunConfig.load(run), RunFolder(run)
    if not folder.evaluation:
        raise UsageError(f"{run / 'evaluation' / 'evaluation.json'}: no such file; `rgsd evaluate {run}` makes it")
    evaluated, now = folder.evaluation.get("weights_sha256"), folder.policy.get("weights_sha256")
    # what was finished here remembers what it had cost; evaluations from before there was the digest cannot tell
    if evaluated and evaluated != now and not is_evaluated(run):
        raise UsageError(f"{run}: has been trained on since it was evaluated; `rgsd evaluate {run}` evaluates it anew")
    label = run.parent.name if run.name.startswith("seed") else run.name
    physics = folder.policy.get("physics_sha256", "")
    settings = dataclasses.replace(config, seed=0)
    cost = training_cost(run)
    log = [row for row in folder.history if row["samples"] <= cost["samples"]]
    reward = convergence([row["samples"] for row in log], [row["Train/mean_reward"] for row in log])
    return EvaluatedRun(str(run), label, settings, config.seed, physics, folder.evaluation, cost, reward)


def _markdown(content: dict[str, Any], title: str) -> str:
    """All tables, one below another."""
    tables = content["imitation"]
    groups = [name for name in tables if name not in (MEAN, WORST)]
    shown = [group for group in GROUPS if group in groups] or groups
    parts = [
        f"# {title}",
        f"Body {content['body']}, {len(content['clips'])} motions, protocol {content['protocol']}; the deterministic "
        f"policy, {content['rollouts_per_clip']} rollouts a clip, falls included. The mean over training seeds, then "
        "in brackets the seeds' own metrics or, of five or more, its 95 % interval. Budgets are those below: a method "
        "whose learning curve still rises has not been evaluated for what it can do.",
        "## Cost",
        comparison_table(content["training"], list(next(iter(content["training"].values()))), "row"),
        "`reward_90`: samples after which the mean reward, each method's own, has made 90 % of its way; "
        "none of a curve that has not risen by twice its scatter; "
        "`reward_rising`: the fraction of seeds whose reward still rose at the end, of which the former says nothing.",
        "![learning curves](learning_curves.png)",
        "## Imitation by motion group, in short",
        table_one(tables, shown),
        "## Headlines",
        "![seeds as points, means as bars](comparison.png)",
        comparison_table(content["metrics"], DEFAULT_METRICS, "row"),
    ]
    for name, rows in tables.items():
        parts += [f"## Imitation: {name}", comparison_table(rows, MEASURES, "row")]
    if content["discovery"]:
        rows = content["discovery"]
        parts += ["## Discovery", "`references` are their own coverages and the size-matched null of the FID."]
        parts += [comparison_table(rows, list(next(iter(rows.values()))), "row")]
        parts += ["![falls after a change from each motion's latent to each other's](switching.png)"]
    for kappa, rows in content["variations"].items():
        parts += [
            f"## Variations: z ~ vMF(z of the clip, {kappa})",
            comparison_table(rows, list(next(iter(rows.values()))), "row"),
        ]
    return "\n\n".join(part.strip("\n") for part in parts) + "\n"
