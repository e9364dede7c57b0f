"""What is odd about a motion that is well-formed: told, and trained on all the same.

Files of one's own are taken as they are. Rates in other units and a ground that is not at z = 0 are common slips, and a
policy that imitates them falls without a word of why.
"""

from __future__ import annotations

import numpy as np

from rgsd.bodies.body import Body
from rgsd.bodies.kinematics import forward_kinematics
from rgsd.bodies.state import BodyState
from rgsd.motions.motion import Motion

_SLOW, _TIMES = 0.2, 2.0  # rad/s below which rates are noise; how far two measures of them may part
_SUNK, _AFLOAT = 0.1, 0.3  # m, below the ground and above where the lowest part of a standing body is


def remarks(body: Body, motion: Motion, states: BodyState) -> list[str]:
    """A sentence for each thing that is odd.

    Args:
        body: whose motion it is.
        motion: checked (`Motion.check`).
        states: of its frames, leading shape (T,).
    """
    said = []
    steps = np.diff(motion.qpos[:, 7:], axis=0) * motion.fps
    moved, told = (float(np.sqrt(np.mean(np.square(rates)))) for rates in (steps, motion.qvel[:, 6:]))
    if max(moved, told) > _SLOW and max(moved, told) > _TIMES * min(moved, told):
        said.append(
            f"motion '{motion.name}': its hinges move at {moved:.3g} rad/s (root mean square), its qvel says "
            f"{told:.3g}; mend qvel, or make it by rgsd.motions.motion.finite_difference_velocity"
        )
    stand = forward_kinematics(body, body.standing_qpos[None], np.zeros((1, body.model.nv)))
    lowest = float(states.body_pos[..., 2].min())
    if lowest < -_SUNK:
        said.append(f"motion '{motion.name}': a body part is {-lowest:.2f} m below the ground; is its ground z = 0?")
    elif lowest > float(stand.body_pos[..., 2].min()) + _AFLOAT:
        said.append(f"motion '{motion.name}': never nearer to the ground than {lowest:.2f} m; is its ground z = 0?")
    return said
