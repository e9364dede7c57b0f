"""`rgsd reproduce downstream TABLE`: goals reached in style with every method's skills, as in the paper's section 5."""

from __future__ import annotations

import dataclasses
import json
from pathlib import Path
from typing import Annotated, Any

import tyro
from rich.console import Console

from rgsd.atomic import write_atomically
from rgsd.cli.finishing import evaluate_once, is_evaluated, run_folder
from rgsd.cli.marked import bold
from rgsd.cli.reproduce import FROM_SCRATCH, METHODS
from rgsd.cli.task import evaluate_task, train_task, write_views
from rgsd.cli.trained import load_trained
from rgsd.errors import UsageError
from rgsd.evaluation.convergence import convergence
from rgsd.evaluation.downstream import DownstreamConfig
from rgsd.evaluation.headlines import over_seeds
from rgsd.learning.loop import reached
from rgsd.tasks.runs import CONFIG, TaskConfig, skills_identity
from rgsd.tasks.style import make_style
from rgsd.tasks.trainer import load_task_checkpoint
from rgsd.viewing.comparison import TASK_CURVES, comparison_chart, comparison_table, run_curves
from rgsd.viewing.run_folder import RunFolder
from rgsd.viewing.theme import png_bytes

METRICS = (
    "success",
    "goals_per_minute",
    "falls",
    "falls_per_minute",
    "fid",
    "fid_null",
    "style_by_encoder",
    "style_by_travel",
    "travelling",
    "turning",
    "loops_per_minute",
    "training.samples",
    "training.speed_90",
    "training.speed_rising",
)
"""What the tables show of `task.json` and of learning (docs/tasks.md)."""
_ENCODER_METHOD = "rgsd"  # whose encoder says which clip is nearest, for all methods alike


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
    console, folder = Console(), out or table / "downstream"
    methods = _methods(table, seeds, console)
    _check(table, styles, task, evaluation)
    task = dataclasses.replace(task, minutes=minutes_per_task)
    jobs = [(seed, style, method) for seed in range(seeds) for style in styles for method in methods]
    for number, (seed, style, method) in enumerate(jobs, start=1):
        console.rule(f"{number} of {len(jobs)}: {style} with the skills of {method}, seed {seed}")
        skills, encoder_run = run_folder(table, method, seed), run_folder(table, _ENCODER_METHOD, seed)
        config = dataclasses.replace(task, run=str(skills.resolve()), style=style, seed=seed)
        _finish(run_folder(folder / style, method, seed), config, evaluation, encoder_run, console)
        _write(folder, styles, methods, seeds, minutes_per_task)
    console.print((folder / "downstream.md").read_text(), soft_wrap=True, highlight=False, markup=False)
    console.print(f"in {bold(folder)}: downstream.md, .json, and a chart and curves of every style")


def _methods(table: Path, seeds: int, console: Console) -> list[str]:
    """The table's methods that have latents and whose seeds are all finished; RGSD, whose encoder names the nearest
    clip, must be one."""
    wanted = [method for method in (*METHODS, FROM_SCRATCH) if method != "tracker"]
    finished = [
        m for m in wanted if seeds > 0 and all(is_evaluated(run_folder(table, m, seed)) for seed in range(seeds))
    ]
    if _ENCODER_METHOD not in finished:
        raise UsageError(
            f"{table}: not all of --seeds {seeds} of {_ENCODER_METHOD} are finished there, whose encoder names the "
            f"nearest clip; `rgsd reproduce table1 --out {table}` makes them"
        )
    missing = [method for method in wanted if method not in finished]
    if missing:
        console.print(f"left out, because {table} lacks finished runs of them: {', '.join(missing)}", soft_wrap=True)
    return finished


