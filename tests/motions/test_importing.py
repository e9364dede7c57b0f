from __future__ import annotations

import dataclasses
import logging
import zipfile
from collections.abc import Callable
from pathlib import Path
from typing import Literal

import numpy as np
import pytest

from rgsd.bodies.body import Body
from rgsd.bodies.quadruped import make_quadruped
from rgsd.motions.files import natural_order
from rgsd.motions.formats.reading import Reading
from rgsd.motions.formats.smpl_clip import SmplClip
from rgsd.motions.importing import import_motions, load_motions, read_motion
from rgsd.motions.motion import Motion, MotionError
from rgsd.motions.skeleton_map import SkeletonMap, named_maps

Write = Callable[..., None]


@pytest.fixture
def folder(tmp_path: Path, make_clip: Callable[..., SmplClip], write_accad: Write, write_smpl: Write) -> Path:
    """Two clips of accad20, one in each form, an unknown clip in two folders, a shape, and two that are refused."""
    data = tmp_path / "data"
    write_smpl(data / "Male2Walking_c3d/B22 - side step left_poses.npz", columns=156)
    write_smpl(data / "Male2Walking_c3d/hop_poses.npz")
    write_smpl(data / "Other_c3d/hop_poses.npz")
    write_smpl(data / "Other_c3d/shape.npz", poses=None, betas=np.zeros(16))
    write_accad(data / "Male2_C3_Run.bvh", make_clip())
    (data / "walk.txt").write_text('{"Loop": "wrap", "Frames": []}')
    (data / "walk.pkl").write_bytes(b"")
    (data / "broken.bvh").write_text("HIERARCHY")
    (data / "README.md").write_text("not a motion")
    (data / "README.txt").write_text("Frames are counted from 0.")
    (data / "LICENSE").write_text("\nMIT License\n\nCopyright\n")
    return data


def test_a_folder_is_taken_whole(folder: Path, smpl: Body) -> None:
    results = import_motions([folder], smpl)
    taken = {found.motion.name: found.motion for found in results if found.motion is not None}
    assert sorted(taken) == ["B22_sidestep_left", "C3_run", "Other_c3d_hop", "hop"]
    assert taken["B22_sidestep_left"].group == "sidestep"
    assert taken["C3_run"].group == "run"
    assert taken["hop"].group == ""
    assert "ACCAD" in taken["C3_run"].license
    assert taken["hop"].license == "unknown: ask the source"
    left = {Path(found.path).name: found for found in results if found.motion is None}
    assert sorted(left) == ["broken.bvh", "shape.npz", "walk.pkl", "walk.txt"]
    assert left["shape.npz"].skipped
    assert not left["walk.pkl"].skipped
    assert "may run foreign code" in left["walk.pkl"].note


def test_a_zip_is_a_folder(folder: Path, smpl: Body, tmp_path: Path) -> None:
    with zipfile.ZipFile(tmp_path / "data.zip", "w") as archive:
        for file in folder.rglob("*"):
            archive.write(file, file.relative_to(folder))
    results = import_motions([tmp_path / "data.zip"], smpl)
    assert sum(found.motion is not None for found in results) == 4
    assert all(found.path.startswith(str(tmp_path / "data.zip")) for found in results)
    assert any(str(tmp_path / "data.zip/broken.bvh") in found.note for found in results)


def test_a_zip_that_cannot_be_opened_does_not_stop_the_others(folder: Path, smpl: Body, tmp_path: Path) -> None:
    (folder / "bad.zip").write_bytes(b"PK not at all")
    whole = import_motions([folder], smpl)
    assert sum(found.motion is not None for found in whole) == 4
    (bad,) = [found for found in whole if found.path == str(folder / "bad.zip")]
    assert bad.motion is None
    assert not bad.skipped
    assert bad.note.startswith(f"{folder / 'bad.zip'}: not a readable zip")
    with zipfile.ZipFile(tmp_path / "outer.zip", "w") as archive:  # and within a zip it has the outer one's name
        archive.write(folder / "bad.zip", "bad.zip")
    (inner,) = import_motions([tmp_path / "outer.zip"], smpl)
    assert inner.path == str(tmp_path / "outer.zip/bad.zip")
    assert inner.note.startswith(f"{inner.path}: not a readable zip")
    with pytest.raises(MotionError, match=r"no motion for body 'smpl': .*bad\.zip: not a readable zip"):
        load_motions(folder / "bad.zip", smpl)


