"""Contact sheets: one row a clip, its frames across, so that a flipped arm or a floating foot is seen at a glance."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from PIL import Image

from rgsd.bodies.body import Body
from rgsd.motions.motion import Motion
from rgsd.viewing.video import Camera, render_frames

_TILE = (150, 190)  # pixels, width and height of one frame
_FRONT_LEFT = Camera(azimuth=230.0, elevation=-12.0)  # of a body that heads along +x: both arms and both legs show


def contact_sheet(body: Body, motions: Sequence[Motion], frames: int = 12) -> Image.Image:
    """Draw clips, frames evenly spaced from the first to the last.

    Every pose stands on the same spot of the ground, with its own heading and height.

    Args:
        body: the body of all clips.
        motions: the clips, one row each.
        frames: frames across.

    Returns:
        An RGB image.

    Raises:
        GlUnavailable: no offscreen OpenGL here.
    """
    poses, captions = [], []
    for motion in motions:
        chosen = np.linspace(0, motion.num_frames - 1, frames).round().astype(int)
        poses.append(motion.qpos[chosen])
        captions += [motion.name, *(f"{frame / motion.fps:.2f} s" for frame in chosen[1:])]
    qpos = np.concatenate(poses)
    qpos[:, :2] = 0.0
    pictures = np.stack(render_frames(body, qpos, caption=captions, size=_TILE, camera=_FRONT_LEFT))
    height, width = pictures.shape[1:3]
    grid = pictures.reshape(len(motions), frames, height, width, 3).swapaxes(1, 2)
    return Image.fromarray(grid.reshape(len(motions) * height, frames * width, 3))
