from __future__ import annotations

import dataclasses
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from scipy.spatial.transform import Rotation

from rgsd.bodies.body import Body
from rgsd.motions.motion import Motion, MotionError, finite_difference_velocity


@pytest.fixture
def motion(smpl: Body) -> Motion:
    qpos = np.tile(smpl.standing_qpos, (4, 1))
    return Motion(
        name="stand",
        body="smpl",
        fps=30.0,
        joint_names=smpl.joint_names,
        body_names=smpl.body_names,
        qpos=qpos,
        qvel=np.zeros((4, smpl.model.nv)),
        source="test",
        license="none",
        group="still",
        loop=True,
        quality={"skate_cm": 0.25},
    )


def test_saved_clip_comes_back_whole(motion: Motion, smpl: Body, tmp_path: Path) -> None:
    motion.save(tmp_path / "deep/stand.npz")
    again = Motion.load(tmp_path / "deep/stand.npz", smpl)
    for field in dataclasses.fields(Motion):
        np.testing.assert_array_equal(getattr(again, field.name), getattr(motion, field.name), err_msg=field.name)
    assert again.duration == pytest.approx(0.1)


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"body": "dog"}, "body is 'dog', expected 'smpl'"),
        ({"fps": 0.0}, "fps is 0, expected 2 to 1000"),
        ({"qpos": np.zeros((4, 5))}, r"qpos has shape \(4, 5\)"),
        ({"qpos": np.zeros((4, 76))}, "quaternion at frame 0 has length 0"),
        ({"qvel": np.full((4, 75), np.inf)}, "qvel is not finite first at frame 0, column 0"),
        ({"qpos": np.full((4, 76), 1e9)}, "qpos goes up to 1e\\+09, expected m and rad"),
        ({"qvel": np.full((4, 75), 1e9)}, "qvel goes up to 1e\\+09"),
        ({"joint_names": tuple("abc" * 23)}, "joint_names do not match"),
    ],
)
def test_what_does_not_fit_is_named(
    motion: Motion, smpl: Body, tmp_path: Path, change: dict[str, Any], message: str
) -> None:
    spoilt = dataclasses.replace(motion, **change)
    with pytest.raises(MotionError, match=message) as caught:
        spoilt.check("bad.npz", smpl)
    assert "bad.npz" in str(caught.value)


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"qpos": np.full((4, 76), np.nan)}, "not written: motion 'stand': qpos is not finite"),
        ({"name": "../stand"}, "name is '../stand', which cannot be a file's"),
        ({"name": ""}, "name is '', which cannot be a file's"),
    ],
)
def test_what_does_not_fit_is_not_written(motion: Motion, tmp_path: Path, change: dict[str, Any], message: str) -> None:
    with pytest.raises(MotionError, match=message):
        dataclasses.replace(motion, **change).save(tmp_path / "deep" / "bad.npz")
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"body": "dog"}, "body is 'dog', expected 'smpl'"),
        ({"name": "../../escaped"}, "which cannot be a file's"),
        ({"qpos": np.full((4, 76), "much")}, "qpos is of type <U4, expected numbers"),
        ({"fps": np.array([30.0, 30.0])}, "fps is .*, expected one number"),
        ({"joint_names": "hinge"}, "joint_names is of type <U5, shape \\(\\), expected a list of names"),
        ({"loop": np.array([True, False])}, "loop is of type bool, expected one truth value"),
        ({"fps": 1e30}, "fps is 1e\\+30, expected 2 to 1000 frames a second"),
        ({"fps": 1 / 30}, "fps is 0.0333333, .*if it is the seconds of a frame, the rate is 30"),
        ({"quality": "{"}, "quality is no JSON object of numbers"),
        ({"schema_version": "new"}, "schema_version is new"),
    ],
)
def test_a_spoilt_file_is_named(
    motion: Motion, smpl: Body, tmp_path: Path, change: dict[str, Any], message: str
) -> None:
    motion.save(tmp_path / "good.npz")
    with np.load(tmp_path / "good.npz") as data:
        np.savez(tmp_path / "bad.npz", **{**data, **change})
    with pytest.raises(MotionError, match=message) as caught:
        Motion.load(tmp_path / "bad.npz", smpl)
    assert "bad.npz" in str(caught.value)


def test_foreign_npz_is_refused(tmp_path: Path) -> None:
    np.savez(tmp_path / "other.npz", poses=np.zeros(3))
    with pytest.raises(MotionError, match="lacks schema_version"):
        Motion.load(tmp_path / "other.npz")


def test_turn_rate_is_in_the_roots_frame(smpl: Body) -> None:
    # a root pitched by 90 deg about y that turns about the world's vertical at 3 rad/s: its own x axis points down
    angles = np.arange(5) * 0.1
    turn = Rotation.from_euler("z", angles[:, None]) * Rotation.from_euler("y", np.pi / 2)
    qpos = np.tile(smpl.standing_qpos, (5, 1))
    qpos[:, 3:7] = turn.as_quat(scalar_first=True)
    qvel = finite_difference_velocity(smpl, qpos, 30.0)
    np.testing.assert_allclose(qvel[:, 3:6], np.tile([-3.0, 0.0, 0.0], (5, 1)), atol=1e-6)
