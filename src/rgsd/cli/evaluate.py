"""`rgsd evaluate RUN`: the whole protocol, then the report."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Annotated, Any

import torch
import tyro
from rich import box
from rich.console import Console
from rich.markup import escape
from rich.table import Table

from rgsd.cli.marked import bold
from rgsd.cli.pretrain import write_encoder_views
from rgsd.cli.trained import load_trained
from rgsd.evaluation.protocol import EvaluationConfig
from rgsd.evaluation.protocol import evaluate as measure
from rgsd.learning.networks import Actor
from rgsd.learning.skill_policy import SkillPolicy
from rgsd.methods.runs import RunConfig
from rgsd.motions.library import MotionLibrary
from rgsd.motions.synthesis.quadruped import held_out_quadruped
from rgsd.viewing.report import write_report
from rgsd.viewing.run_folder import RunFolder
from rgsd.viewing.showreel import write_showreel
from rgsd.viewing.video import FilmUnavailable

# beside names of 24 letters they just fit into the 80 columns that a file or a plain terminal has
_COLUMNS = {
    "cartesian_error_cm": "error\ncm",
    "skill": "skill",
    "tracked": "tracked",
    "survival": "survival",
    "path_ratio": "path",
    "turn_ratio": "turn",
    "root_error_end_m": "root\nend m",
    "fid": "FID",
}


def evaluate(
    run: Annotated[Path, tyro.conf.Positional],
    motions: str | None = None,
    tracker: Path | None = None,
    config: EvaluationConfig = EvaluationConfig(),  # noqa: B008 (frozen)
    video: bool = True,
    as_json: Annotated[bool, tyro.conf.arg(name="json")] = False,
) -> None:
    """Measure RUN by the protocol and write evaluation.json, rollouts.npz, plots, a film and report.html.

    Args:
        run: a run's folder.
        motions: where the run's motions lie now, if they have moved.
        tracker: folder of an evaluated tracker run on the same clips, for its row.
        config: how much is rolled out.
        video: film as well, which needs offscreen GL; --no-video leaves that out.
        as_json: print the means as JSON instead of a table.
    """
    console = Console(quiet=as_json)
    result = evaluate_run(run, config, console, motions, tracker)
    write_views(run, console, video)
    if as_json:
        print(json.dumps({"mean": result["mean"], "discovery": result["discovery"]}))


def evaluate_run(
    run: Path,
    config: EvaluationConfig,
    console: Console,
    motions: str | None = None,
    tracker: Path | None = None,
) -> dict[str, Any]:
    """Measure a run and print its tables; returns the content of evaluation.json."""
    settings, library, policy = load_trained(run, motions)
    body = library.body
    gaits = held_out_quadruped(body) if body.name == "quadruped" else []
    unseen = [gait for gait in gaits if gait.name not in library.names]
    held_out = MotionLibrary(body, unseen) if unseen else None
    with console.status("evaluating") as status:
        result = measure(
            policy,
            library,
            config,
            run=run.resolve().name,
            weights_sha256=RunFolder(run).policy.get("weights_sha256", ""),
            folder=run / "evaluation",
            untrained=untrained_twin(policy, settings.seed),
            tracker=None if tracker is None else tracker / "evaluation" / "evaluation.json",
            held_out=held_out,
            progress=lambda stage: status.update(f"evaluating: {stage}"),
        )
    if policy.encoder is not None:
        write_encoder_views(policy.encoder, library, run)
    console.print("imitation from the first frame to the last, deterministic; falls included:")
    console.print(imitation_table(result))
    if said := blowups(result):
        console.print(f"[yellow]{escape(said)}[/yellow]")
    _print_discovery(result, console)
    return result


def write_views(run: Path, console: Console, video: bool = True) -> Path:
    """Film and report of an evaluated run; what a film takes and is not there is said, and the film left out."""
    if video:
        try:
            with console.status("filming"):
                film = write_showreel(RunFolder(run), RunConfig.load(run).make_body())
            console.print(f"film: {bold(film)}", soft_wrap=True)
        except FilmUnavailable as error:
            console.print(f"[yellow]no film: {escape(str(error))}[/yellow]")
    report = write_report(run)
    console.print(f"report: {bold(report)}, plots beside it in {escape(str(report.parent / 'plots'))}", soft_wrap=True)
    return report


def untrained_twin(policy: SkillPolicy, seed: int) -> SkillPolicy:
    """The same policy before any training: fresh weights, the same normalisation and latents."""
    torch.manual_seed(seed)
    old = policy.actor
    fresh = Actor(len(old.normalizer.mean), policy.latent_dim, old.action_scale, old.config)
    fresh.normalizer.load_state_dict(old.normalizer.state_dict())
    return SkillPolicy(
        policy.body,
        fresh.requires_grad_(False),
        policy.latent_dim,
        policy.method,
        encoder=policy.encoder,
        clip_latents=policy.clip_latents,
        clock=policy.clock,
        lag=policy.lag,
        condition=policy.condition,
        condition_moments=policy.condition_moments,
    )


def imitation_table(result: dict[str, Any]) -> Table:
    """The clips of an evaluation (the content of evaluation.json), their mean, and the rows to hold it against."""
    table = Table(box=box.SIMPLE_HEAD, show_edge=False, padding=0)
    table.add_column("clip", overflow="fold")  # alone gives way where the width does not suffice, and loses nothing
    for heading in _COLUMNS.values():
        table.add_column(heading, justify="right", no_wrap=True)
    rows = [*result["clips"].items(), ("mean of groups", result["mean"])]
    rows += [("stochastic", result["stochastic"]["mean"])]
    rows += [(name, row["mean"]) for name, row in result["reference_rows"].items() if row is not None]
    for name, row in rows:
        if name == "mean of groups":
            table.add_section()
        cells = [row.get(key) for key in _COLUMNS]
        table.add_row(escape(name), *("-" if value is None else f"{value:z.2f}" for value in cells))
    return table


def blowups(result: dict[str, Any]) -> str:
    """What is to be said of simulations that blew up; nothing, if none did."""
    fractions = {name: clip["blown_up"] for name, clip in result["clips"].items() if clip["blown_up"]}
    said = ", ".join(f"{name} {fraction:.0%}" for name, fraction in fractions.items())
    return said and f"the simulation blew up (fallen, and frozen from there on, which flatters other metrics): {said}"


def print_metrics(metrics: dict[str, Any], console: Console) -> None:
    """The plain numbers among metrics, a line each, with their intervals `KEY_ci`."""
    for key, value in metrics.items():
        if isinstance(value, float | int):
            interval = metrics.get(f"{key}_ci")
            limits = "" if interval is None else f" ({interval[0]:.3g} to {interval[1]:.3g})"
            console.print(f"  {key} {value:.3g}{limits}", highlight=False)


def _print_discovery(result: dict[str, Any], console: Console) -> None:
    found = result["discovery"]
    if found is None:
        return
    console.print("\ndiscovery, uniform latents from the standing pose:")
    print_metrics(found, console)
