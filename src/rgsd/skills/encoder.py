"""The skill encoder mu(s): a masked observation to a unit vector of S^(d-1)."""

from __future__ import annotations

from dataclasses import dataclass, field
from itertools import pairwise

import torch
from torch import Tensor, nn

from rgsd.envs.observation import ObservationLayout
from rgsd.errors import UsageError


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


class Encoder(nn.Module):
    """mu(s): normalise the masked entries, MLP, project onto the unit sphere.

    Entries are centred on the references' mean and divided by the larger of the references' standard
    deviation and the body's physical floor: with the deviation alone, entries that hardly vary in clean
    clips would blow up small errors (docs/rgsd.md).
    """

    mask: Tensor
    mean: Tensor
    scale: Tensor

    def __init__(self, config: EncoderConfig, layout: ObservationLayout) -> None:
        super().__init__()
        indices = layout.indices(config.kinds, config.bodies or None)
        if not indices:
            raise UsageError(f"the feature mask is empty: kinds {config.kinds} of bodies {config.bodies}")
        self.config = config
        self.register_buffer("mask", torch.tensor(indices))
        self.register_buffer("mean", torch.zeros(len(indices)))
        self.register_buffer("scale", layout.floors()[self.mask])
        widths = (len(indices), *config.hidden)
        layers: list[nn.Module] = []
        for before, after in pairwise(widths):
            layers += [nn.Linear(before, after), nn.ELU()]
        self.network = nn.Sequential(*layers, nn.Linear(widths[-1], config.latent_dim))

    def fit_normalization(self, observations: Tensor) -> None:
        """Set mean and scale from reference observations (F, D); call once, before training."""
        features = observations[:, self.mask]
        self.mean.copy_(features.mean(dim=0))
        self.scale.copy_(torch.maximum(features.std(dim=0), self.scale))

    def forward(self, observation: Tensor) -> Tensor:
        """(..., D or more) observations to (..., d) unit vectors; entries beyond the mask (a clock) stay unseen."""
        features = (observation[..., self.mask] - self.mean) / self.scale
        # a body far outside the references must not drive the network to extremes
        return nn.functional.normalize(self.network(features.clamp(-5.0, 5.0)), dim=-1)
