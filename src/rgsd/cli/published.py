"""What a published policy can do, without its references and without training: `rgsd demo --minutes 0`, or of a body
that the demo does not train.

The policy carries the directions of the motions that it was trained on. From the standing pose it is given each of
them, then random ones; what falls, and how far it gets, is counted, and a film shows some of both.
"""

from __future__ import annotations

import json
from functools import partial
from pathlib import Path
from typing import Any

import torch
from rich.console import Console
from rich.table import Table
from torch import Tensor

from rgsd import pretrained
from rgsd.evaluation.discovery import NUM_SHOWN, Discovery, discover
from rgsd.evaluation.intervals import wilson
from rgsd.evaluation.measures import net_yaw
from rgsd.learning.checkpoint import write_atomically
from rgsd.learning.skill_policy import SkillPolicy
from rgsd.physics.mujoco_cpu import MujocoCpu
from rgsd.viewing.video import FilmUnavailable, Frames, montage, render_frames, write_mp4

_EACH, _RANDOM, _COPIES = 16, 100, 256  # rollouts of each direction, random directions, copies at a time
_FPS, _SIZE, _COLUMNS = 25.0, (320, 240), 4


def play_published(body: str, folder: Path, seed: int, console: Console) -> Path:
    """Roll out, count and film; writes skills.json and skills.mp4 into a folder and returns it.

    Args:
        body: whose policy.
        folder: for the results.
        seed: of the initial noise and the random directions.
        console: where the table goes.

    Raises:
        UsageError: the body has no published policy.
    """
    source = pretrained.find(body)
    policy = SkillPolicy.load(source)
    seconds = policy.body.discovery_seconds
    console.print(f"[bold]1[/bold] the published policy {source.name}: {policy.method}, trained on", end=" ")
    console.print(f"{len(policy.clip_latents)} motions; its card: {source / 'README.md'}", soft_wrap=True)
    names, directions = list(policy.clip_latents), torch.stack(list(policy.clip_latents.values()))
    random = policy.sample_z(_RANDOM, generator=torch.Generator().manual_seed(seed))
    roll_out = partial(discover, partial(MujocoCpu, policy.body), policy)
    with console.status("rolling out"):
        own = roll_out(directions.repeat(_EACH, 1), seconds, _COPIES, seed + 1)  # the first of each are shown
        other = roll_out(random, seconds, _COPIES, seed + 2)
    found = {name: _summary(own, torch.arange(len(own.z)) % len(names) == i) for i, name in enumerate(names)}
    found["random directions"] = _summary(other, torch.ones(_RANDOM, dtype=torch.bool))
    console.print(f"[bold]2[/bold] {seconds:g} s from the standing pose, deterministic:")
    console.print(_table(found))
    write_atomically(folder / "skills.json", lambda path: path.write_text(json.dumps(found, indent=1) + "\n"))
    try:
        with console.status("filming"):
            panels = _panels(policy, own, names[:NUM_SHOWN])
            panels += _panels(policy, other, [f"random {i + 1}" for i in range(NUM_SHOWN)])
            write_mp4(folder / "skills.mp4", montage(panels, _COLUMNS), _FPS)
        console.print(f"film: [bold]{folder / 'skills.mp4'}[/bold]", soft_wrap=True)
    except FilmUnavailable as error:
        console.print(f"[yellow]no film: {error}[/yellow]")
    return folder


def _summary(found: Discovery, chosen: Tensor) -> dict[str, Any]:
    """Of the chosen rollouts: falls, and of those that stand where they end, m, and their mean net turn, degrees."""
    fell = found.fell[chosen]
    share = float(fell.double().mean())
    summary: dict[str, Any] = {"rollouts": len(fell), "fall_rate": share, "fall_rate_ci": wilson(share, len(fell))}
    upright = ~fell
    if bool(upright.any()):
        moves, turns = found.displacement[chosen][upright], net_yaw(found.root_quat[chosen][upright])
        summary |= {
            "ahead_m": float(moves[:, 0].mean()),
            "left_m": float(moves[:, 1].mean()),
            "distance_m": float(moves.norm(dim=1).mean()),
            "turn_deg": float(turns.mean()),
        }
    return summary


def _table(found: dict[str, dict[str, Any]]) -> Table:
    table = Table()
    table.add_column("direction of", overflow="fold")
    for heading in ("falls", "ahead, m", "left, m", "distance, m", "turn, deg"):
        table.add_column(heading, justify="right", no_wrap=True)
    for name, figures in found.items():
        moved = [figures.get(key) for key in ("ahead_m", "left_m", "distance_m")]
        turned = figures.get("turn_deg")
        table.add_row(
            name,
            f"{figures['fall_rate']:.0%} of {figures['rollouts']}",
            *("-" if value is None else f"{value:.2f}" for value in moved),
            "-" if turned is None else f"{turned:.0f}",
        )
    return table


def _panels(policy: SkillPolicy, found: Discovery, names: list[str]) -> list[Frames]:
    stride = max(1, round(policy.body.control_hz / _FPS))
    return [
        render_frames(policy.body, qpos[::stride].numpy(), None, f"{name}{'  (falls)' if fell else ''}", _SIZE)
        for name, qpos, fell in zip(names, found.qpos, found.fell, strict=False)
    ]
