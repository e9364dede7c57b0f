"""`rgsd demo`: the whole path, from motions that come with rgsd to a report with a film; or a published policy.

The quadruped learns its planned gaits from nothing; the humanoid begins from the published tracker of its clips.
"""

from __future__ import annotations

import dataclasses
import datetime
import shlex
import shutil
import sys
from pathlib import Path
from typing import Any

from rich.console import Console

from rgsd import pretrained
from rgsd.bodies.registry import make_body
from rgsd.cli.console import make_console
from rgsd.cli.evaluate import Evaluated, evaluate_run, write_views
from rgsd.cli.play_policy import play_policy
from rgsd.cli.train import run_training
from rgsd.errors import UsageError
from rgsd.evaluation.protocol import AMOUNTS, QUICK, EvaluationConfig
from rgsd.methods.presets import from_tracker, make_preset
from rgsd.methods.runs import RunConfig, load_library
from rgsd.viewing.report import PERFORMED
from rgsd.viewing.run_folder import RunFolder

MINUTES = 10.0
_SMPL_MINUTES = 20.0
_TRACKER = "smpl-tracker20"


def demo(out: Path | None = None, minutes: float | None = None, body: str = "quadruped", seed: int = 0) -> None:
    """Embed motions, train RGSD on them, measure it, and write a report with plots and a film.

    With 0 minutes, and without --minutes for every body but the quadruped, nothing is trained: a body's published
    policy shows what it can do, in a table and a film.

    Args:
        out: folder of the run; runs/demo-<date> if not given. A folder that holds an unfinished demo goes on.
        minutes: of training; 0 plays the published policy. If not given, 10 on the quadruped, 0 on another body.
        body: quadruped or smpl; to play, any that has a published policy, or such a policy by its own name.
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
    folder = out or Path("runs") / f"demo-{'' if body == 'quadruped' else f'{body}-'}{datetime.date.today():%Y%m%d}"
    config = dataclasses.replace(_config(body), minutes=minutes, seed=seed).with_absolute_paths()
    if (folder / "config.yaml").exists():
        found = RunConfig.load(folder)
        if dataclasses.replace(found, minutes=config.minutes) != config:
            raise UsageError(f"--out {folder}: another run lives there; choose another folder")
    library = load_library(config, make_body(config.body))
    for motion in library.motions:
        motion.save(folder / "motions" / f"{motion.name}.npz")
    console.print(f"[bold]1[/bold] {len(library)} reference motions: {', '.join(library.names)}")
    console.print(f"[bold]2[/bold] RGSD: encoder, then {minutes:g} min of imitation and discovery side by side")

    run_training(config, folder, console)
    console.print("[bold]3[/bold] measuring by the protocol")
    evaluated = evaluate_run(str(folder), _evaluation(body, minutes), console)
    report = write_views(evaluated, console)
    _print_closing(folder, evaluated, report, console)


def _config(body: str) -> RunConfig:
    """What the demo trains.

    Raises:
        UsageError: a body that comes without motions.
    """
    if body == "quadruped":
        return make_preset("cpu", "rgsd", body)
    if body == "smpl":
        return from_tracker(make_preset("cpu", "rgsd", body), pretrained.find(_TRACKER))
    raise UsageError(
        f"--body {body}: the demo trains quadruped and smpl, whose motions come with rgsd; without --minutes it plays "
        "a published policy"
    )


def _evaluation(body: str, minutes: float) -> EvaluationConfig:
    """A shortened demo is a first look: fewer rollouts, the same definitions. The humanoid's is one at any length."""
    if body == "smpl":
        return EvaluationConfig(**{name: getattr(QUICK, name) for name in AMOUNTS})
    latents = max(64, round(500 * min(1.0, minutes / MINUTES)))
    return EvaluationConfig(num_latents=latents, held_out_latents=latents)


def _print_closing(folder: Path, evaluated: Evaluated, report: Path, console: Console) -> None:
    """Ten lines: what came out, where everything lies, and three commands to try next that run as they are printed.

    An eleventh says so if it was measured on what a tracker performed.
    """
    run, called = shlex.quote(str(folder)), _program()
    films = ", ".join(map(str, RunFolder(folder).films)) or f"none yet; `{called} doctor` says what films take"
    found = {"report": report, "plots": report.parent / "plots", "film": films}
    result, on_smpl = evaluated.result, evaluated.body.name == "smpl"
    longer = 3 * _SMPL_MINUTES if on_smpl else 2 * MINUTES
    commands = (
        f"{called} play {run}",
        f"{called} train rgsd --resume {run} --minutes {longer:g}",
        f"{called} record {run} --random 6" if on_smpl else f"{called} demo --body smpl --minutes {_SMPL_MINUTES:g}",
    )
    lines = [
        *([PERFORMED.format(", ".join(result["performed_by"]))] if result["performed_by"] else []),
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
