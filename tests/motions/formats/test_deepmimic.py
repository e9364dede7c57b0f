"""DeepMimic's txt on rows worked out by hand."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from rgsd.bodies.body import Body
from rgsd.motions.formats.deepmimic import read_deepmimic
from rgsd.motions.importing import read_motion
from rgsd.motions.motion import MotionError

UPRIGHT = [1.0, 0.0, 0.0, 0.0]


def row(knee: float = 0.0, root: list[float] = UPRIGHT, dt: float = 0.05) -> list[float]:
    """A standing humanoid at x = 2 m; chest, neck, then hip, knee, ankle, shoulder, elbow of each side."""
    leg = [*UPRIGHT, knee, *UPRIGHT, *UPRIGHT, 0.0]
    return [dt, 2.0, 0.9, 0.0, *root, *UPRIGHT, *UPRIGHT, *leg, *leg]


def write(path: Path, rows: Any) -> Path:
    path.write_text(json.dumps({"Loop": "wrap", "Frames": rows}))
    return path


def test_the_rest_pose_stands_facing_x_with_hanging_arms(tmp_path: Path, smpl: Body) -> None:
    motion = read_motion(write(tmp_path / "rest.txt", [row()] * 4 + [row(dt=0.0)]), smpl, fps=20.0)
    assert (motion.fps, motion.num_frames) == (20.0, 5)  # a row is 0.05 s; the last one's dt is 0
    np.testing.assert_allclose(motion.qpos[:, 3:7], np.tile(UPRIGHT, (5, 1)), atol=1e-6)
    at = {name: motion.qpos[0, 7 + i] for i, name in enumerate(smpl.joint_names)}
    # from the T-pose the left arm, along +y, turns about x (forward) by -90 degrees to hang
    assert at["L_Shoulder_x"] == pytest.approx(-np.pi / 2, abs=0.01)
    assert at["R_Shoulder_x"] == pytest.approx(np.pi / 2, abs=0.01)
    assert sum(abs(v) for name, v in at.items() if "Shoulder" not in name) < 1e-6


def test_knees_bend_backwards_and_the_world_is_turned_up(tmp_path: Path) -> None:
    # file: y up, x forward. The knee turns by -1 rad about z (to the right): the shin goes back
    clip = read_deepmimic(write(tmp_path / "bent.txt", [row(knee=-1.0)] * 3))
    back = clip.landmarks["L_Ankle"][0] - clip.landmarks["L_Knee"][0]
    assert back[0] < 0
    assert back[2] < 0
    assert back[1] == pytest.approx(0, abs=1e-9)
    assert clip.landmarks["L_Hip"][0, 1] > 0 > clip.landmarks["R_Hip"][0, 1]  # left is +y


@pytest.mark.parametrize(
    ("rows", "said"),
    [
        ([], "Frames has shape"),
        ([[0.0] * 43] * 3, r"Frames has shape \(3, 43\), expected at least 2 rows of 44"),
        ([row(), [1.0]], "not DeepMimic's JSON"),
        ([row(root=[0.0] * 4)] * 3, "quaternion that is not of length 1"),
        ([row(dt=0.0)] * 3, "begins its rows with 0, expected the seconds"),
        ([row(dt=1e-9)] * 3, "the frame rate is 1e"),
        ([row(knee=float("nan"))] * 3, "not finite"),
        ("walk", "not DeepMimic's JSON"),
    ],
)
def test_faults_are_named(tmp_path: Path, smpl: Body, rows: Any, said: str) -> None:
    with pytest.raises(MotionError, match=rf"bad\.txt: .*{said}"):
        read_motion(write(tmp_path / "bad.txt", rows), smpl)
