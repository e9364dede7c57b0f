"""`rgsd pretrain`: phase 1 alone, on the motions, without any physics."""

from __future__ import annotations

import dataclasses
import json
from pathlib import Path
from typing import Annotated, Any

import numpy as np
import torch
import tyro
from rich.console import Console
from rich.table import Table

from rgsd.bodies.registry import make_body
from rgsd.envs.observation import observe
from rgsd.errors import UsageError
from rgsd.evaluation.landscape import landscape
from rgsd.learning.checkpoint import write_atomically
from rgsd.methods.presets import make_preset
from rgsd.methods.registry import pretrained_encoder
from rgsd.methods.rgsd import RgsdConfig
from rgsd.methods.runs import load_library
from rgsd.motions.library import MotionLibrary
from rgsd.skills.contrastive import clip_directions, spread
from rgsd.skills.encoder import Encoder


def pretrain(
    body: str = "quadruped",
    motions: str | None = None,
    collection: str = "auto",
    out: Path = Path("runs/pretrain"),
    seed: int = 0,
    preset: str = "cpu",
    as_json: Annotated[bool, tyro.conf.arg(name="json")] = False,
) -> None:
    """Give each motion a direction on the unit sphere (InfoNCE), and say how well they are told apart.

    Writes `latents.npz` and `landscape.json` to the folder; `rgsd train` does the same at its start.

    Args:
        body: quadruped, smpl, or the path of an MJCF file.
        motions: a file or folder of motions; the preset's if not given.
        collection: a named set of clips to take from it, such as accad20; `all`; or `auto`, a set that it holds whole.
        out: folder for the results.
        seed: of initialisation, batches and noise.
        preset: cpu, gpu or paper; where the encoder's settings come from.
        as_json: print the figures as JSON.
    """
    if (out / "config.yaml").exists():
        raise UsageError(f"--out {out}: a run lives there; `rgsd landscape {out}` makes its views")
    config = make_preset(preset, "rgsd", body)
    if motions is not None:
        config = dataclasses.replace(config, motions=motions, collection=collection)
    settings = config.settings
    if not isinstance(settings, RgsdConfig):
        raise UsageError(f"--preset {preset} has no encoder")
    library = load_library(config, make_body(body))
    console = Console(quiet=as_json)
    with console.status("InfoNCE") as status:
        encoder = pretrained_encoder(
            library, settings, seed, lambda n, loss: status.update(f"step {n}, loss {loss:.3f}")
        )
    write_encoder_views(encoder, library, out)
    figures = spread(encoder, library)
    if as_json:
        print(json.dumps(figures))
        return
    table = Table(title=f"directions of {len(library)} motions in {settings.encoder.latent_dim} dimensions")
    for column in ("clip", "group", "cosine of its frames", "nearest other", "cosine"):
        table.add_column(column)
    directions = clip_directions(encoder, library)
    with torch.no_grad():
        own = (encoder(observe(library.states)) * directions[library.clip_of_frame]).sum(dim=-1)
    cosines = (directions @ directions.T).fill_diagonal_(-2)
    for m, motion in enumerate(library.motions):
        nearest = int(cosines[m].argmax())
        within = float(own[library.clip_of_frame == m].mean())
        table.add_row(
            motion.name, motion.group, f"{within:.3f}", library.names[nearest], f"{float(cosines[m, nearest]):.3f}"
        )
    console.print(table)
    console.print(f"latents.npz and landscape.json are in [bold]{out}[/bold]", soft_wrap=True)


def write_encoder_views(encoder: Encoder, library: MotionLibrary, folder: Path) -> dict[str, Any]:
    """Write what a person may look at before training, `latents.npz` and `landscape.json`; returns the landscape."""
    arrays = {
        "clip_names": np.array(library.names),
        "group": np.array([motion.group for motion in library.motions]),
        "z": clip_directions(encoder, library).cpu().numpy(),
        "mu": encoder(observe(library.states)).detach().cpu().numpy(),
        "clip": library.clip_of_frame.cpu().numpy(),
    }

    def save(path: Path) -> None:
        with path.open("wb") as file:
            np.savez_compressed(file, **arrays)

    write_atomically(folder / "latents.npz", save)
    content = landscape(lambda observation: encoder(observation).detach(), library)
    text = json.dumps(content)
    write_atomically(folder / "landscape.json", lambda path: path.write_text(text))
    return content
