from __future__ import annotations

import dataclasses
import json
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from rgsd.bodies.body import Body
from rgsd.bodies.mjcf import load_mjcf
from rgsd.cli.main import main
from rgsd.motions.motion import Motion


@pytest.fixture
def source(tmp_path: Path) -> Path:
    poses = np.zeros((10, 72))
    poses[:, 0] = np.pi / 2
    folder = tmp_path / "source"
    folder.mkdir()
    np.savez(folder / "rest_poses.npz", poses=poses, trans=np.zeros((10, 3)), mocap_framerate=30)
    np.savez(folder / "shape.npz", betas=np.zeros(16))
    return folder


def test_imported_motions_are_listed(source: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    out = tmp_path / "out"
    assert main(["motions", "import", str(source), "--out", str(out), "--json"]) == 0
    files = json.loads(capsys.readouterr().out)["files"]
    assert [file["status"] for file in files] == ["taken", "skipped"]
    assert main(["motions", "list", str(out), "--json"]) == 0
    (listed,) = json.loads(capsys.readouterr().out)
    assert (listed["name"], listed["frames"], listed["body"]) == ("rest", 10, "smpl")
    assert set(listed["quality"]) == {"fk_error_cm", "penetration_cm", "skate_cm", "largest_jump_rad"}
    assert main(["motions", "list", str(out)]) == 0
    assert "rest" in capsys.readouterr().out


def test_reasons_are_told(source: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (source / "dance.pkl").write_bytes(b"")
    assert main(["motions", "import", str(source), "--out", str(tmp_path / "out")]) == 0
    words = " ".join(capsys.readouterr().out.split())
    assert "1 motions written" in words
    assert "dance.pkl: a pickle, which may run foreign code" in words
    assert "shape.npz: no poses and trans" in words
    assert main(["motions", "import", str(source / "dance.pkl"), "--out", str(tmp_path / "out")]) == 2
    assert main(["motions", "import", str(source), "--out", str(tmp_path / "out"), "--body", "smlp"]) == 2
    assert "did you mean smpl" in capsys.readouterr().err


def test_info_tells_the_dialect(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    # all of CMU's 31, among which are all of ACCAD's but ToSpine
    limbs = ["Shoulder", "Arm", "ForeArm", "Hand", "FingerBase", "HandIndex1", "UpLeg", "Leg", "Foot", "ToeBase"]
    joints = [
        "Hips",
        "LHipJoint",
        "RHipJoint",
        "LowerBack",
        "Spine",
        "Spine1",
        "Neck",
        "Neck1",
        "Head",
        "LThumb",
        "RThumb",
    ]
    joints += [side + limb for side in ("Left", "Right") for limb in limbs]
    blocks = "".join(f"{'JOINT' if i else 'ROOT'} {n} {{ OFFSET 0 0 0 CHANNELS 0 " for i, n in enumerate(joints))
    (tmp_path / "a.bvh").write_text(f"HIERARCHY {blocks} {' }' * 31} MOTION Frames: 3 Frame Time: 0.0083333")
    assert main(["motions", "info", str(tmp_path / "a.bvh"), "--json"]) == 0
    facts = json.loads(capsys.readouterr().out)
    assert (facts["format"], facts["fps"], facts["frames"]) == ("BVH, CMU skeleton", 120.0, 3)
    assert facts["usable"].startswith("no")


def test_planned_gaits_are_written(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["motions", "synthesize", "--out", str(tmp_path)]) == 0
    assert len(list(tmp_path.glob("*.npz"))) == 8
    assert main(["motions", "synthesize", "--out", str(tmp_path), "--body", "smpl"]) == 2
    assert "--body smpl: gaits are planned for 'quadruped' alone" in capsys.readouterr().err


def test_a_medley_is_planned_and_cut(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    out = tmp_path / "cut"
    assert main(["motions", "synthesize", "--medley", "--out", str(tmp_path)]) == 0
    assert [file.name for file in tmp_path.glob("*.npz")] == ["medley.npz"]
    words = ["motions", "split", str(tmp_path / "medley.npz"), "--out", str(out)]
    assert main([*words, "--seconds", "2", "--overlap", "0.5"]) == 0
    # 14 s: windows begin at 0, 1, ... 12 s
    assert {file.stem for file in out.glob("*.npz")} == {f"medley_{n}" for n in range(1, 14)}
    assert "13 motions written" in capsys.readouterr().out
    assert main([*words, "--overlap", "1"]) == 2
    assert "--overlap 1: give a share of the window" in capsys.readouterr().err


def test_windows_are_not_mixed_with_what_lies_there(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["motions", "synthesize", "--medley", "--out", str(tmp_path)]) == 0
    cut = ["motions", "split", str(tmp_path), "--out"]
    assert main([*cut, str(tmp_path)]) == 2  # the clip itself
    assert f"--out {tmp_path}: holds npz files" in " ".join(capsys.readouterr().err.split())
    assert main([*cut, str(tmp_path / "cut")]) == 0
    assert main([*cut, str(tmp_path / "cut"), "--seconds", "4"]) == 2  # seven windows, of which four would be replaced
    assert [file.name for file in tmp_path.glob("*.npz")] == ["medley.npz"]
    assert len(list((tmp_path / "cut").glob("*.npz"))) == 7


def test_windows_of_one_name_are_refused(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["motions", "synthesize", "--medley", "--out", str(tmp_path)]) == 0
    whole = Motion.load(tmp_path / "medley.npz")
    dataclasses.replace(whole, name="medley_1", qpos=whole.qpos[:9], qvel=whole.qvel[:9]).save(tmp_path / "short.npz")
    assert main(["motions", "split", str(tmp_path), "--out", str(tmp_path / "cut")]) == 2
    assert "2 of the windows would be 'medley_1'; rename one" in capsys.readouterr().err
    assert not (tmp_path / "cut").exists()


@pytest.fixture
def robot(tmp_path: Path) -> Path:
    """A robot of the user's own, and a folder with a motion of it beside the file."""
    file = tmp_path / "robot.xml"
    file.write_text(
        '<mujoco><worldbody><body name="trunk" pos="0 0 .2"><freejoint/><geom type="box" size=".2 .1 .05"/>'
        '<body name="leg"><joint name="hip" axis="0 1 0" range="-60 60"/>'
        '<geom type="capsule" fromto="0 0 0 0 0 -.18" size=".02"/></body></body></worldbody>'
        '<actuator><position joint="hip" kp="20" kv="1"/></actuator></mujoco>'
    )
    body = load_mjcf(file)
    qpos = np.tile(body.standing_qpos, (4, 1))
    clip = Motion("nod", "robot", 50.0, body.joint_names, body.body_names, qpos, np.zeros((4, body.model.nv)))
    clip.save(tmp_path / "motions" / "nod.npz")
    return file


def test_motions_of_a_body_of_ones_own_are_drawn_with_its_file(
    robot: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    drawn: list[str] = []

    def draw(body: Body, motions: list[Motion], frames: int) -> Image.Image:
        drawn.extend([body.name, *(motion.name for motion in motions)])
        return Image.new("RGB", (2, 2))

    monkeypatch.setattr("rgsd.viewing.contact_sheet.contact_sheet", draw)
    words = ["motions", "render", str(tmp_path / "motions"), "--out", str(tmp_path / "sheets" / "a.png")]
    assert main(words) == 2
    assert "body 'robot' is not built in; give its file, --body robot.xml" in capsys.readouterr().err
    assert main([*words, "--body", "quadruped"]) == 2
    assert "motion 'nod': body is 'robot', expected 'quadruped'" in capsys.readouterr().err
    assert drawn == []
    assert main([*words, "--body", str(robot)]) == 0
    assert drawn == ["robot", "nod"]
    assert (tmp_path / "sheets" / "a.png").exists()
