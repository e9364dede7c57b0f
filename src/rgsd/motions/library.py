"""`MotionLibrary`: all reference clips as one concatenated tensor, without padding."""

from __future__ import annotations

import dataclasses
import logging
from collections.abc import Sequence
from functools import cached_property

import numpy as np
import torch
from scipy.spatial.transform import Rotation, Slerp
from torch import Tensor

from rgsd.bodies.body import Body
from rgsd.bodies.kinematics import forward_kinematics
from rgsd.bodies.state import BodyState
from rgsd.errors import UnknownName
from rgsd.motions.motion import Motion, MotionError, finite_difference_velocity
from rgsd.motions.plausibility import remarks
from rgsd.randomness import Draws

_log = logging.getLogger(__name__)
_ALMOST_STANDING = 0.25  # m, m/s


def resample(body: Body, motion: Motion, fps: float) -> Motion:
    """The clip at another rate: Slerp for the root, linear for hinges and positions, velocities anew."""
    if abs(motion.fps - fps) < 1e-6:
        return motion
    times = np.arange(motion.num_frames) / motion.fps
    wanted = np.arange(int(np.floor(times[-1] * fps + 1e-6)) + 1) / fps
    if len(wanted) < 2:
        raise MotionError(f"motion '{motion.name}': {motion.duration:.3f} s is shorter than two frames at {fps:g} fps")
    linear = np.stack([np.interp(wanted, times, column) for column in motion.qpos.T], axis=1)
    turn = Slerp(times, Rotation.from_quat(motion.qpos[:, 3:7], scalar_first=True))
    linear[:, 3:7] = turn(np.minimum(wanted, times[-1])).as_quat(scalar_first=True)
    return dataclasses.replace(motion, fps=fps, qpos=linear, qvel=finite_difference_velocity(body, linear, fps))


