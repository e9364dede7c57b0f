"""`rgsd reproduce downstream TABLE`: goals reached in style with every method's skills, as in the paper's section 5."""

from __future__ import annotations

import dataclasses
import json
from collections.abc import Iterator
from pathlib import Path
from typing import Annotated, Any

import tyro
from rich.console import Console

from rgsd.cli.finishing import is_judged, judge_once, run_folder
from rgsd.cli.reproduce import METHODS
from rgsd.cli.task import evaluate_task, train_task, write_views
from rgsd.errors import UsageError
from rgsd.evaluation.downstream import DownstreamConfig
from rgsd.evaluation.headlines import over_seeds
from rgsd.learning.checkpoint import write_atomically
from rgsd.tasks.runs import CONFIG, TaskConfig
from rgsd.viewing.comparison import TASK_CURVES, comparison_chart, comparison_table, run_curves
from rgsd.viewing.run_folder import RunFolder
from rgsd.viewing.style import png_bytes

FIGURES = (
    "success",
    "goals_per_minute",
    "falls_per_minute",
    "fid",
    "fid_floor",
    "style_by_encoder",
    "style_by_travel",
    "travelling",
    "training.samples",
)
"""What the tables show of `task.json` (docs/tasks.md), and what a run has cost."""
_JUDGE = "rgsd"  # whose encoder says which clip is nearest, for all methods alike


def reproduce_downstream(
    table: Annotated[Path, tyro.conf.Positional],
    minutes_per_task: float,
    styles: tuple[str, ...] = ("free", "sidestep", "backward"),
    seeds: int = 3,
    out: Path | None = None,
    task: TaskConfig = TaskConfig(),  # noqa: B008 (frozen)
    evaluation: DownstreamConfig = DownstreamConfig(),  # noqa: B008 (frozen)
) -> None:
    """Train goal reaching in every style on the skills of every method of TABLE, the folder of a table 1, and compare.

    Seed by seed, over the skills of the same seed, one run after another, each a folder OUT/STYLE/METHOD/seedN. After
    each, OUT has downstream.md and .json and a chart and learning curves of every style. The same command goes on after
    an interruption; more minutes, styles or seeds are caught up on. The nearest clip is named by the encoder of RGSD's
    run of the seed, for all methods alike.

    Args:
        table: folder of `rgsd reproduce table1`.
        minutes_per_task: of training, for each style, method and seed.
        styles: free, sidestep or backward, or clips or groups by name.
        seeds: how many; they are 0, 1, ...
        out: folder of the tables and the runs; TABLE/downstream if not given.
        task: the task, but for what this command sets: its style, seed, minutes and steps.
        evaluation: how much is tried.
    """
    for field in dataclasses.fields(TaskConfig):
        if field.name in ("style", "steps", "minutes", "seed") and getattr(task, field.name) != field.default:
            raise UsageError(f"--task.{field.name} is set by this command; use --minutes-per-task, --styles, --seeds")
    console, folder = Console(), out or table / "downstream"
    methods = [method for method in METHODS if method != "oracle" and is_judged(run_folder(table, method, 0))]
    if not methods:
        raise UsageError(f"{table}: no finished run of seed 0; `rgsd reproduce table1 --out {table}` makes them")
    for skills in (run_folder(table, method, seed) for seed in range(seeds) for method in methods):
        if not is_judged(skills):
            raise UsageError(f"{skills}: not finished; `rgsd reproduce table1` with --seeds {seeds} makes it")
    task = dataclasses.replace(task, minutes=minutes_per_task)
    finished: list[tuple[str, str, int]] = []
    for style, method, seed in _finish_all(table, folder, methods, styles, seeds, task, evaluation, console):
        finished.append((style, method, seed))
        _write(finished, folder, minutes_per_task)
    console.print((folder / "downstream.md").read_text(), soft_wrap=True, highlight=False, markup=False)
    console.print(f"in [bold]{folder}[/bold]: downstream.md, .json, and a chart and curves of every style")


def _finish_all(
    table: Path,
    folder: Path,
    methods: list[str],
    styles: tuple[str, ...],
    seeds: int,
    task: TaskConfig,
    evaluation: DownstreamConfig,
    console: Console,
) -> Iterator[tuple[str, str, int]]:
    """Finish every run as far as that is not done; yields style, method and seed of each that is."""
    total, done = seeds * len(styles) * len(methods), 0
    for seed in range(seeds):
        judge = run_folder(table, _JUDGE, seed)
        for style in styles:
            for method in methods:
                done += 1
                skills, run = run_folder(table, method, seed), run_folder(folder / style, method, seed)
                console.rule(f"{done} of {total}: {style} with the skills of {method}, seed {seed}")
                config = dataclasses.replace(task, run=str(skills.resolve()), style=style, seed=seed)
                _finish(run, config, evaluation, judge if is_judged(judge) else None, console)
                yield style, method, seed


def _finish(run: Path, config: TaskConfig, evaluation: DownstreamConfig, judge: Path | None, console: Console) -> None:
    if (run / CONFIG).exists():
        found = TaskConfig.load(run)
        if dataclasses.replace(found, minutes=config.minutes) != config:
            raise UsageError(f"{run}: was trained with other settings; give another --out, or remove it")
    train_task(config, run, console)

    def measure() -> None:
        _, traces = evaluate_task(run, evaluation, encoder=judge)
        write_views(run, traces, config, Console(quiet=True), video=False)

    judge_once(run, evaluation, measure, console)


def _write(finished: list[tuple[str, str, int]], folder: Path, minutes: float) -> None:
    styles = list(dict.fromkeys(style for style, _, _ in finished))
    parts = [
        f"# Goals in style: {minutes:g} minutes a task",
        "What each figure means: docs/tasks.md. The mean over training seeds, then in brackets the seeds' own figures "
        "or, of five or more, its 95 % interval; deterministic policies, falls included. Budgets are equal: a policy "
        "whose learning curve still rises has not been judged for what it can do.",
    ]
    content: dict[str, Any] = {}
    for style in styles:
        runs: dict[str, list[Path]] = {}
        for found, method, seed in finished:
            if found == style:
                runs.setdefault(method, []).append(run_folder(folder / style, method, seed))
        rows = {method: _figures(paths) for method, paths in runs.items()}
        content[style] = rows
        curves = run_curves(
            {name: [RunFolder(run).history for run in paths] for name, paths in runs.items()}, TASK_CURVES
        )
        for name, figure in ((f"{style}.png", comparison_chart(rows, FIGURES)), (f"{style}_curves.png", curves)):
            picture = png_bytes(figure)
            write_atomically(folder / name, lambda path, picture=picture: path.write_bytes(picture))
        parts += [f"## Style {style}", comparison_table(rows, FIGURES, "skills of").strip()]
        parts += [f"![seeds as points, means as bars]({style}.png)", f"![learning curves]({style}_curves.png)"]
    text = "\n\n".join(parts) + "\n"
    write_atomically(folder / "downstream.md", lambda path: path.write_text(text))
    write_atomically(folder / "downstream.json", lambda path: path.write_text(json.dumps(content, indent=1) + "\n"))


def _figures(runs: list[Path]) -> dict[str, Any]:
    """By figure, `points` of the seeds, their `mean` and `ci`."""
    results = [json.loads((run / "evaluation" / "task.json").read_text()) for run in runs]
    for result, run in zip(results, runs, strict=True):
        result["training.samples"] = RunFolder(run).history[-1]["samples"]
    return {name: over_seeds([result[name] for result in results]) for name in FIGURES}
