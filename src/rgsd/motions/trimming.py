"""Rest at both ends of a clip, cut off: a policy that is shown no time cannot know that it has waited long enough.

Recordings of one action begin and end in the same posture at rest. Of a policy pi(a | s, z) without a clock that
posture asks to begin and to stay at once, and the mean of both is to stay. Without the rest it asks to begin.
"""

from __future__ import annotations

import math

import numpy as np

from rgsd.errors import UsageError
from rgsd.motions.motion import Motion
from rgsd.motions.splitting import cut

_SMOOTHED, _MARGIN = 0.2, 0.1  # s: a single quick frame is noise; a movement begins before it is seen to


def trim_rest(motion: Motion, still: float = 0.2) -> Motion:
    """Cut off what lies before the first and after the last movement, but for a tenth of a second.

    Args:
        motion: what is cut; a loop is returned whole, since its end leads on.
        still: a body rests where the root mean square of its hinge rates, averaged over 0.2 s, is below, rad/s.

    Returns:
        The clip from movement to movement, under its own name, beginning at the origin and heading along x; the same
        object where there was nothing to cut.

    Raises:
        UsageError: `still` is no positive number, or the body rests throughout.
    """
    if not 0 < still < math.inf:
        raise UsageError(f"--still {still:g}: give a positive rate, rad/s")
    if motion.loop:
        return motion
    window = max(1, round(_SMOOTHED * motion.fps))
    rate = np.sqrt(np.square(motion.qvel[:, 6:]).mean(axis=1))
    counted = np.convolve(np.ones_like(rate), np.ones(window), mode="same")  # fewer at the ends
    moving = np.flatnonzero(np.convolve(rate, np.ones(window), mode="same") / counted >= still)
    if len(moving) == 0:
        raise UsageError(
            f"--still {still:g}: '{motion.name}' nowhere moves as fast, its hinges' root mean square is at most "
            f"{rate.max():.3g} rad/s; lower it, or leave this clip out"
        )
    margin = round(_MARGIN * motion.fps)
    first, last = max(moving[0] - margin, 0), min(moving[-1] + margin, motion.num_frames - 1)
    if last - first == motion.num_frames - 1:
        return motion
    return cut(motion, int(first), int(last), motion.name)
