"""`rgsd demo`: the whole path on the quadruped, from planned gaits to a report with a film; or a published policy."""

from __future__ import annotations

import dataclasses
import datetime
import shlex
import shutil
import sys
from pathlib import Path
from typing import Any

from rich.console import Console

from rgsd.bodies.registry import make_body
from rgsd.cli.console import make_console
from rgsd.cli.evaluate import evaluate_run, write_views
from rgsd.cli.play_policy import play_policy
from rgsd.cli.train import run_training
from rgsd.errors import UsageError
from rgsd.evaluation.protocol import EvaluationConfig
from rgsd.methods.presets import make_preset
from rgsd.methods.runs import RunConfig, load_library
from rgsd.viewing.run_folder import RunFolder

MINUTES = 10.0


def demo(out: Path | None = None, minutes: float | None = None, body: str = "quadruped", seed: int = 0) -> None:
    """Synthesise gaits, embed them, train RGSD, measure it, and write a report with plots and a film.

    With 0 minutes, and for every body but the quadruped, nothing is trained: a body's published policy shows what it
    can do, in a table and a film.

    Args:
        out: folder of the run; runs/demo-<date> if not given. A folder that holds an unfinished demo goes on.
        minutes: of training; 0 plays the published policy. If not given, 10 on the quadruped, 0 on another body.
        body: quadruped, or any that has a published policy, or such a policy by its own name.
        seed: of everything random.
    """
    if minutes is None:
        minutes = MINUTES if body == "quadruped" else 0.0
    if not minutes >= 0:
        raise UsageError(f"--minutes {minutes}: give a positive time, such as 10, or 0 for the published policy")
    console = make_console()
    if minutes == 0:
        folder = out or Path("runs") / f"demo-{body}-{datetime.date.today():%Y%m%d}"
        play_policy(body, folder, seed, console)
        return
    if body != "quadruped":
        raise UsageError(
            f"--body {body}: the demo trains the quadruped, whose references are planned; without --minutes it "
            f"plays a published policy; to train: rgsd train rgsd --body {body} --motions FOLDER"
        )
    folder = out or Path("runs") / f"demo-{datetime.date.today():%Y%m%d}"
    config = dataclasses.replace(make_preset("cpu", "rgsd", "quadruped"), minutes=minutes, seed=seed)
    if (folder / "config.yaml").exists():
        found = RunConfig.load(folder)
        if dataclasses.replace(found, minutes=config.minutes) != config:
            raise UsageError(f"--out {folder}: another run lives there; choose another folder")
    library = load_library(config, make_body(config.body))
    for motion in library.motions:
        motion.save(folder / "motions" / f"{motion.name}.npz")
    console.print(f"[bold]1[/bold] {len(library)} reference gaits: {', '.join(library.names)}")
    console.print(f"[bold]2[/bold] RGSD: encoder, then {minutes:g} min of imitation and discovery side by side")

    run_training(config, folder, console)
    console.print("[bold]3[/bold] measuring by the protocol")
    # a shortened demo is a first look: fewer latents, the same definitions
    fraction = min(1.0, minutes / MINUTES)
    latents = max(64, round(500 * fraction))
    evaluated = evaluate_run(str(folder), EvaluationConfig(num_latents=latents, held_out_latents=latents), console)
    report = write_views(evaluated, console)
    _print_closing(folder, evaluated.result, report, console)


def _print_closing(folder: Path, result: dict[str, Any], report: Path, console: Console) -> None:
    """Ten lines: what came out, where everything lies, and three commands to try next that run as they are printed."""
    run, called = shlex.quote(str(folder)), _program()
    films = ", ".join(map(str, RunFolder(folder).films)) or f"none yet; `{called} doctor` says what films take"
    found = {"report": report, "plots": report.parent / "plots", "film": films}
    commands = (
        f"{called} play {run}",
        f"{called} train rgsd --resume {run} --minutes {2 * MINUTES:g}",
        f"{called} train rgsd --body smpl --motions ACCAD_FOLDER --minutes 20",
    )
    lines = [
        *_findings(result),
        *(f"{name:<7} {path}" for name, path in found.items()),
        "",
        "Try next:",
        *(f"  {c}" for c in commands),
    ]
    for line in lines:
        console.print(line, soft_wrap=True, markup=False, highlight=False)


def _findings(result: dict[str, Any]) -> list[str]:
    """Two lines, from the content of evaluation.json; the report has the other metrics."""
    mean, found, pose = result["mean"], result["discovery"], result["reference_rows"]["static_pose"]["mean"]
    error, static = (row["cartesian_error_cm"] for row in (mean, pose))
    return [
        f"clips   followed for {mean['survival']:.0%} of their time, "
        f"error {error:.1f} cm (a static pose: {static:.1f} cm)",
        f"skills  of {found['num_latents']} random ones {found['fall_rate']:.0%} fall, "
        f"{found['direction_coverage']:.0%} of the directions are covered",
    ]


def _program() -> str:
    """How this program was called, as a shell takes it: by name, by path, or as a module."""
    called = Path(sys.argv[0])
    if called.name == "__main__.py":
        return f"{shlex.quote(sys.executable)} -m rgsd"
    known = shutil.which("rgsd")
    if called.name != "rgsd" or (known is not None and called.exists() and called.samefile(known)):
        return "rgsd"
    return shlex.quote(sys.argv[0])
