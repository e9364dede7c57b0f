"""The skill encoder mu(s): a masked observation to a unit vector of S^(d-1)."""

from __future__ import annotations

from dataclasses import dataclass, field

from torch import Tensor, nn

from rgsd.envs.observation import ObservationLayout
from rgsd.errors import UsageError
from rgsd.skills.features import Features, perceptron


@dataclass(frozen=True)
class EncoderConfig:
    """The encoder and its feature mask (the paper's phi_mask, whose contents it does not publish)."""

    latent_dim: int = 8
    """d, dimension of the space whose unit sphere holds the skills."""
    hidden: tuple[int, ...] = (128, 128)
    """Widths of the hidden layers."""
    kinds: tuple[str, ...] = ("height", "position", "rotation", "linear_velocity", "angular_velocity")
    """Observation kinds that the encoder sees (envs.observation.KINDS)."""
    bodies: tuple[str, ...] = field(default=())
    """Body parts that the encoder sees; empty for all."""

    def mask(self, layout: ObservationLayout) -> list[int]:
        """The entries of an observation that are seen.

        Raises:
            UsageError: none.
            UnknownName: a kind or a body that does not exist.
        """
        indices = layout.indices(self.kinds, self.bodies or None)
        if not indices:
            raise UsageError(f"the feature mask is empty: kinds {self.kinds} of bodies {self.bodies}")
        return indices


class Encoder(Features):
    """mu(s): the chosen features, MLP, project onto the unit sphere."""

    def __init__(self, config: EncoderConfig, layout: ObservationLayout) -> None:
        super().__init__(config.mask(layout), layout)
        self.config = config
        self.network = perceptron((self.num_features, *config.hidden, config.latent_dim))

    def forward(self, observation: Tensor) -> Tensor:
        """(..., D or more) observations to (..., d) unit vectors."""
        return nn.functional.normalize(self.network(self.features(observation)), dim=-1)
