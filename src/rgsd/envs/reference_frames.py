"""`ReferenceFrames`: what a tracker is told of the reference, in place of a latent."""

from __future__ import annotations

import math

import torch
from torch import Tensor

from rgsd.envs.observation import ObservationLayout, observe
from rgsd.motions.library import MotionLibrary


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
