"""`to_mjcf`: what is read back is the body, number by number."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

import mujoco
import numpy as np
import pytest

from rgsd.bodies.body import Body, FallRule
from rgsd.bodies.quadruped import make_quadruped
from rgsd.bodies.smpl import SmplPhysics, make_smpl
from rgsd.errors import UsageError
from rgsd.export.mjcf import to_mjcf

# fields that say how a model looks, or that follow from names, textures and the added keyframe
_LOOKS = ("name", "tex", "mat_", "light_", "key_", "geom_matid", "geom_rgba", "actuator_ctrlspec", "_sizes", "names")


@pytest.mark.parametrize("make", [make_quadruped, make_smpl, lambda: make_smpl(SmplPhysics(feet="boxes", solver="cg"))])
def test_every_number_is_read_back_bit_for_bit(make: Callable[[], Body]) -> None:
    body = make()
    again = mujoco.MjModel.from_xml_string(to_mjcf(body))
    compared = 0
    for name in dir(body.model):
        value = getattr(body.model, name)
        if isinstance(value, np.ndarray) and value.dtype.kind in "fiub" and not name.startswith(_LOOKS):
            np.testing.assert_array_equal(getattr(again, name), value, err_msg=name)
            compared += 1
    assert compared > 200
    for name in dir(body.model.opt):
        value = getattr(body.model.opt, name)
        if not name.startswith("_") and isinstance(value, int | float | np.ndarray):
            np.testing.assert_array_equal(getattr(again.opt, name), value, err_msg=name)
    assert replace(body, model=again).physics_digest == body.physics_digest


def test_the_keyframe_is_the_standing_pose_under_action_zero(tiny: Body) -> None:
    again = mujoco.MjModel.from_xml_string(to_mjcf(tiny))
    assert again.key(0).name == "home"
    np.testing.assert_array_equal(again.key_qpos[0], tiny.standing_qpos)
    np.testing.assert_array_equal(again.key_ctrl[0], tiny.action_center)


def _robot(with_tendon: bool = False) -> Body:
    """A tetrahedron that falls on its mesh, with an arm, polynomial damping and an excluded pair."""
    tendon = '<tendon><fixed name="t"><joint joint="arm" coef="1"/></fixed></tendon>' if with_tendon else ""
    model = mujoco.MjModel.from_xml_string(f"""
        <mujoco>
          <asset><mesh name="rock" vertex="0 0 0  0.3 0 0  0 0.2 0  0 0 0.25"/></asset>
          <worldbody>
            <geom type="plane" size="0 0 1"/>
            <body name="rock" pos="0 0 0.3"><freejoint/><geom type="mesh" mesh="rock" rgba="0.2 0.3 0.4 1"/>
              <body name="arm" pos="0.1 0 0.1"><joint name="arm" axis="0 1 0" damping="0.1 0.02"/>
                <geom type="capsule" size="0.02 0.1"/></body></body>
          </worldbody>
          <contact><exclude body1="rock" body2="arm"/></contact>
          <actuator><position joint="arm" kp="5"/></actuator>{tendon}
        </mujoco>""")
    return Body(
        name="rock",
        model=model,
        substeps=5,
        standing_qpos=np.array([0, 0, 0.3, 1, 0, 0, 0, 0], float),
        action_center=np.zeros(1),
        action_scale=np.ones(1),
        feet=("rock",),
        key_bodies=("arm",),
        fall_rule=FallRule({}),
    )


def test_a_body_of_meshes_falls_as_before() -> None:
    body = _robot()
    again = mujoco.MjModel.from_xml_string(to_mjcf(body))
    places = []
    for model in (body.model, again):
        data = mujoco.MjData(model)
        data.qpos[:], data.ctrl[:] = body.standing_qpos, 0.8
        mujoco.mj_step(model, data, 150)  # 0.3 s: it has landed after 0.2
        places.append(data.qpos.copy())
    assert places[0][2] < 0.2
    np.testing.assert_allclose(places[1], places[0], atol=1e-6)  # a mesh's own frame is found anew, to rounding
    assert again.nexclude == 1
    np.testing.assert_array_equal(again.dof_dampingpoly, body.model.dof_dampingpoly)


def test_parts_that_cannot_be_written_are_refused() -> None:
    with pytest.raises(UsageError, match="'rock' has tendons"):
        to_mjcf(_robot(with_tendon=True))
