"""`SkillEnv`: many episodes of one body that start on reference states; it knows no method and no reward."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, Literal

import torch
from torch import Tensor

from rgsd.bodies.state import BodyState
from rgsd.envs.observation import ObservationLayout, observe
from rgsd.envs.reference_frames import Lag
from rgsd.envs.termination import Tracking, fallen
from rgsd.motions.library import MotionLibrary
from rgsd.options import FileOnly
from rgsd.physics.interface import Physics, ResetsByMask
from rgsd.physics.mujoco_cpu import MujocoCpu
from rgsd.randomness import Draws, env_keys
from rgsd.rotations import in_heading

Clock = Literal["none", "elapsed", "clip_time"]
_ALL = slice(None)


@dataclass(frozen=True)
class EnvConfig:
    """Episodes: how they start and when they end."""

    discovery_seconds: float = 4.0
    """Time limit of an episode that follows no reference, s."""
    joint_noise: FileOnly[float] = 0.01
    """Standard deviation of the noise on hinge angles at a start, rad."""
    velocity_noise: FileOnly[float] = 0.05
    """Standard deviation of the noise on velocities at a start, rad/s and m/s."""
    early_termination: FileOnly[bool] = True
    """Whether imitation ends when it has lost its reference."""
    worst_body_distance: float = 0.25
    """Imitation ends when any body is farther from its reference in the world frame, m."""
    heading_error: float = 0.79
    """Imitation ends when the yaw differs by more, rad."""
    clock: Clock = "none"
    """The optional last observation entry: nothing, seconds since the start, or seconds of the clip."""
    lag: FileOnly[bool] = False
    """Whether the observation also says where the reference is about to be: for a tracker alone, which has one."""


@dataclass
class Starts:
    """How n episodes begin."""

    clip: Tensor
    """(n,) long, the clip whose state they start from."""
    frame: Tensor
    """(n,) long, the frame of that clip."""
    imitation: Tensor
    """(n,) bool, whether the clip is then followed (and its loss ends the episode)."""
    standing: Tensor | None = None
    """(n,) bool, which start from the body's standing pose at rest instead; none of them if None."""


@dataclass
class StepResult:
    """What one control step gave."""

    observation: Tensor
    """(N, D) what to act on next: after a reset where an episode has ended."""
    privileged: Tensor
    """(N, P) the critic's extra view of that observation's state."""
    final_observation: Tensor
    """(N, D) the state that the step led to, before any reset."""
    final_privileged: Tensor
    """(N, P) the critic's extra view of that same state."""
    final_root: Tensor
    """(N, 2) world position of the root in that same state, m."""
    final_frame: Tensor
    """(N,) long, the reference frame of that same state."""
    tracking: Tracking
    """Distance from the time-aligned reference in that same state."""
    terminated: Tensor
    """(N,) bool, fell, blew up or lost its reference."""
    truncated: Tensor
    """(N,) bool, ran into a time limit or the clip's end; the state is not terminal."""
    fell: Tensor
    """(N,) bool, fell or blew up."""


