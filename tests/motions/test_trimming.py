"""Rest at the ends: what counts as rest, how much of it stays, and what is left alone."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable

import numpy as np
import pytest

from rgsd.bodies.body import Body
from rgsd.errors import UsageError
from rgsd.motions.motion import Motion
from rgsd.motions.trimming import trim_rest


@pytest.fixture
def wave(tiny_motion: Callable[..., Motion]) -> Motion:
    """A second at 50 fps: from frame 20 to 30 the left arm turns by 0.02 rad a frame, 1 rad/s; else all is still."""
    angle = 0.02 * np.clip(np.arange(51) - 20.0, 0, 10)
    return tiny_motion("wave", np.stack([angle, np.zeros(51)], axis=1), speed=0.5)


def test_what_moves_is_kept_with_a_tenth_of_a_second(wave: Motion, tiny: Body) -> None:
    trimmed = trim_rest(wave)
    trimmed.check("trimmed", tiny)
    # the rates' root mean square over two hinges is 0.707 from frame 21 to 29 and half of it at 20 and 30. The mean
    # over 10 frames, of which 4 or 5 lie ahead, is 0.2 from where frame 23 is among them, (0.354 + 3 x 0.707) / 10:
    # frame 18 or 19, and likewise to 31 or 32; a tenth of a second more is 13 or 14 to 36 or 37
    assert trimmed.name == "wave"
    begin = int(np.flatnonzero(trimmed.qpos[:, 7] > 0)[0]) - 1  # where frame 20 has come to lie
    assert 20 - begin in (13, 14)
    assert 20 - begin + trimmed.num_frames - 1 in (36, 37)
    np.testing.assert_allclose(trimmed.qpos[0, :2], 0, atol=1e-9)
    np.testing.assert_allclose(trimmed.qpos[:, 7], wave.qpos[20 - begin :, 7][: trimmed.num_frames])
    assert "s of wave" in trimmed.source


def test_a_single_quick_frame_is_no_movement(wave: Motion) -> None:
    qvel = wave.qvel.copy()
    qvel[9, 6] = 2.0  # 1.41 over two hinges, 0.14 in the mean over 10 frames
    again = trim_rest(dataclasses.replace(wave, qvel=qvel))
    assert again.num_frames == trim_rest(wave).num_frames
    qvel[9, 6] = 4.0  # 0.28
    assert trim_rest(dataclasses.replace(wave, qvel=qvel)).num_frames > again.num_frames + 4


def test_what_does_not_rest_and_what_leads_on_is_left_alone(wave: Motion, tiny_motion: Callable[..., Motion]) -> None:
    moving = tiny_motion("moving", np.stack([0.02 * np.arange(51), np.zeros(51)], axis=1))
    assert trim_rest(moving) is moving
    loop = dataclasses.replace(wave, loop=True)
    assert trim_rest(loop) is loop


def test_rest_throughout_and_impossible_rates_are_refused(wave: Motion) -> None:
    with pytest.raises(UsageError, match=r"--still 5: 'wave' nowhere moves as fast, .* at most 0.7"):
        trim_rest(wave, still=5)
    for bad in (0.0, -1.0, float("nan"), float("inf")):
        with pytest.raises(UsageError, match=r"--still .*positive rate"):
            trim_rest(wave, still=bad)
