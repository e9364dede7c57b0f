"""A robot's coordinates in the layouts of other projects, onto the tiny body of two hinges."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest

from rgsd.bodies.body import Body
from rgsd.motions.formats.reading import Reading
from rgsd.motions.importing import import_motions, read_motion
from rgsd.motions.motion import Motion, MotionError

FRAMES = 51
LEFT, RIGHT = np.linspace(0, 0.5, FRAMES), np.linspace(0, -0.2, FRAMES)
ROOT = np.stack([np.linspace(3, 4, FRAMES), np.full(FRAMES, 2.0), np.full(FRAMES, 0.1)], axis=1)
WXYZ = np.tile([1.0, 0.0, 0.0, 0.0], (FRAMES, 1))


def save(path: Path, **arrays: Any) -> Path:
    np.savez(path, **arrays)
    return path


def loco(path: Path, **changes: Any) -> Path:
    """LocoMuJoCo's layout, joints in another order than the body's and one that it lacks."""
    arrays: dict[str, Any] = {
        "qpos": np.column_stack([ROOT, WXYZ, RIGHT, np.ones(FRAMES), LEFT]),
        "joint_names": np.array(["root", "right", "tail", "left"]),
        "frequency": 50.0,
        "split_points": np.array([0, FRAMES]),
        "xpos": np.array([None], dtype=object),  # fields that nobody needs
    }
    return save(path, **(arrays | changes))


def check(motion: Motion) -> None:
    """Above the origin, heights and hinges as written, by name."""
    np.testing.assert_allclose(motion.qpos[:, :3], ROOT - [3, 2, 0], atol=1e-9)
    np.testing.assert_allclose(motion.qpos[:, 7:], np.stack([LEFT, RIGHT], axis=1), atol=1e-9)
    np.testing.assert_allclose(motion.qvel[5, [0, 6, 7]], [1.0, 0.5, -0.2], atol=1e-6)  # all within one second


def test_loco_mujoco_by_joint_names(tmp_path: Path, tiny: Body) -> None:
    check(read_motion(loco(tmp_path / "walk.npz"), tiny))


def test_takes_are_motions_of_their_own(tmp_path: Path, tiny: Body) -> None:
    found = import_motions([loco(tmp_path / "walk.npz", split_points=np.array([0, 30, 31, FRAMES]))], tiny)
    motions = [entry.motion for entry in found if entry.motion is not None]
    assert [(m.name, m.num_frames) for m in motions] == [("walk_1", 30), ("walk_3", 20)]  # one frame is no motion
    np.testing.assert_allclose(motions[1].qpos[0, :2], 0, atol=1e-12)


def test_mjlab_and_isaac_lab(tmp_path: Path, tiny: Body) -> None:
    places, turns = np.stack([ROOT, ROOT + 1], axis=1), np.stack([WXYZ, WXYZ], axis=1)
    angles = np.stack([LEFT, RIGHT], axis=1)
    mjlab = {"fps": [50], "joint_pos": angles, "body_pos_w": places, "body_quat_w": turns}
    check(read_motion(save(tmp_path / "a.npz", **mjlab), tiny))
    lab = {"fps": 50, "dof_positions": angles[:, ::-1], "body_positions": places, "body_rotations": turns}
    check(read_motion(save(tmp_path / "b.npz", **lab, dof_names=np.array(["right", "left"])), tiny))
    (entry,) = import_motions([tmp_path / "a.npz"], tiny)
    assert "it names no joints" in entry.note


def test_csv_has_xyzw_and_thirty_frames_a_second(tmp_path: Path, tiny: Body) -> None:
    rows = np.column_stack([ROOT, WXYZ[:, [1, 2, 3, 0]], LEFT, RIGHT])
    np.savetxt(tmp_path / "walk.csv", rows, delimiter=",")
    motion = read_motion(tmp_path / "walk.csv", tiny)
    assert motion.duration == pytest.approx(50 / 30, abs=0.02)
    check(read_motion(tmp_path / "walk.csv", tiny, reading=Reading(rate=50.0)))
    (entry,) = import_motions([tmp_path / "walk.csv"], tiny)
    assert "its rate is taken to be 30, else give --rate" in entry.note


def test_centimetres_of_the_root(tmp_path: Path, tiny: Body) -> None:
    qpos = np.column_stack([100 * ROOT, WXYZ, RIGHT, LEFT, LEFT])
    check(read_motion(loco(tmp_path / "a.npz", qpos=qpos), tiny, reading=Reading(unit="cm")))


def test_a_table_of_words_is_no_motion(tmp_path: Path, tiny: Body) -> None:
    (tmp_path / "subjects.csv").write_text("name,age\nann,30\n")
    (entry,) = import_motions([tmp_path / "subjects.csv"], tiny)
    assert entry.skipped


@pytest.mark.parametrize(
    ("changes", "said"),
    [
        ({"joint_names": np.array(["root", "right", "tail", "wing"])}, "has no joint 'left' of body 'tiny'"),
        ({"joint_names": np.array(["root", "right"])}, r"expected \(T, 8\): a free root joint"),
        ({"frequency": 0.0}, "frequency is 0, expected 2 to 1000"),
        ({"split_points": np.array([0, 99])}, "split_points goes from 0 to 99, has 51 frames"),
        ({"split_points": np.array([3.5])}, "split_points is no list of rising whole numbers"),
        ({"qpos": np.zeros((FRAMES, 10))}, "quaternion at frame 0 has length 0"),
        ({"qpos": np.full((FRAMES, 10), np.nan)}, "the root is not finite"),
        ({"qpos": np.zeros(10)}, r"qpos has shape \(10,\)"),
    ],
)
def test_faults_are_named(tmp_path: Path, tiny: Body, changes: dict[str, Any], said: str) -> None:
    with pytest.raises(MotionError, match=rf"bad\.npz: .*{said}"):
        read_motion(loco(tmp_path / "bad.npz", **changes), tiny)


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("1,2,3\n1,2\n", "rows have 2 to 3 columns"),
        ("0,0,0,0,0,0,1,0\n" * 3, "has 1 joint angles a frame, expected the 2 hinges of body 'tiny'"),
        ("0,0,0,0,0,0,1,0,x\n" * 3, "could not convert"),
        ("0,0,0,0,0,0,1,0,0\n", "has 1 frames"),
    ],
)
def test_faults_of_csv_are_named(tmp_path: Path, tiny: Body, text: str, said: str) -> None:
    (tmp_path / "bad.csv").write_text(text)
    with pytest.raises(MotionError, match=rf"bad\.csv: .*{said}"):
        read_motion(tmp_path / "bad.csv", tiny)
