from __future__ import annotations

import dataclasses

import numpy as np
import pytest

from rgsd.bodies.quadruped import make_quadruped
from rgsd.motions.synthesis.quadruped import synthesize_quadruped
from rgsd.viewing.contact_sheet import contact_sheet
from rgsd.viewing.video import GlUnavailable


def test_a_row_a_clip_with_its_frames_across() -> None:
    body = make_quadruped()
    still = synthesize_quadruped(body)[-1]
    fallen = still.qpos.copy()
    fallen[-1, 2] -= 0.1  # the last pose alone
    motions = [still, dataclasses.replace(still, qpos=fallen)]
    try:
        sheet = np.asarray(contact_sheet(body, motions, frames=2)).astype(int)
    except GlUnavailable as error:
        pytest.skip(str(error))
    assert sheet.shape == (2 * 190, 2 * 150, 3)
    top, bottom = sheet[:190], sheet[190:]
    assert np.abs(top[:, :150] - bottom[:, :150]).max() == 0
    assert (np.abs(top[:, 150:] - bottom[:, 150:]).max(axis=-1) > 30).mean() > 0.01
