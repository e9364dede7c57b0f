"""The shared scenery: a ground that carries what it should, and pictures of the promised size."""

from __future__ import annotations

import mujoco
import pytest

from rgsd.bodies.scenery import GROUND, add_scenery


def ball_on_ground(conaffinity: int) -> tuple[mujoco.MjModel, mujoco.MjData]:
    """A ball of radius 0.1 m after a second on the scenery's ground."""
    spec = mujoco.MjSpec()
    add_scenery(spec)
    ball = spec.worldbody.add_body(name="ball", pos=[30.0, -20.0, 0.1])
    ball.add_freejoint()
    ball.add_geom(type=mujoco.mjtGeom.mjGEOM_SPHERE, size=[0.1, 0, 0], contype=0, conaffinity=conaffinity)
    model = spec.compile()
    data = mujoco.MjData(model)
    while data.time < 1.0:
        mujoco.mj_step(model, data)
    return model, data


def test_ground_carries_geoms_of_conaffinity_1_far_from_the_origin():
    _, data = ball_on_ground(conaffinity=1)
    assert data.qpos[2] == pytest.approx(0.1, abs=2e-3)


def test_ground_lets_visual_geoms_through():
    _, data = ball_on_ground(conaffinity=0)
    assert data.qpos[2] == pytest.approx(0.1 - 9.81 / 2, abs=0.02)  # free fall for a second


def test_friction_and_framebuffer():
    model, _ = ball_on_ground(conaffinity=1)
    assert model.geom(GROUND).friction[0] == 1.0
    assert (model.vis.global_.offwidth, model.vis.global_.offheight) == (1280, 960)
