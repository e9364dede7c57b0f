"""Does a humanoid's punch come, how far and when? The arm's stretch under each punch's latent, from frames of its clip.

    python benchmarks/strike.py POLICY --motions FOLDER [--starts 0 0.5 0.9]

POLICY is a run's `policy/` or a published policy's folder. A policy without a clock that is begun in the guard cannot
know how long the reference has stood there; begun past the guard it can. Prints a Markdown table: the distance from
shoulder to hand at its greatest, mean and range of the rollouts, and when in the clip, beside the reference's; of the
arm that the reference stretches more.
"""

from __future__ import annotations

from functools import partial
from pathlib import Path
from typing import Annotated

import torch
import tyro
from torch import Tensor

from rgsd.bodies.body import Body
from rgsd.bodies.state import BodyState
from rgsd.evaluation.rollouts import SkillController, roll_out, with_noise
from rgsd.learning.skill_policy import SkillPolicy
from rgsd.motions.library import MotionLibrary
from rgsd.motions.motion import Motion
from rgsd.physics.mujoco_cpu import MujocoCpu


def main(
    policy: Annotated[Path, tyro.conf.Positional],
    motions: Path,
    starts: tuple[float, ...] = (0.0, 0.5, 0.8, 1.0),
    rollouts: int = 16,
    seed: int = 0,
) -> None:
    """Print a Markdown table.

    Args:
        policy: folder of a policy that embeds its clips.
        motions: folder of its clips, NAME.npz each.
        starts: where in the clip rollouts begin, s.
        rollouts: of each clip and start, deterministic, with the protocol's initial noise.
        seed: of that noise.
    """
    skills = SkillPolicy.load(policy)
    library = MotionLibrary(skills.body, [Motion.load(motions / f"{name}.npz") for name in skills.clip_latents])
    print("| clip | begun at, s | arm, m | at, s | reference, m | at, s |\n|---|---|---|---|---|---|")
    for clip in range(len(library)):
        for start in starts:
            frame = round(start * skills.body.control_hz)
            if frame < int(library.lengths[clip]) - 1:
                print(row(skills, library, clip, frame, rollouts, seed), flush=True)


def arm(body: Body, states: BodyState, side: str) -> Tensor:
    """(...,) distance from shoulder to hand, m."""
    shoulder, hand = (body.body_names.index(f"{side}_{part}") for part in ("Shoulder", "Hand"))
    return (states.body_pos[..., hand, :] - states.body_pos[..., shoulder, :]).norm(dim=-1)


def striking_side(body: Body, states: BodyState) -> str:
    """Which arm, L or R, the states of a clip stretch the more beyond the first one's."""
    return max("LR", key=lambda side: float(arm(body, states, side).max() - arm(body, states, side)[0]))


@torch.no_grad()
def row(policy: SkillPolicy, library: MotionLibrary, clip: int, frame: int, rollouts: int, seed: int) -> str:
    """One clip from one frame on."""
    name, states = library.names[clip], library.states[int(library.offsets[clip]) : int(library.offsets[clip + 1])]
    side = striking_side(policy.body, states)
    which = torch.full((rollouts,), clip)
    begin = with_noise(library.state(which, torch.full_like(which, frame)), torch.Generator().manual_seed(seed))
    controller = SkillController(policy, policy.clip_latents[name].expand(rollouts, -1))
    simulate, frames = partial(MujocoCpu, policy.body), len(states.qpos) - frame
    done = roll_out(simulate, policy.body, controller, begin, frames, torch.zeros_like(which))
    stretch, when = arm(policy.body, done.states, side).max(dim=1)
    wanted, wanted_when = arm(policy.body, states, side)[frame:].max(dim=0)
    hz = policy.body.control_hz
    return (
        f"| {name} | {frame / hz:.2f} | {stretch.mean():.2f} ({stretch.min():.2f} to {stretch.max():.2f}) "
        f"| {(frame + when.float().mean()) / hz:.2f} | {wanted:.2f} | {(frame + wanted_when) / hz:.2f} |"
    )


if __name__ == "__main__":
    tyro.cli(main)
