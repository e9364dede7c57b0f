"""Motions with slips that many make: rates in degrees, a ground elsewhere."""

from __future__ import annotations

import copy
import dataclasses
import logging
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest

from rgsd.bodies.body import Body
from rgsd.bodies.quadruped import make_quadruped
from rgsd.motions.importing import load_motions
from rgsd.motions.library import MotionLibrary
from rgsd.motions.motion import Motion
from rgsd.motions.synthesis.quadruped import synthesize_quadruped


def said(body: Body, motion: Motion, caplog: pytest.LogCaptureFixture) -> list[str]:
    caplog.clear()
    with caplog.at_level(logging.WARNING):
        MotionLibrary(body, [motion])
    return [record.getMessage() for record in caplog.records]


def test_slips_are_told(tiny: Body, tiny_motion: Callable[..., Motion], caplog: pytest.LogCaptureFixture) -> None:
    arms = 0.8 * np.sin(2 * np.pi * np.arange(51) / 50)
    swing = tiny_motion("swing", np.stack([arms, -arms], axis=1))
    assert said(tiny, swing, caplog) == []
    (remark,) = said(tiny, dataclasses.replace(swing, qvel=np.rad2deg(swing.qvel)), caplog)
    # 0.8 * 2 pi / sqrt(2) = 3.55 rad/s, told as 57.3 times as much; the fastest frame counts twice, at both ends
    assert "its hinges move at 3.55 rad/s (root mean square), its qvel says 205" in remark
    (remark,) = said(tiny, dataclasses.replace(swing, qvel=0 * swing.qvel), caplog)
    assert "its qvel says 0" in remark
    for height, words in ((-5.0, "m below the ground"), (2.0, "never nearer to the ground than")):
        moved = swing.qpos.copy()
        moved[:, 2] += height
        (remark,) = said(tiny, dataclasses.replace(swing, qpos=moved), caplog)
        assert words in remark


def changed(motion: Motion, columns: slice, values: np.ndarray) -> Motion:
    """Poses with other columns, and the velocities that belong to them."""
    qpos = motion.qpos.copy()
    qpos[:, columns] = values
    return dataclasses.replace(motion, qpos=qpos)


@pytest.fixture
def slide(tiny_motion: Callable[..., Motion]) -> Motion:
    """A second along x at 1 m/s, arms still."""
    return tiny_motion("slide", np.zeros((51, 2)), speed=1.0)


def test_velocities_of_another_clip_are_told(tiny: Body, slide: Motion, caplog: pytest.LogCaptureFixture) -> None:
    aside = slide.qvel.copy()
    aside[:, :2] = aside[:, 1::-1]  # as fast, but along y: (1, 0) and (0, 1) are 1.41 apart, in the mean square 0.816
    (remark,) = said(tiny, dataclasses.replace(slide, qvel=aside), caplog)
    assert "its root moves at 0.577 m/s (root mean square), its qvel says 0.577, 0.816 apart; mend qvel" in remark


@pytest.mark.parametrize(
    ("quat", "words"),
    [
        # pitched by 90 degrees about x, as y-up taken for z-up is
        ([np.sqrt(0.5), np.sqrt(0.5), 0, 0], "lies, its root tilted by 90 degrees (median); if its source has y up"),
        # xyzw of a body that turned by 90 degrees: (0, 0, .7, .7); as wxyz it lies
        ([0, 0, np.sqrt(0.5), np.sqrt(0.5)], "its root's quaternion looks like xyzw: write w first"),
        # xyzw of the identity: as wxyz it faces backwards
        ([0, 0, 0, 1], "begins heading backwards; if its root's quaternion is xyzw, write w first"),
    ],
)
def test_how_the_root_is_turned_is_told(
    quat: list[float], words: str, tiny: Body, slide: Motion, caplog: pytest.LogCaptureFixture
) -> None:
    assert words in " ".join(said(tiny, changed(slide, slice(3, 7), np.tile(quat, (51, 1))), caplog))


def test_travel_no_body_makes_is_told(tiny: Body, slide: Motion, caplog: pytest.LogCaptureFixture) -> None:
    words = " ".join(said(tiny, changed(slide, slice(0, 1), 100 * slide.qpos[:, :1]), caplog))
    assert "its root moves at 100 m/s; are its positions in centimetres (import it with --unit cm)" in words
    leap = slide.qpos[:, :1] + np.where(np.arange(51) > 20, 2.0, 0.0)[:, None]
    assert "its root jumps by 2 m after frame 20" in " ".join(said(tiny, changed(slide, slice(0, 1), leap), caplog))


def test_hinges_in_degrees_jumps_and_ranges_are_told(
    tmp_path: Path, tiny: Body, slide: Motion, caplog: pytest.LogCaptureFixture
) -> None:
    wave = 0.8 * np.sin(np.arange(51) / 8)[:, None] * np.ones(2)
    assert "if they are degrees" in " ".join(said(tiny, changed(slide, slice(7, 9), np.rad2deg(wave)), caplog))
    flip = np.where(np.arange(51) > 9, np.pi, 0.0)[:, None] * np.array([0.0, 1.0])
    assert "hinge 'right' jumps by 3.1 rad after frame 9" in " ".join(
        said(tiny, changed(slide, slice(7, 9), flip), caplog)
    )
    limited = dataclasses.replace(tiny, model=copy.copy(tiny.model))
    limited.model.jnt_limited[1:], limited.model.jnt_range[1:] = 1, (-0.1, 0.1)
    words = " ".join(said(limited, changed(slide, slice(7, 9), wave), caplog))
    assert "hinge 'left' is up to 0.70 rad beyond its range (-0.10 to 0.10)" in words


def test_real_clips_of_people_and_planned_gaits_are_not_doubted(
    shared: Path, smpl: Body, caplog: pytest.LogCaptureFixture
) -> None:
    with caplog.at_level(logging.WARNING):
        MotionLibrary(smpl, load_motions(shared / "motions/asap_smpl", smpl))
        quadruped = make_quadruped()
        MotionLibrary(quadruped, synthesize_quadruped(quadruped))
    assert caplog.text == ""
