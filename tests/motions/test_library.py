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


def test_names_are_unique_and_asked_for_by_name(library: MotionLibrary, smpl: Body) -> None:
    assert library.select(["c", "a"]).names == ("c", "a")
    with pytest.raises(UnknownName, match="unknown clip 'aa'; did you mean a"):
        library.index("aa")
    twin = dataclasses.replace(library.motions[0], group="run")
    with pytest.raises(MotionError, match="'a' occurs 2 times"):
        MotionLibrary(smpl, [library.motions[0], twin])
    with pytest.raises(MotionError, match="no motion for body 'smpl'"):
        MotionLibrary(smpl, [])
