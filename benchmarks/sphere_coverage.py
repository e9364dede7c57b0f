"""How near to a reference is a random direction, and what does the encoder tell apart? Phase 1 of several dimensions.

    for d in 3 4 8 16; do rgsd pretrain --settings.encoder.latent-dim $d --out runs/land/d$d; done
    python benchmarks/sphere_coverage.py runs/land/*

Prints a Markdown table: a folder of `rgsd pretrain` a row; the mean cosine with a clip's direction of its poses at 0,
0.5 and 1.5 times their speed; the mean over clips of the cosine with the nearest other clip's; and over uniform
directions that with the nearest clip's, mean and 5 % quantile.
"""

from __future__ import annotations

import json
from pathlib import Path
from typing import Annotated

import numpy as np
import torch
import tyro

from rgsd.skills.sphere import sample_uniform


def main(folders: Annotated[tuple[Path, ...], tyro.conf.Positional], draws: int = 10_000, seed: int = 0) -> None:
    """Print a Markdown table.

    Args:
        folders: each with the landscape.json and latents.npz of `rgsd pretrain`.
        draws: uniform directions.
        seed: of them.
    """
    print("| run | d | speed 0 | 0.5 | 1.5 | nearest other clip | uniform direction, nearest clip: mean (5 %) |")
    print("|---|---|---|---|---|---|---|")
    for folder in folders:
        print(row(folder, draws, seed))


def row(folder: Path, draws: int, seed: int) -> str:
    """One folder's line."""
    speed = json.loads((folder / "landscape.json").read_text())["mean"]["speed"]
    with np.load(folder / "latents.npz") as data:
        directions = torch.from_numpy(data["z"])
    between = (directions @ directions.T).fill_diagonal_(-torch.inf).amax(dim=1)
    uniform = sample_uniform(draws, directions.shape[1], torch.Generator().manual_seed(seed))
    nearest = (uniform @ directions.T).amax(dim=1)
    speeds = " | ".join(f"{speed[factor]:.2f}" for factor in ("0", "0.5", "1.5"))
    return (
        f"| {folder} | {directions.shape[1]} | {speeds} | {between.mean():.2f} "
        f"| {nearest.mean():.2f} ({nearest.quantile(0.05):.2f}) |"
    )


if __name__ == "__main__":
    tyro.cli(main)
