"""Mirrored motions: what of a clip changes, and that twice mirrored it is itself."""

from __future__ import annotations

import numpy as np

from rgsd.bodies.mirror import Mirror
from rgsd.bodies.quadruped import make_quadruped
from rgsd.motions.mirroring import image_name, mirrored
from rgsd.motions.synthesis.quadruped import synthesize_quadruped


def test_a_turn_to_the_left_becomes_the_planned_turn_to_the_right() -> None:
    body = make_quadruped()
    clips = {motion.name: motion for motion in synthesize_quadruped(body)}
    image = mirrored(clips["turn_left"], Mirror(body))
    image.check("image", body)
    assert (image.name, image.group, image.loop) == ("turn_left_mirrored", clips["turn_left"].group, True)
    assert image.source.startswith("mirrored: ")
    # the planner knows nothing of mirrors. In its trot the diagonals change roles after half a stride of 25 frames, so
    # that the image is the other turn 12.5 frames later: the mean of the two frames beside it, up to curvature
    other = clips["turn_right"]
    np.testing.assert_allclose(image.qpos[:, :7], other.qpos[:, :7], atol=1e-6)
    before, after = (np.roll(other.qpos[:-1, 7:], frames, axis=0) for frames in (12, 13))
    np.testing.assert_allclose(image.qpos[:-1, 7:], (before + after) / 2, atol=0.02)
    assert np.abs(image.qpos[:-1, 7:] - other.qpos[:-1, 7:]).max() > 0.3
    again = mirrored(image, Mirror(body))
    assert again.name == "turn_left"
    np.testing.assert_allclose(again.qpos, clips["turn_left"].qpos)
    np.testing.assert_allclose(again.qvel, clips["turn_left"].qvel)


def test_names_go_both_ways() -> None:
    assert image_name("B9_walk_left_90") == "B9_walk_left_90_mirrored"
    assert image_name("B9_walk_left_90_mirrored") == "B9_walk_left_90"
