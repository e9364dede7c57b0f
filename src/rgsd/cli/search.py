"""`rgsd search RUN`: what the search for clips' latents finds among fewer and among more than the protocol's 500."""

from __future__ import annotations

import json
from functools import partial
from pathlib import Path
from typing import Annotated, Any

import torch
import tyro
from rich import box
from rich.console import Console
from rich.table import Table
from torch import Tensor

from rgsd.atomic import write_atomically
from rgsd.cli.marked import bold
from rgsd.cli.trained import load_trained
from rgsd.errors import UsageError
from rgsd.evaluation.latent_search import search_gains
from rgsd.motions.library import MotionLibrary
from rgsd.physics.mujoco_cpu import MujocoCpu


def search(
    run: Annotated[Path, tyro.conf.Positional],
    motions: str | None = None,
    latents: tuple[int, ...] = (125, 250, 500, 1000),
    rollouts: int = 16,
    num_envs: int = 256,
    seed: int = 0,
    as_json: Annotated[bool, tyro.conf.arg(name="json")] = False,
) -> None:
    """Search each clip's latent among growing fractions of one uniform draw, and tabulate what each fraction finds.

    Any policy with latents will do, also one that embeds clips. Writes RUN/evaluation/search.json.

    Args:
        run: a run's folder.
        motions: where the run's motions lie now, if they have moved.
        latents: how many of the draw are searched.
        rollouts: fresh ones of the latent that was found; their mean error is the metric.
        num_envs: environments simulated at a time.
        seed: of latents and initial noise.
        as_json: print the content of search.json.
    """
    for option, value in (("--latents", min(latents, default=0)), ("--rollouts", rollouts), ("--num-envs", num_envs)):
        if value < 1:
            raise UsageError(f"{option} {value}: give at least 1")
    _, library, policy = load_trained(run, motions)
    if policy.condition != "latent":
        raise UsageError(f"{run}: a {policy.method} run follows references, and has no latents to search")
    console, counts = Console(quiet=as_json), sorted(set(latents))
    with console.status(f"searching {counts[-1]} latents of {len(library)} clips"), torch.no_grad():
        simulate = partial(MujocoCpu, library.body)
        gains = search_gains(simulate, policy, library, counts, rollouts, num_envs, seed)
    content: dict[str, Any] = {
        "schema": 1,
        "run": run.resolve().name,
        "method": policy.method,
        "latents": counts,
        "rollouts": rollouts,
        "seed": seed,
        "again_cm": _rows(library, gains.again),
        "least_cm": _rows(library, gains.least),
    }
    file = run / "evaluation" / "search.json"
    write_atomically(file, lambda path: path.write_text(json.dumps(content, indent=1) + "\n"))
    if as_json:
        print(json.dumps(content))
        return
    console.print(f"Cartesian error, cm, mean of {rollouts} fresh rollouts of the best of so many latents:")
    table = Table("clip", box=box.SIMPLE_HEAD, show_edge=False, padding=0)
    for count in counts:
        table.add_column(f"{count:,}", justify="right", min_width=7)
    again, least = content["again_cm"], content["least_cm"]
    means = {"mean of groups": again["mean"], "mean of the least seen": least["mean"]}
    for rows in (again["clips"], means):
        for name, errors in rows.items():
            table.add_row(name, *(f"{error:.2f}" for error in errors))
        table.add_section()
    console.print(table)
    console.print(f"in {bold(file)}", soft_wrap=True)


def _rows(library: MotionLibrary, errors: Tensor) -> dict[str, Any]:
    """Errors (M, K), m, by clip, and their mean over groups, as lists in cm."""
    mean = torch.stack([errors[members].mean(dim=0) for members in library.groups.values()]).mean(dim=0)
    clips = dict(zip(library.names, (100 * errors).tolist(), strict=True))
    return {"clips": clips, "mean": (100 * mean).tolist()}
