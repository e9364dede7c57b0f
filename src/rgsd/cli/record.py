"""`rgsd record RUN`: a film of named clips or random skills of a policy, at any length."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import torch
import tyro
from rich.console import Console

from rgsd.bodies.registry import make_body
from rgsd.errors import UnknownName
from rgsd.evaluation.rollouts import Simulate, SkillController, TrackingController, roll_out, standing
from rgsd.learning.skill_policy import SkillPolicy
from rgsd.methods.oracle import ReferenceFrames
from rgsd.methods.runs import RunConfig, load_library
from rgsd.physics.mujoco_cpu import MujocoCpu
from rgsd.viewing.video import montage, render_frames, write_mp4


def record(
    run: Annotated[Path, tyro.conf.Positional],
    clips: tuple[str, ...] = (),
    random: int = 0,
    kappa: float | None = None,
    seconds: float | None = None,
    out: Path | None = None,
    seed: int = 0,
) -> None:
    """Film RUN: each clip beside its ghost, its variations, or random skills from the standing pose.

    Args:
        run: a run's folder.
        clips: clips to film, by name; all if neither they nor `random` are given.
        random: how many uniform latents to film, or, with kappa, variations of each clip.
        kappa: concentration of variations around the clips, vMF(z_m, kappa).
        seconds: length, s; that of the clip (or 4 s) if not given.
        out: the mp4; RUN/evaluation/record.mp4 if not given.
        seed: of the latents.
    """
    settings, policy = RunConfig.load(run), SkillPolicy.load(run)
    body = make_body(settings.body)
    library = load_library(settings, body)
    for name in clips:
        library.index(name)
    names = clips or (() if random and kappa is None else library.names)
    if policy.condition == "latent" and names and not policy.clip_latents:
        raise UnknownName("clip", names[0], policy.clip_latents)
    generator = torch.Generator().manual_seed(seed)
    step = max(1, round(body.control_hz / 25))
    panels = []
    for name in names:
        clip = library.index(name)
        frames = int(library.lengths[clip]) if seconds is None else round(seconds * body.control_hz)
        reference = library.state(torch.tensor(clip), torch.arange(frames))
        copies = max(random, 1) if kappa is not None else 1
        if policy.condition == "reference":
            controller = TrackingController(policy, ReferenceFrames(library))
        elif kappa is not None:
            controller = SkillController(policy, policy.sample_z(copies, name, kappa, generator))
        else:
            controller = SkillController(policy, policy.clip_latents[name].unsqueeze(0))
        start = reference.qpos[:1].expand(copies, -1), reference.qvel[:1].expand(copies, -1)
        played = roll_out(_simulate(policy), body, controller, start, frames, torch.full((copies,), clip))
        for qpos in played.states.qpos:
            ghost = reference.qpos[::step].numpy() if kappa is None else None
            panels.append(render_frames(body, qpos[::step].numpy(), ghost, name))
    if random and kappa is None:
        frames = round((seconds or 4.0) * body.control_hz)
        state = standing(body, random, torch.device("cpu"))
        controller = SkillController(policy, policy.sample_z(random, generator=generator))
        clip = torch.zeros(random, dtype=torch.long)
        played = roll_out(_simulate(policy), body, controller, (state.qpos, state.qvel), frames, clip)
        panels += [
            render_frames(body, q[::step].numpy(), None, f"random skill {i + 1}")
            for i, q in enumerate(played.states.qpos)
        ]
    path = out or run / "evaluation" / "record.mp4"
    write_mp4(path, montage(panels), body.control_hz / step)
    Console().print(f"film of {len(panels)} panels: [bold]{path}[/bold]")


def _simulate(policy: SkillPolicy) -> Simulate:
    return lambda count: MujocoCpu(policy.body, count)
