from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from rgsd.motions.formats.bvh import read_bvh
from rgsd.motions.motion import MotionError

HEAD = """HIERARCHY
ROOT Hips
{
  OFFSET 7 7 7
  CHANNELS 6 Xposition Yposition Zposition Zrotation Xrotation Yrotation
  JOINT Leg
  {
    OFFSET 0 2 0
    CHANNELS 3 %s
    End Site
    {
      OFFSET 0 1 0
    }
  }
}
"""
TAIL = "MOTION\nFrames:\t2\nFrame Time: 0.0333333\n"
ROWS = "1 2 3 90 90 0 0 0 0\n1 2 3 0 0 0 0 0 0\n"
ZXY = "Zrotation Xrotation Yrotation"


def write(path: Path, text: str) -> Path:
    path.write_text(text)
    return path


def test_positions_and_orientations_by_hand(tmp_path: Path) -> None:
    bvh = read_bvh(write(tmp_path / "a.bvh", HEAD % ZXY + TAIL + ROWS))
    assert bvh.joint_names == ("Hips", "Leg")
    assert bvh.parents == (-1, 0)
    assert bvh.fps == 30.0
    positions, rotations = bvh.pose()
    # the root's OFFSET is ignored where it has position channels
    np.testing.assert_allclose(positions[:, 0], [[1, 2, 3], [1, 2, 3]])
    # Rz(90) Rx(90) takes y to z (about x), and z stays (about z): the leg's (0, 2, 0) points along z
    np.testing.assert_allclose(positions[0, 1], [1, 2, 5], atol=1e-9)
    np.testing.assert_allclose(positions[1, 1], [1, 4, 3], atol=1e-9)
    # x goes to y, y to z, z to x
    np.testing.assert_allclose(rotations[0, 1], [[0, 0, 1], [1, 0, 0], [0, 1, 0]], atol=1e-9)


def test_order_of_channels_is_the_joints_own(tmp_path: Path) -> None:
    rows = "0 0 0 0 0 0 90 90 0\n0 0 0 0 0 0 0 0 0\n"
    bvh = read_bvh(write(tmp_path / "a.bvh", HEAD % "Xrotation Zrotation Yrotation" + TAIL + rows))
    # Rx(90) Rz(90): y goes to -x (about z) and stays there (about x)
    np.testing.assert_allclose(bvh.pose()[1][0, 1][:, 1], [-1, 0, 0], atol=1e-9)


def test_position_channels_replace_the_offset(tmp_path: Path) -> None:
    head = (HEAD % ZXY).replace("CHANNELS 3", "CHANNELS 6 Xposition Yposition Zposition")
    rows = "0 0 0 0 0 0 1 0 5 0 0 0\n" * 2
    positions, _ = read_bvh(write(tmp_path / "a.bvh", head + TAIL + rows)).pose()
    np.testing.assert_allclose(positions[0, 1], [1, 0, 5])


AS_WRITTEN = HEAD % ZXY + TAIL + ROWS


@pytest.mark.parametrize(
    "text",
    [
        "\ufeff" + AS_WRITTEN,
        AS_WRITTEN.lower().replace("hips", "Hips").replace("leg", "Leg"),
        AS_WRITTEN.upper().replace("HIPS", "Hips").replace("LEG", "Leg"),
        AS_WRITTEN.replace("Zposition", "ZPosition"),
        AS_WRITTEN.replace("End Site", "End Site LegTip"),
        AS_WRITTEN.replace("End Site\n    {", "End Site\n    {\n      CHANNELS 0"),
        AS_WRITTEN.replace("JOINT Leg", "JOINT Actor:Leg").replace("ROOT Hips", "ROOT Actor:Hips"),
        AS_WRITTEN.replace("JOINT Leg", "JOINT L e g"),
        AS_WRITTEN.replace("\n", "\r\n"),
        AS_WRITTEN.replace("Frames:\t2", "Frames: 2").replace("Frame Time: ", "Frame Time:"),
        AS_WRITTEN.replace("1 2 3 90 90 0 0 0 0", "1 2 3 90 90 0.000-0.000-0.0e-3-0.0"),
    ],
    ids=[
        "mark",
        "lower",
        "upper",
        "ZPosition",
        "tip",
        "tip's channels",
        "namespace",
        "spaces",
        "crlf",
        "colons",
        "glued",
    ],
)
def test_files_are_read_as_exporters_write_them(tmp_path: Path, text: str) -> None:
    plain, bvh = read_bvh(write(tmp_path / "a.bvh", AS_WRITTEN)), read_bvh(write(tmp_path / "b.bvh", text))
    assert (bvh.joint_names, bvh.channels, bvh.fps) == (plain.joint_names, plain.channels, plain.fps)
    np.testing.assert_array_equal(bvh.values, plain.values)
    np.testing.assert_array_equal(bvh.offsets, plain.offsets)


def test_windows_utf16_is_read(tmp_path: Path) -> None:
    (tmp_path / "a.bvh").write_bytes(AS_WRITTEN.encode("utf-16"))
    assert read_bvh(tmp_path / "a.bvh").joint_names == ("Hips", "Leg")


def test_the_rate_can_be_given(tmp_path: Path) -> None:
    path = write(tmp_path / "a.bvh", AS_WRITTEN.replace("0.0333333", "30"))  # the rate where a frame's time is due
    with pytest.raises(MotionError, match=r"Frame Time is 30 s, expected 0\.001 to 0\.5; .* by --rate"):
        read_bvh(path)
    assert read_bvh(path, rate=30.0).fps == 30.0


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("hello", "not BVH"),
        (HEAD % ZXY, "MOTION"),
        (HEAD % ZXY + TAIL + "1 2 3\n", "3 numbers, expected 2 frames x 9 channels = 18"),
        (HEAD % ZXY + TAIL + ROWS.replace("90", "up", 1), "'up'"),
        (HEAD % ZXY + TAIL + ROWS.replace("90", "nan", 1), "not finite"),
        (HEAD % ZXY + TAIL.replace("0.0333333", "0") + ROWS, "Frame Time 0"),
        (HEAD % ZXY + TAIL.replace("\t2", "\t1") + ROWS[: len(ROWS) // 2], "Frames is 1"),
        (HEAD % "Xrotation Xrotation Yrotation" + TAIL + ROWS, "joint 'Leg' names Xrotation 2 times; give each axis"),
        (HEAD % ZXY + TAIL + ROWS.replace("90", "1e300", 1), "holds 1e+300, which is no length or angle"),
        (HEAD % ZXY + TAIL + ROWS.replace("90", "9,5", 1), "decimal commas"),
        ((HEAD % ZXY).replace("Leg\n  {", "\n  {") + TAIL + ROWS, "'JOINT' without a name and a brace"),
        (HEAD % "Zrotation Wrotation Yrotation" + TAIL + ROWS, "'Leg' holds 'Wrotation'"),
        ((HEAD % ZXY).replace("JOINT", "JIONT") + TAIL + ROWS, "'JIONT'"),
        ((HEAD % ZXY)[:-3] + TAIL + ROWS, "1 open braces"),
    ],
)
def test_faults_are_named(tmp_path: Path, text: str, message: str) -> None:
    path = write(tmp_path / "bad.bvh", text)
    with pytest.raises(MotionError, match=r"bad\.bvh") as caught:
        read_bvh(path)
    assert message in str(caught.value)
