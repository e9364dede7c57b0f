"""The reward landscape without any RL: the frozen encoder's cosine around each clip (docs/protocol.md).

It tells in seconds whether the reward has its peak at the reference (the paper's local concavity), and whether it
asks for the right speed at all: a direction that tells the clips apart need not.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Callable
from typing import Any

import numpy as np
import torch
from torch import Tensor

from rgsd import rotations
from rgsd.bodies.kinematics import forward_kinematics
from rgsd.bodies.state import BodyState
from rgsd.envs.observation import observe
from rgsd.evaluation.rollouts import clip_states
from rgsd.motions.library import MotionLibrary

SPEEDS = (0.0, 0.5, 1.0, 1.5)
"""Factors of playback speed: the clip's poses with its velocities times this."""
JOINT_OFFSETS = (0.02, 0.05, 0.1, 0.2, 0.4)
"""Standard deviations of the noise on every hinge angle, drawn anew each frame, rad."""
ROOT_TILTS = (0.05, 0.1, 0.2, 0.4)
"""Tilts of the whole body about a horizontal axis that is drawn anew each frame, rad."""
ROOT_HEIGHTS = (0.02, 0.05, 0.1, 0.2)
"""Distances by which the whole body is lowered, m."""
ROOT_SPEEDS = (0.1, 0.25, 0.5, 1.0)
"""Speeds added to the root's, and so to all bodies', in a horizontal direction drawn anew each frame, m/s."""


def landscape(encode: Callable[[Tensor], Tensor], library: MotionLibrary, seed: int = 0) -> dict[str, Any]:
    """Cosines between the frozen encoder and each clip's direction z_m.

    Args:
        encode: observations (N, D) to unit vectors (N, d).
        library: M clips.
        seed: of the perturbations.

    Returns:
        JSON-able. `clips`, by name: `frames`, the cosine along the reference (T numbers); `speed_frames`, the same by
        speed; and means over frames: `reference`, `speed`, `frozen` (the first frame held at rest), `joint`, `tilt`,
        `height`, `velocity` (each by size), `others` (each other clip's frames against this direction). `mean`: the
        means over clips of all those, `others` over all pairs; `peaks`: the fraction of clips whose direction is
        nearer to the reference than to every other point listed.
    """
    rng = torch.Generator().manual_seed(seed)
    names = library.names
    states = [clip_states(library, clip).to("cpu") for clip in range(len(library))]

    def mu(state: BodyState) -> Tensor:
        return encode(observe(state.to(library.device))).cpu()

    codes = [mu(state) for state in states]
    directions = [torch.nn.functional.normalize(code.mean(dim=0), dim=-1) for code in codes]
    clips: dict[str, dict[str, Any]] = {}
    for name, state, code, z in zip(names, states, codes, directions, strict=True):
        speeds = {f"{s:g}": mu(state.at_speed(s)) @ z for s in SPEEDS}
        perturbed = {
            "joint": {f"{size:g}": _moved(library, state, joint=size, rng=rng) for size in JOINT_OFFSETS},
            "tilt": {f"{size:g}": _moved(library, state, tilt=size, rng=rng) for size in ROOT_TILTS},
            "height": {f"{size:g}": _lowered(state, size) for size in ROOT_HEIGHTS},
            "velocity": {f"{size:g}": _pushed(state, size, rng) for size in ROOT_SPEEDS},
        }
        clips[name] = {
            "frames": (code @ z).tolist(),
            "speed_frames": {key: cosines.tolist() for key, cosines in speeds.items()},
            "reference": float((code @ z).mean()),
            "speed": {key: float(cosines.mean()) for key, cosines in speeds.items()},
            "frozen": float((mu(state[:1].at_speed(0.0)) @ z).mean()),
            **{kind: {k: float((mu(s) @ z).mean()) for k, s in by.items()} for kind, by in perturbed.items()},
            "others": {o: float((c @ z).mean()) for o, c in zip(names, codes, strict=True) if o != name},
        }
    return {"clips": clips, "mean": _mean_over_clips(list(clips.values()))}


def _moved(
    library: MotionLibrary, state: BodyState, *, rng: torch.Generator, joint: float = 0.0, tilt: float = 0.0
) -> BodyState:
    """Hinges off by noise of size `joint`, the root tilted by `tilt` about a random horizontal axis, rad."""
    qpos = state.qpos.clone()
    qpos[:, 7:] += joint * torch.randn(qpos[:, 7:].shape, generator=rng)
    direction = _horizontal(len(qpos), rng)
    half = torch.tensor(tilt / 2)
    turn = torch.cat((half.cos().expand(len(qpos), 1), half.sin() * direction), dim=1)
    qpos[:, 3:7] = rotations.multiply(turn, qpos[:, 3:7])
    return forward_kinematics(library.body, qpos.double().numpy(), state.qvel.double().numpy())


def _lowered(state: BodyState, distance: float) -> BodyState:
    down = torch.tensor([0.0, 0.0, distance])
    qpos = state.qpos.clone()
    qpos[:, 2] -= distance
    return dataclasses.replace(state, qpos=qpos, body_pos=state.body_pos - down)


def _pushed(state: BodyState, speed: float, rng: torch.Generator) -> BodyState:
    push = speed * _horizontal(len(state.qpos), rng)
    qvel = state.qvel.clone()
    qvel[:, :3] += push
    return dataclasses.replace(state, qvel=qvel, body_linvel=state.body_linvel + push.unsqueeze(1))


def _horizontal(count: int, rng: torch.Generator) -> Tensor:
    """(count, 3) unit vectors in the ground plane."""
    angle = 2 * torch.pi * torch.rand(count, generator=rng)
    return torch.stack((angle.cos(), angle.sin(), torch.zeros(count)), dim=1)


def _mean_over_clips(clips: list[dict[str, Any]]) -> dict[str, Any]:
    mean: dict[str, Any] = {}
    for key in ("speed", "joint", "tilt", "height", "velocity"):
        mean[key] = {size: float(np.mean([clip[key][size] for clip in clips])) for size in clips[0][key]}
    for key in ("reference", "frozen"):
        mean[key] = float(np.mean([clip[key] for clip in clips]))
    others = [cosine for clip in clips for cosine in clip["others"].values()]
    mean["others"] = float(np.mean(others)) if others else None
    # by more than rounding: an encoder that has collapsed to a point has no peak
    mean["peaks"] = float(np.mean([clip["reference"] > _best_elsewhere(clip) + 1e-4 for clip in clips]))
    return mean


def _best_elsewhere(clip: dict[str, Any]) -> float:
    """The highest mean cosine at any point of the landscape but the reference (and its playback at speed 1)."""
    points = [clip["frozen"], *clip["others"].values(), *(c for s, c in clip["speed"].items() if s != "1")]
    return max(points + [c for kind in ("joint", "tilt", "height", "velocity") for c in clip[kind].values()])
