"""A user's own file as a body: what is derived from it, and what is refused."""

from __future__ import annotations

import math
from pathlib import Path

import mujoco
import numpy as np
import pytest

from rgsd.bodies.body import BodyError
from rgsd.bodies.mjcf import load_mjcf, standing_height
from rgsd.bodies.quadruped import _spec, make_quadruped
from rgsd.physics.mujoco_cpu import MujocoCpu

# a trunk at 0.5 m on two legs of 0.4 m, whose soles reach down to 0.5 - 0.4 - 0.1 = 0 m, and a mast upward
_LEG = """
<body name="{0}" pos="0 {1} 0">
  <joint name="{0}_hip" axis="0 1 0" range="-30 90"/>
  <geom type="capsule" fromto="0 0 0 0 0 -.4" size=".1"/>
</body>"""
_MAST = '<body name="mast" pos="0 0 .3"><joint name="mast" axis="0 1 0"/><geom type="box" size=".05 .05 .2"/></body>'
_SERVO = '<position name="{0}" joint="{0}" kp="50" kv="2"/>'
_SERVOS = _SERVO.format("left_hip") + '<position joint="right_hip" kp="50" ctrlrange="-.2 .6"/>' + _SERVO.format("mast")


def written(
    folder: Path,
    *,
    world: str = "",
    root: str = "<freejoint/>",
    trunk: str = 'name="trunk" pos="1 2 .5"',
    more: str = "",
    legs: str = _LEG.format("left", 0.2) + _LEG.format("right", -0.2),
    servos: str = _SERVOS,
    rest: str = "",
) -> Path:
    path = folder / "walker.xml"
    path.write_text(
        f'<mujoco><option timestep="0.003"/><worldbody>{world}<body {trunk}>{root}<geom name="box" type="box" '
        f'size=".1 .2 .05"/>{legs}{_MAST}{more}</body></worldbody><actuator>{servos}</actuator>{rest}</mujoco>'
    )
    return path


def test_what_the_file_does_not_say_is_derived(tmp_path: Path) -> None:
    body = load_mjcf(written(tmp_path))
    assert (body.name, body.body_names) == ("walker", ("trunk", "left", "right", "mast"))
    assert body.substeps == 7  # 20 ms / 3 ms = 6.67
    assert (body.feet, body.key_bodies) == (("left", "right"), ("left", "right", "mast"))
    assert body.fall_rule.min_height == {"trunk": 0.25}
    assert body.fall_rule.max_tilt == pytest.approx(math.pi / 3)
    assert body.tracked_threshold == 0.25  # 0.7 * 0.5 m would be more than the humanoid's
    np.testing.assert_array_equal(body.standing_qpos, [0, 0, 0.5, 1, 0, 0, 0, 0, 0, 0])  # over the origin
    # left: joint range -30 to 90 degrees; right: ctrlrange comes first; mast: 1 rad about its standing angle 0
    np.testing.assert_allclose(body.action_center, [math.radians(30), 0.2, 0.0])
    np.testing.assert_allclose(body.action_scale, [math.radians(60), 0.4, 1.0])
    assert body.model.opt.disableflags & mujoco.mjtDisableBit.mjDSBL_AUTORESET


def test_it_stands_on_the_ground_that_it_was_given(tmp_path: Path) -> None:
    light, sky = (
        '<light name="own"/>',
        '<asset><texture name="own" type="skybox" builtin="flat" width="8" height="8"/></asset>',
    )
    body = load_mjcf(written(tmp_path, world=light, rest=sky))
    model = body.model
    planes = model.geom_type == mujoco.mjtGeom.mjGEOM_PLANE
    skies = model.tex_type == mujoco.mjtTexture.mjTEXTURE_SKYBOX
    assert (planes.sum(), model.nlight, skies.sum()) == (1, 1, 1)  # the file's own light and sky are not doubled
    physics = MujocoCpu(body, 1, threads=1)
    held = np.array([[0.0, 0.0, 0.0]])
    for _ in range(10):
        physics.step(physics.state.qpos.new_tensor(held))
    assert float(physics.state.qpos[0, 2]) == pytest.approx(0.5, abs=0.02)  # free, it would have fallen 0.22 m


def test_a_ground_of_its_own_is_kept(tmp_path: Path) -> None:
    # the wall is a plane too, but no ground
    wall = '<geom name="wall" type="plane" size="1 1 1" pos="9 0 0" euler="0 -90 0"/>'
    world = wall + '<geom name="floor" type="plane" size="0 0 1"/>'
    model = load_mjcf(written(tmp_path, world=world)).model
    assert [model.geom(i).name for i in range(3)] == ["wall", "floor", "box"]
    assert model.nlight == 0


