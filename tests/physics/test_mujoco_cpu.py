"""C MuJoCo in batches against a plain loop of mj_step, and environments that blow up."""

from __future__ import annotations

import math
from dataclasses import fields

import mujoco
import numpy as np
import pytest
import torch

from rgsd.bodies.body import Body
from rgsd.bodies.registry import make_body
from rgsd.bodies.state import BodyState
from rgsd.physics.mujoco_cpu import MujocoCpu


@pytest.fixture(scope="module")
def quadruped() -> Body:
    return make_body("quadruped")


def equal(a: BodyState, b: BodyState) -> bool:
    """To the bit."""
    return all(torch.equal(getattr(a, f.name), getattr(b, f.name)) for f in fields(BodyState))


def start(body: Body, count: int) -> MujocoCpu:
    """Environments in different poses near the ground."""
    physics = MujocoCpu(body, count, threads=1)
    generator = torch.Generator().manual_seed(0)
    qpos = torch.tensor(body.standing_qpos, dtype=torch.float32).repeat(count, 1)
    qpos[:, 7:] += 0.1 * torch.randn(count, body.num_actions, generator=generator)
    physics.reset(torch.arange(count), qpos, torch.randn(count, body.model.nv, generator=generator))
    return physics


def targets(body: Body, count: int, steps: int) -> torch.Tensor:
    noise = torch.randn(steps, count, body.num_actions, generator=torch.Generator().manual_seed(1))
    return torch.tensor(body.action_center, dtype=torch.float32) + 0.2 * noise


def test_steps_are_those_of_a_plain_loop(quadruped: Body) -> None:
    m = quadruped.model
    physics, wanted = start(quadruped, 3), targets(quadruped, 3, 10)
    plain = []
    for i in range(3):
        data = mujoco.MjData(m)
        data.qpos[:], data.qvel[:] = physics.state.qpos[i].double(), physics.state.qvel[i].double()
        plain.append(data)
    for row in wanted:
        physics.step(row)
        for data, target in zip(plain, row, strict=True):
            data.ctrl[:] = target.double()
            for _ in range(quadruped.substeps):
                mujoco.mj_step(m, data)
    velocity, shown = np.zeros(6), mujoco.MjData(m)
    for i, data in enumerate(plain):
        np.testing.assert_array_equal(physics.state.qpos[i], data.qpos.astype(np.float32))
        np.testing.assert_array_equal(physics.state.qvel[i], data.qvel.astype(np.float32))
        # positions and velocities are those after the last substep, which a plain step leaves one behind
        shown.qpos[:], shown.qvel[:] = data.qpos, data.qvel
        mujoco.mj_forward(m, shown)
        np.testing.assert_allclose(physics.state.body_pos[i], shown.xpos[1:], atol=1e-6)
        for b in range(quadruped.num_bodies):
            mujoco.mj_objectVelocity(m, shown, mujoco.mjtObj.mjOBJ_XBODY, b + 1, velocity, 0)
            np.testing.assert_allclose(physics.state.body_linvel[i, b], velocity[3:], atol=1e-5)
            np.testing.assert_allclose(physics.state.body_angvel[i, b], velocity[:3], atol=1e-5)


def test_a_reset_touches_its_own_environments_alone(tiny: Body) -> None:
    physics = start(tiny, 3)
    before = physics.state.clone()
    qpos = torch.tensor(tiny.standing_qpos, dtype=torch.float32).unsqueeze(0)
    physics.reset(torch.tensor([1]), qpos, torch.zeros(1, tiny.model.nv))
    assert equal(physics.state[[0, 2]], before[[0, 2]])
    assert torch.equal(physics.state.qpos[1], qpos[0])
    physics.reset(torch.empty(0, dtype=torch.long), qpos[:0], torch.zeros(0, tiny.model.nv))
    assert equal(physics.state[[0, 2]], before[[0, 2]])


def test_a_snapshot_goes_on_to_the_bit(quadruped: Body) -> None:
    physics, wanted = start(quadruped, 3), targets(quadruped, 3, 20)
    for row in wanted[:10]:
        physics.step(row)
    snapshot, here = physics.snapshot(), physics.state.clone()
    for row in wanted[10:]:
        physics.step(row)
    other = MujocoCpu(quadruped, 3, threads=1)
    other.restore(snapshot)
    assert equal(other.state, here)
    for row in wanted[10:]:
        other.step(row)
    assert equal(other.state, physics.state)


def test_a_snapshot_of_another_size_is_refused(tiny: Body) -> None:
    with pytest.raises(ValueError, match=r"coordinates \(2, 9\), this batch \(3, 9\)"):
        MujocoCpu(tiny, 3).restore(MujocoCpu(tiny, 2).snapshot())
    with pytest.raises(ValueError, match="num_envs is 0"):
        MujocoCpu(tiny, 0)


@pytest.mark.parametrize("speed", [1e5, 1e12, math.inf, math.nan])
def test_an_environment_that_blows_up_is_reset_alone_and_counted(tiny: Body, speed: float) -> None:
    physics, healthy = start(tiny, 3), start(tiny, 3)
    qvel = torch.zeros(1, tiny.model.nv)
    qvel[0, 2] = speed
    physics.reset(torch.tensor([1]), physics.state.qpos[1:2], qvel)
    row = targets(tiny, 3, 1)[0]
    physics.step(row)
    healthy.step(row)
    assert physics.blown_up.tolist() == [False, True, False]
    assert (physics.blowups, healthy.blowups) == (1, 0)
    np.testing.assert_allclose(physics.state.qpos[1], tiny.standing_qpos, atol=1e-7)
    assert float(physics.state.qvel[1].abs().max()) == 0
    assert equal(physics.state[[0, 2]], healthy.state[[0, 2]])
    physics.step(row)
    assert not physics.blown_up.any()
    assert physics.blowups == 1


@pytest.mark.parametrize("name", ["smpl", "quadruped"])
def test_the_bodies_survive_action_noise(name: str) -> None:
    """64 environments under action noise of 0.3 of their range for 150 control steps."""
    body, num_envs, generator = make_body(name), 64, torch.Generator().manual_seed(0)
    physics = MujocoCpu(body, num_envs)
    center, scale = torch.tensor(body.action_center), torch.tensor(body.action_scale)
    standing, still = torch.tensor(body.standing_qpos).expand(num_envs, -1), torch.zeros(num_envs, body.model.nv)
    fastest = 0.0
    for step in range(150):
        if step % 50 == 0:  # up again: lying on the ground is the easier case
            physics.reset(torch.arange(num_envs), standing, still)
        action = 0.3 * torch.randn(num_envs, body.num_actions, generator=generator)
        physics.step(center + scale * action.clamp(-1, 1))
        fastest = max(fastest, float(physics.state.qvel.abs().max()))
    assert physics.blowups == 0
    assert 10 < fastest < 200  # rad/s: it is shaken, and far from the limit of 1000 that counts as a blow-up
