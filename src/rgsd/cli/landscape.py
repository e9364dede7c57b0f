"""`rgsd landscape RUN`: where the encoder's reward has its peak, before hours are spent on it."""

from __future__ import annotations

import json
from functools import partial
from pathlib import Path
from typing import Annotated

import tyro
from rich.table import Table

from rgsd.atomic import write_atomically
from rgsd.cli.console import make_console
from rgsd.cli.marked import bold
from rgsd.cli.options import AsJson
from rgsd.cli.pretrain import write_encoder_views
from rgsd.cli.trained import load_trained
from rgsd.errors import UsageError
from rgsd.viewing.figures import run_figures
from rgsd.viewing.run_folder import RunFolder
from rgsd.viewing.theme import png_bytes


def landscape(
    run: Annotated[Path, tyro.conf.Positional],
    motions: str | None = None,
    body: str | None = None,
    as_json: AsJson = False,
) -> None:
    """Tabulate and plot the frozen encoder's cosine around each reference of RUN.

    Args:
        run: a run's folder, or one that `rgsd pretrain` wrote.
        motions: where the run's motions lie now, if they have moved.
        body: where the run's MJCF file lies now, if it has moved.
        as_json: print the content of landscape.json.
    """
    if (run / "config.yaml").exists():
        _, library, policy = load_trained(run, motions, body)
        if policy.encoder is None:
            raise UsageError(f"{run}: a {policy.method} run has no encoder, so no landscape")
        write_encoder_views(policy.encoder, library, run)
    elif motions is not None or body is not None:
        option, given = ("--motions", motions) if motions is not None else ("--body", body)
        raise UsageError(f"{option} {given}: {run} is no run; `rgsd pretrain {option}` embeds other motions")
    folder = RunFolder(run)
    content = folder.landscape
    if not content:
        raise UsageError(f"{run}: neither a run nor a folder of `rgsd pretrain`")
    if as_json:
        print(json.dumps(content))
        return
    for name, figure in run_figures(folder).items():
        if name == "landscape":
            picture = png_bytes(figure)
            write_atomically(run / "landscape.png", partial(Path.write_bytes, data=picture))
    console = make_console()
    table = Table(title="mean cosine with the clip's direction")
    for column in ("clip", "reference", "speed 0", "0.5", "1", "1.5", "frozen pose", "best other clip"):
        table.add_column(column)
    for name, row in content["clips"].items():
        speeds = [f"{row['speed'][speed]:.2f}" for speed in ("0", "0.5", "1", "1.5")]
        other = f"{max(row['others'].values()):.2f}" if row["others"] else "-"
        table.add_row(name, f"{row['reference']:.2f}", *speeds, f"{row['frozen']:.2f}", other)
    console.print(table)
    console.print(f"plot: {bold(run / 'landscape.png')}")