def _check(table: Path, styles: tuple[str, ...], task: TaskConfig, evaluation: DownstreamConfig) -> None:
    """Refuse what would fail, before anything is spent on it."""
    for field in dataclasses.fields(TaskConfig):
        if field.name in ("style", "steps", "minutes", "seed") and getattr(task, field.name) != field.default:
            raise UsageError(f"--task.{field.name} is set by this command; use --minutes-per-task, --styles, --seeds")
    evaluation.check("--evaluation")
    if not styles or len(set(styles)) < len(styles):
        raise UsageError(f"--styles {' '.join(styles)}: name at least one, and each once")
    library = load_trained(run_folder(table, _ENCODER_METHOD, 0)).library
    for style in styles:
        make_style(style, library)


def _finish(run: Path, config: TaskConfig, evaluation: DownstreamConfig, encoder_run: Path, console: Console) -> None:
    if (run / CONFIG).exists():
        found = TaskConfig.load(run)
        if dataclasses.replace(found, minutes=config.minutes) != config:
            raise UsageError(f"{run}: was trained with other settings; give another --out, or remove it")
    # by its checkpoint, as what is evaluated: after a kill the log may be ahead of it
    saved = load_task_checkpoint(run, skills_identity(Path(config.run)))
    if saved is None or not reached(saved["samples"], saved["seconds"], None, config.minutes):
        train_task(config, run, console)

    def measure() -> None:
        _, traces = evaluate_task(run, evaluation, encoder=encoder_run)
        write_views(run, traces, config, Console(quiet=True), video=False)

    how = {"evaluation": dataclasses.asdict(evaluation), "encoder_run": skills_identity(encoder_run)}
    evaluate_once(run, how, measure, console)


def _write(folder: Path, styles: tuple[str, ...], methods: list[str], seeds: int, minutes: float) -> None:
    parts = [
        f"# Goals in style: {minutes:g} minutes a task",
        "What each metric means: docs/tasks.md. The mean over training seeds, then in brackets the seeds' own metrics "
        "or, of five or more, its 95 % interval; deterministic policies, falls included. Budgets are equal: a policy "
        "whose learning curve still rises has not been evaluated for what it can do.",
    ]
    content: dict[str, Any] = {}
    for style in styles:
        runs = {
            method: [run for seed in range(seeds) if is_evaluated(run := run_folder(folder / style, method, seed))]
            for method in methods
        }
        runs = {method: found for method, found in runs.items() if found}
        if not runs:
            continue
        rows = {method: _metrics(found) for method, found in runs.items()}
        content[style] = rows
        histories = {method: [RunFolder(run).history for run in found] for method, found in runs.items()}
        for name, figure in (
            (f"{style}.png", comparison_chart(rows, METRICS)),
            (f"{style}_curves.png", run_curves(histories, TASK_CURVES)),
        ):
            picture = png_bytes(figure)
            write_atomically(folder / name, lambda path, picture=picture: path.write_bytes(picture))
        parts += [f"## Style {style}", comparison_table(rows, METRICS, "skills of").strip()]
        parts += [f"![seeds as points, means as bars]({style}.png)", f"![learning curves]({style}_curves.png)"]
    text = "\n\n".join(parts) + "\n"
    write_atomically(folder / "downstream.md", lambda path: path.write_text(text))
    write_atomically(folder / "downstream.json", lambda path: path.write_text(json.dumps(content, indent=1) + "\n"))


def _metrics(runs: list[Path]) -> dict[str, Any]:
    """By metric, `points` of the seeds, their `mean` and `ci`."""
    results = [json.loads((run / "evaluation" / "task.json").read_text()) for run in runs]
    for result, run in zip(results, runs, strict=True):
        log = RunFolder(run).history
        speed = convergence([row["samples"] for row in log], [row["Task/speed_to_goal"] for row in log])
        result |= {
            "training.samples": log[-1]["samples"],
            "training.speed_90": speed.samples,
            "training.speed_rising": float(speed.rising),
        }
    return {name: over_seeds([result[name] for result in results]) for name in METRICS}
