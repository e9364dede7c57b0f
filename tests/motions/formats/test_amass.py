from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from scipy.spatial.transform import Rotation

from rgsd.bodies.body import Body
from rgsd.motions.arrays import Arrays
from rgsd.motions.formats.amass import NoMotion, read_amass
from rgsd.motions.formats.reading import Reading
from rgsd.motions.formats.smpl_clip import BODY_NAMES, SmplClip
from rgsd.motions.motion import MotionError
from rgsd.motions.retarget import retarget


def content(columns: int = 72, frames: int = 4) -> dict[str, np.ndarray]:
    poses = np.zeros((frames, columns))
    poses[:, 0] = np.pi / 2  # SMPL's y axis up into AMASS's z
    return {"poses": poses, "trans": np.zeros((frames, 3)), "mocap_framerate": np.array(120.00004577636719)}


Read = Callable[..., SmplClip]


@pytest.fixture
def read(tmp_path: Path) -> Read:
    """Writes arrays as npz and reads them."""

    def read(data: dict[str, Any], name: str = "a_poses.npz", reading: Reading = Reading()) -> SmplClip:  # noqa: B008
        np.savez(tmp_path / name, **data)
        return read_amass(Arrays(tmp_path / name), reading)

    return read


@pytest.mark.parametrize("columns", [66, 72, 156, 165])
def test_rest_pose_is_upright_and_faces_minus_y(columns: int, read: Read) -> None:
    clip = read(content(columns))
    assert clip.name == "a"
    assert clip.fps == 120.0
    # about x by 90 deg: forward (SMPL's z) goes to -y, left (SMPL's x) stays x, up (SMPL's y) goes to z
    expected = np.array([[0, 1, 0], [-1, 0, 0], [0, 0, 1]])  # columns: forward, left, up
    np.testing.assert_allclose(clip.rotations[0, 0], expected, atol=1e-9)
    np.testing.assert_allclose(clip.rotations[0, -1], expected, atol=1e-9)
    # trans + J0, J0 as in the SMPL model's rest pose: (-0.0018, -0.2233, 0.0282)
    np.testing.assert_allclose(clip.pelvis[0], [-0.00179506, -0.22333345, 0.02821913])


def test_angles_arrive_at_the_right_hinges(smpl: Body, read: Read) -> None:
    data = content(frames=12)  # 0.1 s at 120 Hz
    data["poses"][:, 3 * 4] = 1.0  # left knee (joint 4) about x, to the left: the shin goes back
    data["poses"][:, 3 * 16 + 2] = -1.2  # left shoulder (joint 16) about z, forward: the arm goes down
    motion = retarget(read(data), smpl)
    at = {name: motion.qpos[0, 7 + i] for i, name in enumerate(smpl.joint_names)}
    assert at["L_Knee_y"] == pytest.approx(1.0, abs=0.005)
    assert at["L_Shoulder_x"] == pytest.approx(-1.2, abs=0.005)
    assert sum(abs(v) for name, v in at.items() if name not in ("L_Knee_y", "L_Shoulder_x")) < 1e-6


def test_fingers_are_ignored_but_smpl_hands_are_bodies(read: Read) -> None:
    for columns, moves in ((72, True), (156, False)):
        data = content(columns)
        data["poses"][:, 66] = 0.5
        clip = read(data)
        wrist, hand = (clip.rotations[0, BODY_NAMES.index(name)] for name in ("L_Wrist", "L_Hand"))
        assert Rotation.from_matrix(wrist.T @ hand).magnitude() == pytest.approx(0.5 if moves else 0.0, abs=1e-9)


@pytest.mark.parametrize("key", ["mocap_frame_rate", "fps", "framerate"])
def test_spellings_of_the_rate(key: str, read: Read) -> None:
    data = content(165)
    data[key] = data.pop("mocap_framerate") / 4
    assert read(data, "a_stageii.npz").fps == 30.0
    del data[key]
    assert read(data, reading=Reading(rate=50.0)).fps == 50.0


