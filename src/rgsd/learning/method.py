"""The one interface behind which a paper's method lives; nothing else in the program knows which runs."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any, Protocol

from torch import Tensor, nn

from rgsd.learning.networks import Actor
from rgsd.learning.policy_files import Condition
from rgsd.learning.rollout import Minibatch, Rollout
from rgsd.randomness import Draws
from rgsd.skills.encoder import Encoder


@dataclass
class Episodes:
    """What a method decides when n episodes begin."""

    clip: Tensor
    """(n,) long, the clip whose state each starts from."""
    frame: Tensor
    """(n,) long, the frame of that clip."""
    z: Tensor
    """(n, d) the latent that the policy is given."""
    imitation: Tensor
    """(n,) bool, whether the clip is then followed."""
    standing: Tensor | None = None
    """(n,) bool, which start from the body's standing pose and not from the clip's state; none of them if None."""
    source: Tensor | None = None
    """(n,) long, what each z was made from, by a number of the method's own; None where `latents` needs no such."""


@dataclass
class Progress:
    """The episodes as a step left them, before those that it ended begin anew."""

    clip: Tensor
    """(N,) long."""
    frame: Tensor
    """(N,) long, reference frame of the state that the step led to."""
    elapsed: Tensor
    """(N,) long, steps since the episode began: 1 after the first."""
    z: Tensor
    """(N, d) the latents that the step was taken with."""
    source: Tensor
    """(N,) long, what they were made from (`Episodes.source`)."""
    imitation: Tensor
    """(N,) bool."""


@dataclass(frozen=True)
class Exported:
    """What a published policy needs of its method; nothing where latents are searched by the protocol."""

    encoder: Encoder | None = None
    """The frozen encoder."""
    clip_latents: dict[str, Tensor] = field(default_factory=dict)
    """z (d,) of every clip by name; empty where none is known."""
    condition: Condition = "latent"
    """Whether the policy is given a latent, or the next reference frame."""
    condition_moments: Tensor | None = None
    """(2, d) mean and scale of those frames."""
    clips: tuple[str, ...] = ()
    """Names of the clips, where they have no latents."""


class Method(Protocol):
    """How skills are drawn, rewarded and learned.

    Attributes:
        latent_dim: d, size of the condition that the policy is given.
    """

    latent_dim: int

    def begin_episodes(self, draws: Draws) -> Episodes:
        """What n new episodes are about, drawn for the n environments that begin them."""
        ...

    def maybe_resample(self, progress: Progress, draws: Draws) -> tuple[Tensor, Tensor]:
        """The next step's latents (N, d) and sources (N,), called once a step: mostly those of `progress`."""
        ...

    def rewards(self, rollout: Rollout) -> Tensor:
        """Rewards (T, N) of a whole rollout, computed in one batch after collection."""
        ...

    def update(self, rollout: Rollout) -> dict[str, float]:
        """Train the method's own networks on a rollout; returns metrics to log."""
        ...

    def latents(self, minibatch: Minibatch) -> Tensor:
        """Latents (n, d) for policy and value losses: the stored ones, or encoded anew with gradient."""
        ...

    def parameters(self) -> Sequence[nn.Parameter]:
        """What the policy's losses train besides actor and critic: the networks behind `latents`, if any."""
        ...

    def extra_loss(self, minibatch: Minibatch, mean: Tensor, actor: Actor) -> Tensor | None:
        """A term of the method's own in the policy's loss, or None; `mean` (n, A) are the actor's present means."""
        ...

    def export(self) -> Exported:
        """What a published policy needs of the method."""
        ...

    def state_dict(self) -> dict[str, Any]:
        """Everything that an exact resume needs: networks, optimisers, generators."""
        ...

    def load_state_dict(self, state: dict[str, Any]) -> None:
        """Go back to a saved state."""
        ...
