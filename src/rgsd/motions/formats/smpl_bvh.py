"""BVH of the SMPL skeleton itself, joint by joint under our names: what `rgsd motions export` writes.

All rotations zero is SMPL's T-pose, z forward and y up.
"""

from __future__ import annotations

import numpy as np

from rgsd.bodies.smpl import SKELETON
from rgsd.motions.formats.bvh import Bvh
from rgsd.motions.formats.smpl_clip import BODY_NAMES, SmplClip, clean_name

TO_YUP = np.array([[0.0, 1.0, 0.0], [0.0, 0.0, 1.0], [1.0, 0.0, 0.0]])
"""(x, y, z) of our z-up world, x forward, is (y, z, x) in BVH: x left, y up, z forward."""
_LEG = ("L_Knee", "R_Knee", "L_Ankle", "R_Ankle")  # the scale is that of thighs and shins, so that feet do not slide


def is_smpl(bvh: Bvh) -> bool:
    """Whether the joints are the SMPL skeleton's, no more and no fewer."""
    return sorted(bvh.joint_names) == sorted(BODY_NAMES)


def own_to_smpl(bvh: Bvh) -> SmplClip:
    """Turn a clip of this skeleton into SMPL poses, at the size of the neutral skeleton's legs."""
    order = [bvh.joint_names.index(name) for name in BODY_NAMES]
    positions, orientations = bvh.pose()
    offsets = {name: np.array(offset) for name, _, offset in SKELETON}
    theirs = sum(float(np.linalg.norm(bvh.offsets[bvh.joint_names.index(name)])) for name in _LEG)
    scale = sum(float(np.linalg.norm(offsets[name])) for name in _LEG) / max(theirs, 1e-9)
    places = scale * positions[:, order] @ TO_YUP
    return SmplClip(
        name=clean_name(bvh.path.stem),
        fps=bvh.fps,
        rotations=TO_YUP.T @ orientations[:, order] @ TO_YUP,
        pelvis=places[:, 0],
        landmarks={name: places[:, index] for index, name in enumerate(BODY_NAMES)},
        source=f"SMPL BVH {bvh.path.name}",
    )