def test_an_encrypted_zip_is_refused_with_the_remedy(tmp_path: Path, smpl: Body) -> None:
    with zipfile.ZipFile(tmp_path / "a.zip", "w") as archive:
        archive.writestr("a.bvh", "HIERARCHY")
    content = bytearray((tmp_path / "a.zip").read_bytes())
    for header, flags in ((b"PK\x03\x04", 6), (b"PK\x01\x02", 8)):  # bit 0 of the flags says encrypted
        content[content.index(header) + flags] |= 1
    (tmp_path / "a.zip").write_bytes(content)
    (found,) = import_motions([tmp_path / "a.zip"], smpl)
    assert "is encrypted" in found.note
    assert found.note.endswith("unpack it yourself and give the folder")


def test_what_was_made_up_for_a_clip_is_noted(
    tmp_path: Path, smpl: Body, make_clip: Callable[..., SmplClip], write_accad: Write
) -> None:
    write_accad(tmp_path / "Male2_C3_Run.bvh", make_clip())
    write_accad(tmp_path / "Male2_E1_JabLeft.bvh", make_clip(), drop="ToSpine")
    whole, lacking = import_motions([tmp_path], smpl)
    assert whole.motion is not None
    assert lacking.motion is not None
    assert whole.note == ""
    assert lacking.note.startswith("without joint ToSpine")


def test_texts_for_people_are_no_motions(folder: Path, smpl: Body) -> None:
    with pytest.raises(MotionError, match=r"README\.txt: no format that rgsd reads"):
        load_motions(folder / "README.txt", smpl)
    with pytest.raises(MotionError, match=r"walk\.txt: Frames has shape"):
        load_motions(folder / "walk.txt", smpl)


def test_a_collection_takes_its_clips_alone_and_knows_them_again(folder: Path, smpl: Body, tmp_path: Path) -> None:
    clips = load_motions(folder, smpl, "accad20")
    assert [clip.name for clip in clips] == ["B22_sidestep_left", "C3_run"]
    own = tmp_path / "own"
    for clip in (*clips, dataclasses.replace(clips[0], name="another")):
        clip.save(own / f"{clip.name}.npz")
    again = load_motions(own, smpl, "accad20")
    assert [(clip.name, clip.group) for clip in again] == [("B22_sidestep_left", "sidestep"), ("C3_run", "run")]
    np.testing.assert_array_equal(again[1].qpos, clips[1].qpos)
    assert again[1].quality == clips[1].quality
    assert [clip.name for clip in load_motions(own, smpl)] == ["B22_sidestep_left", "C3_run", "another"]


def test_license_beside_a_file(folder: Path, smpl: Body, write_smpl: Write) -> None:
    write_smpl(folder / "kick.npz", frames=5)
    assert read_motion(folder / "kick.npz", smpl).license == "MIT License"


def test_wrong_bodies_and_missing_paths_are_named(folder: Path, smpl: Body, tmp_path: Path) -> None:
    with pytest.raises(MotionError, match=r"no motion for body 'quadruped'.*--body smpl"):
        load_motions(folder / "Male2_C3_Run.bvh", make_quadruped())
    with pytest.raises(MotionError, match="nowhere: no such file or folder"):
        load_motions(tmp_path / "nowhere", smpl)
    with pytest.raises(MotionError, match=r"README.md: no format that rgsd reads"):
        load_motions(folder / "README.md", smpl)


def test_objects_in_npz_are_not_unpickled(tmp_path: Path, smpl: Body) -> None:
    np.savez(tmp_path / "evil.npz", poses=np.array([{}], dtype=object), trans=np.zeros((1, 3)))
    with pytest.raises(MotionError, match=r"evil.npz: poses is not readable \(Object arrays"):
        load_motions(tmp_path / "evil.npz", smpl)


def test_names_of_other_scripts_stay(tmp_path: Path, smpl: Body, write_smpl: Write) -> None:
    for stem in ("歩く (1)", "прыжок", "éà", "-"):
        write_smpl(tmp_path / f"{stem}_poses.npz")
    names = sorted(motion.name for motion in load_motions(tmp_path, smpl))
    assert names == sorted(["歩く_1", "прыжок", "éà", "motion"])
    write_smpl(tmp_path / "long" / f"{'長' * 80}.npz")
    (long,) = load_motions(tmp_path / "long", smpl)
    long.save(tmp_path / "out" / f"{long.name}.npz")  # a name must leave room for a file's 255 bytes
    assert len(long.name) == 40


def test_a_folder_called_licenses_stops_nothing(tmp_path: Path, smpl: Body, write_smpl: Write) -> None:
    write_smpl(tmp_path / "a.npz")
    (tmp_path / "LICENSES").mkdir()
    (tmp_path / "LICENSE.txt").write_text("MIT License")
    assert load_motions(tmp_path, smpl)[0].license == "MIT License"


