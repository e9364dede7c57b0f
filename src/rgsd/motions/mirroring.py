"""A motion's mirror image: a turn to the left becomes one to the right, a jab the other arm's."""

from __future__ import annotations

import dataclasses

from rgsd.bodies.mirror import Mirror
from rgsd.motions.motion import Motion

_MARK = "_mirrored"


def image_name(name: str) -> str:
    """What the mirror image of a motion is called; that of a mirror image is called as the motion itself."""
    return name.removesuffix(_MARK) if name.endswith(_MARK) else name + _MARK


def mirrored(motion: Motion, mirror: Mirror) -> Motion:
    """The mirror image, named `<name>_mirrored`, of the same group; that of a mirror image has the motion's own name.

    The import's metrics are left out: the other side's bones are not quite its own.

    It begins where the motion does if that is above the x axis, heading along it, as all imports do. Where a body's
    halves are not quite alike (the SMPL humanoid's feet by 7 mm) its soles are off the ground by as much.

    Args:
        motion: of the mirror's body.
        mirror: that body's.
    """
    return dataclasses.replace(
        motion,
        name=image_name(motion.name),
        qpos=mirror.poses(motion.qpos),
        qvel=mirror.velocities(motion.qvel),
        source=f"mirrored: {motion.source or motion.name}",
        quality={},
    )