def test_the_standing_pose_is_home_or_the_first_keyframe(tmp_path: Path) -> None:
    bent = '<key name="bent" qpos="3 3 .6 1 0 0 0 .1 .2 .3"/>'
    home = '<key name="home" qpos="0 0 .7 1 0 0 0 0 0 .5"/>'
    first = load_mjcf(written(tmp_path, rest=f"<keyframe>{bent}</keyframe>"))
    np.testing.assert_allclose(first.standing_qpos, [0, 0, 0.6, 1, 0, 0, 0, 0.1, 0.2, 0.3])
    body = load_mjcf(written(tmp_path, rest=f"<keyframe>{bent}{home}</keyframe>"))
    np.testing.assert_allclose(body.standing_qpos, [0, 0, 0.7, 1, 0, 0, 0, 0, 0, 0.5])
    assert body.action_center[2] == pytest.approx(0.5)
    assert body.fall_rule.min_height == {"trunk": pytest.approx(0.35)}


def test_actuators_are_put_in_the_hinges_order(tmp_path: Path) -> None:
    """Each keeps what it is; controls of keyframes, which were in the other order, are dropped."""
    servos = _SERVOS.split("/>")[:3]
    servos[0] += ' damping="1.5" armature=".02"'
    mixed = "/>".join([servos[2], servos[0], servos[1], ""])
    key = '<keyframe><key name="home" qpos="0 0 .5 1 0 0 0 0 0 0" ctrl="1 2 3"/></keyframe>'
    body = load_mjcf(written(tmp_path, servos=mixed, rest=key))
    ordered = load_mjcf(written(tmp_path, servos="/>".join([*servos, ""])))
    np.testing.assert_array_equal(body.model.actuator_damping, [1.5, 0, 0])
    for field in ("trnid", "gainprm", "biasprm", "ctrlrange", "damping", "armature"):
        found, expected = (getattr(one.model, f"actuator_{field}") for one in (body, ordered))
        np.testing.assert_array_equal(found, expected, err_msg=field)
    np.testing.assert_array_equal(body.action_scale, ordered.action_scale)


@pytest.mark.parametrize(
    ("servos", "limit"),
    [("", None), ('<motor joint="left_hip" gear="2" ctrlrange="-7 7"/><motor joint="mast"/>', 14.0)],
)
def test_gains_take_the_place_of_motors_or_of_nothing(tmp_path: Path, servos: str, limit: float | None) -> None:
    model = load_mjcf(written(tmp_path, servos=servos), gains="40,1.5").model
    assert model.nu == 3
    np.testing.assert_allclose(model.actuator_gainprm[:, 0], 40)
    np.testing.assert_allclose(model.actuator_biasprm[:, :3], np.tile([0, -40, 0], (3, 1)))
    np.testing.assert_allclose(model.dof_damping[6:], 1.5)
    # gear 2 times 7: what the motor could give the joint
    assert model.actuator_forcelimited.tolist() == [limit is not None, 0, 0]
    if limit is not None:
        np.testing.assert_allclose(model.actuator_forcerange[0], [-limit, limit])


@pytest.mark.parametrize("gains", ["40", "40,x", "0,1", "40,-1", "nan,1", "1,2,3"])
def test_gains_that_are_none_are_refused(tmp_path: Path, gains: str) -> None:
    with pytest.raises(BodyError, match=f"--gains {gains}: .*such as 40,1"):
        load_mjcf(written(tmp_path), gains)


def test_legs_that_end_in_empty_bodies_have_feet(tmp_path: Path) -> None:
    """The body that touches the ground is the foot; the empty one that marks its tip is a key body."""
    tipped = "".join(
        _LEG.format(side, y).replace("</body>", f'<body name="{side}_tip" pos="0 0 -.45"/></body>')
        for side, y in (("left", 0.2), ("right", -0.2))
    )
    body = load_mjcf(written(tmp_path, legs=tipped))
    assert body.feet == ("left", "right")
    assert body.key_bodies == ("left_tip", "right_tip", "mast")


def test_what_is_only_seen_is_no_foot(tmp_path: Path) -> None:
    skirt = '<body name="skirt" pos="0 0 -.45"><geom size=".05" contype="0" conaffinity="0"/></body>'
    assert load_mjcf(written(tmp_path, more=skirt)).feet == ("left", "right")


def test_the_standing_height_is_told_whatever_drives_the_hinges(tmp_path: Path) -> None:
    assert standing_height(written(tmp_path, servos="")) == 0.5


def test_at_most_eight_key_bodies_and_the_feet_are_among_them(tmp_path: Path) -> None:
    fingers = "".join(f'<body name="f{i}" pos="0 0 .3"><geom size=".01"/></body>' for i in range(9))
    # the legs come last in the file
    body = load_mjcf(written(tmp_path, legs=fingers + _LEG.format("left", 0.2) + _LEG.format("right", -0.2)))
    assert body.key_bodies == ("left", "right", "f0", "f1", "f2", "f3", "f4", "f5")


