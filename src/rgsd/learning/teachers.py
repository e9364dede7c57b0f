"""Who a warm start clones: open-loop playback, which needs no training, or a tracker that was trained before."""

from __future__ import annotations

from pathlib import Path
from typing import Protocol

import numpy as np
import torch
from torch import Tensor

from rgsd.bodies.body import Body
from rgsd.envs.observation import ObservationLayout
from rgsd.envs.reference_frames import ReferenceFrames
from rgsd.learning.policy_files import DESCRIPTION, PolicyError
from rgsd.learning.skill_policy import SkillPolicy
from rgsd.motions.library import MotionLibrary


class Teacher(Protocol):
    """Says how to get to a reference frame."""

    recovers: bool
    """Whether its actions lead back to the reference from where a student has strayed."""

    def act(self, observation: Tensor, clip: Tensor, frame: Tensor) -> Tensor:
        """Actions (n, A) in states seen as (n, D), towards the frames (n,) of the clips (n,); beyond a clip's end its
        last frame is meant, in a loop the first ones again.
        """
        ...


class Playback:
    """Sends a frame's hinge angles as PD targets, led by the damping's lag, whatever the state.

    kd/kp times the reference's joint velocity is added, so that the damping acts on the velocity's error alone: open
    loop that covers much of a reference already.

    Args:
        library: the clips.
        action_scale: (A,) rad per unit of action.
    """

    recovers = False

    def __init__(self, library: MotionLibrary, action_scale: Tensor) -> None:
        self._library, body = library, library.body
        center = torch.tensor(body.action_center, dtype=torch.float32, device=library.device)
        lag = torch.tensor(damping_lag(body), dtype=torch.float32, device=library.device)
        targets = library.states.qpos[:, 7:] + lag * library.states.qvel[:, 6:]
        self._actions = ((targets - center) / action_scale).clamp(-1.0, 1.0)

    def act(self, observation: Tensor, clip: Tensor, frame: Tensor) -> Tensor:
        """As in `Teacher`."""
        return self._actions[self._library.row(clip, self._library.wrapped(clip, frame))]


class Tracker:
    """A trained oracle: shown the frame, it keeps its balance on the way there.

    Args:
        policy: with `condition` "reference"; moved to the library's device.
        library: the clips.
    """

    recovers = True

    def __init__(self, policy: SkillPolicy, library: MotionLibrary) -> None:
        self._actor = policy.actor.to(library.device)
        self._library, self._reference = library, ReferenceFrames(library, policy.condition_moments)
        self._size = ObservationLayout(library.body).size

    @torch.no_grad()
    def act(self, observation: Tensor, clip: Tensor, frame: Tensor) -> Tensor:
        """As in `Teacher`; a student's clock, last in its observation, is left out."""
        reference = self._reference.at(clip, self._library.wrapped(clip, frame))
        return self._actor(observation[:, : self._size], reference).clamp(-1.0, 1.0)


def load_tracker(folder: Path, body: Body) -> SkillPolicy:
    """The policy of a tracker that can teach.

    Args:
        folder: an oracle's run, or its policy.
        body: what it is to move.

    Raises:
        PolicyError: there is no policy, it is of another body, or no tracker without a clock; the message names the
            folder and the remedy.
    """
    if not any((place / DESCRIPTION).exists() for place in (folder, folder / "policy")):
        raise PolicyError(
            f"--trainer.warm-start.teacher {folder}: no policy there; give a run of `rgsd train oracle` on this body"
        )
    policy = SkillPolicy.load(folder, body)
    if policy.condition != "reference" or policy.clock != "none":
        raise PolicyError(
            f"--trainer.warm-start.teacher {folder}: condition is '{policy.condition}' and clock '{policy.clock}', but "
            "a teacher is shown the next frame and no time; give a run of `rgsd train oracle` on this body"
        )
    return policy


def damping_lag(body: Body) -> np.ndarray:
    """kd/kp of every hinge (num_actions,), s: by so much a damped PD controller follows its targets late."""
    model = body.model
    damping = model.dof_damping[6:] - model.actuator_biasprm[:, 2]  # in the joint, in the actuator, or in both
    return damping / model.actuator_gainprm[:, 0]
