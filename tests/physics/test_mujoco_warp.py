"""MuJoCo Warp beside C MuJoCo, on Warp's CPU device and on a GPU if there is one.

The first run compiles its kernels, for some minutes each. On a GPU sums are taken in no certain order, so nothing there
is the same to the bit but what no kernel has touched.
"""

from __future__ import annotations

import copy
import dataclasses
import math
from dataclasses import fields
from pathlib import Path
from typing import Literal, cast

import pytest
import torch

pytest.importorskip("mujoco_warp", reason="needs rgsd[gpu]")

from rgsd.bodies.body import Body
from rgsd.bodies.registry import make_body
from rgsd.bodies.smpl import SmplPhysics, make_smpl
from rgsd.bodies.state import BodyState
from rgsd.errors import UsageError
from rgsd.methods.presets import make_preset
from rgsd.methods.runs import make_trainer
from rgsd.physics.capacity import Capacity
from rgsd.physics.interface import Physics
from rgsd.physics.mujoco_cpu import MujocoCpu
from rgsd.physics.mujoco_warp import CapacityError, MujocoWarp, check_memory

NUM_ENVS = 3
CPU, GPU = torch.device("cpu"), torch.device("cuda", 0)


def converging(name: str) -> Body:
    """A body whose solver may go on until it has converged: only then is there one answer to agree on."""
    made = make_body(name)
    model = copy.copy(made.model)
    model.opt.iterations, model.opt.ls_iterations = 20, 20
    return dataclasses.replace(made, model=model)


@pytest.fixture(scope="module")
def body() -> Body:
    return converging("quadruped")


@pytest.fixture(
    scope="module",
    params=[CPU, pytest.param(GPU, marks=pytest.mark.skipif(not torch.cuda.is_available(), reason="there is no GPU"))],
    ids=str,
)
def device(request: pytest.FixtureRequest) -> torch.device:
    return request.param


@pytest.fixture(scope="module")
def physics(body: Body, device: torch.device) -> MujocoWarp:
    return MujocoWarp(body, NUM_ENVS, device)


def equal(a: BodyState, b: BodyState) -> bool:
    """To the bit."""
    return all(torch.equal(getattr(a, f.name), getattr(b, f.name)) for f in fields(BodyState))


def repeated(a: BodyState, b: BodyState) -> bool:
    """Whether the same was computed twice: to the bit on the CPU, up to rounding on a GPU."""
    return equal(a, b) if a.qpos.device == CPU else gap(a, b) < 1e-3


def put(physics: Physics, env: int, qpos: torch.Tensor, qvel: torch.Tensor) -> None:
    """Reset one environment to a pose (1, nq) and velocities (1, nv)."""
    physics.reset(torch.tensor([env], device=physics.device), qpos.to(physics.device), qvel.to(physics.device))


def start(physics: Physics, lift: float = 0.0) -> None:
    """Environments in different poses and motions near the standing one, lifted, m."""
    generator, body = torch.Generator().manual_seed(0), physics.body
    qpos = torch.tensor(body.standing_qpos, dtype=torch.float32).repeat(NUM_ENVS, 1)
    qpos[:, 2] += lift
    qpos[:, 7:] += 0.05 * torch.randn(NUM_ENVS, body.num_actions, generator=generator)
    qvel = 0.2 * torch.randn(NUM_ENVS, body.model.nv, generator=generator)
    physics.reset(torch.arange(NUM_ENVS, device=physics.device), qpos.to(physics.device), qvel.to(physics.device))


def targets(body: Body, steps: int) -> torch.Tensor:
    noise = torch.randn(steps, NUM_ENVS, body.num_actions, generator=torch.Generator().manual_seed(1))
    return torch.tensor(body.standing_qpos[7:], dtype=torch.float32) + 0.05 * noise


def gap(a: BodyState, b: BodyState) -> float:
    """The largest difference of any entry."""
    a, b = a.to(CPU), b.to(CPU)
    return max(float((getattr(a, f.name) - getattr(b, f.name)).abs().max()) for f in fields(BodyState))


# m, rad, m/s and rad/s; 100 m up, a number has a resolution of 8e-6 m
@pytest.mark.parametrize(("lift", "steps", "tolerance"), [(100.0, 100, 2e-3), (0.0, 20, 1e-4)], ids=["air", "ground"])
@pytest.mark.parametrize("name", ["quadruped", "smpl"])
def test_both_engines_agree(name: str, lift: float, steps: int, tolerance: float, device: torch.device) -> None:
    body = converging(name)
    ours, theirs = MujocoWarp(body, NUM_ENVS, device), MujocoCpu(body, NUM_ENVS, threads=1)
    for side in (ours, theirs):
        start(side, lift)
    for row in targets(body, steps):
        ours.step(row.to(device))
        theirs.step(row)
        assert gap(ours.state, theirs.state) < tolerance
    # to the end it is in the air, or stands
    assert (float(ours.state.body_pos[..., 2].min()) > 5.0) == (lift > 0.0)
    assert float((ours.state.body_pos[:, 0, 2] - body.standing_qpos[2]).min()) > -0.05 - lift


