"""Motions with slips that many make: rates in degrees, a ground elsewhere."""

from __future__ import annotations

import dataclasses
import logging
from collections.abc import Callable

import numpy as np
import pytest

from rgsd.bodies.body import Body
from rgsd.motions.library import MotionLibrary
from rgsd.motions.motion import Motion


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
