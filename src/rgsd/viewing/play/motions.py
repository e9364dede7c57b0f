"""`MotionSession`: reference motions played back, at any speed, from any moment."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from rgsd.bodies.body import Body
from rgsd.bodies.kinematics import forward_kinematics
from rgsd.bodies.state import BodyState
from rgsd.errors import UnknownName
from rgsd.motions.motion import Motion


class MotionSession:
    """Motions of one body, one of which is shown.

    Attributes:
        body: what moves.
        motion: the one that is shown.
        frame: which of its frames.
        loops: whether it begins again at its end; if not, the next one follows.

    Args:
        body: what moves.
        motions: at least one.
    """

    def __init__(self, body: Body, motions: Sequence[Motion]) -> None:
        self.body, self.motions = body, {motion.name: motion for motion in motions}
        self.loops, self.frame = True, 0
        self.motion = motions[0]
        self._states = self._all_states()

    @property
    def state(self) -> BodyState:
        """(1,) the pose that is shown."""
        return self._states[self.frame : self.frame + 1]

    @property
    def path(self) -> np.ndarray:
        """(T, 3) where the root goes in all of the motion, m."""
        return self.motion.qpos[:, :3]

    def show(self, name: str) -> None:
        """Show another motion from its start.

        Raises:
            UnknownName: no motion of that name.
        """
        if name not in self.motions:
            raise UnknownName("clip", name, self.motions)
        self.motion, self.frame = self.motions[name], 0
        self._states = self._all_states()

    def next(self) -> None:
        """Show the motion after this one; after the last, the first."""
        names = list(self.motions)
        self.show(names[(names.index(self.motion.name) + 1) % len(names)])

    def scrub(self, frame: int) -> None:
        """Go to a frame; beyond the ends to the nearest."""
        self.frame = min(max(frame, 0), self.motion.num_frames - 1)

    def advance(self) -> None:
        """One frame on."""
        if self.frame + 1 < self.motion.num_frames:
            self.frame += 1
        elif self.loops:
            self.frame = 0
        else:
            self.next()

    def _all_states(self) -> BodyState:
        return forward_kinematics(self.body, self.motion.qpos, self.motion.qvel)