class MotionLibrary:
    """Clips of one body at its control rate.

    Frames of all clips lie one after another; clip m owns rows `offsets[m]` to `offsets[m + 1]`.

    Attributes:
        body: the body.
        motions: the clips, at the control rate.
        states: `BodyState` of every frame, leading shape (F,).
        offsets: (M + 1,) long, first row of each clip.
        lengths: (M,) long, frames of each clip.
        loops: (M,) bool, which clips begin again where they end.
    """

    def __init__(self, body: Body, motions: Sequence[Motion], device: torch.device | str = "cpu") -> None:
        if not motions:
            raise MotionError(f"no motion for body '{body.name}'; import or synthesize some with `rgsd motions`")
        for motion in motions:
            motion.check(f"motion '{motion.name}'", body)
        names = [m.name for m in motions]
        twice = sorted({n for n in names if names.count(n) > 1})
        if twice:
            raise MotionError(f"motion name '{twice[0]}' occurs {names.count(twice[0])} times; rename one of the clips")
        self.body = body
        self.motions = tuple(resample(body, motion, body.control_hz) for motion in motions)
        qpos = np.concatenate([m.qpos for m in self.motions])
        qvel = np.concatenate([m.qvel for m in self.motions])
        states = forward_kinematics(body, qpos, qvel)
        lengths = [m.num_frames for m in self.motions]
        ends = np.cumsum(lengths).tolist()
        for motion, length, end in zip(self.motions, lengths, ends, strict=True):
            for remark in remarks(body, motion, states[end - length : end]):
                _log.warning(remark)
        self.states = states.to(device)
        self.lengths = torch.tensor(lengths, device=device)
        self.loops = torch.tensor([m.loop for m in self.motions], device=device)
        self.offsets = torch.tensor(np.concatenate([[0], np.cumsum(lengths)]), device=device)

    @property
    def names(self) -> tuple[str, ...]:
        """Clip names."""
        return tuple(m.name for m in self.motions)

    @property
    def groups(self) -> dict[str, list[int]]:
        """Clip numbers by group, in order of appearance."""
        found: dict[str, list[int]] = {}
        for index, motion in enumerate(self.motions):
            found.setdefault(motion.group or motion.name, []).append(index)
        return found

    def __len__(self) -> int:
        return len(self.motions)

    @property
    def device(self) -> torch.device:
        """Where the frames lie."""
        return self.offsets.device

    @property
    def clip_of_frame(self) -> Tensor:
        """(F,) long: the clip that each row belongs to."""
        return torch.repeat_interleave(torch.arange(len(self), device=self.device), self.lengths)

    def index(self, name: str) -> int:
        """Number of a clip.

        Raises:
            UnknownName: no clip of that name; the message lists the nearest.
        """
        if name not in self.names:
            raise UnknownName("clip", name, self.names)
        return self.names.index(name)

    def row(self, clip: Tensor, frame: Tensor) -> Tensor:
        """Rows of `states` for clip numbers and frames (any shape); frames beyond the end stay at the last."""
        return self.offsets[clip] + torch.minimum(frame, self.lengths[clip] - 1)

    def wrapped(self, clip: Tensor, frame: Tensor) -> Tensor:
        """Frames (any shape) of clips, counted past a loop's end from its beginning; other clips' as they are."""
        last = self.lengths[clip] - 1  # of a loop it repeats the posture of the first
        return torch.where(self.loops[clip] & (frame > last), frame % last, frame)

    def state(self, clip: Tensor, frame: Tensor) -> BodyState:
        """Reference states of the given clips at the given frames, leading shape that of `clip`."""
        return self.states[self.row(clip, frame)]

    def sample(self, count: int, generator: torch.Generator, *, margin: int = 0) -> tuple[Tensor, Tensor]:
        """Clips uniformly, then frames uniformly within each, leaving `margin` frames at the end.

        Returns:
            clip (count,), frame (count,), both long.
        """
        clip = torch.randint(len(self), (count,), generator=generator, device=self.device)
        room = (self.lengths[clip] - margin).clamp(min=1)
        fraction = torch.rand(count, generator=generator, device=self.device)
        return clip, (fraction * room).long().clamp(max=room - 1)

    def draw(self, draws: Draws, *, margin: int = 0) -> tuple[Tensor, Tensor]:
        """As `sample`, one clip and frame for each of n environments: clip (n,), frame (n,), both long."""
        clip = draws.integers(len(self))
        return clip, self.draw_frame(draws, clip, margin=margin)

    def draw_frame(self, draws: Draws, clip: Tensor, *, margin: int = 0) -> Tensor:
        """A frame (n,) long of each clip (n,), uniformly, leaving `margin` frames at the end."""
        return draws.integers((self.lengths[clip] - margin).clamp(min=1))

    @cached_property
    def begins_standing(self) -> Tensor:
        """(M,) bool, which clips begin almost standing: bodies within 0.25 m of that pose, the root below 0.25 m/s."""
        first = self.states[self.offsets[:-1]]
        standing = forward_kinematics(self.body, self.body.standing_qpos[None], np.zeros((1, self.body.model.nv)))
        off = (first.body_pos - standing.body_pos.to(self.device)).norm(dim=-1).amax(dim=1)
        return (off < _ALMOST_STANDING) & (first.qvel[:, :3].norm(dim=1) < _ALMOST_STANDING)

    def set_off(self, draws: Draws, clip: Tensor, frame: Tensor, fraction: float) -> tuple[Tensor, Tensor]:
        """Let a fraction of the episodes on clips (n,) that begin almost standing begin in the standing pose itself.

        Returns:
            frame (n,), the first one for these; standing (n,) bool, which they are.
        """
        standing = self.begins_standing[clip] & (draws.uniform() < fraction)
        return torch.where(standing, 0, frame), standing

    def select(self, names: Sequence[str]) -> MotionLibrary:
        """A library of the named clips alone."""
        return MotionLibrary(self.body, [self.motions[self.index(n)] for n in names], self.device)
