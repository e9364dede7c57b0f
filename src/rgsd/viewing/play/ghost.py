"""`Ghost`: a reference that goes beside the body, in step with it, from where the body was when it set out."""

from __future__ import annotations

import numpy as np
import torch
from torch import Tensor

from rgsd import rotations
from rgsd.motions.library import MotionLibrary


class Ghost:
    """A clip's poses, one a control step, moved on the ground to begin where the body stood; at its end it begins anew.

    Attributes:
        clip: name of the clip; None where there is none to show.
        frame: how many control steps it has gone.

    Args:
        library: the references; None where a policy comes without them.
    """

    def __init__(self, library: MotionLibrary | None) -> None:
        self._library = library
        self.clip: str | None = None
        self.frame = 0
        self._poses = torch.zeros(0, 0)

    @property
    def available(self) -> bool:
        """Whether there are references at all."""
        return self._library is not None

    def begin(self, clip: str, root: Tensor) -> None:
        """Set out on a clip from a root pose (7,): its place on the ground and its heading. Without the clip, none."""
        library = self._library
        if library is None or clip not in library.names:
            self.clip = None
            return
        number = library.index(clip)
        poses = library.states.qpos[int(library.offsets[number]) : int(library.offsets[number + 1])].clone()
        turn = rotations.from_yaw(rotations.yaw(root[3:7]) - rotations.yaw(poses[0, 3:7]))
        away = poses[:, :3] - poses[0, :3] * poses.new_tensor([1.0, 1.0, 0.0])
        poses[:, :3] = rotations.rotate(turn, away) + root[:3] * root.new_tensor([1.0, 1.0, 0.0])
        poses[:, 3:7] = rotations.multiply(turn.expand(len(poses), -1), poses[:, 3:7])
        self.clip, self.frame, self._poses = clip, 0, poses

    def end(self) -> None:
        """Show none."""
        self.clip = None

    def advance(self, root: Tensor) -> None:
        """One control step on; past its end it sets out again from the body's root pose (7,)."""
        if self.clip is None:
            return
        self.frame += 1
        if self.frame >= len(self._poses):
            self.begin(self.clip, root)

    @property
    def qpos(self) -> np.ndarray | None:
        """(nq,) the pose now, or None."""
        return None if self.clip is None else self._poses[self.frame].double().numpy()
