"""What the SMPL body's physics costs, choice by choice, and what it still holds.

    python benchmarks/smpl_physics.py                     a table in about a minute
    python benchmarks/smpl_physics.py --noise-steps 1000000   the count of blow-ups that the body was chosen by

Control steps a second of the bare batch are taken in turn, round after round, and compared within each round with
`newton 4 iterations, box feet, 5 substeps`; medians are printed. Standing is by PD alone, without a policy.
"""

from __future__ import annotations

import time
from statistics import median

import mujoco
import numpy as np
import torch
import tyro
from mujoco.batch import Batch

from rgsd.bodies.body import Body
from rgsd.bodies.smpl import SmplPhysics, make_smpl
from rgsd.envs.termination import fallen
from rgsd.physics.mujoco_cpu import MujocoCpu

_REFERENCE = SmplPhysics(substeps=5, iterations=4, solver="newton", feet="boxes")
_CHOICES = (
    _REFERENCE,
    SmplPhysics(substeps=5, iterations=2, solver="newton", feet="boxes"),
    SmplPhysics(substeps=5, iterations=10, solver="pgs", feet="boxes"),
    *(
        SmplPhysics(substeps, iterations, solver, "points")
        for substeps in (5, 4, 3)
        for solver, iterations in (("newton", 4), ("newton", 2), ("pgs", 10))
    ),
)
_NOISE = 0.3  # standard deviation of random actions, of their range [-1, 1]


class Contender:
    """One choice of physics, many environments."""

    def __init__(self, physics: SmplPhysics, num_envs: int) -> None:
        self.physics, self.body = physics, make_smpl(physics)
        self._batch = Batch(self.body.model, nsim=num_envs)
        self._qpos, self._qvel, self._ctrl = (self._batch.bind(name) for name in ("qpos", "qvel", "ctrl"))

    def steps_per_s(self, actions: np.ndarray) -> float:
        """Control steps a second from the standing pose under actions (T, N, A), feet on the ground."""
        self._qpos[:], self._qvel[:] = self.body.standing_qpos, 0.0
        targets = _standing_action(self.body) + actions
        targets = self.body.action_center + self.body.action_scale * targets.clip(-1.0, 1.0)
        begun = time.perf_counter()
        for target in targets:
            self._ctrl[:] = target
            self._batch.step(nstep=self.body.substeps, stage=mujoco.mjtStage.mjSTAGE_VEL)
        return actions.shape[0] * actions.shape[1] / (time.perf_counter() - begun)


def standing_seconds(body: Body, limit: float = 10.0) -> float:
    """Seconds until the standing pose, held by PD alone, has fallen; at most `limit`."""
    physics = MujocoCpu(body, 1)
    target = torch.tensor(body.standing_qpos[None, 7:], dtype=torch.float32)
    for step in range(round(limit * body.control_hz)):
        physics.step(target)
        if bool(fallen(body, physics.state).any()):
            return step * body.control_dt
    return limit


def blowups(body: Body, steps: int, num_envs: int) -> int:
    """Environments that blow up in `steps` control steps of all environments together under random actions, seed 0."""
    physics, generator = MujocoCpu(body, num_envs), torch.Generator().manual_seed(0)
    center, scale = torch.tensor(body.action_center), torch.tensor(body.action_scale)
    standing = torch.tensor(body.standing_qpos, dtype=torch.float32)
    still = torch.zeros(num_envs, body.model.nv)
    period = round(2 * body.control_hz)  # up again every 2 s: lying on the ground is the easier case
    for step in range(-(-steps // num_envs)):
        if step % period == 0:
            physics.reset(torch.arange(num_envs), standing.expand(num_envs, -1), still)
        action = _NOISE * torch.randn(num_envs, body.num_actions, generator=generator)
        physics.step((center + scale * action.clamp(-1.0, 1.0)).float())
    return physics.blowups


def main(rounds: int = 3, num_envs: int = 256, steps: int = 10, noise_steps: int = 10_000) -> None:
    """Print a markdown table.

    Args:
        rounds: how often every choice is timed.
        num_envs: environments that are stepped together.
        steps: control steps of every environment in a round.
        noise_steps: control steps under action noise in which blow-ups are counted, all environments together.
    """
    contenders = [Contender(choice, num_envs) for choice in _CHOICES]
    size = (steps, num_envs, contenders[0].body.num_actions)
    actions = 0.05 * np.random.default_rng(0).normal(size=size)
    contenders[0].steps_per_s(actions)  # allocations and caches
    rates = [[contender.steps_per_s(actions) for contender in contenders] for _ in range(rounds)]
    print(
        f"{num_envs} environments, {rounds} rounds of {steps} control steps; "
        f"blow-ups in {noise_steps:,} steps of noise\n"
    )
    print("| solver | iterations | feet | substeps | control steps/s | ratio | stands, s | blow-ups |")
    print("|---|---|---|---|---|---|---|---|")
    for index, contender in enumerate(contenders):
        choice, body = contender.physics, contender.body
        rate = median(row[index] for row in rates)
        ratio = median(row[index] / row[0] for row in rates)
        print(
            f"| {choice.solver} | {choice.iterations} | {choice.feet} | {choice.substeps} | {rate:,.0f} | {ratio:.2f} "
            f"| {standing_seconds(body):.1f} | {blowups(body, noise_steps, num_envs)} |",
            flush=True,
        )


def _standing_action(body: Body) -> np.ndarray:
    return (body.standing_qpos[7:] - body.action_center) / body.action_scale


if __name__ == "__main__":
    tyro.cli(main)