class SkillEnv:
    """N parallel episodes.

    Attributes:
        clip: (N,) long, reference of each environment.
        frame: (N,) long, reference frame of its present state.
        elapsed: (N,) long, control steps since its start.
        imitation: (N,) bool.
        standing: (N,) bool, which episodes began standing and not on a reference.
        limit: (N,) long, control steps after which an episode that follows no reference ends.
        state: `BodyState` of leading shape (N,).

    Args:
        library: the reference motions and, with them, the body.
        config: episodes.
        num_envs: N; ignored if `physics` is given.
        physics: what steps the body; C MuJoCo on CPU threads if None.
        seed: of everything random that the environments see (`draws`), such as the default starts, which are uniform
            over clips and frames, and the start noise.
        first_env: number of its first environment, where other processes step others: what an environment sees goes by
            its number.
    """

    def __init__(
        self,
        library: MotionLibrary,
        config: EnvConfig | None = None,
        num_envs: int = 64,
        physics: Physics | None = None,
        seed: int = 0,
        first_env: int = 0,
    ) -> None:
        self.library, self.body = library, library.body
        self.config = config or EnvConfig()
        self.physics = physics or MujocoCpu(self.body, num_envs)
        self.device, self.num_envs = self.physics.device, self.physics.num_envs
        # on a GPU the host would wait to be told which episodes have ended, at every step
        self._by_mask = self.device.type == "cuda" and isinstance(self.physics, ResetsByMask)
        self._starts: Callable[[Tensor], Starts] = self._uniform_starts
        self._all = torch.arange(self.num_envs, device=self.device)
        self._numbers = first_env + self._all
        self._seed(seed)
        self._center = torch.tensor(self.body.action_center, dtype=torch.float32, device=self.device)
        self._scale = torch.tensor(self.body.action_scale, dtype=torch.float32, device=self.device)
        self._standing = torch.tensor(self.body.standing_qpos, dtype=torch.float32, device=self.device)
        self._lag = Lag(library)
        self._limit = round(self.config.discovery_seconds * self.body.control_hz)
        self.clip = torch.zeros(self.num_envs, dtype=torch.long, device=self.device)
        self.frame, self.elapsed = torch.zeros_like(self.clip), torch.zeros_like(self.clip)
        self.imitation, self.standing = torch.zeros(2, self.num_envs, dtype=torch.bool, device=self.device)
        self.limit = torch.full_like(self.clip, self._limit)

    @property
    def observation_size(self) -> int:
        """D."""
        layout = ObservationLayout(self.body)
        return layout.size + self.config.lag * Lag.size_of(self.body.num_bodies) + (self.config.clock != "none")

    @property
    def privileged_size(self) -> int:
        """P: stream, phase, heading error, and body offsets from the reference."""
        return 3 + 3 * self.body.num_bodies

    @property
    def numbers(self) -> Tensor:
        """(N,) long, what each environment is called among those of all processes."""
        return self._numbers

    @property
    def action_size(self) -> int:
        """A, the number of actuators."""
        return self.body.num_actions

    @property
    def state(self) -> BodyState:
        """World state of all environments."""
        return self.physics.state

    def set_starts(self, starts: Callable[[Tensor], Starts]) -> None:
        """Say from now on how episodes begin: called with the ids (n,) of the environments to start.

        With MuJoCo Warp on a GPU these are always all, and only those whose episode has ended take what it says.
        """
        self._starts = starts

    def draws(self, use: str, ids: Tensor | slice = _ALL) -> Draws:
        """Random numbers of a use, such as "exploration", for the environments `ids`: others after every step and
        reset."""
        return Draws.at(self._keys[ids], self._moment, use)

    def reset(self, seed: int | None = None) -> Tensor:
        """Start every episode anew, with a new seed of everything random if given; returns (N, D)."""
        if seed is not None:
            self._seed(seed)
        self._moment += 1
        self._start(self._all)
        return self._observe()

    def scatter(self) -> None:
        """Let the running episodes end anywhere within their time limit, or all would end together from then on."""
        self.limit = 1 + self.draws("time limits").integers(self._limit)

    def observe(self) -> Tensor:
        """(N, D) of the present state, as `step` gave it unless `follow` has changed the clock since."""
        return self._observe()

    def observe_references(self) -> Tensor:
        """(F, D) of the references themselves, frame by frame, as if a body were there."""
        library = self.library
        clip = library.clip_of_frame
        frame = torch.arange(len(clip), device=self.device) - library.offsets[clip]
        return self._view(library.states, clip, frame, frame)

    def follow(self, ids: Tensor, clip: Tensor, frame: Tensor) -> None:
        """Say which frame (n,) of which clip (n,) the environments `ids` are in, whatever they began with."""
        self.clip, self.frame = self.clip.clone(), self.frame.clone()
        self.clip[ids], self.frame[ids] = clip, frame

    def observe_privileged(self, ids: Tensor | slice = _ALL) -> Tensor:
        """(n, P) what a critic may know of the present state: stream, phase and distance from the reference."""
        return self._privileged(self._tracking(ids), ids)

    def step(self, action: Tensor) -> StepResult:
        """Apply actions (N, A), clipped to [-1, 1], for one control period; ended episodes start anew."""
        self.physics.step(self._center + self._scale * action.clamp(-1.0, 1.0))
        self.frame, self.elapsed, self._moment = self.frame + 1, self.elapsed + 1, self._moment + 1
        tracking = self._tracking()
        fell = fallen(self.body, self.state) | self.physics.blown_up
        terminated = fell
        if self.config.early_termination:
            lost = (tracking.worst > self.config.worst_body_distance) | (
                tracking.heading.abs() > self.config.heading_error
            )
            terminated = fell | (self.imitation & lost)
        at_end = torch.where(
            self.imitation, self.frame >= self.library.lengths[self.clip] - 1, self.elapsed >= self.limit
        )
        truncated = at_end & ~terminated
        final_observation, final_privileged = self._observe(), self._privileged(tracking, _ALL)
        final_root, final_frame = self.state.body_pos[:, 0, :2].clone(), self.frame
        ended = terminated | truncated
        if self._by_mask:
            self._start_where(ended)
            observation = torch.where(ended.unsqueeze(1), self._observe(), final_observation)
            privileged = torch.where(ended.unsqueeze(1), self.observe_privileged(), final_privileged)
        else:
            ids = ended.nonzero().squeeze(1)
            self._start(ids)
            observation = _renewed(final_observation, ids, self._observe)
            privileged = _renewed(final_privileged, ids, self.observe_privileged)
        return StepResult(
            observation=observation,
            privileged=privileged,
            final_observation=final_observation,
            final_privileged=final_privileged,
            final_root=final_root,
            final_frame=final_frame,
            tracking=tracking,
            terminated=terminated,
            truncated=truncated,
            fell=fell,
        )

    def snapshot(self) -> dict[str, Any]:
        """Everything that the next step depends on."""
        return {
            "physics": self.physics.snapshot(),
            "keys": self._keys.clone(),
            "moment": self._moment,
            "clip": self.clip.clone(),
            "frame": self.frame.clone(),
            "elapsed": self.elapsed.clone(),
            "imitation": self.imitation.clone(),
            "standing": self.standing.clone(),
            "limit": self.limit.clone(),
        }

    def restore(self, snapshot: dict[str, Any]) -> Tensor:
        """Go back to a snapshot; returns the observation (N, D)."""
        self.physics.restore(snapshot["physics"])
        self._keys, self._moment = snapshot["keys"].to(self.device, copy=True), snapshot["moment"]
        for name in ("clip", "frame", "elapsed", "imitation", "standing", "limit"):
            getattr(self, name).copy_(snapshot[name])
        return self._observe()

    def _seed(self, seed: int) -> None:
        self._keys, self._moment = env_keys(seed, self._numbers), 0

    def _uniform_starts(self, ids: Tensor) -> Starts:
        clip, frame = self.library.draw(self.draws("starts", ids), margin=1)
        return Starts(clip, frame, torch.ones(len(ids), dtype=torch.bool, device=self.device))

    def _start(self, ids: Tensor) -> None:
        if len(ids) == 0:
            return
        starts = self._starts(ids)
        self.clip, self.frame, self.elapsed = self.clip.clone(), self.frame.clone(), self.elapsed.clone()
        self.imitation, self.standing, self.limit = self.imitation.clone(), self.standing.clone(), self.limit.clone()
        self.clip[ids], self.frame[ids], self.imitation[ids] = starts.clip, starts.frame, starts.imitation
        self.elapsed[ids], self.limit[ids] = 0, self._limit
        self.standing[ids] = False if starts.standing is None else starts.standing
        self.physics.reset(ids, *self._first_state(ids, starts))

    def _start_where(self, ended: Tensor) -> None:
        """The same of the environments where `ended` (N,) bool."""
        assert isinstance(self.physics, ResetsByMask)
        starts = self._starts(self._all)
        self.clip, self.frame = (
            torch.where(ended, new, old) for new, old in ((starts.clip, self.clip), (starts.frame, self.frame))
        )
        self.imitation = torch.where(ended, starts.imitation, self.imitation)
        self.elapsed, self.limit = torch.where(ended, 0, self.elapsed), torch.where(ended, self._limit, self.limit)
        stands = torch.zeros_like(ended) if starts.standing is None else starts.standing
        self.standing = torch.where(ended, stands, self.standing)
        self.physics.reset_where(ended, *self._first_state(self._all, starts))

    def _first_state(self, ids: Tensor, starts: Starts) -> tuple[Tensor, Tensor]:
        """qpos (n, nq) and qvel (n, nv) that the environments `ids` start from, noise included."""
        reference = self.library.state(starts.clip, starts.frame)
        qpos, qvel = reference.qpos.clone(), reference.qvel.clone()
        if starts.standing is not None:
            stands = starts.standing.unsqueeze(1)  # by `where`, since writing behind a mask waits for a GPU
            qpos, qvel = torch.where(stands, self._standing.to(qpos.dtype), qpos), torch.where(stands, 0.0, qvel)
        hinges = qpos[:, 7:]
        noise = self.draws("start noise", ids).normal(hinges.shape[1] + qvel.shape[1])
        hinges += self.config.joint_noise * noise[:, : hinges.shape[1]]
        return qpos, qvel + self.config.velocity_noise * noise[:, hinges.shape[1] :]

    def _tracking(self, ids: Tensor | slice = _ALL) -> Tracking:
        state, references = self.state, self.library.states
        row = self.library.row(self.clip[ids], self.frame[ids])
        # two of the six fields are all it takes, and gathering is what costs
        return Tracking.between(
            state.body_pos[ids],
            state.body_quat[ids, 0],
            references.body_pos.index_select(0, row),
            references.body_quat[:, 0].index_select(0, row),
        )

    def _observe(self, ids: Tensor | slice = _ALL) -> Tensor:
        steps = self.elapsed if self.config.clock == "elapsed" else self.frame
        return self._view(self.state[ids], self.clip[ids], self.frame[ids], steps[ids])

    def _view(self, state: BodyState, clip: Tensor, frame: Tensor, steps: Tensor) -> Tensor:
        """(n, D) of states (n,) in frames (n,) of clips (n,), `steps` (n,) after what the clock counts from."""
        parts = [observe(state)]
        if self.config.lag:
            parts.append(self._lag.seen(parts[0], state.body_pos[:, 0], state.body_quat[:, 0], clip, frame))
        if self.config.clock != "none":
            parts.append(steps.unsqueeze(1) * self.body.control_dt)
        return torch.cat(parts, dim=1) if parts[1:] else parts[0]

    def _privileged(self, tracking: Tracking, ids: Tensor | slice) -> Tensor:
        offsets = in_heading(self.state.body_quat[ids, 0], tracking.offsets).flatten(1).clamp(-1.0, 1.0)
        phase = self.frame[ids] / (self.library.lengths[self.clip[ids]] - 1)
        view = torch.cat((phase.unsqueeze(1), tracking.heading.unsqueeze(1), offsets), dim=1)
        flag = self.imitation[ids].unsqueeze(1).to(view.dtype)
        return torch.cat((flag, flag * view), dim=1)  # a discovery episode has no reference to know of


def _renewed(base: Tensor, ids: Tensor, view: Callable[[Tensor], Tensor]) -> Tensor:
    """`base` (N, ...) with the rows `ids` viewed anew."""
    if len(ids) == 0:
        return base
    updated = base.clone()
    updated[ids] = view(ids)
    return updated
