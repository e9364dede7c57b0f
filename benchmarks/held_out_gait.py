"""How many random skills are the gait that nobody was shown? The protocol's measure, with enough latents to tell.

    python benchmarks/held_out_gait.py RUN [RUN ...] [--latents 5000]

500 latents, the protocol's number, find a rare gait two or three times, which no interval tells from never. Prints a
Markdown table: a run a row, latents that walk the held-out diagonal within 15 degrees and 20 % of its speed, the
fraction and its 95 % interval, and the same with the speed left free. The first run's untrained twin comes last.
Latents and initial noise are the same for all runs of one dimension.
"""

from __future__ import annotations

from functools import partial
from pathlib import Path
from typing import Annotated

import torch
import tyro

from rgsd.bodies.registry import make_body
from rgsd.cli.evaluate import untrained_twin
from rgsd.cli.trained import load_trained
from rgsd.evaluation.discovery import LEAST_SPEED, discover, gait_fractions, own_velocity, same_direction
from rgsd.evaluation.intervals import wilson
from rgsd.learning.skill_policy import SkillPolicy
from rgsd.motions.library import MotionLibrary
from rgsd.motions.synthesis.quadruped import held_out_quadruped
from rgsd.physics.mujoco_cpu import MujocoCpu
from rgsd.skills.sphere import sample_uniform


def main(runs: Annotated[tuple[Path, ...], tyro.conf.Positional], latents: int = 5000, seed: int = 0) -> None:
    """Print a Markdown table.

    Args:
        runs: folders of runs on the quadruped.
        latents: uniform on the sphere, for each run.
        seed: of latents and initial noise.
    """
    body = make_body("quadruped")
    held_out = MotionLibrary(body, held_out_quadruped(body))
    policies = {str(run): load_trained(run).policy for run in runs}
    policies["untrained"] = untrained_twin(next(iter(policies.values())), seed)
    print(f"| run | of | at the diagonal | fraction (95 %) | its direction, at {LEAST_SPEED} m/s or more | fall |")
    print("|---|---|---|---|---|---|")
    for name, policy in policies.items():
        print(row(name, policy, held_out, latents, seed), flush=True)


@torch.no_grad()
def row(name: str, policy: SkillPolicy, held_out: MotionLibrary, latents: int, seed: int) -> str:
    """One policy's line."""
    z = sample_uniform(latents, policy.latent_dim, torch.Generator().manual_seed(seed))
    simulate = partial(MujocoCpu, policy.body)
    found = discover(simulate, policy, z, policy.body.discovery_seconds, 512, seed)
    fractions, intervals = gait_fractions(found, held_out)
    (fraction,), (interval,) = fractions.values(), intervals.values()
    assert fraction is not None
    assert interval is not None
    wanted = own_velocity(held_out.states.body_pos[None, :, 0], held_out.states.body_quat[None, :, 0], found.dt)[0]
    velocity = own_velocity(found.root_pos, found.root_quat, found.dt)
    towards = same_direction(velocity, wanted) & (velocity.norm(dim=-1) >= LEAST_SPEED) & ~found.fell
    ways = float(towards.double().mean())
    low, high = wilson(ways, latents) or (0.0, 0.0)
    return (
        f"| {name} | {latents} | {round(fraction * latents)} | {fraction:.4f} ({interval[0]:.4f} to {interval[1]:.4f}) "
        f"| {ways:.4f} ({low:.4f} to {high:.4f}) | {float(found.fell.double().mean()):.4f} |"
    )


if __name__ == "__main__":
    tyro.cli(main)
