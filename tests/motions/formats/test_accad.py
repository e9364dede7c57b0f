from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from scipy.spatial.transform import Rotation

from rgsd.motions.formats.accad import accad_to_smpl
from rgsd.motions.formats.bvh import read_bvh
from rgsd.motions.formats.smpl_clip import BODY_NAMES, SmplClip, smpl_positions
from rgsd.motions.motion import MotionError


@pytest.fixture
def bent(make_clip: Callable[..., SmplClip]) -> SmplClip:
    """Five frames of a body that turns, leans from the Spine upwards and walks along x."""
    turns = Rotation.from_euler("z", np.linspace(0.2, 1.0, 5)[:, None]).as_matrix()
    rotations = np.tile(turns[:, None], (1, 24, 1, 1))
    lean = Rotation.from_euler("y", 0.4).as_matrix()
    above = [
        i for i, name in enumerate(BODY_NAMES) if not name.endswith(("Pelvis", "Hip", "Knee", "Ankle", "Toe", "Torso"))
    ]
    rotations[:, above] = rotations[:, above] @ lean
    return make_clip(rotations, np.stack([np.linspace(0, 1, 5), np.zeros(5), np.ones(5)], axis=1))


def test_undoes_what_made_the_file(tmp_path: Path, bent: SmplClip, write_accad: Callable[..., SmplClip]) -> None:
    write_accad(tmp_path / "a clip (1).bvh", bent, size=1.1)
    clip = accad_to_smpl(read_bvh(tmp_path / "a clip (1).bvh"))
    assert clip.name == "a_clip_1"
    assert "CC BY 3.0" in clip.license
    hands = [BODY_NAMES.index("L_Hand"), BODY_NAMES.index("R_Hand")]
    np.testing.assert_allclose(clip.rotations, bent.rotations, atol=1e-6)
    np.testing.assert_allclose(clip.rotations[:, hands], bent.rotations[:, [h - 1 for h in hands]], atol=1e-6)
    # the file's skeleton is 1.1 times ours, and everything comes back at our size
    np.testing.assert_allclose(clip.pelvis, bent.pelvis, atol=1e-6)
    np.testing.assert_allclose(clip.landmarks["L_Toe"], bent.landmarks["L_Toe"], atol=1e-6)


def test_without_tospine_the_torso_turns_halfway(
    tmp_path: Path, bent: SmplClip, write_accad: Callable[..., SmplClip]
) -> None:
    write_accad(tmp_path / "a.bvh", bent, drop="ToSpine")
    clip = accad_to_smpl(read_bvh(tmp_path / "a.bvh"))
    halfway = bent.rotations[:, 0] @ Rotation.from_euler("y", 0.2).as_matrix()
    np.testing.assert_allclose(clip.rotations[:, BODY_NAMES.index("Torso")], halfway, atol=1e-6)


def test_other_skeletons_are_refused_by_name(
    tmp_path: Path, bent: SmplClip, write_accad: Callable[..., SmplClip]
) -> None:
    write_accad(tmp_path / "a.bvh", bent)
    text = (tmp_path / "a.bvh").read_text().replace("LeftToeBase", "LeftToe").replace("Spine1", "Spine2")
    (tmp_path / "lafan.bvh").write_text(text)
    with pytest.raises(MotionError, match=r"lafan.bvh: joint 'LeftToeBase' is lacking \(22 joints\)"):
        accad_to_smpl(read_bvh(tmp_path / "lafan.bvh"))


def test_a_skeleton_with_more_joints_is_refused_by_name(
    tmp_path: Path, bent: SmplClip, write_accad: Callable[..., SmplClip]
) -> None:
    write_accad(tmp_path / "a.bvh", bent, drop="ToSpine")
    lines = (tmp_path / "a.bvh").read_text().splitlines()
    end = lines.index("End Site")  # a finger below the first joint without children
    lines[end : end + 4] = ["JOINT LThumb\n{\nOFFSET 0 0 1\nCHANNELS 0", *lines[end : end + 4], "}"]
    (tmp_path / "a.bvh").write_text("\n".join(lines))
    with pytest.raises(MotionError, match=r"joint 'LThumb' is none of ACCAD's \(22 joints\)"):
        accad_to_smpl(read_bvh(tmp_path / "a.bvh"))


def test_another_subjects_frames_are_refused(
    tmp_path: Path, bent: SmplClip, write_accad: Callable[..., SmplClip]
) -> None:
    write_accad(tmp_path / "a.bvh", bent)
    lines = (tmp_path / "a.bvh").read_text().splitlines()
    at = next(i for i, line in enumerate(lines) if line == "JOINT LeftLeg") + 2
    x, y, z = lines[at].split()[1:]
    lines[at] = f"OFFSET {y} {z} {x}"  # the thigh lies along another axis of its joint
    (tmp_path / "a.bvh").write_text("\n".join(lines))
    with pytest.raises(MotionError, match="subject Male2"):
        accad_to_smpl(read_bvh(tmp_path / "a.bvh"))


@pytest.mark.parametrize("stem", ["Male2_C13_RunTurnLeft135", "Male2_E1_JabLeft", "Male2_B22_SideStepLeft"])
def test_recorded_limbs_come_within_centimetres(shared: Path, stem: str) -> None:
    clip = accad_to_smpl(read_bvh(shared / "motions/accad" / f"{stem}.bvh"))
    positions = smpl_positions(clip.rotations, clip.pelvis)
    errors = [np.linalg.norm(positions[:, BODY_NAMES.index(n)] - p, axis=1).mean() for n, p in clip.landmarks.items()]
    assert np.mean(errors) < 0.035
    # upright: the chest stays above the pelvis, and the pelvis' z axis points up
    assert np.all(positions[:, BODY_NAMES.index("Chest"), 2] > positions[:, 0, 2] + 0.15)
    assert np.all(clip.rotations[:, 0, 2, 2] > np.cos(np.radians(40)))
