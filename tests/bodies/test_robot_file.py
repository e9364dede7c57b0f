"""robot.toml beside robot.xml."""

from __future__ import annotations

import math
from pathlib import Path

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
        ("[gains.'.*']\nkp = 9", "kd is lacking"),
        ("[gains.'.*']\nkp = -9\nkd = 1", "kp is -9, expected above 0"),
        ("[gains.'left_hip']\nkp = 9\nkd = 1", "no pattern matches hinge 'right_hip'"),
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
    body = load_mjcf(written(tmp_path), gains="40,1")
    np.testing.assert_allclose(body.model.actuator_gainprm[:, 0], [40, 40])
    np.testing.assert_allclose(body.model.dof_damping[6:], [1, 1])
    np.testing.assert_allclose(body.standing_qpos[7:], [0.1, 0])  # all else stays as stated


def test_the_standing_height_is_the_stated_one_whatever_drives_the_hinges(tmp_path: Path) -> None:
    assert standing_height(written(tmp_path, "[standing]\nheight = 0.5")) == 0.5  # and motors in the file
