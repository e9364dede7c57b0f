"""Small real-world inputs that once broke (`shared/cases`), each with its answer."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from rgsd.bodies.body import Body
from rgsd.bodies.mjcf import load_mjcf
from rgsd.motions.formats.reading import Reading
from rgsd.motions.importing import import_motions


@pytest.fixture(scope="module")
def cases(shared: Path) -> Path:
    return shared / "cases"


@pytest.mark.parametrize(
    ("file", "path"),
    [
        ("smplx_object_field/02_smplx_objdict_stageii.npz", 0.20),
        ("smpl_fields/12_66_columns.npz", 0.20),
        ("smpl_fields/14_pose_body_only.npz", 0.20),
        ("bvh_text/01_bom.bvh", 0.29),
        ("bvh_text/09_channels_ZPosition.bvh", 0.29),
        ("bvh_text/11_end_site_named.bvh", 0.29),
        ("bvh_text/30_spaces_in_names.bvh", 0.29),
    ],
)
def test_odd_files_are_taken_without_a_word(cases: Path, smpl: Body, file: str, path: float) -> None:
    """Files of a folder are cuts of one clip each, so that they all cover the same path, m."""
    (found,) = import_motions([cases / file], smpl)
    assert found.motion is not None
    assert found.note == ""
    steps = np.linalg.norm(np.diff(found.motion.qpos[:, :2], axis=0), axis=1)
    assert steps.sum() == pytest.approx(path, abs=0.01)


@pytest.mark.parametrize(
    ("file", "said"),
    [
        ("damaged_npz/08_npy_renamed_poses.npz", "an npy, one array without a name, renamed; save its arrays by name"),
        ("damaged_npz/folder_bad/b_empty_poses.npz", "it is empty); fetch the file again"),
        ("bvh_text/34_double_rot.bvh", "CHANNELS of joint 'ToSpine' names Xrotation 2 times; give each axis once"),
        ("rates/rate_tiny.npz", "mocap_framerate is 1e-06, expected 2 to 1000 frames a second"),
    ],
)
def test_impossible_files_are_refused_by_name_with_the_reason(cases: Path, smpl: Body, file: str, said: str) -> None:
    (found,) = import_motions([cases / file], smpl)
    assert found.motion is None
    assert found.note.startswith(str(cases / file))
    assert said in found.note


@pytest.mark.parametrize(("folder", "taken", "refused"), [("damaged_npz/folder_bad", 2, 1), ("bvh_text", 4, 1)])
def test_one_bad_file_does_not_stop_the_others(cases: Path, smpl: Body, folder: str, taken: int, refused: int) -> None:
    results = import_motions([cases / folder], smpl)
    assert [found.motion is not None for found in results].count(True) == taken
    assert len(results) == taken + refused


def test_a_clip_with_y_up_is_remarked_upon_until_the_option_is_given(cases: Path, smpl: Body) -> None:
    (lying,) = import_motions([cases / "y_up" / "26_yup.npz"], smpl)
    assert "--up y" in lying.note
    (standing,) = import_motions([cases / "y_up" / "26_yup.npz"], smpl, reading=Reading(up="y"))
    assert standing.note == ""


def test_feet_above_empty_bodies_are_found(cases: Path) -> None:
    assert load_mjcf(cases / "go2_feet" / "minimal.xml").feet == ("FL", "FR", "RL", "RR")
