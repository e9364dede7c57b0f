from __future__ import annotations

import dataclasses
import json
import zipfile
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from rgsd.bodies.body import Body
from rgsd.bodies.mjcf import load_mjcf
from rgsd.cli.main import main
from rgsd.motions.formats import accad
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
    assert set(listed["quality"]) == {
        "fk_error_cm",
        "penetration_cm",
        "skate_cm",
        "largest_jump_rad",
        "hidden_jump_rad",
    }
    assert main(["motions", "list", str(out)]) == 0
    assert "rest" in capsys.readouterr().out
    assert main(["motions", "import", str(source), "--out", str(out)]) == 2  # whoever's file of that name it is
    assert f"--out {out}: holds rest.npz already" in " ".join(capsys.readouterr().err.split())
    assert main(["motions", "import", str(source), "--out", str(tmp_path / "fast"), "--fps", "nan"]) == 2
    assert "--fps nan: give a rate of 2 to 1000, 1/s" in " ".join(capsys.readouterr().err.split())


def test_a_damaged_file_is_told_and_the_others_are_listed(
    source: Path, tmp_path: Path, caplog: pytest.LogCaptureFixture, capsys: pytest.CaptureFixture[str]
) -> None:
    out = tmp_path / "out"
    assert main(["motions", "import", str(source), "--out", str(out)]) == 0
    whole = (out / "rest.npz").read_bytes()
    (out / "cut.npz").write_bytes(whole[: len(whole) // 2])
    (out / "empty.npz").write_bytes(b"")
    capsys.readouterr()
    assert main(["motions", "list", str(out), "--json"]) == 0
    assert [motion["name"] for motion in json.loads(capsys.readouterr().out)] == ["rest"]
    assert "left out" in caplog.text
    assert "cut.npz: not a readable npz" in caplog.text
    assert "empty.npz: not a readable npz (it is empty)" in caplog.text
    assert main(["motions", "info", str(out / "cut.npz"), "--json"]) == 0
    assert json.loads(capsys.readouterr().out)["usable"].startswith("no: not a readable npz")


def test_what_was_not_taken_stands_in_a_table_with_the_reason(
    source: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("COLUMNS", "250")
    (source / "dance.pkl").write_bytes(b"")
    (source / "broken.zip").write_bytes(b"")
    assert main(["motions", "import", str(source), "--out", str(tmp_path / "out")]) == 0
    lines = [" ".join(line.split()) for line in capsys.readouterr().out.splitlines()]
    assert lines[0] == "1 motions written to"
    at = lines.index("status file note")
    assert lines[at - 1] == "to note: 2 refused, 1 skipped"
    starts = ("refused broken.zip not a readable zip", "refused dance.pkl a pickle", "skipped shape.npz no poses and")
    assert all(line.startswith(start) for line, start in zip(lines[at + 1 : at + 4], starts, strict=True))
    assert main(["motions", "import", str(source / "dance.pkl"), "--out", str(tmp_path / "out")]) == 2
    assert "a pickle, which may run foreign code" in capsys.readouterr().out
    assert main(["motions", "import", str(source), "--out", str(tmp_path / "out"), "--body", "smlp"]) == 2
    assert "did you mean smpl" in capsys.readouterr().err


def test_what_is_not_in_the_collection_is_counted(
    source: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    walk = source / "Male2Walking_c3d" / "B22 - side step left_poses.npz"
    walk.parent.mkdir()
    (source / "rest_poses.npz").rename(walk)
    np.savez(source / "other_poses.npz", poses=np.zeros((10, 72)), trans=np.zeros((10, 3)), mocap_framerate=30)
    words = ["motions", "import", str(source), "--clip-set", "accad20", "--out", str(tmp_path / "out")]
    assert main(words) == 0
    assert "2 files skipped that are not in accad20" in capsys.readouterr().out
    assert [file.stem for file in (tmp_path / "out").iterdir()] == ["B22_sidestep_left"]


def write_bvh(file: Path, joints: tuple[str, ...], offset: str = "0 0 0") -> None:
    """A chain of joints that stands still for three frames."""
    blocks = "".join(f"{'JOINT' if i else 'ROOT'} {n} {{ OFFSET {offset} CHANNELS 0 " for i, n in enumerate(joints))
    file.write_text(f"HIERARCHY {blocks} {' }' * len(joints)} MOTION Frames: 3 Frame Time: 0.0083333")


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
    write_bvh(tmp_path / "a.bvh", tuple(joints))
    assert main(["motions", "info", str(tmp_path / "a.bvh"), "--json"]) == 0
    facts = json.loads(capsys.readouterr().out)
    assert (facts["format"], facts["fps"], facts["frames"]) == ("BVH, CMU skeleton", 120.0, 3)
    assert "map 'CMU' does not fit it" in facts["usable"]  # of its limbs, all are one chain


def test_info_tries_the_conversion(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    # ACCAD's joints, but all in one chain: nobody's skeleton
    write_bvh(tmp_path / "a.bvh", tuple(joint for joint, _ in accad._MAP.values()), "0 10 0")
    assert main(["motions", "info", str(tmp_path / "a.bvh"), "--json"]) == 0
    facts = json.loads(capsys.readouterr().out)
    assert facts["format"] == "BVH, ACCAD skeleton"
    assert facts["usable"].startswith("no: its joints lie ")
    assert "map 'ACCAD' does not fit it" in facts["usable"]


@pytest.mark.parametrize("packed", [False, True])
def test_info_on_a_folder_or_zip_lists_every_file(
    source: Path, tmp_path: Path, packed: bool, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("COLUMNS", "250")
    write_bvh(source / "cmu.bvh", ("Hips", "LHipJoint", "RHipJoint", "LowerBack"))
    (source / "bad.zip").write_bytes(b"")
    assert main(["motions", "synthesize", "--medley", "--out", str(source)]) == 0
    path = source
    if packed:
        path = tmp_path / "all.zip"
        with zipfile.ZipFile(path, "w") as archive:
            for file in source.iterdir():
                archive.write(file, file.name)
    capsys.readouterr()
    assert main(["motions", "info", str(path), "--json"]) == 0
    facts = {row["file"]: row["usable"] for row in json.loads(capsys.readouterr().out)}
    names = ["bad.zip", "cmu.bvh", "medley.npz", "rest_poses.npz", "shape.npz"]
    assert list(facts) == [str(path / name) for name in names]
    assert [usable.split(" ")[0] for usable in facts.values()] == ["no:", "no:", "body", "body", "no:"]
    assert main(["motions", "info", str(path)]) == 0
    lines = [" ".join(line.split()) for line in capsys.readouterr().out.splitlines()]
    assert lines[0] == f"5 files in {path}"
    assert [line.split(" ")[0] for line in lines[2:]] == names
    assert lines[3].startswith("cmu.bvh BVH, unknown skeleton 120 0.02 no: no named map fits its joints")
    assert lines[5].endswith("30 0.30 body smpl")  # 9 steps of 1/30 s


def test_info_names_a_path_that_is_not_there(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["motions", "info", str(tmp_path / "nowhere.bvh")]) == 2
    assert "nowhere.bvh: no such file or folder" in capsys.readouterr().err


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
    assert "--overlap 1: give a fraction of the window" in capsys.readouterr().err


def test_windows_are_not_mixed_with_what_lies_there(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["motions", "synthesize", "--medley", "--out", str(tmp_path)]) == 0
    cut = ["motions", "split", str(tmp_path), "--out"]
    assert main([*cut, str(tmp_path)]) == 2  # the clip itself
    assert f"--out {tmp_path}: holds npz files" in " ".join(capsys.readouterr().err.split())
    assert main([*cut, str(tmp_path / "cut")]) == 0
    assert main([*cut, str(tmp_path / "cut"), "--seconds", "4"]) == 2  # seven windows, of which four would be replaced
    assert [file.name for file in tmp_path.glob("*.npz")] == ["medley.npz"]
    assert len(list((tmp_path / "cut").glob("*.npz"))) == 7


def test_rest_is_cut_off(
    tmp_path: Path, tiny_motion: Callable[..., Motion], capsys: pytest.CaptureFixture[str]
) -> None:
    still = np.zeros((51, 2))
    still[:, 0] = 0.02 * np.clip(np.arange(51) - 20.0, 0, 10)
    tiny_motion("wave", still).save(tmp_path / "wave.npz")
    assert main(["motions", "trim", str(tmp_path), "--out", str(tmp_path / "trimmed")]) == 0
    assert Motion.load(tmp_path / "trimmed" / "wave.npz").num_frames < 40
    assert "s of 1.00 s" in capsys.readouterr().out
    assert main(["motions", "trim", str(tmp_path), "--out", str(tmp_path)]) == 2
    assert f"--out {tmp_path}: holds npz files" in " ".join(capsys.readouterr().err.split())


def test_motions_are_mirrored(
    tmp_path: Path, tiny_motion: Callable[..., Motion], capsys: pytest.CaptureFixture[str]
) -> None:
    arms = np.stack([np.linspace(0, 0.5, 51), np.zeros(51)], axis=1)
    mirror = ["motions", "mirror", str(tmp_path), "--out"]
    tiny_motion("wave", arms).save(tmp_path / "wave.npz")
    assert main([*mirror, str(tmp_path / "both")]) == 2  # no built-in body is called so
    assert "body 'tiny' is not built in; give its file" in " ".join(capsys.readouterr().err.split())
    (tmp_path / "wave.npz").unlink()
    assert main(["motions", "synthesize", "--out", str(tmp_path)]) == 0
    assert main([*mirror, str(tmp_path / "both")]) == 0
    assert "16 motions written" in capsys.readouterr().out
    image = Motion.load(tmp_path / "both" / "left_mirrored.npz")
    np.testing.assert_allclose(image.qpos[:, 1], -Motion.load(tmp_path / "left.npz").qpos[:, 1])
    assert main([*mirror, str(tmp_path / "both")]) == 2
    assert "holds npz files" in " ".join(capsys.readouterr().err.split())
    again = ["motions", "mirror", str(tmp_path / "both"), "--out", str(tmp_path / "more")]
    assert main(again) == 2
    assert "and its mirror image already; leave one of the two out" in " ".join(capsys.readouterr().err.split())


def test_motions_are_joined(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["motions", "synthesize", "--out", str(tmp_path)]) == 0
    join = ["motions", "join", str(tmp_path), "--count", "2", "--seconds", "7", "--out"]
    assert main([*join, str(tmp_path / "joined")]) == 0
    assert len(list((tmp_path / "joined").glob("*.npz"))) == 10
    found = Motion.load(tmp_path / "joined" / "joined_2.npz")
    assert found.duration == pytest.approx(7.0)
    assert len(set(found.source.removeprefix("joined: ").split(", "))) > 1
    assert main([*join, str(tmp_path)]) == 2
    assert f"--out {tmp_path}: holds npz files" in " ".join(capsys.readouterr().err.split())


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
    assert main(["motions", "render", str(tmp_path / "motions"), "--out", str(tmp_path / "sheets")]) == 2
    assert "the sheet is a picture; give a name that ends in .png" in " ".join(capsys.readouterr().err.split())
    assert main(words) == 2
    assert "body 'robot' is not built in; give its file, --body robot.xml" in capsys.readouterr().err
    assert main([*words, "--body", "quadruped"]) == 2
    assert "motion 'nod': body is 'robot', expected 'quadruped'" in capsys.readouterr().err
    assert drawn == []
    assert main([*words, "--body", str(robot)]) == 0
    assert drawn == ["robot", "nod"]
    assert (tmp_path / "sheets" / "a.png").exists()


def test_motions_of_a_body_of_ones_own_are_mirrored(
    robot: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """Its one leg is in the middle; moved aside it has no image."""
    folder = next(file for file in tmp_path.rglob("*.npz")).parent
    words = ["motions", "mirror", str(folder), "--body", str(robot), "--out"]
    assert main([*words, str(tmp_path / "both")]) == 0
    image = tmp_path / "both" / "nod_mirrored.npz"
    assert Motion.load(image).source.startswith("mirrored: ")
    # the mirror image of a mirror image has the motion's own name
    assert main(["motions", "mirror", str(image), "--body", str(robot), "--out", str(tmp_path / "back")]) == 0
    assert {file.stem for file in (tmp_path / "back").glob("*.npz")} == {"nod", "nod_mirrored"}
    capsys.readouterr()
    robot.write_text(robot.read_text().replace('name="leg"', 'name="leg" pos="0 0.08 0"'))
    assert main([*words, str(tmp_path / "none")]) == 2
    said = " ".join(capsys.readouterr().err.split())
    assert "part 'leg' has no image on the other side" in said
    assert "Traceback" not in said
    assert not (tmp_path / "none").exists()
