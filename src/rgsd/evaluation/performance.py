"""Clips as a tracker performs them in simulation: references that physics allows, and whose states are whole.

Every frame but the first is a state that the simulation has passed through, with its own velocities. What a recording
asks for and no body can do is gone; so is whatever the tracker cannot do, and that is measured.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
import torch

from rgsd.evaluation.imitation import Reference
from rgsd.evaluation.rollouts import Rollouts, Simulate, TrackingController, roll_out, with_noise
from rgsd.learning.skill_policy import SkillPolicy
from rgsd.motions.library import MotionLibrary
from rgsd.motions.motion import Motion


@dataclass(frozen=True)
class Performance:
    """One clip, as the best of several attempts at it."""

    clip: str
    """Its name."""
    motion: Motion | None
    """The performance, under the clip's name; None where every attempt fell or lost the clip."""
    error_cm: float
    """`cartesian_error_cm` of that attempt (docs/protocol.md)."""
    root_error_m: float
    """Distance of the roots at its end, m."""
    survival: float
    """Its `survival`; below 1 where there is no motion."""
    survived: float
    """Fraction of the attempts that neither fell nor lost the clip."""


@torch.no_grad()
def perform(
    simulate: Simulate, policy: SkillPolicy, library: MotionLibrary, performer: str, attempts: int, seed: int
) -> Iterator[Performance]:
    """Let a tracker perform each clip, deterministically.

    The first attempt begins in the clip's own first frame, the others with the protocol's initial noise on it. The
    first is taken if it survives to the end, else the one of those that do whose error is the least.

    Args:
        simulate: makes the physics.
        policy: the tracker.
        library: the clips.
        performer: what the motions call it.
        attempts: at each clip, at least 1.
        seed: of the initial noise.
    """
    noise = torch.Generator().manual_seed(seed)
    for number, source in enumerate(library.motions):
        clip = torch.full((attempts,), number)
        first = library.state(clip, torch.zeros_like(clip))
        qpos, qvel = with_noise(first, noise)
        qpos[0], qvel[0] = first.qpos[0], first.qvel[0]
        controller = TrackingController(policy, library)
        rollouts = roll_out(simulate, library.body, controller, (qpos, qvel), source.num_frames, clip)
        measured = Reference.of(library, number).measure(rollouts)
        survives = measured["survival"] == 1.0
        # among losers, the longest: it is told, not taken
        badness = torch.where(survives, measured["cartesian_error_cm"], 1e6 - measured["survival"])
        best = 0 if bool(survives[0]) else int(badness.argmin())
        error, survived = float(measured["cartesian_error_cm"][best]), float(survives.float().mean())
        motion = None
        if bool(survives[best]):
            motion = _motion(source, rollouts, best, performer, {"performance_error_cm": error, "survived": survived})
        yield Performance(
            source.name,
            motion,
            error,
            float(measured["root_error_end_m"][best]),
            float(measured["survival"][best]),
            survived,
        )


def _motion(source: Motion, rollouts: Rollouts, which: int, performer: str, quality: dict[str, float]) -> Motion:
    """One rollout under the name, group and licence of the clip that was followed."""
    states = rollouts.states[which]
    qpos = states.qpos.double().numpy()
    qpos[:, 3:7] /= np.linalg.norm(qpos[:, 3:7], axis=1, keepdims=True)
    return dataclasses.replace(
        source,
        qpos=qpos,
        qvel=states.qvel.double().numpy(),
        source=f"performed in simulation: {source.source or source.name}",
        loop=False,  # it need not end as it began
        quality={name: round(value, 4) for name, value in quality.items()},
        performer=performer,
    )
