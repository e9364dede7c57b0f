"""`rgsd evaluate RUN`: the whole protocol, then the report."""

from __future__ import annotations

import dataclasses
import json
from pathlib import Path
from typing import Annotated, Any, NamedTuple

import torch
import tyro
from rich import box
from rich.console import Console
from rich.markup import escape
from rich.table import Table

from rgsd.bodies.body import Body
from rgsd.cli.console import make_console
from rgsd.cli.marked import bold
from rgsd.cli.options import AsJson, Switch
from rgsd.cli.pretrain import write_encoder_views
from rgsd.cli.trained import find_skills, load_skills, own_references
from rgsd.cli.writable import check_writable
from rgsd.errors import UsageError
from rgsd.evaluation.protocol import AMOUNTS, QUICK, EvaluationConfig
from rgsd.evaluation.protocol import evaluate as measure
from rgsd.learning.networks import Actor
from rgsd.learning.skill_policy import SkillPolicy
from rgsd.methods.runs import RunConfig
from rgsd.motions.library import MotionLibrary
from rgsd.motions.synthesis.quadruped import held_out_quadruped
from rgsd.viewing.report import PERFORMED, write_report
from rgsd.viewing.run_folder import RunFolder
from rgsd.viewing.showreel import write_showreel
from rgsd.viewing.video import FilmUnavailable

# beside names of 24 letters they just fit into the 80 columns that a plain terminal has
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
    run: Annotated[str, tyro.conf.Positional, tyro.conf.arg(metavar="RUN|POLICY")],
    motions: str | None = None,
    body: str | None = None,
    tracker: Path | None = None,
    out: Path | None = None,
    quick: Switch = False,
    config: EvaluationConfig = EvaluationConfig(),  # noqa: B008 (frozen)
    video: bool = True,
    as_json: AsJson = False,
) -> None:
    """Measure RUN by the protocol and write evaluation.json, rollouts.npz, plots, a film and report.html.

    Args:
        run: a run's folder, or a published policy such as smpl-accad6 with its --motions.
        motions: where the run's motions lie now, if they have moved; for a published policy, those it was trained on,
            or `embedded`; report and table then say what those are.
        body: where the run's MJCF file lies now, if it has moved.
        tracker: folder of an evaluated tracker run on the same clips, for its row.
        out: folder for all that is written; the run's own, or runs/evaluation-POLICY, if not given.
        quick: a look of a minute, with 4 rollouts a clip, 64 latents and no switching; the report says so.
        config: how much is rolled out.
        video: film as well, which needs offscreen GL.
        as_json: print the means as JSON instead of a table.
    """
    console = make_console(quiet=as_json)
    evaluated = evaluate_run(run, _quick(config) if quick else config, console, motions, body, tracker, out)
    print_tables(evaluated.result, console)
    report = write_views(evaluated, console, video)
    for film in evaluated.folder.films:
        console.print(f"film: {bold(film)}", soft_wrap=True)
    console.print(f"report: {bold(report)}, plots beside it in {escape(str(report.parent / 'plots'))}", soft_wrap=True)
    if as_json:
        print(json.dumps({key: evaluated.result[key] for key in ("mean", "discovery", "performed_by")}))


def _quick(config: EvaluationConfig) -> EvaluationConfig:
    """The configuration with the amounts of a quick look.

    Raises:
        UsageError: it asks for other amounts itself.
    """
    whole, amounts = EvaluationConfig(), {name: getattr(QUICK, name) for name in AMOUNTS}
    for name in AMOUNTS:
        if getattr(config, name) != getattr(whole, name):
            option = name.replace("_", "-")
            raise UsageError(f"--quick sets --config.{option} to {amounts[name]}; leave one of the two out")
    return dataclasses.replace(config, **amounts)


class Evaluated(NamedTuple):
    """What `evaluate_run` gives."""

    result: dict[str, Any]
    """The content of evaluation.json."""
    folder: RunFolder
    """Where it and all else lies."""
    body: Body
    """What was evaluated."""


def evaluate_run(
    run: str,
    config: EvaluationConfig,
    console: Console,
    motions: str | None = None,
    body: str | None = None,
    tracker: Path | None = None,
    out: Path | None = None,
) -> Evaluated:
    """Measure a run or a published policy, and write what was measured; arguments as for `evaluate`.

    Raises:
        UsageError: no such run or policy, motions that are not its own, or a place that cannot be written to.
    """
    config.check("--config")
    source = find_skills(run)
    is_run = (source / "config.yaml").exists()
    out = out or (None if is_run else Path("runs") / f"evaluation-{source.name}")
    for place in (out or source, (out or source) / "evaluation"):
        check_writable(place)
    policy, library = load_skills(run, motions, body)
    if library is None:
        raise UsageError(f"{run}: a published policy has no motions with it; give its --motions")
    if not is_run:
        library = own_references(policy, library, motions or "")
    folder, moves = RunFolder(source, out), library.body
    gaits = held_out_quadruped(moves) if moves.name == "quadruped" else []
    unseen = [gait for gait in gaits if gait.name not in library.names]
    held_out = MotionLibrary(moves, unseen) if unseen else None
    with console.status("evaluating") as status:
        result = measure(
            policy,
            library,
            config,
            run=source.resolve().name,
            weights_sha256=folder.policy.get("weights_sha256", ""),
            folder=folder.results / "evaluation",
            untrained=untrained_twin(policy, RunConfig.load(source).seed if is_run else 0),
            tracker=None if tracker is None else tracker / "evaluation" / "evaluation.json",
            held_out=held_out,
            progress=lambda stage: status.update(f"evaluating: {stage}"),
        )
    if policy.encoder is not None:
        write_encoder_views(policy.encoder, library, folder.results)
    return Evaluated(result, folder, moves)


def print_tables(result: dict[str, Any], console: Console) -> None:
    """What was measured, from the content of evaluation.json."""
    console.print("imitation from the first frame to the last, deterministic; falls included:")
    console.print(imitation_table(result))
    if result["performed_by"]:
        console.print(f"[yellow]{escape(PERFORMED.format(', '.join(result['performed_by'])))}[/yellow]")
    if said := blowups(result):
        console.print(f"[yellow]{escape(said)}[/yellow]")
    _print_discovery(result, console)


def write_views(evaluated: Evaluated, console: Console, video: bool = True) -> Path:
    """Film and report of an evaluated run; what a film takes and is not there is said, and the film left out."""
    if video:
        try:
            with console.status("filming"):
                write_showreel(evaluated.folder, evaluated.body)
        except FilmUnavailable as error:
            console.print(f"[yellow]no film: {escape(str(error))}[/yellow]")
    return write_report(evaluated.folder)


def untrained_twin(policy: SkillPolicy, seed: int) -> SkillPolicy:
    """The same policy before any training: fresh weights, the same normalisation and latents."""
    torch.manual_seed(seed)
    old = policy.actor
    fresh = Actor(len(old.normalizer.mean), policy.latent_dim, old.action_scale, old.config)
    fresh.normalizer.load_state_dict(old.normalizer.state_dict())
    return SkillPolicy(
        body=policy.body,
        actor=fresh.requires_grad_(False),
        latent_dim=policy.latent_dim,
        method=policy.method,
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
