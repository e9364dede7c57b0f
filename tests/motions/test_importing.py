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
