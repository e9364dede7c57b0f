"""Bodies by name or by the path of a file."""

from __future__ import annotations

from pathlib import Path

import pytest

from rgsd.bodies.body import BodyError
from rgsd.bodies.registry import BODIES, is_mjcf, make_body
from rgsd.errors import UnknownName

_HOPPER = """
<mujoco><worldbody><body name="trunk" pos="0 0 0.3"><freejoint/><geom size=".1"/>
  <body name="leg" pos="0 0 -.1"><joint name="hip" axis="0 1 0"/>
    <geom type="capsule" fromto="0 0 0 0 0 -.15" size=".05"/>
  </body></body></worldbody><actuator><position joint="hip" kp="20"/></actuator></mujoco>
"""


def test_every_name_makes_the_body_of_that_name() -> None:
    for name in BODIES:
        assert make_body(name).name == name
        assert not is_mjcf(name)


def test_a_name_that_ends_in_xml_is_a_file(tmp_path: Path) -> None:
    path = tmp_path / "hopper.xml"
    path.write_text(_HOPPER)
    body = make_body(str(path))
    assert (body.name, body.joint_names, body.feet) == ("hopper", ("hip",), ("leg",))
    with pytest.raises(BodyError, match=r"hoper.xml: no such file"):
        make_body(str(tmp_path / "hoper.xml"))


def test_a_file_may_not_pass_for_a_built_in_body(tmp_path: Path) -> None:
    path = tmp_path / "smpl.xml"
    path.write_text(_HOPPER)
    with pytest.raises(BodyError, match=r"smpl.xml: 'smpl' is a built-in body; give the file another name"):
        make_body(str(path))


def test_a_misspelled_name_is_answered_with_the_nearest() -> None:
    with pytest.raises(UnknownName, match="did you mean quadruped"):
        make_body("quadroped")
