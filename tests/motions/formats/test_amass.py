from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from scipy.spatial.transform import Rotation

from rgsd.bodies.body import Body
from rgsd.motions.formats.amass import NoMotion, read_amass
from rgsd.motions.formats.smpl_clip import BODY_NAMES
from rgsd.motions.motion import MotionError
from rgsd.motions.retarget import retarget


def content(columns: int = 72, frames: int = 4) -> dict[str, np.ndarray]:
    poses = np.zeros((frames, columns))
    poses[:, 0] = np.pi / 2  # SMPL's y axis up into AMASS's z
    return {"poses": poses, "trans": np.zeros((frames, 3)), "mocap_framerate": np.array(120.00004577636719)}


@pytest.mark.parametrize("columns", [72, 156, 165])
def test_rest_pose_is_upright_and_faces_minus_y(columns: int) -> None:
    clip = read_amass(Path("subject/a_poses.npz"), content(columns))
    assert clip.name == "a"
    assert clip.fps == 120.0
    # about x by 90 deg: forward (SMPL's z) goes to -y, left (SMPL's x) stays x, up (SMPL's y) goes to z
    expected = np.array([[0, 1, 0], [-1, 0, 0], [0, 0, 1]])  # columns: forward, left, up
    np.testing.assert_allclose(clip.rotations[0, 0], expected, atol=1e-9)
    np.testing.assert_allclose(clip.rotations[0, -1], expected, atol=1e-9)
    # trans + J0, J0 as in the SMPL model's rest pose: (-0.0018, -0.2233, 0.0282)
    np.testing.assert_allclose(clip.pelvis[0], [-0.00179506, -0.22333345, 0.02821913])


def test_angles_arrive_at_the_right_hinges(smpl: Body) -> None:
    data = content(frames=12)  # 0.1 s at 120 Hz
    data["poses"][:, 3 * 4] = 1.0  # left knee (joint 4) about x, to the left: the shin goes back
    data["poses"][:, 3 * 16 + 2] = -1.2  # left shoulder (joint 16) about z, forward: the arm goes down
    motion = retarget(read_amass(Path("a.npz"), data), smpl)
    at = {name: motion.qpos[0, 7 + i] for i, name in enumerate(smpl.joint_names)}
    assert at["L_Knee_y"] == pytest.approx(1.0, abs=0.005)
    assert at["L_Shoulder_x"] == pytest.approx(-1.2, abs=0.005)
    assert sum(abs(v) for name, v in at.items() if name not in ("L_Knee_y", "L_Shoulder_x")) < 1e-6


def test_fingers_are_ignored_but_smpl_hands_are_bodies() -> None:
    for columns, moves in ((72, True), (156, False)):
        data = content(columns)
        data["poses"][:, 66] = 0.5
        clip = read_amass(Path("a.npz"), data)
        wrist, hand = (clip.rotations[0, BODY_NAMES.index(name)] for name in ("L_Wrist", "L_Hand"))
        assert Rotation.from_matrix(wrist.T @ hand).magnitude() == pytest.approx(0.5 if moves else 0.0, abs=1e-9)


def test_smplx_spelling_of_the_rate() -> None:
    data = content(165)
    data["mocap_frame_rate"] = data.pop("mocap_framerate") / 4
    assert read_amass(Path("a_stageii.npz"), data).fps == 30.0


def test_files_without_motion_are_told_apart_from_faults() -> None:
    with pytest.raises(NoMotion, match=r"shape.npz: no poses and trans among its fields \(betas, gender\)"):
        read_amass(Path("shape.npz"), {"betas": np.zeros(16), "gender": np.array("male")})


def _with(key: str, value: object) -> Callable[[dict[str, np.ndarray]], None]:
    return lambda data: data.__setitem__(key, np.asarray(value))


@pytest.mark.parametrize(
    ("spoil", "message"),
    [
        (_with("poses", np.zeros((4, 70))), r"poses has shape \(4, 70\)"),
        (_with("trans", np.zeros((3, 3))), r"trans has shape \(3, 3\), expected \(4, 3\)"),
        (_with("trans", np.full((4, 3), np.nan)), "trans is not finite first at frame 0, column 0"),
        (_with("mocap_framerate", 0.0), "mocap_framerate is 0.0"),
        (_with("mocap_framerate", [30.0, 30.0]), "expected one number"),
        (_with("poses", np.full((4, 72), "much")), "poses is of type <U4, expected numbers"),
        (_with("trans", np.zeros((4, 3), complex)), "trans is of type complex128, expected numbers"),
        (lambda data: data.pop("mocap_framerate"), "lacks mocap_framerate or mocap_frame_rate"),
        (_with("joint_pos", 0.0), "robot"),
    ],
)
def test_faults_are_named(spoil: Callable[[dict[str, np.ndarray]], object], message: str) -> None:
    data = content()
    spoil(data)
    with pytest.raises(MotionError, match=message) as caught:
        read_amass(Path("bad.npz"), data)
    assert not isinstance(caught.value, NoMotion)
