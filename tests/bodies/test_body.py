"""What a model must have to be a body."""

from __future__ import annotations

import copy
import dataclasses
from collections.abc import Callable

import mujoco
import numpy as np
import pytest

from rgsd.bodies.body import Body, BodyError, FallRule
from rgsd.bodies.registry import make_body
from rgsd.errors import UnknownName

_XML = """
<mujoco><worldbody><body name="a">{root}<geom size=".1"/>
  <body name="b"><joint name="j" type="{kind}" axis="0 1 0"/><geom size=".1"/></body>
</body></worldbody><actuator>{actuators}</actuator></mujoco>
"""
_MOTOR = '<position joint="j"/>'


def body_of(root: str = "<freejoint/>", kind: str = "hinge", actuators: str = _MOTOR, **changes: object) -> Body:
    model = mujoco.MjModel.from_xml_string(_XML.format(root=root, kind=kind, actuators=actuators))
    settings = {"feet": ("b",), "key_bodies": ("b",), "fall_rule": FallRule({"a": 0.1})} | changes
    return Body("odd", model, 4, model.qpos0, np.zeros(model.nu), np.ones(model.nu), **settings)  # pyright: ignore


def test_names_and_rates_leave_the_world_and_the_root_joint_out() -> None:
    body = body_of()
    assert (body.body_names, body.joint_names) == (("a", "b"), ("j",))
    assert (body.num_bodies, body.num_actions) == (2, 1)
    assert body.control_hz == pytest.approx(125)  # four steps of MuJoCo's 2 ms
    assert body.body_ids(("b", "a")) == [1, 0]


@pytest.mark.parametrize(
    ("changes", "said"),
    [
        ({"root": ""}, "first joint must be a free root joint"),
        ({"kind": "slide"}, "every joint but the root must be a hinge"),
        ({"actuators": ""}, "found 0 actuators for 1 hinges"),
        ({"feet": ("c",)}, "no part 'c'; it has a, b"),
        ({"fall_rule": FallRule({"head": 0.3})}, "no part 'head'"),
    ],
)
def test_what_does_not_fit_is_refused_with_the_reason(changes: dict[str, object], said: str) -> None:
    with pytest.raises(BodyError, match=said) as caught:
        body_of(**changes)  # pyright: ignore[reportArgumentType]
    assert "body 'odd'" in str(caught.value)


def test_actuators_are_in_the_hinges_order(tiny: Body) -> None:
    assert [tiny.model.actuator(i).name for i in range(2)] == list(tiny.joint_names)
    shuffled = tiny.model.__copy__()
    shuffled.actuator_trnid[:, 0] = [2, 1]
    with pytest.raises(BodyError, match="in the hinges' order"):
        dataclasses.replace(tiny, model=shuffled)


@pytest.mark.parametrize(
    "change",
    [
        lambda m: m.body_mass.__imul__(1.001),
        lambda m: m.actuator_gainprm.__imul__(1.001),
        lambda m: m.geom_friction.__imul__(1.001),
        lambda m: setattr(m.opt, "timestep", 0.009),
    ],
)
def test_the_digest_is_of_what_moves_the_body(tiny: Body, change: Callable[[mujoco.MjModel], None]) -> None:
    model = copy.copy(tiny.model)
    model.geom_rgba[:] = 0.5  # looks
    model.body_mass[:] *= 1 + 1e-9  # rounding
    assert dataclasses.replace(tiny, model=model).physics_digest == tiny.physics_digest
    change(model)
    assert dataclasses.replace(tiny, model=model).physics_digest != tiny.physics_digest


def test_the_digest_is_of_what_an_action_means(tiny: Body) -> None:
    for changed in ({"substeps": 3}, {"action_scale": np.ones(2)}, {"action_center": np.full(2, 0.1)}):
        assert dataclasses.replace(tiny, **changed).physics_digest != tiny.physics_digest


def test_bodies_are_made_by_name() -> None:
    assert make_body("quadruped").name == "quadruped"
    with pytest.raises(UnknownName, match="did you mean smpl"):
        make_body("smlp")