@pytest.mark.parametrize("up", [None, "y", "z"])
def test_y_up_is_told_with_the_option_that_mends_it(
    up: Literal["y", "z"] | None, tmp_path: Path, smpl: Body, write_smpl: Write
) -> None:
    write_smpl(tmp_path / "a.npz", poses=np.zeros((12, 72)))  # SMPL's y axis stays up
    (found,) = import_motions([tmp_path / "a.npz"], smpl, reading=Reading(up=up))
    assert found.motion is not None
    if up == "y":
        assert found.note == ""
        np.testing.assert_allclose(np.abs(found.motion.qpos[:, 3]), 1.0, atol=1e-6)
    else:
        assert "lies, its root tilted by 90 degrees" in found.note
        assert "import it with --up y" in found.note


def test_what_is_shorter_than_two_frames_does_not_stop_the_others(
    tmp_path: Path, tiny: Body, tiny_motion: Callable[..., Motion], caplog: pytest.LogCaptureFixture
) -> None:
    good = tiny_motion("good", np.zeros((51, 2)))
    good.save(tmp_path / "good.npz")
    short = dataclasses.replace(good, name="short", fps=500.0, qpos=good.qpos[:3], qvel=good.qvel[:3])
    short.save(tmp_path / "short.npz")  # 4 ms of a body at 50 Hz
    with caplog.at_level(logging.WARNING):
        assert [motion.name for motion in load_motions(tmp_path, tiny)] == ["good"]
    assert "short.npz: 0.004 s is shorter than two frames at the body's 50 fps" in caplog.text


@pytest.mark.parametrize("rate", [1e-6, 0.0333, 1.0, 1e30])
def test_impossible_rates_are_refused(rate: float, tmp_path: Path, smpl: Body, write_smpl: Write) -> None:
    write_smpl(tmp_path / "a.npz", mocap_framerate=rate)
    (found,) = import_motions([tmp_path / "a.npz"], smpl)
    assert f"mocap_framerate is {rate:g}, expected 2 to 1000 frames a second" in found.note
    assert import_motions([tmp_path / "a.npz"], smpl, reading=Reading(rate=30.0))[0].motion is not None


def test_positions_beyond_the_world_are_refused(tmp_path: Path, smpl: Body, write_smpl: Write) -> None:
    write_smpl(tmp_path / "a.npz", trans=np.full((12, 3), 1e9))
    (found,) = import_motions([tmp_path / "a.npz"], smpl)
    assert "its positions go up to 1e+09 m from the origin, expected at most 10000; mend their unit" in found.note


def test_numbers_sort_as_numbers() -> None:
    names = ["B10_a", "C3_a", "B3_b", "B3_a"]
    assert [p.name for p in sorted(map(Path, names), key=natural_order)] == ["B3_a", "B3_b", "B10_a", "C3_a"]


def test_recorded_files_of_all_origins(shared: Path, smpl: Body) -> None:
    clips = load_motions(shared / "motions/asap_smpl", smpl)
    assert len(clips) == 6
    for clip in clips:
        assert clip.license == "MIT License"
        assert clip.quality["fk_error_cm"] < 0.2
        assert clip.quality["largest_jump_rad"] < 0.5
    # DeepMimic's walk goes a metre along x in 1.3 s, its knees bend one way, and its skeleton is near to SMPL's
    walk = read_motion(shared / "motions/deepmimic/humanoid3d_walk.txt", smpl)
    assert 0.9 < walk.qpos[-1, 0] < 1.3
    assert walk.qpos[:, 7 + smpl.joint_names.index("L_Knee_y")].min() > 0
    assert walk.quality["fk_error_cm"] < 7


def test_a_map_of_joints_is_part_of_the_reading(
    tmp_path: Path, smpl: Body, make_clip: Callable[..., SmplClip], write_accad: Callable[..., SmplClip]
) -> None:
    write_accad(tmp_path / "a.bvh", make_clip())
    (tmp_path / "a.bvh").write_text((tmp_path / "a.bvh").read_text().replace("LeftForeArm", "Ulna"))
    known = next(skeleton for skeleton in named_maps() if skeleton.name == "ACCAD")
    mine = SkeletonMap("mine", known.joints | {"L_Elbow": "Ulna"})
    (found,) = import_motions([tmp_path / "a.bvh"], smpl, reading=Reading(skeleton=mine))
    assert found.motion is not None, found.note
    assert found.motion.source == "mine BVH a.bvh"
    (refused,) = import_motions([tmp_path / "a.bvh"], smpl, reading=Reading(skeleton=known))
    assert "has no joint 'LeftForeArm', which map 'ACCAD' has for L_Elbow" in refused.note
