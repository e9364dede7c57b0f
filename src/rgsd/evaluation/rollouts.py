"""Rollouts: controllers driving many environments from given states, every frame kept.

No early termination: a fallen body goes on being measured. An environment whose simulation blows up counts as fallen
and keeps its last finite state to the end.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass, fields
from typing import Protocol

import numpy as np
import torch
from torch import Tensor

from rgsd.bodies.body import Body
from rgsd.bodies.kinematics import forward_kinematics
from rgsd.bodies.state import BodyState
from rgsd.envs.observation import observe
from rgsd.envs.open_loop_replay import OpenLoopReplay
from rgsd.envs.reference_frames import Lag, ReferenceFrames
from rgsd.envs.termination import fallen
from rgsd.learning.skill_policy import SkillPolicy
from rgsd.motions.library import MotionLibrary
from rgsd.physics.interface import Physics

JOINT_NOISE = 0.01
"""Standard deviation of the initial noise on hinge angles, rad (protocol.md)."""
VELOCITY_NOISE = 0.05
"""Standard deviation of the initial noise on velocities, m/s and rad/s (protocol.md)."""

Simulate = Callable[[int], Physics]
"""Makes the physics of a number of environments."""


class Controller(Protocol):
    """What drives N environments."""

    def begin(self, clip: Tensor, frame: Tensor) -> None:
        """The environments now start, on frames `frame` (N,) of clips `clip` (N,)."""
        ...

    def act(self, state: BodyState, step: int) -> Tensor:
        """Actions (N, A) in state (N, ...) after `step` control steps since the start."""
        ...


class SkillController:
    """A policy that holds one latent an environment.

    Args:
        policy: what acts.
        z: (N, d) unit vectors; may be replaced between steps.
        noise: generator of the stochastic policy's actions; None for the deterministic policy.
    """

    def __init__(self, policy: SkillPolicy, z: Tensor, noise: torch.Generator | None = None) -> None:
        self.policy, self.z, self._noise = policy, z, noise
        self._frame = torch.zeros(len(z), dtype=torch.long)

    def begin(self, clip: Tensor, frame: Tensor) -> None:
        self._frame = frame

    def act(self, state: BodyState, step: int) -> Tensor:
        clock = (self._frame + step) * self.policy.body.control_dt
        return self.policy.act(self._observe(state, step), self.z, clock, self._noise is None, self._noise)

    def _observe(self, state: BodyState, step: int) -> Tensor:
        """(N, D) as the policy is shown it, but for its clock."""
        return observe(state)


class TrackingController(SkillController):
    """A policy that is shown the next reference frame instead of a latent: the tracker.

    Args:
        policy: what acts, with `condition` "reference".
        library: the clips that it is shown.
        noise: as for `SkillController`.
    """

    def __init__(self, policy: SkillPolicy, library: MotionLibrary, noise: torch.Generator | None = None) -> None:
        super().__init__(policy, torch.zeros(0, policy.latent_dim), noise)
        self._reference = ReferenceFrames(library, policy.condition_moments)
        self._lag = Lag(library) if policy.lag else None
        self._clip = torch.zeros(0, dtype=torch.long)

    def begin(self, clip: Tensor, frame: Tensor) -> None:
        super().begin(clip, frame)
        self._clip = clip

    def act(self, state: BodyState, step: int) -> Tensor:
        frame = self._frame + step
        self.z = self._reference.at(self._clip, frame + 1)
        return super().act(state, step)

    def _observe(self, state: BodyState, step: int) -> Tensor:
        observation = super()._observe(state, step)
        if self._lag is None:
            return observation
        root = state.body_pos[:, 0], state.body_quat[:, 0]
        return torch.cat((observation, self._lag.seen(observation, *root, self._clip, self._frame + step)), dim=1)


class ReplayController:
    """Open loop, one frame ahead: the replay that a warm start clones.

    Args:
        library: the clips.
    """

    def __init__(self, library: MotionLibrary) -> None:
        self._replay = OpenLoopReplay(library)
        self._clip = self._frame = torch.zeros(0, dtype=torch.long)

    def begin(self, clip: Tensor, frame: Tensor) -> None:
        self._clip, self._frame = clip, frame

    def act(self, state: BodyState, step: int) -> Tensor:
        return self._replay.act(self._clip, self._frame + step + 1)


@dataclass
class Rollouts:
    """R rollouts of T frames; frame 0 is the initial state, noise included."""

    states: BodyState
    """Leading shape (R, T)."""
    targets: Tensor
    """(R, T - 1, A) PD targets, rad; step t leads from frame t to t + 1."""
    fell: Tensor
    """(R, T) bool, whether the body is down in that frame."""
    broken: Tensor
    """(R, T) bool, whether the simulation has blown up by that frame."""

    @property
    def blown_up(self) -> Tensor:
        """(R,) bool, whether the simulation ever blew up."""
        return self.broken.any(dim=1)

    @property
    def root_pos(self) -> Tensor:
        """(R, T, 3) world positions of the root, m."""
        return self.states.body_pos[..., 0, :]

    @property
    def root_quat(self) -> Tensor:
        """(R, T, 4) world orientations of the root, wxyz."""
        return self.states.body_quat[..., 0, :]

    def part(self, rows: slice, frames: int) -> Rollouts:
        """Some of the rollouts, cut to their first `frames` frames."""
        targets, fell = self.targets[rows, : frames - 1], self.fell[rows, :frames]
        return Rollouts(self.states[rows, :frames], targets, fell, self.broken[rows, :frames])


def with_noise(state: BodyState, generator: torch.Generator) -> tuple[Tensor, Tensor]:
    """qpos (N, nq) and qvel (N, nv) of states (N,) with the protocol's initial noise (generator on the CPU)."""
    qpos, qvel = state.qpos.clone(), state.qvel.clone()
    qpos[:, 7:] += JOINT_NOISE * torch.randn(qpos[:, 7:].shape, generator=generator).to(qpos.device)
    return qpos, qvel + VELOCITY_NOISE * torch.randn(qvel.shape, generator=generator).to(qvel.device)


