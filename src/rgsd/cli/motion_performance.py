"""`rgsd motions perform`: motions as a tracker performs them in simulation."""

from __future__ import annotations

from functools import partial
from pathlib import Path
from typing import Annotated

import tyro
from rich.markup import escape
from rich.table import Table

from rgsd.cli.console import make_console
from rgsd.cli.marked import bold
from rgsd.cli.motions import check_empty
from rgsd.cli.trained import find_skills, load_skills
from rgsd.errors import UsageError
from rgsd.evaluation.performance import Performance, perform
from rgsd.physics.mujoco_cpu import MujocoCpu


def motions_perform(
    tracker: Annotated[str, tyro.conf.Positional, tyro.conf.arg(metavar="TRACKER")],
    out: Path,
    motions: str | None = None,
    attempts: int = 64,
    seed: int = 0,
) -> None:
    """Write motions as TRACKER performs them in simulation: what comes out is physically possible, state by state.

    Each clip is followed deterministically from its own first frame; where that falls or loses the clip, from frames
    with the protocol's noise, and the nearest is taken. A clip that no attempt survives is left out. The same command
    writes the same files.

    Args:
        tracker: folder of a run of `rgsd train tracker`, or a published tracker such as smpl-tracker20.
        out: folder that the npz files are written to; it must hold none yet.
        motions: the clips; for a run, where they lie now if they have moved.
        attempts: at each clip.
        seed: of the starts' noise.
    """
    if attempts < 1 or seed < 0:
        raise UsageError(f"--attempts is {attempts}, --seed {seed}; give at least 1, and 0 or more")
    policy, library = load_skills(tracker, motions)
    if policy.condition != "reference":
        raise UsageError(f"{tracker}: a {policy.method} policy follows no clip; give a run of `rgsd train tracker`")
    if library is None:
        raise UsageError(f"{tracker}: a published tracker has no motions with it; give its --motions")
    check_empty(out)
    console, performer = make_console(), f"{find_skills(tracker).resolve().name}, weights {policy.digest}"
    performances: list[Performance] = []
    with console.status("performing") as status:
        for performance in perform(partial(MujocoCpu, library.body), policy, library, performer, attempts, seed):
            performances.append(performance)
            status.update(f"performing: {len(performances)} of {len(library)}")
            if performance.motion is not None:
                performance.motion.save(out / f"{performance.clip}.npz")
    lost = [performance.clip for performance in performances if performance.motion is None]
    console.print(_table(performances))
    taken = len(performances) - len(lost)
    console.print(f"{taken} motions, performed by {performer}, written to {bold(out)}", soft_wrap=True)
    if lost:
        console.print(f"[yellow]left out, as no attempt survived:[/yellow] {escape(', '.join(lost))}", soft_wrap=True)


def _table(performances: list[Performance]) -> Table:
    """A row a clip: how near the chosen attempt came, or of a clip without one the longest."""
    table = Table(box=None, padding=(0, 1, 0, 0))
    table.add_column("clip", overflow="fold")
    for heading in ("error cm", "root end m", "survival", "attempts that survive"):
        table.add_column(heading, justify="right", no_wrap=True)
    for found in performances:
        table.add_row(
            escape(found.clip),
            f"{found.error_cm:.1f}",
            f"{found.root_error_m:.2f}",
            f"{found.survival:.2f}",
            f"{found.survived:.0%}",
        )
    return table
