"""The humanoid against the fact sheet of the skeleton, and on its feet."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any, Literal

import mujoco
import numpy as np
import pytest

from rgsd.bodies.body import Body
from rgsd.bodies.smpl import SmplPhysics, make_smpl


@pytest.fixture(scope="module")
def body() -> Body:
    return make_smpl()


@pytest.fixture(scope="module")
def facts(shared: Path) -> dict[str, Any]:
    return json.loads((shared / "facts" / "smpl_body.json").read_text())


def test_skeleton_is_that_of_the_fact_sheet(body: Body, facts: dict[str, Any]) -> None:
    assert list(body.body_names) == facts["mujoco_dfs_order"]
    assert [int(parent) - 1 for parent in body.model.body_parentid[1:]] == facts["mujoco_parents"]
    offsets = {joint["mjcf_name"]: joint["offset_zup_m"] for joint in facts["smpl_joint_order"]}
    for name in body.body_names[1:]:
        np.testing.assert_allclose(body.model.body(name).pos, offsets[name], atol=1e-8, err_msg=name)


def test_sixty_nine_hinges_in_xyz_order_each_driven(body: Body) -> None:
    assert body.num_actions == 69
    assert body.joint_names[:4] == ("L_Hip_x", "L_Hip_y", "L_Hip_z", "L_Knee_x")
    np.testing.assert_array_equal(body.model.jnt_axis[1:], np.tile(np.eye(3), (23, 1)))
    assert body.control_hz == pytest.approx(30)


def test_gains_are_those_of_the_public_frameworks(body: Body) -> None:
    knee, wrist = body.model.actuator("L_Knee_y"), body.model.actuator("R_Wrist_z")
    assert (knee.gainprm[0], body.model.joint("L_Knee_y").damping[0]) == (800, 80)
    assert (wrist.gainprm[0], body.model.joint("R_Wrist_z").damping[0]) == (300, 30)


def test_weighs_what_people_weigh_and_is_symmetric(body: Body) -> None:
    mass = {name: float(body.model.body(name).mass[0]) for name in body.body_names}
    assert sum(mass.values()) == pytest.approx(70, abs=7)
    for name in body.body_names:
        if name.startswith("L_"):
            # the neutral skeleton itself is a few per cent asymmetric
            assert mass[name] == pytest.approx(mass[f"R_{name[2:]}"], rel=0.12), name


def test_actions_cover_the_human_range_and_mirror(body: Body) -> None:
    low, high = body.action_center - body.action_scale, body.action_center + body.action_scale
    index = {name: i for i, name in enumerate(body.joint_names)}
    # a knee bends by 150 deg about y, and by a margin of 0.25 rad more
    assert high[index["L_Knee_y"]] == pytest.approx(np.radians(150) + 0.25)
    assert low[index["L_Knee_y"]] == pytest.approx(np.radians(-10) - 0.25)
    for name, i in index.items():
        if name.startswith("L_"):
            j = index[f"R_{name[2:]}"]
            mirrored = (low[j], high[j]) if name.endswith("_y") else (-high[j], -low[j])
            assert (low[i], high[i]) == pytest.approx(mirrored), name


def test_stands_on_its_soles(body: Body) -> None:
    data = mujoco.MjData(body.model)
    data.qpos[:] = body.standing_qpos
    mujoco.mj_forward(body.model, data)
    height = {name: data.body(name).xpos[2] for name in body.body_names}
    # ankles of both sides within the skeleton's asymmetry; the sole lies 72 mm below the ankle
    assert height["L_Ankle"] == pytest.approx(0.072, abs=0.01)
    assert height["R_Ankle"] == pytest.approx(0.072, abs=0.01)
    assert height["Head"] > 1.4
    assert height["L_Hand"] < height["Pelvis"]  # the arms hang
    for name, limit in body.fall_rule.min_height.items():
        assert height[name] > limit, name


def test_half_a_second_of_pd_alone_leaves_it_upright(body: Body) -> None:
    data = mujoco.MjData(body.model)
    data.qpos[:] = body.standing_qpos
    data.ctrl[:] = body.standing_qpos[7:]
    mujoco.mj_step(body.model, data, 15 * body.substeps)
    assert data.qpos[2] == pytest.approx(body.standing_qpos[2], abs=0.03)
    assert np.abs(data.qpos[7:] - body.standing_qpos[7:]).max() < 0.15


def test_only_the_ground_is_touched() -> None:
    cases: tuple[tuple[Literal["points", "boxes"], int], ...] = (("points", 10), ("boxes", 16))
    for feet, most in cases:
        model = make_smpl(SmplPhysics(feet=feet)).model
        data = mujoco.MjData(model)
        data.qpos[:7] = [0, 0, 0.93, 1, 0, 0, 0]
        mujoco.mj_forward(model, data)
        ground = mujoco.mj_name2id(model, mujoco.mjtObj.mjOBJ_GEOM, "ground")
        assert all(ground in contact.geom for contact in data.contact)
        assert 3 <= data.ncon <= most


def test_physics_options_reach_the_model() -> None:
    model = make_smpl(SmplPhysics(substeps=5, iterations=10, solver="pgs")).model
    assert model.opt.timestep == pytest.approx(1 / 150)
    assert (model.opt.iterations, model.opt.solver) == (10, mujoco.mjtSolver.mjSOL_PGS)
