"""Physics seen from another device: the same states to the bit, and nothing that was shown before changes."""

from __future__ import annotations

import math
from dataclasses import fields

import torch

from rgsd.bodies.body import Body
from rgsd.bodies.state import BodyState
from rgsd.physics.interface import Physics
from rgsd.physics.mujoco_cpu import MujocoCpu
from rgsd.physics.on_device import OnDevice, on_device

CPU = torch.device("cpu")


def equal(a: BodyState, b: BodyState) -> bool:
    return all(torch.equal(getattr(a, f.name), getattr(b, f.name)) for f in fields(BodyState))


def drive(physics: Physics, steps: int) -> None:
    """The same targets for everybody; every fourth step the second environment begins anew."""
    generator = torch.Generator().manual_seed(0)
    for step in range(steps):
        physics.step(0.5 * torch.randn(physics.num_envs, physics.body.num_actions, generator=generator))
        if step % 4 == 3:
            ids = torch.tensor([1])
            physics.reset(ids, physics.state.qpos[:1].clone(), torch.zeros(1, physics.body.model.nv))


def test_where_tensors_lie_already_nothing_stands_between(tiny: Body) -> None:
    physics = MujocoCpu(tiny, 2, threads=1)
    assert on_device(physics, CPU) is physics


def test_states_are_those_of_the_physics_itself(tiny: Body) -> None:
    plain, shown = MujocoCpu(tiny, 3, threads=1), OnDevice(MujocoCpu(tiny, 3, threads=1), CPU)
    assert equal(shown.state, plain.state)
    for physics in (plain, shown):
        drive(physics, 10)
    assert equal(shown.state, plain.state)
    assert shown.state.body_pos.shape == (3, tiny.num_bodies, 3)
    snapshot = shown.snapshot()
    other = OnDevice(MujocoCpu(tiny, 3, threads=1), CPU)
    other.restore(snapshot)
    assert equal(other.state, plain.state)


def test_a_state_that_was_shown_stays_as_it_was(tiny: Body) -> None:
    physics = OnDevice(MujocoCpu(tiny, 2, threads=1), CPU)
    before, copy = physics.state, physics.state.clone()
    drive(physics, 2)
    assert equal(before, copy)
    assert not equal(before, physics.state)


def test_environments_that_blow_up_are_told(tiny: Body) -> None:
    physics = OnDevice(MujocoCpu(tiny, 3, threads=1), CPU)
    qvel = torch.zeros(1, tiny.model.nv)
    qvel[0, 2] = math.inf
    physics.reset(torch.tensor([1]), physics.state.qpos[1:2], qvel)
    physics.step(torch.zeros(3, tiny.num_actions))
    assert physics.blown_up.tolist() == [False, True, False]
    assert physics.blowups == 1
    assert torch.isfinite(physics.state.qvel).all()
    physics.step(torch.zeros(3, tiny.num_actions))
    assert not physics.blown_up.any()