def test_a_reset_touches_its_own_environments_alone(physics: MujocoWarp, body: Body) -> None:
    start(physics)
    for row in targets(body, 3):
        physics.step(row)
    shown = physics.state
    before = shown.clone()
    qpos = torch.tensor(body.standing_qpos, dtype=torch.float32, device=physics.device).unsqueeze(0)
    put(physics, 1, qpos, torch.zeros(1, body.model.nv))
    assert torch.equal(physics.state.qpos[[0, 2]], before.qpos[[0, 2]])
    assert repeated(physics.state[[0, 2]], before[[0, 2]])
    assert torch.equal(physics.state.qpos[1], qpos[0])
    # the pose's kinematics, not those of the pose before
    assert float(physics.state.body_pos[1, 0, 2]) == pytest.approx(0.28)
    assert float(physics.state.body_linvel[1].abs().max()) < 1e-6
    assert equal(shown, before)  # what was shown stays as it was
    nobody = torch.empty(0, dtype=torch.long, device=physics.device)
    physics.reset(nobody, qpos[:0], torch.zeros(0, body.model.nv, device=physics.device))
    assert torch.equal(physics.state.qpos[1], qpos[0])


def test_a_reset_by_a_mask_is_that_of_its_environments(physics: MujocoWarp, body: Body) -> None:
    generator = torch.Generator().manual_seed(3)
    qpos = torch.tensor(body.standing_qpos, dtype=torch.float32).repeat(NUM_ENVS, 1)
    qpos[:, 7:] += 0.1 * torch.randn(NUM_ENVS, body.num_actions, generator=generator)
    qvel = torch.randn(NUM_ENVS, body.model.nv, generator=generator)
    qpos, qvel = qpos.to(physics.device), qvel.to(physics.device)
    which = torch.tensor([True, False, True], device=physics.device)
    shown = []
    for by_mask in (False, True):
        start(physics)
        for row in targets(body, 3):
            physics.step(row.to(physics.device))
        if by_mask:
            physics.reset_where(which, qpos, qvel)
        else:
            physics.reset(which.nonzero().squeeze(1), qpos[which], qvel[which])
        begun = physics.state
        for row in targets(body, 3):  # the solver's warm start is that of a fresh start, too, and the others' their own
            physics.step(row.to(physics.device))
        shown.append((begun, physics.state))
    assert torch.equal(shown[1][0].qpos[which], qpos[which])
    assert repeated(shown[0][0], shown[1][0])
    assert repeated(shown[0][1], shown[1][1])


def test_a_snapshot_goes_on_to_the_bit(physics: MujocoWarp, body: Body) -> None:
    start(physics)
    wanted = targets(body, 10).to(physics.device)
    for row in wanted[:5]:
        physics.step(row)
    snapshot, here = physics.snapshot(), physics.state
    for row in wanted[5:]:
        physics.step(row)
    there = physics.state
    physics.restore(snapshot)
    assert torch.equal(physics.state.qpos, here.qpos)
    assert repeated(physics.state, here)
    for row in wanted[5:]:
        physics.step(row)
    assert repeated(physics.state, there)


def test_snapshots_of_both_engines_are_alike(physics: MujocoWarp, body: Body) -> None:
    other = MujocoCpu(body, NUM_ENVS, threads=1)
    start(other)
    physics.restore(other.snapshot())
    assert torch.equal(physics.state.qpos.cpu(), other.state.qpos)
    # C MuJoCo never runs out of room
    assert physics.snapshot().keys() == {*other.snapshot(), "overflows"}
    other.restore(physics.snapshot())
    assert torch.equal(other.state.qpos, physics.state.qpos.cpu())
    with pytest.raises(UsageError, match=r"coordinates \(2, 19\), this batch \(3, 19\)"):
        physics.restore(MujocoCpu(body, 2).snapshot())


@pytest.mark.parametrize("speed", [1e5, math.inf, math.nan])
def test_an_environment_that_blows_up_is_reset_alone_and_counted(physics: MujocoWarp, body: Body, speed: float) -> None:
    row = targets(body, 1)[0].to(physics.device)
    start(physics)
    physics.step(row)
    healthy, before = physics.state, physics.blowups
    start(physics)
    qvel = physics.state.qvel[1:2].clone()
    qvel[0, 2] = speed
    put(physics, 1, physics.state.qpos[1:2], qvel)
    physics.step(row)
    assert physics.blown_up.tolist() == [False, True, False]
    assert physics.blowups == before + 1
    assert physics.overflows == 0
    torch.testing.assert_close(physics.state.qpos[1].cpu(), torch.tensor(body.standing_qpos, dtype=torch.float32))
    assert float(physics.state.qvel[1].abs().max()) == float(physics.state.body_linvel[1].abs().max()) == 0
    assert repeated(physics.state[[0, 2]], healthy[[0, 2]])
    # and nothing of the blow-up stays behind
    standing = torch.tensor(body.standing_qpos[7:], dtype=torch.float32)
    physics.step(standing.expand(NUM_ENVS, -1).to(physics.device))
    assert not physics.blown_up.any()
    fresh = MujocoCpu(body, NUM_ENVS, threads=1)
    fresh.step(standing.expand(NUM_ENVS, -1))
    assert gap(physics.state[1], fresh.state[1]) < 1e-3


