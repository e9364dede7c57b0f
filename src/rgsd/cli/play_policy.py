"""What a published policy can do, without its references and without training: `rgsd demo --minutes 0`, or of a body
that the demo does not train.

The policy carries the directions of the motions that it was trained on. From the standing pose it is given each of
them, then random ones; what falls, and how far it gets, is counted, and a film shows some of both. One that carries the
first frames of its motions is begun there as well, and is filmed from there.
"""

from __future__ import annotations

import json
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any

import torch
from rich.console import Console
from rich.markup import escape
from rich.table import Table
from torch import Tensor

from rgsd import pretrained
from rgsd.atomic import write_atomically
from rgsd.bodies.kinematics import forward_kinematics
from rgsd.bodies.state import BodyState
from rgsd.cli.marked import bold
from rgsd.errors import UsageError
from rgsd.evaluation.discovery import Discovery, discover
from rgsd.evaluation.intervals import wilson
from rgsd.evaluation.measures import net_yaw
from rgsd.learning.skill_policy import SkillPolicy
from rgsd.physics.mujoco_cpu import MujocoCpu
from rgsd.viewing.video import FilmUnavailable, Frames, montage, render_frames, write_mp4

# a look of a minute on two cores; `rgsd evaluate` counts more
_EACH, _RANDOM, _NUM_ENVS = 4, 40, 256  # rollouts of each direction, random directions, environments at a time
_SHOWN, _SECONDS = 4, 4.0  # panels of each kind in the film, and its length
_FPS, _SIZE, _COLUMNS = 25.0, (320, 240), 4


def play_policy(body: str, folder: Path, seed: int, console: Console) -> Path:
    """Roll out, count and film; writes skills.json and skills.mp4 into a folder and returns it.

    Args:
        body: whose policy, or the policy's own name.
        folder: for the results.
        seed: of the initial noise and the random directions.
        console: where the table goes.

    Raises:
        UsageError: no policy is published under this name.
    """
    source = pretrained.find(body)
    policy = SkillPolicy.load(source)
    if policy.condition == "reference":
        raise UsageError(
            f"{body} is a tracker, which has no skills of its own; it teaches others: "
            f"rgsd train rgsd --trainer.warm-start.teachers {source}"
        )
    seconds = policy.body.discovery_seconds
    console.print(f"[bold]1[/bold] the published policy {source.name}: {policy.method}, trained on", end=" ")
    console.print(f"{len(policy.clip_latents)} motions; its card: {source / 'README.md'}", soft_wrap=True)
    places: dict[str, BodyState | None] = {"the standing pose": None}
    if policy.clip_starts:
        places["a motion's first frame"] = _first_frames(policy)
    played: dict[str, _Played] = {}
    for number, (place, frames) in enumerate(places.items(), start=2):
        with console.status("rolling out"):
            played[place] = _play(policy, frames, seed)
        console.print(f"[bold]{number}[/bold] {seconds:g} s from {place}, deterministic:")
        console.print(_table(played[place].metrics))
    found = {place: play.metrics for place, play in played.items()}
    write_atomically(folder / "skills.json", lambda path: path.write_text(json.dumps(found, indent=1) + "\n"))
    try:
        with console.status("filming"):
            shown = played[list(places)[-1]]  # the last: where the skills have the best chance
            panels = _panels(policy, shown.own, list(policy.clip_latents)[:_SHOWN])
            panels += _panels(policy, shown.random, [f"random {i + 1}" for i in range(_SHOWN)])
            write_mp4(folder / "skills.mp4", montage(panels, _COLUMNS), _FPS)
        console.print(f"film: {bold(folder / 'skills.mp4')}", soft_wrap=True)
    except FilmUnavailable as error:
        console.print(f"[yellow]no film: {escape(str(error))}[/yellow]")
    return folder


@dataclass(frozen=True)
class _Played:
    """Rollouts from one place.

    Attributes:
        own: of every direction of a motion, in turn.
        random: of random directions.
        metrics: of each motion's direction by its name, and of random ones.
    """

    own: Discovery
    random: Discovery
    metrics: dict[str, dict[str, Any]]


def _play(policy: SkillPolicy, frames: BodyState | None, seed: int) -> _Played:
    """Roll out from the standing pose, or from `frames` (M,): a motion's own direction from its frame."""
    names, directions = list(policy.clip_latents), torch.stack(list(policy.clip_latents.values()))
    latents = directions.repeat(_EACH, 1), policy.sample_z(_RANDOM, generator=torch.Generator().manual_seed(seed))
    own, random = (
        discover(
            partial(MujocoCpu, policy.body),
            policy,
            z,
            policy.body.discovery_seconds,
            _NUM_ENVS,
            seed + offset,
            None if frames is None else frames[torch.arange(len(z)) % len(names)],
        )
        for offset, z in enumerate(latents, start=1)
    )
    metrics = {name: _summary(own, torch.arange(len(own.z)) % len(names) == i) for i, name in enumerate(names)}
    metrics["random directions"] = _summary(random, torch.ones(_RANDOM, dtype=torch.bool))
    return _Played(own, random, metrics)


def _first_frames(policy: SkillPolicy) -> BodyState:
    """(M,) the states that the motions begin in."""
    model, frames = policy.body.model, torch.stack(list(policy.clip_starts.values())).double()
    qpos, qvel = frames.split([model.nq, model.nv], dim=1)
    return forward_kinematics(policy.body, qpos.numpy(), qvel.numpy())


def _summary(found: Discovery, chosen: Tensor) -> dict[str, Any]:
    """Of the chosen rollouts: falls, and of those that stand where they end, m, and their mean net turn, degrees."""
    fell = found.fell[chosen]
    fraction = float(fell.double().mean())
    summary: dict[str, Any] = {
        "rollouts": len(fell),
        "fall_rate": fraction,
        "fall_rate_ci": wilson(fraction, len(fell)),
    }
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
    for name, metrics in found.items():
        moved = [metrics.get(key) for key in ("ahead_m", "left_m", "distance_m")]
        turned = metrics.get("turn_deg")
        table.add_row(
            name,
            f"{metrics['fall_rate']:.0%} of {metrics['rollouts']}",
            *("-" if value is None else f"{value:.2f}" for value in moved),
            "-" if turned is None else f"{turned:.0f}",
        )
    return table


def _panels(policy: SkillPolicy, found: Discovery, names: list[str]) -> list[Frames]:
    stride, frames = max(1, round(policy.body.control_hz / _FPS)), round(_SECONDS * policy.body.control_hz)
    return [
        render_frames(policy.body, qpos[:frames:stride].numpy(), None, f"{name}{'  (falls)' if fell else ''}", _SIZE)
        for name, qpos, fell in zip(names, found.qpos, found.fell, strict=False)
    ]
