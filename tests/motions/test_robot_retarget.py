"""Maps of bodies, and the quadruped's gaits and the humanoid's poses on robots."""

from __future__ import annotations

from pathlib import Path

import mujoco
import numpy as np
import pytest

from rgsd.bodies.body import Body
from rgsd.bodies.kinematics import forward_kinematics
from rgsd.bodies.mjcf import load_mjcf
from rgsd.bodies.quadruped import _spec, make_quadruped
from rgsd.motions.body_map import BodyMap, Follow, load_body_map, propose_body_map
from rgsd.motions.motion import Motion, MotionError
from rgsd.motions.robot_retarget import retarget_to_robot
from rgsd.motions.synthesis.quadruped import synthesize_quadruped


@pytest.fixture(scope="module")
def dog(tmp_path_factory: pytest.TempPathFactory) -> Body:
    """The quadruped under another name, as a user's file."""
    path = tmp_path_factory.mktemp("dog") / "dog.xml"
    spec, source = _spec(), make_quadruped()
    spec.add_key(name="home", qpos=source.standing_qpos)
    spec.compile()
    path.write_text(spec.to_xml())
    return load_mjcf(path)


@pytest.fixture(scope="module")
def gaits() -> list[Motion]:
    return synthesize_quadruped(make_quadruped())


def test_the_quadrupeds_parts_are_found_in_its_twin(dog: Body) -> None:
    proposed = propose_body_map(make_quadruped(), dog)
    expected = {"trunk"} | {f"{leg}_{part}" for leg in ("FL", "FR", "RL", "RR") for part in ("thigh", "shank", "foot")}
    assert {name: follow.source for name, follow in proposed.bodies.items()} == {name: name for name in expected}


def test_a_twin_moves_as_its_source(dog: Body, gaits: list[Motion]) -> None:
    source = make_quadruped()
    proposed = propose_body_map(source, dog)
    for motion in (gaits[0], gaits[3], gaits[5]):
        made = retarget_to_robot(motion, source, dog, proposed)
        made.check("made", dog)
        np.testing.assert_allclose(made.qpos[:, 7:], motion.qpos[:, 7:], atol=0.06)  # feet swing 3 cm high, not less
        np.testing.assert_allclose(made.qpos[:, :3], motion.qpos[:, :3], atol=0.02)
        assert made.quality["fk_error_cm"] < 0.5
        assert made.quality["penetration_cm"] < 0.3
        assert made.quality["at_limit"] == 0.0


def test_an_arm_follows_within_its_ranges(smpl: Body) -> None:
    spec = mujoco.MjSpec.from_string("""
    <mujoco><compiler angle="radian"/><worldbody><body name="base" pos="0 0 .6"><freejoint/>
      <geom size=".05" mass="1"/>
      <body name="left_leg" pos="0 .1 0"><joint name="lh" axis="0 1 0" range="-1 1"/><geom size=".02" fromto="0 0 0 0 0 -.3" type="capsule"/>
        <body name="left_knee" pos="0 0 -.3"><joint name="lk" axis="0 1 0" range="0 .5"/><geom size=".02" fromto="0 0 0 0 0 -.25" type="capsule"/>
          <body name="left_foot" pos="0 0 -.25"><joint name="la" axis="0 1 0" range="-1 1"/><geom size=".05"/></body></body></body>
      <body name="right_leg" pos="0 -.1 0"><joint name="rh" axis="0 1 0" range="-1 1"/><geom size=".02" fromto="0 0 0 0 0 -.3" type="capsule"/>
        <body name="right_knee" pos="0 0 -.3"><joint name="rk" axis="0 1 0" range="0 .5"/><geom size=".02" fromto="0 0 0 0 0 -.25" type="capsule"/>
          <body name="right_foot" pos="0 0 -.25"><joint name="ra" axis="0 1 0" range="-1 1"/><geom size=".05"/></body></body></body>
    </body></worldbody></mujoco>""")  # noqa: E501 - one leg, written twice
    for joint in ("lh", "lk", "la", "rh", "rk", "ra"):
        spec.add_actuator(name=joint, target=joint, trntype=mujoco.mjtTrn.mjTRN_JOINT).set_to_position(kp=50)
    robot = Body(
        name="legs", model=spec.compile(), substeps=10, standing_qpos=np.array([0, 0, 0.6, 1, 0, 0, 0, *[0.0] * 6]),
        action_center=np.zeros(6), action_scale=np.ones(6), feet=("left_foot", "right_foot"),
        key_bodies=("left_foot",), fall_rule=smpl.fall_rule.__class__({}),
    )  # fmt: skip
    proposed = propose_body_map(smpl, robot)
    assert proposed.bodies["left_knee"].source == "L_Knee"
    crouch = np.tile(smpl.standing_qpos, (10, 1))
    depth = np.linspace(0, 1.2, 10)  # knees to 1.2 rad, of which the robot's reach 0.5
    for side in "LR":
        for joint, share in (("Hip_y", -0.5), ("Knee_y", 1.0), ("Ankle_y", -0.5)):
            crouch[:, 7 + smpl.joint_names.index(f"{side}_{joint}")] += share * depth
    shin = forward_kinematics(smpl, crouch, np.zeros((10, smpl.model.nv))).body_pos[:, smpl.body_ids(("L_Toe",))[0], 2]
    crouch[:, 2] -= (shin - shin[0]).numpy()
    motion = Motion("crouch", "smpl", 30.0, smpl.joint_names, smpl.body_names, crouch, np.zeros((10, smpl.model.nv)))
    made = retarget_to_robot(motion, smpl, robot, proposed)
    knees = made.qpos[:, [7 + 1, 7 + 4]]
    assert knees.max() == pytest.approx(0.5, abs=1e-3)
    assert knees.min() >= -1e-9
    assert made.quality["at_limit"] > 0.1
    assert made.quality["penetration_cm"] < 1.0


def test_a_map_survives_its_file_and_is_checked(tmp_path: Path, dog: Body, smpl: Body) -> None:
    source = make_quadruped()
    proposed = propose_body_map(source, dog)
    at = BodyMap("quadruped", proposed.bodies | {"FL_shank": Follow("FL_foot", 40, 0, (0.0, 0.0, -0.2))})
    (tmp_path / "map.toml").write_text(at.toml())
    assert load_body_map(tmp_path / "map.toml") == at
    with pytest.raises(MotionError, match="source is 'quadruped', the motions are of 'smpl'"):
        proposed.check("map.toml", smpl, dog)
    with pytest.raises(MotionError, match="no part 'FL_shnak'; write FL_shank"):
        BodyMap("quadruped", {"FL_shnak": Follow("trunk", 1, 1)}).check("map.toml", source, dog)
    with pytest.raises(MotionError, match="root 'trunk' is lacking"):
        BodyMap("quadruped", {"FL_foot": Follow("FL_foot", 1, 1)}).check("map.toml", source, dog)
    (tmp_path / "map.toml").write_text('[bodies]\ntrunk = "trunk"')
    with pytest.raises(MotionError, match="not a map of bodies"):
        load_body_map(tmp_path / "map.toml")
    with pytest.raises(MotionError, match="has 4 feet"):
        propose_body_map(smpl, dog)
