"""METRA's phi: a map of states in which a skill is a direction of travel (Park et al. 2024)."""

from __future__ import annotations

import torch
from torch import Tensor

from rgsd.envs.observation import ObservationLayout
from rgsd.skills.encoder import Encoder, EncoderConfig
from rgsd.skills.features import Features, perceptron


class MetricEncoder(Features):
    """phi(s) in R^d, not projected onto a sphere.

    Args:
        config: the feature mask and the network.
        layout: of the observation.
        extra: e, how many numbers besides the observation it sees.
    """

    def __init__(self, config: EncoderConfig, layout: ObservationLayout, extra: int = 0) -> None:
        super().__init__(config.mask(layout), layout)
        self.network = perceptron((self.num_features + extra, *config.hidden, config.latent_dim))

    @torch.no_grad()
    def ground(self, encoder: Encoder) -> None:
        """Begin as a pretrained encoder of the same sizes before its projection; the extra numbers begin unheard."""
        self.mean.copy_(encoder.mean)
        self.scale.copy_(encoder.scale)
        weights = encoder.network.state_dict()
        first = weights["0.weight"]
        unheard = first.new_zeros(len(first), self.network[0].weight.shape[1] - first.shape[1])  # pyright: ignore
        self.network.load_state_dict(weights | {"0.weight": torch.cat((first, unheard), dim=1)})

    def forward(self, observation: Tensor, extra: Tensor) -> Tensor:
        """(..., D or more) observations and (..., e) further numbers to (..., d)."""
        return self.network(torch.cat((self.features(observation), extra), dim=-1))