@pytest.mark.parametrize(
    ("names", "body"),
    [
        (("root_orient", "pose_body"), (4, 63)),
        (("root_orient", "pose_body"), (4, 21, 3)),
        (("global_orient", "body_pose"), (4, 69)),
    ],
)
def test_parts_are_put_together(names: tuple[str, str], body: tuple[int, ...], read: Read) -> None:
    data = content()
    data["poses"][:, 3 * 4] = 1.0
    whole = read(data)
    poses = data.pop("poses")
    parts = poses[:, :3], poses[:, 3 : 3 + int(np.prod(body[1:]))].reshape(body)
    np.testing.assert_array_equal(read(data | dict(zip(names, parts, strict=True))).rotations, whole.rotations)


@pytest.mark.parametrize("joints", [22, 24, 52, 55])
def test_vectors_may_stand_a_joint_each(joints: int, read: Read) -> None:
    data = content(3 * joints)
    whole = read(data)
    assert read(data | {"poses": data["poses"].reshape(4, joints, 3)}).source == whole.source


def test_what_is_not_needed_stays_unread(read: Read) -> None:
    objects = np.array([{"vertex": 1}], dtype=object)  # SMPL-X files of AMASS have such a field
    assert read(content(165) | {"markers_latent_vids": objects}).fps == 120.0


def test_centimetres_are_told_and_taken(read: Read) -> None:
    data = content()
    data["trans"] = np.tile([0.0, 0.0, 92.0], (4, 1))
    assert "92 m high; if it is in centimetres, import it with --unit cm" in read(data).note
    clip = read(data, reading=Reading(unit="cm"))
    assert clip.note == ""
    assert clip.pelvis[0, 2] == pytest.approx(0.92 + 0.02821913)  # trans + J0, which is in m


def test_degrees_are_told(read: Read) -> None:
    assert "if they are degrees, write them in radians" in read(content() | {"poses": np.full((4, 72), 40.0)}).note


def test_files_without_motion_are_told_apart_from_faults(read: Read) -> None:
    with pytest.raises(NoMotion, match=r"shape.npz: no poses and trans among its fields \(betas, gender\)"):
        read({"betas": np.zeros(16), "gender": np.array("male")}, "shape.npz")


def _with(key: str, value: object) -> Callable[[dict[str, np.ndarray]], None]:
    return lambda data: data.__setitem__(key, np.asarray(value))


@pytest.mark.parametrize(
    ("spoil", "message"),
    [
        (_with("poses", np.zeros((4, 70))), r"poses has shape \(4, 70\)"),
        (_with("trans", np.zeros((3, 3))), r"trans has shape \(3, 3\), expected \(4, 3\)"),
        (_with("trans", np.full((4, 3), np.nan)), "trans is not finite first at frame 0, column 0"),
        (_with("mocap_framerate", 0.0), "mocap_framerate is 0, expected 2"),
        (_with("mocap_framerate", [30.0, 30.0]), "expected one number"),
        (_with("poses", np.full((4, 72), "much")), "poses is of type <U4, expected numbers"),
        (_with("trans", np.zeros((4, 3), complex)), "trans is of type complex128, expected numbers"),
        (_with("mocap_framerate", 1e-6), "mocap_framerate is 1e-06, expected 2 to 1000 frames a second"),
        (_with("mocap_framerate", 0.0333), "if it is the seconds of a frame, the rate is 30.03"),
        (_with("poses", 1.0), r"poses has shape \(\)"),
        (lambda data: data.pop("trans"), "lacks trans"),
        (lambda data: data.__setitem__("my_poses", data.pop("poses")), "lacks poses, or root_orient and pose_body; it"),
        (lambda data: data.pop("mocap_framerate"), "lacks mocap_framerate or mocap_frame_rate; .* --rate"),
    ],
)
def test_faults_are_named(spoil: Callable[[dict[str, np.ndarray]], object], message: str, read: Read) -> None:
    data = content()
    spoil(data)
    with pytest.raises(MotionError, match=message) as caught:
        read(data, "bad.npz")
    assert "bad.npz: " in str(caught.value)
    assert not isinstance(caught.value, NoMotion)
