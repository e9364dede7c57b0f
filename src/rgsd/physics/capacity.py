"""How many contacts and constraints a body can come to have: what an engine with fixed arrays must make room for."""

from __future__ import annotations

from dataclasses import dataclass

import mujoco
import numpy as np

from rgsd.bodies.body import Body

_NUM_ENVS = 32
_STEPS = 60  # control steps of an environment: long enough to fall and to thrash about on the ground
_HOLD = 5  # control steps that a random target is held: long enough for hinges to reach their limits
_DROP = 1.5  # of the standing height, from which every other environment is thrown, turned anyhow
_MARGIN = 2
_MOST_PAIRS = 64  # of a body with more, only few are near each other at a time


@dataclass(frozen=True)
class Capacity:
    """Room for each environment of a body."""

    contacts: int
    """Contacts, and pairs of geoms that may touch. All environments share one pool of `num_envs` times as many."""
    constraints: int
    """Rows of the constraint solver (limits, friction, contacts); none may have more."""


def measure_capacity(body: Body) -> Capacity:
    """Twice the worst of a rollout of random targets by C MuJoCo, the same for a body every time.

    Half of the environments begin in the standing pose with random hinge angles, half are thrown, turned anyhow; all
    thrash about until they lie on the ground. An environment that blows up ends its part.
    """
    model, generator = body.model, np.random.default_rng(0)
    contacts, constraints = 0, 0
    for env in range(_NUM_ENVS):
        data = mujoco.MjData(model)
        data.qpos[:] = body.standing_qpos
        data.qpos[7:] += 0.5 * body.action_scale * generator.uniform(-1, 1, body.num_actions)
        if env % 2:
            quat = generator.normal(size=4)
            data.qpos[2] *= _DROP
            data.qpos[3:7] = quat / np.linalg.norm(quat)
        for step in range(_STEPS):
            if step % _HOLD == 0:
                data.ctrl[:] = body.action_center + body.action_scale * generator.uniform(-1, 1, body.num_actions)
            for _ in range(body.substeps):
                mujoco.mj_step(model, data)
                contacts, constraints = max(contacts, data.ncon), max(constraints, data.nefc)
            if not np.isfinite(data.qvel).all():
                break
    return Capacity(
        # two geoms that come near take a place in the pool before it is known whether they touch
        contacts=_MARGIN * contacts + min(_touching_pairs(model), _MOST_PAIRS),
        constraints=_MARGIN * constraints,
    )


def _touching_pairs(model: mujoco.MjModel) -> int:
    """How many pairs of geoms of different bodies are let touch at all."""
    kind, affinity, owner = model.geom_contype, model.geom_conaffinity, model.geom_bodyid
    meets = (kind[:, None] & affinity[None, :]) | (affinity[:, None] & kind[None, :])
    apart = owner[:, None] != owner[None, :]
    return int(np.triu((meets != 0) & apart).sum()) + model.npair
