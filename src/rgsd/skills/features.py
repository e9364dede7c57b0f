"""What a skill network sees of an observation: masked entries, normalised by physical size."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import pairwise

import torch
from torch import Tensor, nn

from rgsd.envs.observation import ObservationLayout


def perceptron(sizes: tuple[int, ...]) -> nn.Sequential:
    """Linear layers of these widths with ELU between them."""
    layers: list[nn.Module] = []
    for before, after in pairwise(sizes):
        layers += [nn.Linear(before, after), nn.ELU()]
    return nn.Sequential(*layers[:-1])


class Features(nn.Module):
    """Chosen entries of an observation, ready for a network.

    Entries are centred on the references' mean and divided by the larger of the references' standard
    deviation and the body's physical floor: with the deviation alone, entries that hardly vary in clean
    clips would blow up small errors (docs/rgsd.md).

    Args:
        mask: the chosen entries.
        layout: of the observation.
    """

    mask: Tensor
    mean: Tensor
    scale: Tensor

    def __init__(self, mask: Sequence[int], layout: ObservationLayout) -> None:
        super().__init__()
        self.register_buffer("mask", torch.tensor(mask))
        self.register_buffer("mean", torch.zeros(len(mask)))
        self.register_buffer("scale", layout.floors()[self.mask])

    @property
    def num_features(self) -> int:
        """f, the number of chosen entries."""
        return len(self.mask)

    def fit_normalization(self, observations: Tensor) -> None:
        """Set mean and scale from reference observations (F, D); call once, before training."""
        features = observations[:, self.mask]
        self.mean.copy_(features.mean(dim=0))
        self.scale.copy_(torch.maximum(features.std(dim=0), self.scale))

    def features(self, observation: Tensor) -> Tensor:
        """(..., D or more) observations to (..., f); entries beyond the mask (a clock) stay unseen."""
        # a body far outside the references must not drive the network to extremes; in place, because these are
        # the largest tensors of collection and fresh memory costs more than the arithmetic
        return observation.index_select(-1, self.mask).sub_(self.mean).div_(self.scale).clamp_(-5.0, 5.0)
