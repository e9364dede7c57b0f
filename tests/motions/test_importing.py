from __future__ import annotations

import dataclasses
import zipfile
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest

from rgsd.bodies.body import Body
from rgsd.bodies.quadruped import make_quadruped
from rgsd.motions.formats.smpl_clip import SmplClip
from rgsd.motions.importing import import_motions, load_motions, natural_order, read_motion
from rgsd.motions.motion import MotionError

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
    assert sorted(left) == ["broken.bvh", "shape.npz", "walk.txt"]
    assert left["shape.npz"].skipped
    assert not left["walk.txt"].skipped
    assert "DeepMimic" in left["walk.txt"].note


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
    with pytest.raises(MotionError, match=r"walk\.txt: DeepMimic's txt"):
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
    with pytest.raises(MotionError, match=r"evil.npz: not a readable npz"):
        load_motions(tmp_path / "evil.npz", smpl)


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
    with pytest.raises(MotionError, match="DeepMimic"):
        load_motions(shared / "motions/deepmimic", smpl)