def standing(body: Body, count: int, device: torch.device) -> BodyState:
    """The standing pose at rest, leading shape (count,)."""
    state = forward_kinematics(body, body.standing_qpos[None], np.zeros((1, body.model.nv)))
    return state[[0] * count].to(device)


def roll_out(
    simulate: Simulate,
    body: Body,
    controller: Controller,
    start: tuple[Tensor, Tensor],
    frames: int,
    clip: Tensor,
) -> Rollouts:
    """Run one batch of rollouts to the end.

    Actions are clipped to [-1, 1] as in training, whoever gives them.

    Args:
        simulate: makes the physics.
        body: what moves.
        controller: drives the R environments.
        start: qpos (R, nq) and qvel (R, nv) to start from.
        frames: T, the initial frame included.
        clip: (R,) long, the clip that the controller is told; its frame 0 is the start.
    """
    physics = simulate(len(clip))
    center, scale = _action_map(body, start[0])
    physics.reset(torch.arange(len(clip), device=physics.device), *start)
    controller.begin(clip, torch.zeros_like(clip))
    state = physics.state.clone()
    blown_up = torch.zeros(len(clip), dtype=torch.bool, device=physics.device)
    states, targets, fell, broken = [state], [], [fallen(body, state)], [blown_up]
    for step in range(frames - 1):
        target = center + scale * controller.act(state, step).clamp(-1.0, 1.0)
        physics.step(target)
        before, state = state, physics.state.clone()
        blown_up = blown_up | physics.blown_up
        state[blown_up] = before[blown_up]
        states.append(state)
        targets.append(target)
        fell.append(fallen(body, state) | blown_up)
        broken.append(blown_up)
    stacked = torch.stack(targets, dim=1) if targets else center.new_zeros(len(clip), 0, body.num_actions)
    return Rollouts(_over_time(states), stacked, torch.stack(fell, dim=1), torch.stack(broken, dim=1))


def clip_states(library: MotionLibrary, clip: int) -> BodyState:
    """All frames (T, ...) of clip number `clip`."""
    return library.states[int(library.offsets[clip]) : int(library.offsets[clip + 1])]


def chunks(total: int, size: int) -> Iterator[slice]:
    """Slices of at most `size` that cover `total` rows."""
    return (slice(start, min(start + size, total)) for start in range(0, total, size))


def roll_out_clips(
    simulate: Simulate,
    library: MotionLibrary,
    controller: Callable[[Tensor], Controller],
    rollouts_per_clip: int,
    num_envs: int,
    generator: torch.Generator,
) -> Iterator[tuple[int, Rollouts]]:
    """Imitation rollouts of every clip: from its frame 0 with the initial noise to its end.

    Several clips run side by side, to the end of the longest; clips of like length go together.

    Args:
        simulate: makes the physics.
        library: the clips.
        controller: makes what drives environments that follow the clips (N,).
        rollouts_per_clip: R.
        num_envs: environments at a time (at least one clip's).
        generator: of the initial noise.

    Yields:
        Clip number, and its R rollouts of as many frames as the clip.
    """
    order = torch.argsort(library.lengths, stable=True)
    for part in chunks(len(order), max(num_envs // rollouts_per_clip, 1)):
        clip = order[part].repeat_interleave(rollouts_per_clip)
        start = with_noise(library.state(clip, torch.zeros_like(clip)), generator)
        frames = int(library.lengths[clip].max())
        batch = roll_out(simulate, library.body, controller(clip), start, frames, clip)
        for place, index in enumerate(order[part].tolist()):
            rows = slice(place * rollouts_per_clip, (place + 1) * rollouts_per_clip)
            yield index, batch.part(rows, int(library.lengths[index]))


def observe_frames(states: BodyState) -> Tensor:
    """Observations (R, T, D) of states (R, T)."""
    count, frames = states.qpos.shape[:2]
    flat = BodyState(*(getattr(states, f.name).flatten(0, 1) for f in fields(states)))
    return observe(flat).unflatten(0, (count, frames))


def _over_time(states: list[BodyState]) -> BodyState:
    return BodyState(*(torch.stack([getattr(s, f.name) for s in states], dim=1) for f in fields(BodyState)))


def _action_map(body: Body, like: Tensor) -> tuple[Tensor, Tensor]:
    center, scale = (torch.as_tensor(a, dtype=like.dtype) for a in (body.action_center, body.action_scale))
    return center.to(like.device), scale.to(like.device)
