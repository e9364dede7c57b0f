"""robot.toml beside robot.xml."""

from __future__ import annotations

import math
from pathlib import Path

import mujoco
import numpy as np
import pytest

from rgsd.bodies.body import BodyError
from rgsd.bodies.mjcf import load_mjcf, standing_height

# a box on two legs with motors, which no policy can drive, in the pose of the file and 10 cm above the ground
_ROBOT = """
<mujoco><option timestep="0.002"/><worldbody><body name="trunk" pos="0 0 .6"><freejoint/>
  <geom type="box" size=".1 .2 .05" mass="5"/>
  <body name="left" pos="0 .2 0"><joint name="left_hip" axis="0 1 0" range="-60 60"/>
    <geom type="box" pos="0 0 -.45" size=".15 .05 .05" mass="1"/></body>
  <body name="right" pos="0 -.2 0"><joint name="right_hip" axis="0 1 0" range="-60 60"/>
    <geom type="box" pos="0 0 -.45" size=".15 .05 .05" mass="1"/></body>
</body></worldbody>
<actuator><motor joint="right_hip"/><motor joint="left_hip"/></actuator></mujoco>"""
_TOML = """
control_hz = 40
feet = ["right", "left"]
[fall]
max_tilt = 30
min_height = { trunk = 0.35 }
[standing]
height = 0.5
joints = { "left_.*" = 0.1 }
[action]
scale = { ".*" = 0.4, "right_.*" = 0.2 }
[physics]
timestep = 0.005
integrator = "implicitfast"
[gains.".*"]
kp = 100
kd = 5
[gains."left_.*"]
kp = 200
kd = 6
torque = 50
armature = 0.01
"""


def written(folder: Path, toml: str = _TOML) -> Path:
    (folder / "robot.xml").write_text(_ROBOT)
    (folder / "robot.toml").write_text(toml)
    return folder / "robot.xml"


def test_what_is_stated_takes_the_place_of_what_is_derived(tmp_path: Path) -> None:
    body = load_mjcf(written(tmp_path))
    assert body.control_hz == pytest.approx(40)  # 5 steps of 5 ms
    assert body.feet == ("right", "left")
    assert body.fall_rule.min_height == {"trunk": 0.35}
    assert body.fall_rule.max_tilt == pytest.approx(math.radians(30))
    np.testing.assert_allclose(body.standing_qpos, [0, 0, 0.5, 1, 0, 0, 0, 0.1, 0])
    np.testing.assert_allclose(body.action_center, [0.1, 0.0])  # about the standing angles
    np.testing.assert_allclose(body.action_scale, [0.4, 0.2])  # the last pattern that matches
    np.testing.assert_allclose(body.model.actuator_gainprm[:, 0], [200, 100])  # servos in the hinges' order
    np.testing.assert_allclose(body.model.dof_damping[6:], [6, 5])
    np.testing.assert_allclose(body.model.dof_armature[6:], [0.01, 0])
    assert body.model.actuator_forcelimited.tolist() == [1, 0]
    np.testing.assert_allclose(body.model.actuator_forcerange[0], [-50, 50])


@pytest.mark.parametrize(
    ("toml", "said"),
    [
        ("feet = [", "not TOML"),
        ("feets = []", "'feets' is no field of it; write feet"),
        ("[fall]\nmin_heigth = {}", "fall: 'min_heigth' is no field of it; write min_height"),
        ('control_hz = "fast"', "control_hz is 'fast'"),
        ("control_hz = 60\n[gains.'.*']\nkp = 9\nkd = 1", "a period of 8.33 timesteps"),
        ("[gains.'.*']\nkp = 9", "hinge 'left_hip' has no kd; .*--gains kp,kd"),
        ("[gains.'.*']\nkp = -9\nkd = 1", "kp of hinge 'left_hip' is -9, expected above 0"),
        ("[gains.'.*']\nkp = 9\nkd = -1", "kd of hinge 'left_hip' is -1, expected 0 or more"),
        ("[gains.'left_hip']\nkp = 9\nkd = 1", "hinge 'right_hip' has no kp"),
        ("[gains.'left_hpi']\nkp = 9\nkd = 1", "'left_hpi' matches no hinge; there are left_hip"),
        ("[gains.'(']\nkp = 9\nkd = 1", "is no pattern"),
        ("[physics]\nintegrator = 'rk9'", "write one of euler"),
        ("feet = ['hoof']\n[gains.'.*']\nkp = 9\nkd = 1", "no part 'hoof'"),
    ],
)
def test_what_cannot_be_stated_is_refused_with_the_file_and_the_remedy(tmp_path: Path, toml: str, said: str) -> None:
    with pytest.raises(BodyError, match=r"robot\.toml: ") as refused:
        load_mjcf(written(tmp_path, toml))
    refused.match(said)


