"""`rgsd motions map`, `rgsd motions retarget` and `rgsd doctor robot.xml`, on the quadruped as a user's file."""

from __future__ import annotations

import json
import re
from pathlib import Path

import pytest

from rgsd.bodies.mjcf import load_mjcf
from rgsd.bodies.quadruped import _spec, make_quadruped
from rgsd.cli.main import main
from rgsd.motions.motion import Motion


@pytest.fixture
def dog(tmp_path: Path) -> Path:
    spec = _spec()
    spec.add_key(name="home", qpos=make_quadruped().standing_qpos)
    spec.compile()
    (tmp_path / "dog.xml").write_text(spec.to_xml())
    return tmp_path / "dog.xml"


def test_gaits_are_put_onto_a_robot_by_a_map_of_its_own(
    dog: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    gaits, parts, out = tmp_path / "gaits", tmp_path / "map.toml", tmp_path / "out"
    assert main(["motions", "synthesize", "--out", str(gaits)]) == 0
    assert main(["motions", "map", str(dog), "--out", str(parts)]) == 0
    assert 'FL_foot = { from = "FL_foot", position = 40, rotation = 0 }' in parts.read_text()
    assert main(["motions", "map", str(dog), "--out", str(parts)]) == 2
    assert "is there already" in capsys.readouterr().err
    words = ["motions", "retarget", str(gaits / "back.npz"), "--body", str(dog), "--out", str(out)]
    assert main([*words, "--map", str(parts), "--fps", "25"]) == 0
    made = Motion.load(out / "back.npz", load_mjcf(dog))
    assert (made.fps, made.loop, made.num_frames) == (25.0, True, 51)
    assert main(words) == 2  # out holds motions now
    assert main(["motions", "retarget", str(gaits), "--body", "smpl", "--out", str(tmp_path / "x")]) == 2
    assert "give the path of a robot's MJCF file" in capsys.readouterr().err


def test_the_doctor_tells_what_was_derived_and_what_is_odd(dog: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["doctor", str(dog), "--json"]) == 0
    checks = {check["name"]: check for check in json.loads(capsys.readouterr().out)["checks"]}
    assert checks["feet"]["found"] == "FL_foot, FR_foot, RL_foot, RR_foot"
    assert checks["held"]["found"].startswith("stands for 2 s")
    assert "soles" not in checks
    dog.with_suffix(".toml").write_text("feet = ['FL_foot', 'FR_foot']\n[standing]\nheight = 0.45")
    assert main(["doctor", str(dog), "--json"]) == 0
    checks = {check["name"]: check for check in json.loads(capsys.readouterr().out)["checks"]}
    assert checks["feet"]["found"] == "FL_foot, FR_foot (stated)"
    assert not checks["soles"]["good"]  # hinges at 0: legs of 0.4 m and balls of 0.02 m straight down


def test_a_robot_without_servos_can_move_and_is_examined_with_gains(
    dog: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    bare = re.sub(r"<actuator>.*</actuator>", "", dog.read_text(), flags=re.DOTALL)
    dog.write_text(re.sub(r' ctrl="[^"]*"', "", bare))
    assert main(["motions", "map", str(dog)]) == 0
    assert "[bodies]" in capsys.readouterr().out
    assert main(["doctor", str(dog)]) == 2
    assert "has no actuator" in capsys.readouterr().err
    assert main(["doctor", str(dog), "--gains", "160,4", "--json"]) == 0
    checks = {check["name"]: check for check in json.loads(capsys.readouterr().out)["checks"]}
    assert checks["gains"]["found"] == "kp 160 N m/rad, torque without limit (stated)"
