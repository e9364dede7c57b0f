from __future__ import annotations

import dataclasses

import numpy as np
import pytest
import torch

from rgsd.bodies.body import Body
from rgsd.errors import UnknownName
from rgsd.motions.library import MotionLibrary, resample
from rgsd.motions.motion import Motion, MotionError, finite_difference_velocity
from rgsd.randomness import Draws


def clip(body: Body, name: str, frames: int, group: str = "", fps: float = 30.0) -> Motion:
    """The standing pose moved along x by 3 cm a frame."""
    qpos = np.tile(body.standing_qpos, (frames, 1))
    qpos[:, 0] = 0.03 * np.arange(frames)
    qvel = finite_difference_velocity(body, qpos, fps)
    return Motion(name, body.name, fps, body.joint_names, body.body_names, qpos, qvel, group=group)


@pytest.fixture(scope="module")
def library(smpl: Body) -> MotionLibrary:
    return MotionLibrary(smpl, [clip(smpl, "a", 5, "walk"), clip(smpl, "b", 9, "walk"), clip(smpl, "c", 3)])


def test_rows_lie_one_after_another(library: MotionLibrary) -> None:
    assert library.offsets.tolist() == [0, 5, 14, 17]
    assert library.clip_of_frame.tolist() == [0] * 5 + [1] * 9 + [2] * 3
    assert library.groups == {"walk": [0, 1], "c": [2]}
    state = library.state(torch.tensor([0, 1, 2]), torch.tensor([4, 2, 99]))  # beyond the end: the last frame
    np.testing.assert_allclose(state.qpos[:, 0], [0.12, 0.06, 0.06], atol=1e-6)
    np.testing.assert_allclose(state.body_linvel[:, 13, 0], 0.9, atol=1e-4)  # the head moves with the root


def test_which_clips_begin_standing(tiny_library: MotionLibrary, library: MotionLibrary) -> None:
    # the arms swing from the standing pose; they are held back on a box that slides at 0.4 m/s; nothing at all
    assert tiny_library.begins_standing.tolist() == [True, False, True]
    assert not library.begins_standing.any()  # standing, at 0.9 m/s


def test_a_fraction_of_those_is_put_into_the_standing_pose(tiny_library: MotionLibrary) -> None:
    draws = Draws(torch.arange(6000))
    clip, frame = tiny_library.draw(draws)
    begun, standing = tiny_library.set_off(draws, clip, frame, 0.3)
    assert not standing[clip == 1].any()
    assert float(standing[clip != 1].float().mean()) == pytest.approx(0.3, abs=0.03)  # four deviations of 4,000
    assert not begun[standing].any()
    assert torch.equal(begun[~standing], frame[~standing])


@pytest.mark.parametrize("source", [torch.Generator().manual_seed(0), Draws(torch.arange(6000))])
def test_samples_are_uniform_over_clips_and_leave_the_margin(
    library: MotionLibrary, source: torch.Generator | Draws
) -> None:
    drawn = library.draw(source, margin=2) if isinstance(source, Draws) else library.sample(6000, source, margin=2)
    clips, frames = drawn
    np.testing.assert_allclose(torch.bincount(clips) / 6000, 1 / 3, atol=0.03)
    # 5 - 2 = 3 frames of a, 9 - 2 = 7 of b, 3 - 2 = 1 of c
    assert [int(frames[clips == c].max()) for c in range(3)] == [2, 6, 0]
    np.testing.assert_allclose(torch.bincount(frames[clips == 0]) / (clips == 0).sum(), 1 / 3, atol=0.05)


def test_resampling_keeps_path_and_speed(smpl: Body) -> None:
    slow = resample(smpl, clip(smpl, "a", 13, fps=60.0), 30.0)
    assert slow.num_frames == 7
    np.testing.assert_allclose(slow.qpos[:, 0], 0.06 * np.arange(7), atol=1e-9)
    np.testing.assert_allclose(slow.qvel[:, 0], 1.8, atol=1e-6)


def test_between_two_frames_the_root_turns_along_the_great_arc_and_a_hinge_goes_straight(smpl: Body) -> None:
    # 90 degrees of yaw within a frame: (1, 0, 0, 0) to (cos 45, 0, 0, sin 45); a knee from 0.2 to 0.8 rad
    qpos = np.tile(smpl.standing_qpos, (2, 1))
    qpos[:, 3:7] = [[1, 0, 0, 0], [np.sqrt(0.5), 0, 0, np.sqrt(0.5)]]
    knee = 7 + smpl.joint_names.index("L_Knee_y")
    qpos[:, knee] = 0.2, 0.8
    still = dataclasses.replace(clip(smpl, "a", 2), qpos=qpos)
    between = resample(smpl, still, 90.0)  # frames at 0, 1/3, 2/3 and 1 of the way
    for fraction, pose in zip((0, 1 / 3, 2 / 3, 1), between.qpos, strict=True):
        half = np.radians(90) * fraction / 2
        np.testing.assert_allclose(pose[3:7], [np.cos(half), 0, 0, np.sin(half)], atol=1e-9)
        assert pose[knee] == pytest.approx(0.2 + 0.6 * fraction)
    halfway = resample(smpl, still, 60.0).qpos[1]
    yaw = 2 * np.degrees(np.arctan2(halfway[6], halfway[3]))
    assert yaw == pytest.approx(45)
    assert halfway[knee] == pytest.approx(0.5)


def test_names_are_unique_and_asked_for_by_name(library: MotionLibrary, smpl: Body) -> None:
    assert library.select(["c", "a"]).names == ("c", "a")
    with pytest.raises(UnknownName, match="unknown clip 'aa'; did you mean a"):
        library.index("aa")
    twin = dataclasses.replace(library.motions[0], group="run")
    with pytest.raises(MotionError, match="'a' occurs 2 times"):
        MotionLibrary(smpl, [library.motions[0], twin])
    with pytest.raises(MotionError, match="no motion for body 'smpl'"):
        MotionLibrary(smpl, [])