def test_without_legs_the_lowest_body_is_the_foot(tmp_path: Path) -> None:
    body = load_mjcf(written(tmp_path, trunk='name="trunk" pos="0 0 .05"', legs="", servos=_SERVO.format("mast")))
    assert (body.feet, body.key_bodies) == (("trunk",), ("mast",))
    assert body.tracked_threshold == pytest.approx(0.035)  # 0.7 * 0.05 m


def test_the_quadrupeds_own_file_gives_the_quadruped_back(tmp_path: Path) -> None:
    quadruped = make_quadruped()
    path = tmp_path / "dog.xml"
    spec = _spec()
    spec.add_key(name="home", qpos=quadruped.standing_qpos)
    spec.compile()
    path.write_text(spec.to_xml())
    dog = load_mjcf(path)
    for fact in ("joint_names", "body_names", "substeps", "feet", "key_bodies"):
        assert getattr(dog, fact) == getattr(quadruped, fact)
    np.testing.assert_allclose(dog.standing_qpos, quadruped.standing_qpos, atol=1e-5)
    np.testing.assert_allclose(dog.model.body_mass, quadruped.model.body_mass, rtol=1e-5)


@pytest.mark.parametrize(
    ("changes", "said"),
    [
        ({"servos": "<position/>"}, "MuJoCo cannot read it"),
        ({"rest": "<mujoco>"}, "MuJoCo cannot read it .*correct the file"),
        ({"root": ""}, "body 'trunk', the first, has no free joint; put <freejoint/> into it"),
        ({"world": '<body name="table"><geom size=".1"/></body>'}, "'table', the first, is no part of the"),
        ({"legs": "", "more": '<body><geom size=".1"/></body>', "servos": ""}, "body 3, in 'trunk', has no name"),
        ({"more": '<body name="s"><joint name="rail" type="slide"/><geom size=".1"/></body>'}, "'rail' .* is a slide"),
        ({"more": '<body name="s"><joint name="neck" type="ball"/><geom size=".1"/></body>'}, "'neck' .* is a ball"),
        ({"more": '<body name="s"><joint/><geom size=".1"/></body>'}, "a hinge of body 's' has no name"),
        ({"servos": _SERVO.format("left_hip")}, "'right_hip' has no actuator .2 of 3 have none.; .* --gains"),
        ({"servos": '<position joint="mast"/>' + _SERVOS}, "hinge 'mast' has two actuators; leave one position servo"),
        ({"servos": _SERVOS + '<position name="pull" tendon="t"/>',
          "rest": '<tendon><fixed name="t"><joint joint="mast" coef="1"/></fixed></tendon>'},
         "actuator 'pull' drives 'no joint', which is no hinge; take it out"),
        ({"servos": '<motor name="hip" joint="left_hip"/>' + _SERVOS.split("/>", 1)[1]},
         "actuator 'hip' of hinge 'left_hip' is no position servo .*replace it by <position joint=\"left_hip\""),
        ({"servos": _SERVOS.replace('kp="50" kv="2"', 'kp="50" timeconst=".1"', 1)}, "no position servo"),
        ({"servos": _SERVOS.replace('kp="50" kv="2"', 'kp="50" gear="3"', 1)}, "no position servo .* gear 3"),
        ({"world": '<geom type="plane" size="1 1 1" pos="0 0 -.2"/>'}, "the ground plane lies at height -0.2 m"),
        ({"rest": '<default><geom contype="0" conaffinity="0"/></default>'}, "no geom can touch the ground"),
        ({"trunk": 'name="trunk" pos="0 0 -.5"'}, "the pose of the file.* root 'trunk' at height -0.5 m; raise it"),
        ({"trunk": 'name="trunk" pos="0 0 .4"'}, "body 'left' 0.10 m below the ground; add a keyframe 'home'"),
        ({"trunk": 'name="trunk" pos="0 0 1" euler="70 0 0"'}, "tilts the z axis of root 'trunk'"),
    ],
)  # fmt: skip
def test_what_cannot_be_a_body_is_refused_with_the_remedy(tmp_path: Path, changes: dict[str, str], said: str) -> None:
    path = written(tmp_path, **changes)
    with pytest.raises(BodyError, match=said) as caught:
        load_mjcf(path)
    assert str(caught.value).startswith(f"{path}: ")


def test_a_robot_without_hinges_or_a_missing_file_is_refused(tmp_path: Path) -> None:
    with pytest.raises(BodyError, match=r"absent.xml: no such file; give the path"):
        load_mjcf(tmp_path / "absent.xml")
    path = tmp_path / "stone.xml"
    path.write_text(
        '<mujoco><worldbody><body name="stone" pos="0 0 1"><freejoint/><geom size=".1"/></body></worldbody></mujoco>'
    )
    with pytest.raises(BodyError, match="body 'stone' and its parts have no hinge; add joints with actuators"):
        load_mjcf(path)
