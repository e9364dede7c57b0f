"""`rgsd record RUN`: a film of named clips or random skills of a policy, at any length."""

from __future__ import annotations

import math
from pathlib import Path
from typing import Annotated

import numpy as np
import torch
import tyro
from rich.console import Console
from torch import Tensor

from rgsd.bodies.state import BodyState
from rgsd.cli.marked import bold
from rgsd.cli.trained import load_skills
from rgsd.errors import UnknownName, UsageError
from rgsd.evaluation.rollouts import Controller, SkillController, TrackingController, roll_out, standing
from rgsd.learning.skill_policy import SkillPolicy
from rgsd.motions.library import MotionLibrary
from rgsd.physics.mujoco_cpu import MujocoCpu
from rgsd.viewing.video import Frames, montage, render_frames, write_mp4

_SECONDS = 4.0  # of what has no clip's length


def record(
    run: Annotated[str, tyro.conf.Positional],
    motions: str | None = None,
    clips: tuple[str, ...] = (),
    random: int = 0,
    z: tuple[float, ...] = (),
    kappa: float | None = None,
    seconds: float | None = None,
    out: Path | None = None,
    seed: int = 0,
) -> None:
    """Film RUN: each clip beside its ghost, its variations, or random skills or one of your own from the standing pose.

    Args:
        run: a run's folder, or a published policy such as smpl-walks5.
        motions: where the run's motions lie now, if they have moved; for a published policy, which has none, some.
        clips: clips to film, by name; all if neither they nor `random` nor `z` are given.
        random: how many uniform latents to film, or, with kappa, variations of each clip.
        z: a latent of your own to film, one number for each dimension; `rgsd play` writes such lines.
        kappa: concentration of variations around the clips, vMF(z_m, kappa).
        seconds: length, s; that of the clip (or 4 s) if not given.
        out: the mp4; RUN/evaluation/record.mp4 if not given, RUN.mp4 here for a published policy.
        seed: of the latents.
    """
    if random < 0 or seed < 0:
        raise UsageError(f"--random is {random}, --seed {seed}; give 0 or more")
    for option, value in (("--kappa", kappa), ("--seconds", seconds)):
        if value is not None and not 0 < value < math.inf:
            raise UsageError(f"{option} is {value:g}; give a positive number")
    if out is not None and out.suffix.lower() != ".mp4":
        raise UsageError(f"--out {out}: the film is an MP4; give a name that ends in .mp4")
    policy, library = load_skills(run, motions)
    studio = _Studio(policy, library, torch.Generator().manual_seed(seed))
    panels: list[Frames] = []
    if z:
        panels += studio.latent(z, seconds or _SECONDS)
    if random and kappa is None:
        panels += studio.random_skills(random, seconds or _SECONDS)
    names = clips
    if not panels and not clips:
        names = studio.references.names
    for name in names:
        panels += (
            studio.clip(name, seconds) if kappa is None else studio.variations(name, kappa, max(random, 1), seconds)
        )
    path = out or (Path(run) / "evaluation" / "record.mp4" if Path(run).is_dir() else Path(f"{run}.mp4"))
    write_mp4(path, montage(panels), policy.body.control_hz / studio.stride)
    Console().print(f"film of {len(panels)} panels: {bold(path)}", soft_wrap=True)


class _Studio:
    """Rolls a policy out and renders it, one list of frames an environment."""

    def __init__(self, policy: SkillPolicy, library: MotionLibrary | None, generator: torch.Generator) -> None:
        self.policy, self._library, self.body, self.generator = policy, library, policy.body, generator
        self.stride = max(1, round(self.body.control_hz / 25))  # 25 frames a second are enough for a film

    @property
    def references(self) -> MotionLibrary:
        """The policy's motions.

        Raises:
            UsageError: it has none with it.
        """
        if self._library is None:
            raise UsageError("a published policy has no motions with it; give --random, --z, or its --motions")
        return self._library

    def clip(self, name: str, seconds: float | None) -> list[Frames]:
        """The clip imitated from its first frame, beside the ghost of the reference."""
        clip = self.references.index(name)
        reference = self._reference(clip, seconds)
        if self.policy.condition == "reference":
            controller = TrackingController(self.policy, self.references)
        else:
            controller = SkillController(self.policy, self._direction(name).unsqueeze(0))
        qpos = self._play(controller, reference[:1], len(reference.qpos), clip)
        return [render_frames(self.body, qpos[0], reference.qpos[:: self.stride].numpy(), name)]

    def variations(self, name: str, kappa: float, count: int, seconds: float | None) -> list[Frames]:
        """Relatives of the clip, z ~ vMF(z_m, kappa), from its first frame."""
        clip = self.references.index(name)
        reference = self._reference(clip, seconds)
        z = self.policy.sample_z(count, self._direction(name), kappa, self.generator)
        qpos = self._play(SkillController(self.policy, z), reference[[0] * count], len(reference.qpos), clip)
        return [render_frames(self.body, q, None, f"{name}, kappa {kappa:g}") for q in qpos]

    def random_skills(self, count: int, seconds: float) -> list[Frames]:
        """Uniform latents from the standing pose."""
        qpos = self._from_standing(self.policy.sample_z(count, generator=self.generator), seconds)
        return [render_frames(self.body, q, None, f"random skill {i + 1}") for i, q in enumerate(qpos)]

    def latent(self, z: tuple[float, ...], seconds: float) -> list[Frames]:
        """One latent, of any length but zero, from the standing pose."""
        if len(z) != self.policy.latent_dim or not any(z):
            raise UsageError(
                f"--z holds {len(z)} numbers; this policy's latents have {self.policy.latent_dim}, not all 0"
            )
        unit = torch.nn.functional.normalize(torch.tensor(z), dim=0)
        return [
            render_frames(self.body, q, None, "one latent") for q in self._from_standing(unit.unsqueeze(0), seconds)
        ]

    def _from_standing(self, z: Tensor, seconds: float) -> np.ndarray:
        start = standing(self.body, len(z), torch.device("cpu"))
        return self._play(SkillController(self.policy, z), start, round(seconds * self.body.control_hz), 0)

    def _reference(self, clip: int, seconds: float | None) -> BodyState:
        own = int(self.references.lengths[clip])
        frames = own if seconds is None else round(seconds * self.body.control_hz)
        return self.references.state(torch.full((frames,), clip), torch.arange(frames))

    def _direction(self, name: str) -> Tensor:
        if name not in self.policy.clip_latents:
            raise UnknownName("clip of the policy", name, self.policy.clip_latents)
        return self.policy.clip_latents[name]

    def _play(self, controller: Controller, start: BodyState, frames: int, clip: int) -> np.ndarray:
        """(environments, frames / stride, nq)."""
        which = torch.full((len(start.qpos),), clip)
        played = roll_out(self._simulate, self.body, controller, (start.qpos, start.qvel), frames, which)
        return played.states.qpos[:, :: self.stride].numpy()

    def _simulate(self, count: int) -> MujocoCpu:
        return MujocoCpu(self.body, count)