def test_gains_of_the_command_line_go_before_those_that_are_stated(tmp_path: Path) -> None:
    model = load_mjcf(written(tmp_path), gains="40,1").model
    np.testing.assert_allclose(model.actuator_gainprm[:, 0], [40, 40])
    np.testing.assert_allclose(model.dof_damping[6:], [1, 1])
    # all else stays as stated: the left's torque and rotor too
    np.testing.assert_allclose(model.actuator_forcerange, [[-50, 50], [0, 0]])
    np.testing.assert_allclose(model.dof_armature[6:], [0.01, 0])


@pytest.mark.parametrize(("toml", "gains"), [("[gains.'.*']\nkp = 40\nkd = 1.5", ""), ("", "40,1.5")])
def test_gains_mean_the_same_wherever_they_are_stated(tmp_path: Path, toml: str, gains: str) -> None:
    """kd is the whole damping; the torque stays the motor's, the rotor the joint's, and a motor's range no target's."""
    path = written(tmp_path, toml)
    text = path.read_text().replace('range="-60 60"', 'range="-60 60" damping="2 3" armature=".02"')
    motors = '<default><motor gear="7" ctrlrange="-3 3"/></default>'
    path.write_text(text.replace("<worldbody>", motors + "<worldbody>"))
    body = load_mjcf(path, gains)
    data = mujoco.MjData(body.model)
    data.qpos[:] = body.standing_qpos
    data.qpos[7:], data.qvel[6:], data.ctrl[:] = [0.1, 0.6], [2.0, -3.0], [0.2, 0.0]
    mujoco.mj_forward(body.model, data)
    np.testing.assert_allclose(data.qfrc_passive[6:], [-3.0, 4.5])  # -1.5 times the speed, and nothing of its square
    np.testing.assert_allclose(data.actuator_force, [4.0, -21.0])  # 40 * 0.1; 40 * -0.6 = -24 is cut at 7 * 3
    np.testing.assert_allclose(data.qfrc_actuator[6:], [4.0, -21.0])  # without the gear
    np.testing.assert_allclose(body.model.dof_armature[6:], [0.02, 0.02])
    np.testing.assert_allclose(body.action_scale, math.radians(60))  # the joint's range


def test_of_several_patterns_the_last_that_states_a_field_counts(tmp_path: Path) -> None:
    toml = "[gains.'.*']\nkp = 40\nkd = 1\n[gains.'left_.*']\ntorque = 9\narmature = 0.03\n[gains.'.*_hip']\nkd = 0"
    model = load_mjcf(written(tmp_path, toml)).model
    np.testing.assert_allclose(model.actuator_gainprm[:, 0], [40, 40])
    np.testing.assert_allclose(model.dof_damping[6:], [0, 0])
    np.testing.assert_allclose(model.actuator_forcerange, [[-9, 9], [0, 0]])
    np.testing.assert_allclose(model.dof_armature[6:], [0.03, 0])


def test_the_standing_height_is_the_stated_one_whatever_drives_the_hinges(tmp_path: Path) -> None:
    assert standing_height(written(tmp_path, "[standing]\nheight = 0.5")) == 0.5  # and motors in the file
