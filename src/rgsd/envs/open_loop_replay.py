"""`OpenLoopReplay`: what the references alone bring about: a row of every table, and the teacher of a warm start."""

from __future__ import annotations

import numpy as np
import torch
from torch import Tensor

from rgsd.bodies.body import Body
from rgsd.motions.library import MotionLibrary


class OpenLoopReplay:
    """Sends a frame's hinge angles as PD targets, led by the damping's lag, whatever the state.

    kd/kp times the reference's joint velocity is added, so that the damping acts on the velocity's error alone: open
    loop that covers much of a reference already.

    Args:
        library: the clips.
    """

    def __init__(self, library: MotionLibrary) -> None:
        self._library, body = library, library.body
        center, scale, lag = (
            torch.tensor(numbers, dtype=torch.float32, device=library.device)
            for numbers in (body.action_center, body.action_scale, damping_lag(body))
        )
        targets = library.states.qpos[:, 7:] + lag * library.states.qvel[:, 6:]
        self._actions = ((targets - center) / scale).clamp(-1.0, 1.0)

    def act(self, clip: Tensor, frame: Tensor) -> Tensor:
        """Actions (n, A) towards the frames (n,) of the clips (n,); beyond a clip's end its last frame is meant, in a
        loop the first ones again.
        """
        return self._actions[self._library.row(clip, self._library.wrapped(clip, frame))]


def damping_lag(body: Body) -> np.ndarray:
    """kd/kp of every hinge (num_actions,), s: by so much a damped PD controller follows its targets late."""
    model = body.model
    damping = model.dof_damping[6:] - model.actuator_biasprm[:, 2]  # in the joint, in the actuator, or in both
    return damping / model.actuator_gainprm[:, 0]