def test_an_environment_without_room_for_its_constraints_is_reset_and_counted(body: Body, device: torch.device) -> None:
    # four feet on the ground need 4 x 4 rows
    narrow = MujocoWarp(body, NUM_ENVS, device, capacity=Capacity(contacts=20, constraints=8))
    up = torch.tensor(body.standing_qpos, dtype=torch.float32).unsqueeze(0)
    up[0, 2] = 1.0
    put(narrow, 2, up, torch.zeros(1, body.model.nv))
    narrow.step(torch.tensor(body.standing_qpos[7:], dtype=torch.float32, device=device).expand(NUM_ENVS, -1))
    assert narrow.blown_up.tolist() == [True, True, False]  # the third is in the air
    assert (narrow.blowups, narrow.overflows) == (2, 2)
    again = MujocoWarp(body, NUM_ENVS, device, capacity=Capacity(contacts=20, constraints=8))
    again.restore(narrow.snapshot())
    assert (again.blowups, again.overflows) == (2, 2)


def test_contacts_that_were_left_out_are_an_error(body: Body, device: torch.device) -> None:
    narrow = MujocoWarp(body, NUM_ENVS, device, capacity=Capacity(contacts=1, constraints=48))
    narrow.step(torch.tensor(body.standing_qpos[7:], dtype=torch.float32, device=device).expand(NUM_ENVS, -1))
    assert narrow.blown_up.all()
    with pytest.raises(
        CapacityError, match=r"'quadruped': its 3 environments had more than 1 contacts an environment.*train anew"
    ):
        _ = narrow.blowups


def test_what_does_not_fit_or_cannot_be_stepped_is_refused(body: Body) -> None:
    with pytest.raises(UsageError, match="num_envs is 0"):
        MujocoWarp(body, 0)
    with pytest.raises(UsageError, match=r"cannot step body 'smpl' \(.*PGS.*\); take --physics cpu"):
        MujocoWarp(make_smpl(SmplPhysics(solver="pgs")), 1)
    # 2^20 environments of 1 KiB, three times as much to step: 3 GiB, of which a third is there, and 2^18 is below that
    with pytest.raises(UsageError, match=r"needs about 3.0 GiB, .* 1.0 GiB are free; --num-envs 262144 would fit"):
        check_memory(2**20, 2**10, 2**30)
    check_memory(2**18, 2**10, 2**30)
    # 3 KiB for an environment: they fit exactly, and with a byte less not even one does
    with pytest.raises(UsageError, match="--num-envs 1 would fit"):
        check_memory(2, 2**10, 3 * 2**10)
    with pytest.raises(UsageError, match="not even one environment fits"):
        check_memory(1, 2**10, 3 * 2**10 - 1)
    check_memory(2**20, 2**10, None)


@pytest.mark.skipif(torch.cuda.is_available(), reason="there is a GPU")
def test_a_gpu_that_warp_cannot_use_is_named(body: Body) -> None:
    with pytest.raises(UsageError, match=r"--physics warp: Warp .* cannot use cuda:0 .* take --physics cpu"):
        MujocoWarp(body, 1, "cuda:0")


def test_a_run_trains_on_it_and_goes_on(tmp_path: Path, device: torch.device) -> None:
    preset = make_preset("cpu", "rgsd", "quadruped")
    contrastive = dataclasses.replace(preset.settings.contrastive, steps=2)  # pyright: ignore[reportAttributeAccessIssue]
    config = dataclasses.replace(
        preset,
        device=cast(Literal["cpu", "cuda"], device.type),
        physics="warp",
        num_envs=NUM_ENVS,
        settings=dataclasses.replace(preset.settings, contrastive=contrastive),
        trainer=dataclasses.replace(preset.trainer, horizon=4),
    )
    first = make_trainer(config, tmp_path)
    assert first.run(steps=2 * 4 * NUM_ENVS)
    again = make_trainer(config, tmp_path)
    assert again.resume()
    metrics, theirs = again.iterate(), first.iterate()
    exact = device == CPU
    assert metrics["Train/mean_reward"] == pytest.approx(theirs["Train/mean_reward"], rel=0.0 if exact else 1e-3, abs=0)
    assert metrics["Perf/overflows"] == theirs["Perf/overflows"] == 0
