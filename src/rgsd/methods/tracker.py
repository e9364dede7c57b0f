"""The tracker: phase-conditioned imitation in the manner of DeepMimic (Peng et al. 2018), the upper row of tables.

No skill discovery: the policy is told which frame of which clip comes next, and rewarded for being there.
If it cannot track, physics or PPO is at fault, not a method.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor, nn

from rgsd.envs.observation import ObservationLayout, observe
from rgsd.envs.reference_frames import ReferenceFrames
from rgsd.learning.method import Episodes, Exported, Progress
from rgsd.learning.networks import Actor
from rgsd.learning.rollout import Minibatch, Rollout
from rgsd.methods.clip_sampling import ClipSampling, FailureRates
from rgsd.methods.migration import migrate_state
from rgsd.motions.library import MotionLibrary
from rgsd.randomness import Draws


@dataclass(frozen=True)
class TrackerConfig:
    """Weights and sharpness of the tracking reward; the weights sum to one.

    Errors of posture and velocity are counted in units of what the references themselves vary by, so that
    one setting fits bodies of any size, and a static pose earns little.
    """

    position_weight: float = 0.3
    """Of exp(-sharpness x mean squared error of heading-local body positions over their variance)."""
    rotation_weight: float = 0.25
    """Likewise of 6-D rotations."""
    velocity_weight: float = 0.15
    """Likewise of linear velocities."""
    sharpness: float = 2.0
    """Of the three terms above, dimensionless."""
    root_weight: float = 0.3
    """Of exp(-root_sharpness x (squared root distance + squared yaw error)), in the world frame."""
    root_sharpness: float = 40.0
    """1/m^2 and 1/rad^2."""
    clip_sampling: ClipSampling = "uniform"
    """How clips are drawn: all alike, or half of the draws by how often each is lost (`rgsd.methods.clip_sampling`)."""
    standing_starts: float = 0.0
    """Fraction of the episodes on clips that begin almost standing that begin in the standing pose, so as to set
    off."""


class Tracker:
    """The tracker behind `rgsd.learning.method.Method`."""

    def __init__(self, library: MotionLibrary, config: TrackerConfig) -> None:
        self.library, self.config = library, config
        self._reference = ReferenceFrames(library)
        self._failures = FailureRates(len(library), library.device, config.clip_sampling)
        self.latent_dim = self._reference.size
        self._observation = observe(library.states)
        layout = ObservationLayout(library.body)
        parts = {k: layout.indices((k,)) for k in ("position", "rotation", "linear_velocity")}
        variance = {k: self._observation[:, ids].var(dim=0).mean() for k, ids in parts.items()}
        # where the references hold still (a lone standing clip) there is nothing to divide by
        self._parts = {k: (ids, variance[k].clamp(min=1e-6)) for k, ids in parts.items()}

    def begin_episodes(self, draws: Draws) -> Episodes:
        """Clips by `clip_sampling`, frames uniformly, but for those that set off; all of them imitation."""
        clip = (
            self._failures.draw(draws) if self.config.clip_sampling != "uniform" else draws.integers(len(self.library))
        )
        frame = self.library.draw_frame(draws, clip, margin=1)
        frame, standing = self.library.set_off(draws, clip, frame, self.config.standing_starts)
        return Episodes(clip, frame, self._reference.at(clip, frame + 1), torch.ones_like(standing), standing)

    def maybe_resample(self, progress: Progress, draws: Draws) -> tuple[Tensor, Tensor]:
        """The condition moves on with the clip."""
        return self._reference.at(progress.clip, progress.frame + 1), progress.source

    def rewards(self, rollout: Rollout) -> Tensor:
        """A weighted sum of exponentials of tracking errors, in [0, 1]."""
        config = self.config
        reference = self._observation[self.library.row(rollout.clip, rollout.frame)]
        difference = rollout.next_observation[..., : reference.shape[-1]] - reference

        def closeness(kind: str) -> Tensor:
            ids, variance = self._parts[kind]
            return torch.exp(-config.sharpness * difference[..., ids].square().mean(dim=-1) / variance)

        root = rollout.root_error.square() + rollout.heading_error.square()
        return (
            config.position_weight * closeness("position")
            + config.rotation_weight * closeness("rotation")
            + config.velocity_weight * closeness("linear_velocity")
            + config.root_weight * torch.exp(-config.root_sharpness * root)
        )

    def update(self, rollout: Rollout) -> dict[str, float]:
        """Nothing to train; failures are counted."""
        if self.config.clip_sampling != "uniform":
            self._failures.record(rollout)
        return {}

    def latents(self, minibatch: Minibatch) -> Tensor:
        """The stored condition."""
        return minibatch.z

    def parameters(self) -> Sequence[nn.Parameter]:
        """None: the latents are not trained."""
        return ()

    def extra_loss(self, minibatch: Minibatch, mean: Tensor, actor: Actor) -> None:
        """None."""

    def export(self) -> Exported:
        """No encoder and no constant latents: an evaluation shows the policy the frames themselves, at this scale."""
        return Exported(condition="reference", condition_moments=self._reference.moments, clips=self.library.names)

    def state_dict(self) -> dict[str, Any]:
        """The counts of failures."""
        return {"failures": self._failures.state_dict()}

    def load_state_dict(self, state: dict[str, Any]) -> None:
        """Go back to a saved state."""
        self._failures.load_state_dict(migrate_state(state)["failures"])
