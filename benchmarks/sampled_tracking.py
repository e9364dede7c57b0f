"""Can the physics track a clip at all? A search that learns nothing answers it, apart from PPO and networks.

    python benchmarks/sampled_tracking.py --motions ACCAD_FOLDER --clips B3_walk      minutes a clip

Sampling-based control in the manner of SAMCON (Liu et al. 2010): thousands of environments play the reference's next
frames as PD targets, each with random offsets at the joints that balance, held for a short window. After each window
the environments that are nearest to the reference live on, each in several continuations. The best line of descent is a
motion that the physics makes under the body's own actuators: `tracked` near 1 says that an imitator which falls lacks
control and not the means. The motion is open loop: it starts from the reference's exact state and falls when it is
disturbed.
"""

from __future__ import annotations

import time
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch
import tyro
from torch import Tensor

from rgsd.bodies.body import Body
from rgsd.bodies.registry import make_body
from rgsd.bodies.state import BodyState
from rgsd.envs.open_loop_replay import damping_lag
from rgsd.motions.clip_sets import CLIP_SETS
from rgsd.motions.importing import load_motions
from rgsd.motions.library import MotionLibrary
from rgsd.physics.mujoco_cpu import MujocoCpu

# standard deviation of a new offset, rad, by joint; all other joints follow the reference
_SPREAD = {"Hip": 0.09, "Knee": 0.09, "Ankle": 0.09, "Toe": 0.03, "Torso": 0.06, "Spine": 0.03, "Chest": 0.03}
_SIZES = torch.tensor([0.3, 1.0, 1.5])  # of an environment's offsets: some search near, some far


@dataclass(frozen=True)
class Search:
    """The amount of search."""

    particles: int = 4000
    """Environments that are simulated."""
    survivors: int = 400
    """Environments that live on after a window."""
    window: int = 2
    """Control steps that an offset is held."""
    memory: float = 0.5
    """Fraction of the parent's offset that a continuation keeps."""


def track(library: MotionLibrary, clip: int, search: Search, seed: int = 0) -> Tensor:
    """World positions (T, B, 3) of the bodies along the best line of descent, for every frame of a clip."""
    body, generator = library.body, torch.Generator().manual_seed(seed)
    rows = slice(int(library.offsets[clip]), int(library.offsets[clip + 1]))
    reference = library.states[rows]
    lag = torch.from_numpy(damping_lag(body)).float()
    targets = reference.qpos[:, 7:] + lag * reference.qvel[:, 6:]
    spread = torch.tensor([_SPREAD.get(name.split("_")[-2], 0.0) for name in body.joint_names])
    low, high = (torch.from_numpy(body.action_center + sign * body.action_scale).float() for sign in (-1, 1))
    physics, count = MujocoCpu(body, search.particles), search.particles
    physics.reset(torch.arange(count), *(x[:1].double().expand(count, -1) for x in (reference.qpos, reference.qvel)))
    offset, total = torch.zeros(count, body.num_actions), torch.zeros(count)
    states, parents, frame = [reference[:1].body_pos.expand(count, -1, -1)], [], 0
    while frame < len(targets) - 1:
        fresh = torch.randn(offset.shape, generator=generator) * spread
        offset = search.memory * offset + fresh * _SIZES[torch.randint(3, (count, 1), generator=generator)]
        offset[0] = 0.0  # the reference itself is always among the candidates
        for _ in range(min(search.window, len(targets) - 1 - frame)):
            frame += 1
            physics.step(torch.max(torch.min(targets[frame] + offset, high), low))
            states.append(physics.state.body_pos.clone())  # a reset writes into the state
        cost = _distance(body, physics.state, reference[frame : frame + 1]) + 0.05 * offset.square().sum(dim=1)
        best = cost.argsort()[: search.survivors]
        parent = best[torch.arange(count) % len(best)]
        total, offset = (total + cost)[parent], offset[parent]
        parents.append((len(states) - 1, parent))
        state = physics.state[parent]
        physics.reset(torch.arange(count), state.qpos.double(), state.qvel.double())
    return _line_of_descent(states, parents, int(total.argmin()))


def _distance(body: Body, state: BodyState, reference: BodyState) -> Tensor:
    """(N,) how far environments are from a reference (1,): places of all bodies and of the centre of mass, root's
    motion."""
    mass = torch.from_numpy(body.model.body_mass[1:] / body.model.body_mass.sum()).float()
    apart = state.body_pos - reference.body_pos
    center = torch.einsum("nbk,b->nk", apart, mass)
    linear = (state.body_linvel - reference.body_linvel)[:, 0]
    angular = (state.body_angvel - reference.body_angvel)[:, 0]
    turn = 1 - (state.body_quat[:, 0] * reference.body_quat[:, 0]).sum(dim=1).square()  # sin^2 of half the angle
    return (
        4 * apart.square().sum(dim=(1, 2))
        + 40 * center.square().sum(dim=1)
        + 80 * turn
        + linear.square().sum(dim=1)
        + 0.25 * angular.square().sum(dim=1)
    )


def _line_of_descent(states: list[Tensor], parents: list[tuple[int, Tensor]], index: int) -> Tensor:
    """Follow an environment back to the start; `parents` has, for each window, its last step and every environment's
    origin there."""
    line, starts = [], [0, *(last for last, _ in parents)]
    for (last, parent), start in zip(reversed(parents), reversed(starts[:-1]), strict=True):
        index = int(parent[index])
        line += [states[step][index] for step in range(last, start, -1)]
    return torch.stack([*line, states[0][index]][::-1])


def main(
    motions: Path, clips: tuple[str, ...] = (), body: str = "smpl", search: Search = Search(), seed: int = 0
) -> None:
    """Print, clip by clip, how near the physics can be kept to the reference.

    Args:
        motions: file or folder of motions.
        clips: names; the twenty of ACCAD if not given.
        body: whose motions they are.
        search: amount of search.
        seed: of the offsets.
    """
    made = make_body(body)
    names = clips or tuple(clip.name for clip in CLIP_SETS["accad20"])
    library = MotionLibrary(made, load_motions(motions, made)).select(names)
    print("clip | tracked | error, cm | worst body, m (median, most) | s")
    for number, name in enumerate(library.names):
        begun = time.perf_counter()
        found = track(library, number, search, seed)
        wanted = library.states.body_pos[int(library.offsets[number]) : int(library.offsets[number + 1])]
        apart = (found - wanted).norm(dim=-1)
        worst, local = apart.amax(dim=1), (found - found[:, :1] - wanted + wanted[:, :1]).norm(dim=-1)
        tracked = float((worst < made.tracked_threshold).float().mean())
        print(
            f"{name} | {tracked:.2f} | {100 * float(local.mean()):.1f} | {float(np.median(worst)):.2f}, "
            f"{float(worst.max()):.2f} | {time.perf_counter() - begun:.0f}",
            flush=True,
        )


if __name__ == "__main__":
    tyro.cli(main)
