"""What a tracker is told: `ReferenceFrames`, in place of a latent, and `Lag`, beside what it observes of itself."""

from __future__ import annotations

import math

import torch
from torch import Tensor

from rgsd import rotations
from rgsd.envs.observation import ObservationLayout, observe
from rgsd.motions.library import MotionLibrary

_AHEAD_SECONDS = 0.3
_FARTHEST = 1.0  # m; beyond that imitation has long been lost


class ReferenceFrames:
    """What a tracker is shown of a clip's next frame: posture and motion of the root, a function of clip and phase.

    Args:
        library: the clips.
        moments: (2, d) by which entries are centred and scaled: those that the policy was trained with, if these are
            other clips; the library's own if None.
    """

    def __init__(self, library: MotionLibrary, moments: Tensor | None = None) -> None:
        self._library = library
        layout, root = ObservationLayout(library.body), library.body.body_names[:1]
        motion = layout.indices(("height", "linear_velocity", "angular_velocity"), root)
        root_rotation = layout.indices(("rotation",), root)
        observation = observe(library.states)
        frames = torch.cat((library.states.qpos[:, 7:], observation[:, motion + root_rotation]), dim=1)
        if moments is None:
            # the actor multiplies latents by sqrt(d); normalised here, they come out of order one there
            scale = frames.std(dim=0).clamp(min=0.05) * math.sqrt(frames.shape[1])
            moments = torch.stack((frames.mean(dim=0), scale))
        self.moments = moments.to(frames.device)
        self._frames = (frames - self.moments[0]) / self.moments[1]

    @property
    def size(self) -> int:
        """d."""
        return self._frames.shape[1]

    def at(self, clip: Tensor, frame: Tensor) -> Tensor:
        """(n, d) for clips and frames (n,); beyond the end the last."""
        return self._frames[self._library.row(clip, frame)]


class Lag:
    """Where the reference is about to be, seen from the body: what tells a tracker that it is behind.

    For the next frame and for one 0.3 s ahead, in the body's own heading frame: offsets of all bodies, m, and the
    difference of yaw, rad.

    Args:
        library: the clips.
    """

    def __init__(self, library: MotionLibrary) -> None:
        self._library, layout = library, ObservationLayout(library.body)
        self._height, self._positions = layout.indices(("height",)), layout.indices(("position",))
        self._frames_ahead = (1, round(_AHEAD_SECONDS * library.body.control_hz))

    @staticmethod
    def size_of(num_bodies: int) -> int:
        """Numbers that are shown, of a body of so many parts."""
        return 2 * (3 * num_bodies + 1)

    def seen(self, observation: Tensor, root_pos: Tensor, root_quat: Tensor, clip: Tensor, frame: Tensor) -> Tensor:
        """(n, 2 (3 B + 1)) of bodies in the world, which are now in frames (n,) of clips (n,).

        Args:
            observation: (n, D or more) of `observe`.
            root_pos, root_quat: (n, 3 or 2) m, of which x and y count, and (n, 4) of the root.
            clip, frame: (n,) long.
        """
        height, states = observation[:, self._height], self._library.states
        relative = observation[:, self._positions].unflatten(1, (-1, 3))
        own = torch.cat((torch.zeros_like(relative[:, :1]), relative), dim=1)
        own[..., 2] += height  # every body from the ground below the root
        yaw, parts = rotations.yaw(root_quat), []
        for ahead in self._frames_ahead:
            row = self._library.row(clip, frame + ahead)
            bodies = states.body_pos.index_select(0, row)
            bodies[..., :2] -= root_pos[:, None, :2]
            turn = rotations.wrap_angle(rotations.yaw(states.body_quat[:, 0].index_select(0, row)) - yaw)
            offsets = rotations.in_heading(root_quat, bodies) - own
            parts += [offsets.clamp(-_FARTHEST, _FARTHEST).flatten(1), turn.unsqueeze(1)]
        return torch.cat(parts, dim=1)

    def in_place(self, observation: Tensor, clip: Tensor, frame: Tensor) -> Tensor:
        """The same as if the root were over its reference's and headed as it: what a student can know of it."""
        row, states = self._library.row(clip, frame), self._library.states
        return self.seen(observation, states.body_pos[row, 0], states.body_quat[row, 0], clip, frame)
